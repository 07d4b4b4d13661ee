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
	"strconv"
	"time"

	"acmd/ca"
	"acmd/keyring"
	"acmd/store"
	"acmd/token"
)

// paths are where a deployment's secrets and data lie.
type paths struct {
	Master   string // the master key
	ZoneKeys string // the validation zone's keys, sealed
	Chain    string // the issuing CA's chain, PEM, direct issuer first, root last
	CAKey    string // the issuing CA's key: sealed (.sealed) or PEM
	RootKey  string // the root's key, sealed; only init writes it
	Root     string // the root certificate alone, PEM
	DSN      string
}

// statePaths are the paths in a state folder.
func statePaths(dir string) paths {
	return paths{
		Master: filepath.Join(dir, "master.key"), ZoneKeys: filepath.Join(dir, "zone-keys.sealed"),
		Chain: filepath.Join(dir, "ca", "chain.pem"), CAKey: filepath.Join(dir, "ca", "intermediate.key.sealed"),
		RootKey: filepath.Join(dir, "ca", "root.key.sealed"), Root: filepath.Join(dir, "ca", "root.pem"),
		DSN: "sqlite:" + filepath.Join(dir, "acmd.db"),
	}
}

// What the sealed files are bound to.
const (
	bindZoneKeys = "file:zone-keys"
	bindCAKey    = "file:ca-intermediate"
	bindRootKey  = "file:ca-root"
)

// home is an opened deployment: what every command that touches data needs.
type home struct {
	paths  paths
	ring   *keyring.Ring
	tokens *token.Deriver
	store  *store.Store
	offset time.Duration // of the clock of object lives; zero but in dev
}

// settingClock is the store's setting that holds the dev clock's offset in nanoseconds.
const settingClock = "dev.clock.offset"

// openHome opens what exists, and refuses what does not (design decision 13). c
// says where the store logs and counts.
func openHome(ctx context.Context, p paths, zone string, c store.Config) (*home, error) {
	master, err := keyring.ReadMaster(p.Master)
	if err != nil {
		return nil, missing(err, "the master key", p.Master)
	}
	h := &home{paths: p}
	if h.ring, err = keyring.New(master); err != nil {
		return nil, fmt.Errorf("master key %s: %w", p.Master, err)
	}
	sealed, err := os.ReadFile(p.ZoneKeys)
	if err != nil {
		return nil, missing(err, "the zone keys", p.ZoneKeys)
	}
	raw, err := h.ring.Open(bindZoneKeys, sealed)
	if err != nil {
		return nil, fmt.Errorf("open zone keys %s: %w", p.ZoneKeys, err)
	}
	var keys token.Keys
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("read zone keys %s: not in the expected form", p.ZoneKeys) // the error could quote a key
	}
	if h.tokens, err = token.New(zone, keys); err != nil {
		return nil, fmt.Errorf("zone keys %s: %w", p.ZoneKeys, err)
	}
	c.DSN = p.DSN
	if h.store, err = store.Open(ctx, c); err != nil {
		return nil, missing(err, "the database", "store.dsn")
	}
	text, ok, err := h.store.Setting(ctx, settingClock)
	if err == nil && ok {
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil {
			h.offset = time.Duration(n)
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read clock: %w", err), h.store.Close())
	}
	return h, nil
}

// missing says what to do about something that is not there.
func missing(err error, what, where string) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not at %s; make a new deployment with acmd init, or mend the path: %w", what, where, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// now is the present of object lives for a command outside the daemon.
func (h *home) now() time.Time { return time.Now().Add(h.offset) }

// authority loads the issuing CA.
func (h *home) authority(c ca.Config) (*ca.Authority, error) {
	pemChain, err := os.ReadFile(h.paths.Chain)
	if err != nil {
		return nil, missing(err, "the CA's chain", h.paths.Chain)
	}
	for rest := pemChain; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		cert, err := x509.ParseCertificate(b.Bytes)
		if err != nil {
			return nil, fmt.Errorf("CA chain %s: %w", h.paths.Chain, err)
		}
		c.Chain = append(c.Chain, cert)
	}
	if c.Key, err = h.caKey(); err != nil {
		return nil, err
	}
	a, err := ca.New(c)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	return a, nil
}

// caKey reads the issuing key: sealed by us, or PEM brought from elsewhere.
func (h *home) caKey() (crypto.Signer, error) {
	raw, err := os.ReadFile(h.paths.CAKey)
	if err != nil {
		return nil, missing(err, "the CA's key", h.paths.CAKey)
	}
	der := raw
	if b, _ := pem.Decode(raw); b != nil {
		der = b.Bytes
		if b.Type == "EC PRIVATE KEY" {
			return x509.ParseECPrivateKey(der)
		}
		if b.Type == "RSA PRIVATE KEY" {
			return x509.ParsePKCS1PrivateKey(der)
		}
	} else if der, err = h.ring.Open(bindCAKey, raw); err != nil {
		return nil, fmt.Errorf("open CA key %s: %w", h.paths.CAKey, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("CA key %s: not a PKCS#8, PKCS#1 or SEC 1 private key", h.paths.CAKey)
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("CA key %s: a key of that kind cannot sign", h.paths.CAKey)
	}
	return signer, nil
}

// create makes a deployment's secrets, CA and database where they are missing.
// It never overwrites: whatever exists is left as it is and used. It returns
// what it made.
func create(ctx context.Context, p paths, caName string, now time.Time) ([]string, error) {
	var made []string
	if _, err := os.Stat(p.Master); errors.Is(err, fs.ErrNotExist) {
		master, err := keyring.NewMaster(rand.Reader)
		if err != nil {
			return made, err
		}
		if err := writeNew(p.Master, []byte(fmt.Sprintf("%x\n", master)), 0o600); err != nil {
			return made, err
		}
		made = append(made, p.Master)
	}
	master, err := keyring.ReadMaster(p.Master)
	if err != nil {
		return made, fmt.Errorf("master key: %w", err)
	}
	ring, err := keyring.New(master)
	if err != nil {
		return made, err
	}
	if _, err := os.Stat(p.ZoneKeys); errors.Is(err, fs.ErrNotExist) {
		if err := createZoneKeys(ring, p.ZoneKeys, now); err != nil {
			return made, err
		}
		made = append(made, p.ZoneKeys)
	}
	if _, err := os.Stat(p.Chain); errors.Is(err, fs.ErrNotExist) {
		if err := createCA(ring, p, caName, now); err != nil {
			return made, err
		}
		made = append(made, p.Root, p.Chain, p.CAKey, p.RootKey)
	}
	s, err := store.Open(ctx, store.Config{DSN: p.DSN, Create: true})
	if err != nil {
		return made, fmt.Errorf("create database: %w", err)
	}
	return made, s.Close()
}

func createZoneKeys(ring *keyring.Ring, path string, now time.Time) error {
	keys, err := token.NewKeys(rand.Reader, now)
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
	return writeNew(path, sealed, 0o600)
}

// createCA writes the keys first and the chain last, since the chain's presence
// says that the CA is whole: a crash in between starts over.
func createCA(ring *keyring.Ring, p paths, name string, now time.Time) error {
	f, err := ca.Create(rand.Reader, name, now)
	if err != nil {
		return fmt.Errorf("make CA: %w", err)
	}
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
	if err := writeFile(p.Root, root, 0o644); err != nil {
		return err
	}
	return writeNew(p.Chain, append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: f.Intermediate.Raw}), root...), 0o644)
}
