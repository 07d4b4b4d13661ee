package main

import (
	"context"
	"crypto"
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
	Given    bool   // the master key is systemd's to give: init does not make it
	Brought  bool   // chain and key are the operator's own: init makes neither
	RootKey  string // the root's key, sealed; only init writes it
	Root     string // the root certificate alone, PEM
	DSN      string
}

// statePaths are the paths in a state folder.
func statePaths(dir string) paths {
	p := caPaths(filepath.Join(dir, "ca"))
	p.Master, p.ZoneKeys = filepath.Join(dir, "master.key"), filepath.Join(dir, "zone-keys.sealed")
	p.DSN = "sqlite:" + filepath.Join(dir, "acmd.db")
	return p
}

// caPaths are the paths in the folder of a CA that init made.
func caPaths(dir string) paths {
	return paths{Chain: filepath.Join(dir, "chain.pem"), CAKey: filepath.Join(dir, "intermediate.key.sealed"),
		RootKey: filepath.Join(dir, "root.key.sealed"), Root: filepath.Join(dir, "root.pem")}
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
	h := &home{paths: p}
	var err error
	if h.ring, err = openRing(p); err != nil {
		return nil, err
	}
	if h.tokens, err = openTokens(h.ring, p, zone); err != nil {
		return nil, err
	}
	c.DSN = p.DSN
	if h.store, err = store.Open(ctx, c); err != nil {
		return nil, missing(err, "the database", "store.dsn")
	}
	if err := h.checkMark(ctx); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	if err := h.readClock(ctx); err != nil {
		return nil, errors.Join(err, h.store.Close())
	}
	return h, nil
}

// readClock reads how far the clock of object lives is ahead: in dev it may move
// while another command runs.
func (h *home) readClock(ctx context.Context) error {
	text, ok, err := h.store.Setting(ctx, settingClock)
	if err == nil && ok {
		var n int64
		if n, err = strconv.ParseInt(text, 10, 64); err == nil {
			h.offset = time.Duration(n)
		}
	}
	if err != nil {
		return fmt.Errorf("read clock: %w", err)
	}
	return nil
}

// openRing reads the master key.
func openRing(p paths) (*keyring.Ring, error) {
	master, err := keyring.ReadMaster(p.Master)
	if err != nil {
		return nil, missing(err, "the master key", p.Master)
	}
	ring, err := keyring.New(master)
	if err != nil {
		return nil, fmt.Errorf("master key %s: %w", p.Master, err)
	}
	return ring, nil
}

// openTokens reads the zone's keys.
func openTokens(ring *keyring.Ring, p paths, zone string) (*token.Deriver, error) {
	sealed, err := os.ReadFile(p.ZoneKeys)
	if err != nil {
		return nil, missing(err, "the file of zone keys", p.ZoneKeys)
	}
	raw, err := ring.Open(bindZoneKeys, sealed)
	if err != nil {
		return nil, fmt.Errorf("open zone keys %s: %w", p.ZoneKeys, err)
	}
	var keys token.Keys
	if err := json.Unmarshal(raw, &keys); err != nil {
		return nil, fmt.Errorf("read zone keys %s: not in the expected form", p.ZoneKeys) // the error could quote a key
	}
	tokens, err := token.New(zone, keys)
	if err != nil {
		return nil, fmt.Errorf("zone keys %s: %w", p.ZoneKeys, err)
	}
	return tokens, nil
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
		return nil, fmt.Errorf("CA of %s and %s: %w", h.paths.Chain, h.paths.CAKey, err)
	}
	return a, nil
}

// caKey reads the issuing key: sealed by us, or PEM brought from elsewhere.
func (h *home) caKey() (crypto.Signer, error) {
	raw, err := keyring.ReadSecret(h.paths.CAKey)
	if err != nil {
		return nil, missing(err, "the CA's key", h.paths.CAKey)
	}
	defer clear(raw)
	var der []byte
	for rest := raw; der == nil; { // openssl puts a block of EC PARAMETERS before the key
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		switch b.Type {
		case "EC PRIVATE KEY":
			return x509.ParseECPrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			return x509.ParsePKCS1PrivateKey(b.Bytes)
		case "PRIVATE KEY":
			der = b.Bytes
		}
	}
	if der == nil {
		if der, err = h.ring.Open(bindCAKey, raw); err != nil {
			return nil, fmt.Errorf("open CA key %s: neither a PEM private key nor sealed by this master key: %w", h.paths.CAKey, err)
		}
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
