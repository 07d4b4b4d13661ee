package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"
)

// now is the time of most tests.
var now = time.Date(2026, 11, 22, 12, 0, 0, 123e6, time.UTC)

const testURL = "http://pki.example.net:8080"

// rsaKey is one RSA key for all tests: making one is slow.
var rsaKey = sync.OnceValue(func() crypto.Signer { return must(rsa.GenerateKey(rand.Reader, 2048)) })

// files is one CA for all tests.
var files = sync.OnceValue(func() Files { return must(Create(rand.Reader, "Acme Test", now)) })

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func ecKey(c elliptic.Curve) crypto.Signer { return must(ecdsa.GenerateKey(c, rand.Reader)) }

// config is a good configuration under the CA of all tests.
func config() Config {
	f := files()
	return Config{Chain: []*x509.Certificate{f.Intermediate, f.Root}, Key: f.IntermediateKey, BaseURL: testURL}
}

func newAuthority(t testing.TB, c Config) *Authority {
	t.Helper()
	a, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// issuer makes a chain of root and intermediate, the latter with that key and
// with what edit changes.
func issuer(t testing.TB, key crypto.Signer, edit func(root, inter *x509.Certificate)) []*x509.Certificate {
	t.Helper()
	base := func(cn string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}, IsCA: true, BasicConstraintsValid: true,
			NotBefore: now.Add(-24 * time.Hour), NotAfter: now.Add(3650 * day), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	}
	root, inter := base("root"), base("inter")
	if edit != nil {
		edit(root, inter)
	}
	rootKey := ecKey(elliptic.P256())
	rootCert := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, root, root, rootKey.Public(), rootKey))))
	interCert := must(x509.ParseCertificate(must(x509.CreateCertificate(rand.Reader, inter, rootCert, key.Public(), rootKey))))
	return []*x509.Certificate{interCert, rootCert}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	good, key := config(), ecKey(elliptic.P256())
	with := func(edit func(root, inter *x509.Certificate)) Config {
		return Config{Chain: issuer(t, key, edit), Key: key}
	}
	change := func(edit func(*Config)) Config { c := good; edit(&c); return c }
	cases := []struct {
		name string
		c    Config
		want string
	}{
		{"no chain", change(func(c *Config) { c.Chain = nil }), "up to the root"},
		{"root alone (1.57)", Config{Chain: []*x509.Certificate{files().Root}, Key: files().RootKey}, "root itself may not issue"},
		{"no root", change(func(c *Config) { c.Chain = []*x509.Certificate{c.Chain[0], c.Chain[0]} }), "not issued by"},
		{"wrong order", change(func(c *Config) { c.Chain = []*x509.Certificate{c.Chain[1], c.Chain[0]} }), "not issued by"},
		{"foreign root", change(func(c *Config) { c.Chain = []*x509.Certificate{c.Chain[0], issuer(t, key, nil)[1]} }), "not issued by"},
		{"same name, other key", change(func(c *Config) {
			other := must(Create(rand.Reader, "Acme Test", now))
			c.Chain = []*x509.Certificate{c.Chain[0], other.Root}
		}), "signature of"},
		{"no key", change(func(c *Config) { c.Key = nil }), "not the key"},
		{"other key", change(func(c *Config) { c.Key = key }), "not the key"},
		{"not a CA", with(func(_, i *x509.Certificate) { i.IsCA = false }), "may not sign certificates"},
		{"no keyCertSign", with(func(_, i *x509.Certificate) { i.KeyUsage = x509.KeyUsageCRLSign }), "may not sign certificates"},
		{"no cRLSign", with(func(_, i *x509.Certificate) { i.KeyUsage = x509.KeyUsageCertSign }), "may not sign CRLs"},
		{"path length", with(func(r, _ *x509.Certificate) { r.MaxPathLenZero = true }), "path length"},
		{"clientAuth CA", with(func(_, i *x509.Certificate) { i.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth} }), "TLS servers"},
		{"validity short", change(func(c *Config) { c.Validity = time.Hour - time.Second }), "1 h to 398 d"},
		{"validity long", change(func(c *Config) { c.Validity = 398*day + time.Second; c.LongValidity = true }), "1 h to 398 d"},
		{"validity broken", change(func(c *Config) { c.Validity = time.Hour + time.Millisecond }), "whole seconds"},
		{"201 d not allowed expressly", change(func(c *Config) { c.Validity = 201 * day }), "expressly"},
	}
	for _, c := range cases {
		if _, err := New(c.c); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// Standards 1.56: http, and nothing that would not be byte-equal elsewhere.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"": true, "http://pki.example.net": true, "http://127.0.0.1:8080": true, "http://[::1]:8080": true,
		"https://pki.example.net": false, "http://pki.example.net/": false, "http://pki.example.net/x": false,
		"http://u@pki.example.net": false, "http://PKI.example.net": false, "http://": false, "pki.example.net": false,
		"http://pki.example.net?x": false, "http://pki.example.net#x": false, "ldap://pki.example.net": false,
	} {
		c := config()
		c.BaseURL = s
		if _, err := New(c); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestPolicyOID(t *testing.T) {
	t.Parallel()
	for s, ok := range map[string]bool{
		"": true, DefaultPolicyOID: true, "1.3.6.1.4.1.32473.1": true, "1.3.6.1.4.1.2147483647": true,
		"1.3.6.1.4.1.2147483648": false, "2.25.9421307862964056756044545812839552072": false,
		"2.23.140.1.2.1": false, "2.5.29.32.0": false, "x": false, "1": false,
	} {
		c := config()
		c.PolicyOID = s
		if _, err := New(c); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestChainAndIssuers(t *testing.T) {
	t.Parallel()
	a, f := newAuthority(t, config()), files()
	chain := a.Chain()
	if len(chain) != 2 || !bytes.Equal(chain[0], f.Intermediate.Raw) || !bytes.Equal(chain[1], f.Root.Raw) {
		t.Errorf("chain of %d", len(chain))
	}
	if b, err := hex.DecodeString(a.IssuerID()); err != nil || len(b) != 10 {
		t.Errorf("issuer id %q", a.IssuerID())
	}
	if a.Name() != "Acme Test" {
		t.Errorf("name %q", a.Name())
	}
	m := a.Issuers()
	if len(m) != 2 || !bytes.Equal(m["/ca/"+a.IssuerID()+".cer"], f.Intermediate.Raw) {
		t.Errorf("issuers at %d paths, the direct one not among them", len(m))
	}
	chain[0][0] ^= 1 // the caller's copy
	if !bytes.Equal(a.Chain()[0], f.Intermediate.Raw) {
		t.Error("a caller changed the chain")
	}
}

// Wire facts §4.
func TestSignatureAlgorithm(t *testing.T) {
	t.Parallel()
	for want, key := range map[string]crypto.Signer{
		"SHA256WITHECDSA": ecKey(elliptic.P256()), "SHA384WITHECDSA": ecKey(elliptic.P384()),
		"SHA512WITHECDSA": ecKey(elliptic.P521()), "SHA256WITHRSA": rsaKey(),
	} {
		a := newAuthority(t, Config{Chain: issuer(t, key, nil), Key: key})
		if got := a.SignatureAlgorithm(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}
