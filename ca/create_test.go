package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
)

// Standards 1.57.
func TestCreateProfile(t *testing.T) {
	t.Parallel()
	f := files()
	const caUse = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	for _, c := range []*x509.Certificate{f.Root, f.Intermediate} {
		if !c.IsCA || !c.BasicConstraintsValid || c.KeyUsage != caUse || c.Version != 3 || c.SignatureAlgorithm != x509.ECDSAWithSHA256 {
			t.Errorf("%s: CA %v, usage %v, version %d", c.Subject, c.IsCA, c.KeyUsage, c.Version)
		}
		if n := len(c.SerialNumber.Bytes()); n != 16 || c.SerialNumber.Sign() <= 0 {
			t.Errorf("%s: serial of %d octets", c.Subject, n)
		}
		for _, e := range c.Extensions {
			if id := e.Id.String(); (id == "2.5.29.15" || id == "2.5.29.19") && !e.Critical {
				t.Errorf("%s: extension %s is not critical", c.Subject, id)
			}
		}
		if len(c.SubjectKeyId) == 0 || c.NotBefore.After(now) {
			t.Errorf("%s: key id %x, begins %s", c.Subject, c.SubjectKeyId, c.NotBefore)
		}
	}
	if got := f.Root.NotAfter.Sub(f.Root.NotBefore) + time.Second; got != 7300*day || f.Root.MaxPathLen != 1 || len(f.Root.ExtKeyUsage) != 0 {
		t.Errorf("root: %s, path length %d, EKU %v", got, f.Root.MaxPathLen, f.Root.ExtKeyUsage)
	}
	i := f.Intermediate
	if got := i.NotAfter.Sub(i.NotBefore) + time.Second; got != 3650*day || i.MaxPathLen != 0 || !i.MaxPathLenZero {
		t.Errorf("intermediate: %s, path length %d", got, i.MaxPathLen)
	}
	if !slices.Equal(i.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(i.UnknownExtKeyUsage) != 0 || len(i.Policies) != 1 {
		t.Errorf("intermediate: EKU %v, %d policies", i.ExtKeyUsage, len(i.Policies))
	}
	if i.Subject.String() != "CN=Acme Test Issuing CA,O=Acme Test" || f.Root.Subject.String() != "CN=Acme Test Root CA,O=Acme Test" {
		t.Errorf("names %s and %s", i.Subject, f.Root.Subject)
	}
	for _, k := range []crypto.Signer{f.RootKey, f.IntermediateKey} {
		if samePublicKey(k.Public(), f.Root.PublicKey) == samePublicKey(k.Public(), i.PublicKey) {
			t.Error("root and intermediate do not have a key each")
		}
	}
}

// What the Baseline Requirements ask of a public CA's certificates and a private
// one's do not hold: its country is not known, and the intermediate names no
// URLs (Create says why).
func TestCreateLints(t *testing.T) {
	t.Parallel()
	accepted := []string{"e_ca_country_name_missing", "e_sub_ca_crl_distribution_points_missing"}
	l := must(newLinter(config(), nil))
	broken := map[string]bool{}
	for _, c := range []*x509.Certificate{files().Root, files().Intermediate} {
		parsed := must(zx509.ParseCertificate(c.Raw))
		for _, rule := range l.certificates {
			if rule.Execute(parsed, l.config).Status < lint.Error {
				continue
			}
			broken[rule.Name] = true
			if !slices.Contains(accepted, rule.Name) {
				t.Errorf("%s breaks %s", c.Subject, rule.Name)
			}
		}
	}
	for _, name := range accepted {
		if !broken[name] {
			t.Errorf("%s is accepted and not needed", name)
		}
	}
}

func TestCreateNames(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"A": true, strings.Repeat("a", 50): true, "": false, strings.Repeat("a", 51): false, "Bücher": false, "a\nb": false,
	} {
		if _, err := Create(rand.Reader, name, now); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := Create(strings.NewReader(""), "A", now); err == nil {
		t.Error("a dry source of randomness gave a CA")
	}
}
