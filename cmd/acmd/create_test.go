package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"acmd/ca"
	"acmd/store"
)

const testZone = "v.example.net"

func tryCreate(t *testing.T, p paths) ([]string, error) {
	return (&maker{paths: p, zone: testZone, name: "Test", now: time.Now()}).create(t.Context())
}

func mustCreate(t *testing.T, p paths) []string {
	t.Helper()
	made, err := tryCreate(t, p)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// refusesCreate checks that create errs with the text and changes no file.
func refusesCreate(t *testing.T, p paths, dir, says string) {
	t.Helper()
	before := contents(t, dir)
	made, err := tryCreate(t, p)
	if err == nil || !strings.Contains(err.Error(), says) || len(made) > 0 {
		t.Errorf("made %v, error %v; want %q", made, err, says)
	}
	for path, text := range contents(t, dir) {
		if !strings.Contains(path, "acmd.db") && before[path] != text {
			t.Errorf("%s was changed", path)
		}
	}
}

func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A CA that the operator brings is never made, whatever of it is missing.
func TestCreateBroughtCA(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := statePaths(dir)
	p.Brought, p.Chain, p.CAKey = true, filepath.Join(dir, "own", "chian.pem"), filepath.Join(dir, "own", "key.pem")
	if err := writeFile(p.CAKey, []byte("the operator's key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := tryCreate(t, p); err == nil || !strings.Contains(err.Error(), "mend ca.chain") {
		t.Errorf("a mistyped ca.chain: %v", err)
	}
	if got, _ := os.ReadFile(p.CAKey); string(got) != "the operator's key" {
		t.Error("the operator's key was overwritten")
	}
	refusesCreate(t, p, dir, "mend ca.chain")
}

// What a deployment had once is not made anew beside a database that knows it.
func TestCreateLost(t *testing.T) {
	t.Parallel()
	for _, lose := range []func(p paths) string{
		func(p paths) string { return p.ZoneKeys }, func(p paths) string { return filepath.Dir(p.Chain) },
		func(p paths) string { return p.Chain }, func(p paths) string { return p.Master },
	} {
		dir := t.TempDir()
		p := statePaths(dir)
		mustCreate(t, p)
		if err := os.RemoveAll(lose(p)); err != nil {
			t.Fatal(err)
		}
		refusesCreate(t, p, dir, "put it back")
	}
}

// A create that was cut short at any file is finished by the next one, and what
// it had made stays.
func TestCreateCutShort(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := statePaths(dir)
	mustCreate(t, p)
	master := contents(t, dir)[p.Master]
	for _, left := range [][]string{{p.Master}, {p.Master, p.ZoneKeys}, {p.Master, p.ZoneKeys, p.Chain, p.CAKey, p.Root, p.RootKey}} {
		kept := contents(t, dir)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for _, path := range left {
			if err := writeFile(path, []byte(kept[path]), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := store.Open(t.Context(), store.Config{DSN: p.DSN, Create: true}) // comes first, so it is there
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		stage := filepath.Join(dir, "ca.new", "root.key.sealed")
		if err := writeFile(stage, []byte("half a CA"), 0o600); err != nil {
			t.Fatal(err)
		}
		mustCreate(t, p)
		if got := contents(t, dir)[p.Master]; got != master {
			t.Error("another master key was made")
		}
		h, err := openHome(t.Context(), p, testZone, store.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.authority(ca.Config{}); err != nil {
			t.Error(err)
		}
		if err := h.store.Close(); err != nil {
			t.Error(err)
		}
	}
}

// A database that was made with other keys, or for another zone, is refused: by
// the daemon, and by init beside new keys.
func TestOtherDeployment(t *testing.T) {
	t.Parallel()
	dir, other := t.TempDir(), t.TempDir()
	p, q := statePaths(dir), statePaths(other)
	mustCreate(t, p)
	mustCreate(t, q)
	open := func(p paths, zone, says string) {
		t.Helper()
		h, err := openHome(t.Context(), p, zone, store.Config{})
		if err == nil {
			_ = h.store.Close()
		}
		if err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("opened with %v, want %q", err, says)
		}
	}
	open(p, "w.example.net", "every customer's CNAME would change")
	q.DSN = p.DSN
	open(q, testZone, "the master key "+q.Master+" is not the one")
	fresh := statePaths(t.TempDir())
	fresh.DSN = p.DSN
	refusesCreate(t, fresh, filepath.Dir(fresh.Master), "the deployment's database is there")
	r := p
	r.ZoneKeys = filepath.Join(t.TempDir(), "zone")
	ring, err := openRing(p)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&maker{paths: r, now: time.Now()}).zoneKeys(ring); err != nil {
		t.Fatal(err)
	}
	open(r, testZone, "every customer's CNAME would change")
}

// Two inits at once, each under the state folder's lock, leave one whole deployment.
func TestCreateTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := statePaths(dir)
	var wg sync.WaitGroup
	done := 0
	var mu sync.Mutex
	for range 4 {
		wg.Go(func() {
			unlock, err := lockState(dir)
			if err != nil {
				return // told to wait
			}
			defer unlock()
			if _, err := tryCreate(t, p); err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			done++
		})
	}
	wg.Wait()
	if done == 0 {
		t.Error("nobody made it")
	}
	if h, err := openHome(t.Context(), p, testZone, store.Config{}); err != nil {
		t.Error(err)
	} else if err := h.store.Close(); err != nil {
		t.Error(err)
	}
}

// A key of openssl ecparam -genkey has its parameters before it; one that others
// can read is refused.
func TestBroughtKey(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "EC PARAMETERS", Bytes: []byte{6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7}}),
		pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})...)
	h := &home{paths: paths{CAKey: filepath.Join(t.TempDir(), "key.pem")}}
	if err := os.WriteFile(h.paths.CAKey, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := h.caKey(); err != nil || !key.PublicKey.Equal(got.Public()) {
		t.Errorf("%v", err)
	}
	if err := os.Chmod(h.paths.CAKey, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := h.caKey(); err == nil || !strings.Contains(err.Error(), "mode 0644") {
		t.Errorf("a key that all can read: %v", err)
	}
}

// One daemon at a time works on a SQLite file, whatever its other paths are.
func TestLockDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	dsn := "sqlite:" + filepath.Join(dir, "acmd.db")
	if err := writeFile(filepath.Join(dir, "acmd.db"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	unlock, err := lockDatabase(dsn)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{dsn, "sqlite:" + filepath.Join(link, "acmd.db")} {
		if _, err := lockDatabase(name); err == nil || !strings.Contains(err.Error(), "another acmd uses the database") {
			t.Errorf("a second daemon: %v", err)
		}
	}
	unlock()
	again, err := lockDatabase(dsn)
	if err != nil {
		t.Fatal(err)
	}
	again()
	for range 2 {
		if _, err := lockDatabase("postgres://host/db"); err != nil {
			t.Error(err)
		}
	}
}

// A database that was lost is not silently an empty one.
func TestCreateLostDatabase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := statePaths(dir)
	mustCreate(t, p)
	db := filepath.Join(dir, "acmd.db")
	if err := os.Remove(db); err != nil {
		t.Fatal(err)
	}
	refusesCreate(t, p, dir, "the database is not at "+db)
	if there, _ := exists(db); there {
		t.Error("it was made all the same")
	}
	m := &maker{paths: p, zone: testZone, name: "Test", now: time.Now(), fresh: true}
	if made, err := m.create(t.Context()); err != nil || len(made) != 1 || made[0] != db {
		t.Errorf("with --new-database: made %v, %v", made, err)
	}
}
