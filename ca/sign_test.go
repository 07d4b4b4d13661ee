package ca

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"acmd/core"
)

func TestLeafVerifies(t *testing.T) {
	t.Parallel()
	for name, caKey := range map[string]crypto.Signer{
		"P-256": ecKey(elliptic.P256()), "P-384": ecKey(elliptic.P384()), "P-521": ecKey(elliptic.P521()), "RSA-2048": rsaKey(),
	} {
		chain := issuer(t, caKey, nil)
		a := newAuthority(t, Config{Chain: chain, Key: caKey, BaseURL: testURL})
		roots, inters := x509.NewCertPool(), x509.NewCertPool()
		roots.AddCert(chain[1])
		inters.AddCert(chain[0])
		for _, key := range []crypto.Signer{ecKey(elliptic.P256()), ecKey(elliptic.P384()), rsaKey()} {
			_, leaf := issue(t, a, request(t, key, "*.example.org", "example.org"))
			for _, host := range []string{"example.org", "www.example.org"} {
				_, err := leaf.Verify(x509.VerifyOptions{DNSName: host, Roots: roots, Intermediates: inters, CurrentTime: now,
					KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
				if err != nil {
					t.Errorf("CA %s, leaf %T, %s: %v", name, key, host, err)
				}
			}
		}
	}
}

// writePEM writes certificates, or what else the kind says, to a file.
func writePEM(t testing.TB, dir, name, kind string, ders ...[]byte) string {
	t.Helper()
	var b bytes.Buffer
	for _, der := range ders {
		if err := pem.Encode(&b, &pem.Block{Type: kind, Bytes: der}); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenSSLVerifies(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		t.Skip("openssl is not installed")
	}
	a, dir := newAuthority(t, config()), t.TempDir()
	root := writePEM(t, dir, "root", "CERTIFICATE", files().Root.Raw)
	inter := writePEM(t, dir, "inter", "CERTIFICATE", files().Intermediate.Raw)
	for name, key := range map[string]crypto.Signer{"P-256": ecKey(elliptic.P256()), "P-384": ecKey(elliptic.P384()), "RSA": rsaKey()} {
		in, leaf := issue(t, a, request(t, key, "*.example.org", "example.org"))
		shard := shardOf(must(hex.DecodeString(in.Serial)))
		path := writePEM(t, dir, name, "CERTIFICATE", leaf.Raw)
		revoked := []x509.RevocationListEntry{{SerialNumber: leaf.SerialNumber, RevocationTime: now, ReasonCode: 1}}
		for what, entries := range map[string][]x509.RevocationListEntry{"OK": nil, "certificate revoked": revoked} {
			crl := writePEM(t, dir, name+".crl", "X509 CRL", must(a.CRL(shard, entries, now)))
			out, err := exec.Command(openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", "www.example.org",
				"-attime", strconv.FormatInt(now.Unix(), 10), "-crl_check", "-CRLfile", crl, "-CAfile", root, "-untrusted", inter, path).CombinedOutput()
			if (err == nil) != (entries == nil) || !strings.Contains(string(out), what) {
				t.Errorf("%s, want %s: %v: %s", name, what, err, out)
			}
		}
	}
}

// A crash between signing and storing: the repeat gives the same certificate,
// however many times, whichever key signs.
func TestSignTwice(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"P-256": ecKey(elliptic.P256()), "P-384": ecKey(elliptic.P384()), "RSA-2048": rsaKey()} {
		c := Config{Chain: issuer(t, key, nil), Key: key, BaseURL: testURL}
		in, err := newAuthority(t, c).Prepare(request(t, ecKey(elliptic.P256()), "example.org"))
		if err != nil {
			t.Fatal(err)
		}
		first := must(newAuthority(t, c).Sign(in.TBS))
		again := must(newAuthority(t, c).Sign(in.TBS)) // another process
		a, b := must(x509.ParseCertificate(first)), must(x509.ParseCertificate(again))
		if !bytes.Equal(a.RawTBSCertificate, in.TBS) || !bytes.Equal(b.RawTBSCertificate, in.TBS) || a.SerialNumber.Cmp(b.SerialNumber) != 0 {
			t.Errorf("%s: what was signed is not what was prepared", name)
		}
		if !bytes.Equal(first, again) {
			t.Errorf("%s: two signatures by a software key differ", name)
		}
	}
}

// device hides a key as a PKCS #11 module would.
type device struct{ crypto.Signer }

// wrong signs by another key than it shows.
type wrong struct {
	crypto.Signer
	other crypto.Signer
}

func (w wrong) Sign(r io.Reader, d []byte, o crypto.SignerOpts) ([]byte, error) {
	return w.other.Sign(r, d, o)
}

func TestSignByDevice(t *testing.T) {
	t.Parallel()
	c := config()
	c.Key = device{c.Key}
	in, leaf := issue(t, newAuthority(t, c), request(t, ecKey(elliptic.P256()), "example.org"))
	if err := leaf.CheckSignatureFrom(files().Intermediate); err != nil || !bytes.Equal(leaf.RawTBSCertificate, in.TBS) {
		t.Errorf("%v", err)
	}
	c.Key = wrong{files().IntermediateKey, ecKey(elliptic.P256())}
	if der, err := newAuthority(t, c).Sign(in.TBS); err == nil || der != nil {
		t.Error("a signature that does not verify left the CA")
	}
}

func TestSignRefuses(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, config())
	in, leaf := issue(t, a, request(t, ecKey(elliptic.P256()), "example.org"))
	other := must(Create(rand.Reader, "Acme Test", now)) // the same name, another key
	foreign := newAuthority(t, Config{Chain: []*x509.Certificate{other.Intermediate, other.Root}, Key: other.IntermediateKey})
	foreignIn, err := foreign.Prepare(request(t, ecKey(elliptic.P256()), "example.org"))
	if err != nil {
		t.Fatal(err)
	}
	// edited is a TBSCertificate of our issuer that we would not have prepared.
	edited := func(edit func(*x509.Certificate)) []byte {
		tmpl := a.template([]string{"example.org"}, ecKey(elliptic.P256()).Public(), must(newSerial(rand.Reader)))
		tmpl.NotBefore, tmpl.NotAfter = now, now.Add(day)
		edit(tmpl)
		der := must(x509.CreateCertificate(rand.Reader, tmpl, files().Intermediate, leaf.PublicKey.(*ecdsa.PublicKey), files().IntermediateKey))
		return must(x509.ParseCertificate(der)).RawTBSCertificate
	}
	if _, err := a.Sign(edited(func(*x509.Certificate) {})); err != nil {
		t.Fatalf("the unedited one: %v", err)
	}
	cases := []struct {
		name string
		tbs  []byte
		want string
	}{
		{"empty", nil, "not a certificate"},
		{"garbage", []byte("garbage"), "not a certificate"},
		{"cut", in.TBS[:len(in.TBS)-1], "not a certificate"},
		{"longer", append(bytes.Clone(in.TBS), 5, 0), "not a certificate"},
		{"whole certificate", leaf.Raw, "not a certificate"},
		{"foreign issuer", foreignIn.TBS, "another issuer"},
		{"root's", files().Intermediate.RawTBSCertificate, "another issuer"},
		{"CA", edited(func(c *x509.Certificate) { c.IsCA = true }), "key usage"},
		{"keyCertSign", edited(func(c *x509.Certificate) { c.KeyUsage |= x509.KeyUsageCertSign }), "key usage"},
		{"clientAuth (1.55)", edited(func(c *x509.Certificate) { c.ExtKeyUsage = append(c.ExtKeyUsage, x509.ExtKeyUsageClientAuth) }), "serverAuth"},
		{"no names", edited(func(c *x509.Certificate) { c.DNSNames = nil }), "alternative names"},
		{"mail", edited(func(c *x509.Certificate) { c.EmailAddresses = []string{"a@example.org"} }), "alternative names"},
		{"organisation", edited(func(c *x509.Certificate) { c.Subject.Organization = []string{"x"} }), "more than a common name"},
		{"other CN", edited(func(c *x509.Certificate) { c.Subject.CommonName = "example.net" }), "common name"},
		{"name constraints", edited(func(c *x509.Certificate) { c.PermittedDNSDomains = []string{"example.org"} }), "extension 2.5.29.30"},
		{"subject key id", edited(func(c *x509.Certificate) { c.SubjectKeyId = []byte{1} }), "extension 2.5.29.14"},
		{"short serial", edited(func(c *x509.Certificate) { c.SerialNumber.SetInt64(7) }), "serial"},
		{"after its issuer", edited(func(c *x509.Certificate) { c.NotAfter = files().Intermediate.NotAfter.Add(1e9) }), "CN=Acme Test Issuing CA"},
		{"inner algorithm", edited(func(c *x509.Certificate) {}), "not a certificate"},
	}
	p256, p384 := []byte("\x2a\x86\x48\xce\x3d\x04\x03\x02"), []byte("\x2a\x86\x48\xce\x3d\x04\x03\x03")
	last := &cases[len(cases)-1]
	last.tbs = bytes.Replace(last.tbs, p256, p384, 1)
	for _, c := range cases {
		der, err := a.Sign(c.tbs)
		if !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), c.want) || der != nil {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// An Authority serves many at once; the race detector looks on.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t, config()), request(t, ecKey(elliptic.P256()), "example.org")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				in, err := a.Prepare(r)
				if err != nil {
					t.Error(err)
					return
				}
				if _, err := a.Sign(in.TBS); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkPrepareSignP256(b *testing.B) {
	a, r := newAuthority(b, config()), request(b, ecKey(elliptic.P256()), "www.example.org", "example.org")
	b.ReportAllocs()
	for b.Loop() {
		in, err := a.Prepare(r)
		if err != nil {
			b.Fatal(err)
		}
		if _, err := a.Sign(in.TBS); err != nil {
			b.Fatal(err)
		}
	}
}
