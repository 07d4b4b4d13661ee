package main

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"acmd/ca"
	"acmd/keyring"
	"acmd/store"
	"acmd/token"
)

// maker makes what a deployment lacks. Nothing that exists is ever overwritten,
// and nothing is made anew that a deployment had once: the database's mark,
// written last, says that it was whole. The caller holds the state folder's lock.
type maker struct {
	paths paths
	zone  string
	name  string // the CA's organisation
	now   time.Time
	whole bool   // the database has its mark
	fresh bool   // an empty database beside keys that exist is meant so
	anew  string // how its user says that, for the refusal
	made  []string
}

// create makes the master key, the zone's keys, the CA and the database where
// they are missing, and notes in made what it made. A create that was cut short
// is finished by the next one: the database comes first, its mark last.
func (m *maker) create(ctx context.Context) (made []string, err error) {
	p := m.paths
	s, err := m.database(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if _, m.whole, err = s.Setting(ctx, settingMark); err != nil {
		return nil, fmt.Errorf("read the deployment's mark: %w", err)
	}
	if err := m.master(); err != nil {
		return m.made, err
	}
	ring, err := openRing(p)
	if err != nil {
		return m.made, err
	}
	if err := m.zoneKeys(ring); err != nil {
		return m.made, err
	}
	tokens, err := openTokens(ring, p, m.zone)
	if err != nil {
		return m.made, err
	}
	if err := m.ca(ring); err != nil {
		return m.made, err
	}
	if err := setMark(ctx, s, ring, tokens); err != nil {
		return m.made, err
	}
	return m.made, (&home{paths: p, ring: ring, tokens: tokens, store: s}).checkMark(ctx)
}

// database opens the database, or makes an empty one. Beside keys that exist a
// missing database was lost, or its path is mistyped: certificates, principals
// and access keys would be gone, and nobody would have been told.
func (m *maker) database(ctx context.Context) (*store.Store, error) {
	s, cause := store.Open(ctx, store.Config{DSN: m.paths.DSN})
	if cause == nil {
		return s, nil
	}
	keys, err := exists(m.paths.ZoneKeys)
	if err != nil {
		return nil, err
	}
	file, ok := strings.CutPrefix(m.paths.DSN, "sqlite:")
	if !ok {
		file = "store.dsn" // the DSN of PostgreSQL holds a password
	}
	if keys && !m.fresh {
		return nil, fmt.Errorf("the database is not at %s, while %s is there: put it back, or mend the path; a new one would hold no certificate and no access key; if that is meant, %s (%w)",
			file, m.paths.ZoneKeys, m.anew, cause)
	}
	s, err = store.Open(ctx, store.Config{DSN: m.paths.DSN, Create: true})
	if err != nil {
		return nil, fmt.Errorf("create database: %w", err)
	}
	m.made = append(m.made, file)
	return s, nil
}

// exists reports whether there is something at the path.
func exists(path string) (bool, error) {
	_, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// lost refuses to make anew what is missing beside what depends on it.
func lost(what, where, beside string) error {
	return fmt.Errorf("%s is not at %s, while %s is there: put it back, or mend the path; a new one would not fit", what, where, beside)
}

// theDatabase is how lost names a database with a mark.
const theDatabase = "the deployment's database"

func (m *maker) master() error {
	there, err := exists(m.paths.Master)
	if there || err != nil {
		return err
	}
	sealed, err := exists(m.paths.ZoneKeys)
	switch {
	case err != nil:
		return err
	case sealed:
		return lost("the master key", m.paths.Master, m.paths.ZoneKeys)
	case m.whole:
		return lost("the master key", m.paths.Master, theDatabase)
	case m.paths.Given:
		return fmt.Errorf("the master key is not at %s: make the credential first (systemd/README.md), and run init with it", m.paths.Master)
	}
	master, err := keyring.NewMaster(rand.Reader)
	if err != nil {
		return err
	}
	return m.write(m.paths.Master, fmt.Appendf(nil, "%x\n", master))
}

func (m *maker) zoneKeys(ring *keyring.Ring) error {
	there, err := exists(m.paths.ZoneKeys)
	if there || err != nil {
		return err
	}
	if m.whole {
		return lost("the file of zone keys", m.paths.ZoneKeys, theDatabase)
	}
	keys, err := token.NewKeys(rand.Reader, m.now)
	if err != nil {
		return fmt.Errorf("make zone keys: %w", err)
	}
	raw, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	sealed, err := ring.Seal(bindZoneKeys, raw)
	if err != nil {
		return fmt.Errorf("seal zone keys: %w", err)
	}
	return m.write(m.paths.ZoneKeys, sealed)
}

// write writes a secret that does not exist yet.
func (m *maker) write(path string, data []byte) error {
	if err := writeFile(path, data, 0o600); err != nil {
		return err
	}
	m.made = append(m.made, path)
	return nil
}

// ca makes the CA in a folder beside its own and moves that into place whole,
// so that there is never a part of a CA. A CA of the operator's is never touched.
func (m *maker) ca(ring *keyring.Ring) error {
	there, err := exists(m.paths.Chain)
	if there || err != nil {
		return err
	}
	dir := filepath.Dir(m.paths.Chain)
	folder, err := exists(dir)
	switch {
	case err != nil:
		return err
	case m.paths.Brought:
		return fmt.Errorf("the CA's chain is not at %s, where the configuration says that you bring one: mend ca.chain, or leave out ca.chain and ca.key", m.paths.Chain)
	case folder:
		return lost("the CA's chain", m.paths.Chain, dir)
	case m.whole:
		return lost("the CA's chain", m.paths.Chain, theDatabase)
	}
	stage := dir + ".new"
	if err := os.RemoveAll(stage); err != nil { // of a create that was cut short
		return fmt.Errorf("make CA: %w", err)
	}
	if err := stageCA(ring, stage, m.name, m.now); err != nil {
		return err
	}
	if err := os.Rename(stage, dir); err != nil {
		return fmt.Errorf("make CA: %w", err)
	}
	m.made = append(m.made, m.paths.Root, m.paths.Chain, m.paths.CAKey, m.paths.RootKey)
	return syncDir(filepath.Dir(dir))
}

// stageCA makes a CA's files in a folder.
func stageCA(ring *keyring.Ring, dir, name string, now time.Time) error {
	f, err := ca.Create(rand.Reader, name, now)
	if err != nil {
		return fmt.Errorf("make CA: %w", err)
	}
	p := caPaths(dir)
	for _, k := range []struct {
		key        crypto.Signer
		bind, path string
	}{{f.RootKey, bindRootKey, p.RootKey}, {f.IntermediateKey, bindCAKey, p.CAKey}} {
		der, err := x509.MarshalPKCS8PrivateKey(k.key)
		if err != nil {
			return fmt.Errorf("encode CA key: %w", err)
		}
		sealed, err := ring.Seal(k.bind, der)
		clear(der)
		if err != nil {
			return fmt.Errorf("seal CA key: %w", err)
		}
		if err := writeFile(k.path, sealed, 0o600); err != nil {
			return err
		}
	}
	root := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Root.Raw})
	chain := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Intermediate.Raw}), root...)
	return errors.Join(writeFile(p.Root, root, 0o644), writeFile(p.Chain, chain, 0o644))
}
