package ca

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"

	"acmd/core"
)

// csrFor makes a request with the names as SAN and the first that fits as CN.
func csrFor(t testing.TB, key crypto.Signer, names ...string) []byte {
	t.Helper()
	r := &x509.CertificateRequest{DNSNames: names}
	if len(names) > 0 && len(names[0]) <= 64 {
		r.Subject.CommonName = names[0]
	}
	return must(x509.CreateCertificateRequest(rand.Reader, r, key))
}

func request(t testing.TB, key crypto.Signer, names ...string) Request {
	t.Helper()
	return Request{CSR: csrFor(t, key, names...), Names: names, Now: now}
}

// issue prepares and signs.
func issue(t testing.TB, a *Authority, r Request) (core.Intent, *x509.Certificate) {
	t.Helper()
	in, err := a.Prepare(r)
	if err != nil {
		t.Fatal(err)
	}
	der, err := a.Sign(in.TBS)
	if err != nil {
		t.Fatal(err)
	}
	return in, must(x509.ParseCertificate(der))
}

func extension(c *x509.Certificate, id string) *pkix.Extension {
	for i := range c.Extensions {
		if c.Extensions[i].Id.String() == id {
			return &c.Extensions[i]
		}
	}
	return nil
}

// Standards 1.48, 1.51 to 1.56, and the User Guide's characteristics: for every
// key that may be requested.
func TestLeafProfile(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, config())
	keys := []struct {
		key   crypto.Signer
		usage x509.KeyUsage
		spki  string
	}{
		{ecKey(elliptic.P256()), x509.KeyUsageDigitalSignature, "301306072a8648ce3d020106082a8648ce3d030107"},
		{ecKey(elliptic.P384()), x509.KeyUsageDigitalSignature, "301006072a8648ce3d020106052b81040022"},
		{rsaKey(), x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment, "300d06092a864886f70d0101010500"},
	}
	for _, k := range keys {
		in, c := issue(t, a, request(t, k.key, "www.example.org", "example.org"))
		if c.Version != 3 || !samePublicKey(c.PublicKey, k.key.Public()) || c.KeyUsage != k.usage {
			t.Errorf("%T: version %d, usage %v", k.key, c.Version, c.KeyUsage)
		}
		if !bytes.Contains(c.RawSubjectPublicKeyInfo[:40], must(hex.DecodeString(k.spki))) {
			t.Errorf("%T: SPKI %x", k.key, c.RawSubjectPublicKeyInfo[:40])
		}
		if !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(c.UnknownExtKeyUsage) > 0 {
			t.Errorf("%T: EKU %v", k.key, c.ExtKeyUsage)
		}
		if !slices.Equal(c.DNSNames, []string{"www.example.org", "example.org"}) || c.Subject.String() != "CN=www.example.org" {
			t.Errorf("%T: names %v, subject %s", k.key, c.DNSNames, c.Subject)
		}
		if c.IsCA || !c.BasicConstraintsValid || c.SubjectKeyId != nil || !bytes.Equal(c.RawIssuer, files().Intermediate.RawSubject) {
			t.Errorf("%T: CA %v, SKI %x, issuer %s", k.key, c.IsCA, c.SubjectKeyId, c.Issuer)
		}
		if want := append([]byte{0x30, 0x16, 0x80, 0x14}, files().Intermediate.SubjectKeyId...); !bytes.Equal(extension(c, "2.5.29.35").Value, want) {
			t.Errorf("%T: AKI %x is not the key identifier alone", k.key, extension(c, "2.5.29.35").Value)
		}
		if len(c.Policies) != 1 || c.Policies[0].String() != DefaultPolicyOID {
			t.Errorf("%T: policies %v", k.key, c.Policies)
		}
		for id, critical := range map[string]bool{"2.5.29.15": true, "2.5.29.37": false, "2.5.29.17": false, "2.5.29.32": false, "2.5.29.31": false} {
			if e := extension(c, id); e == nil || e.Critical != critical {
				t.Errorf("%T: extension %s: %+v, want critical %v", k.key, id, e, critical)
			}
		}
		if in.Serial != hex.EncodeToString(c.SerialNumber.Bytes()) || !in.NotAfter.Equal(c.NotAfter) || !in.NotBefore.Equal(c.NotBefore) ||
			!in.At.Equal(now) || in.SealedKey != nil || !bytes.Equal(in.TBS, c.RawTBSCertificate) {
			t.Errorf("%T: intent %+v does not tell of the certificate", k.key, in)
		}
	}
}

// Standards 1.56, 1.64: where to find the issuer and the shard's CRL; neither
// without a base URL.
func TestLeafURLs(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, config())
	in, c := issue(t, a, request(t, ecKey(elliptic.P256()), "example.org"))
	shard := must(hex.DecodeString(in.Serial))[15] % 16
	if want := []string{a.crlURL(int(shard))}; !slices.Equal(c.CRLDistributionPoints, want) {
		t.Errorf("CDP %v, want %v", c.CRLDistributionPoints, want)
	}
	if want := []string{testURL + "/ca/" + a.IssuerID() + ".cer"}; !slices.Equal(c.IssuingCertificateURL, want) || len(c.OCSPServer) != 0 {
		t.Errorf("AIA %v, want %v", c.IssuingCertificateURL, want)
	}
	bare := config()
	bare.BaseURL = ""
	_, c = issue(t, newAuthority(t, bare), request(t, ecKey(elliptic.P256()), "example.org"))
	if extension(c, "2.5.29.31") != nil || extension(c, "1.3.6.1.5.5.7.1.1") != nil {
		t.Error("URLs without a base URL")
	}
}

// Standards 1.53.
func TestLeafNames(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, config())
	key := ecKey(elliptic.P256())
	at64, at65 := strings.Repeat("a", 52)+".example.org", strings.Repeat("a", 53)+".example.org"
	cases := []struct {
		names []string
		cn    string
	}{
		{[]string{"example.org"}, "example.org"},
		{[]string{"*.example.org", "example.org"}, "*.example.org"},
		{[]string{at64}, at64},
		{[]string{at65, "example.org"}, ""},
		{[]string{"xn--bcher-kva.example.org"}, "xn--bcher-kva.example.org"},
		{[]string{"db.internal"}, "db.internal"},
	}
	for _, c := range cases {
		_, leaf := issue(t, a, request(t, key, c.names...))
		if leaf.Subject.CommonName != c.cn || !slices.Equal(leaf.DNSNames, c.names) {
			t.Errorf("%v: CN %q, names %v", c.names, leaf.Subject.CommonName, leaf.DNSNames)
		}
		if empty := len(leaf.Subject.Names) == 0; extension(leaf, "2.5.29.17").Critical != empty || empty != (c.cn == "") {
			t.Errorf("%v: SAN critical %v, subject %q", c.names, extension(leaf, "2.5.29.17").Critical, leaf.Subject)
		}
	}
}

func TestSerialsDiffer(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t, config()), request(t, ecKey(elliptic.P256()), "example.org")
	seen := map[string]bool{}
	for range 50 {
		in, err := a.Prepare(r)
		if err != nil {
			t.Fatal(err)
		}
		if len(in.Serial) != 32 || in.Serial[0] < '4' || in.Serial[0] > '7' {
			t.Errorf("serial %s is not a positive number of 16 octets", in.Serial)
		}
		seen[in.Serial] = true
	}
	if len(seen) != 50 {
		t.Errorf("%d different serials of 50", len(seen))
	}
}

func TestPrepareRefuses(t *testing.T) {
	t.Parallel()
	a, key := newAuthority(t, config()), ecKey(elliptic.P256())
	good := csrFor(t, key, "example.org")
	forged := bytes.Clone(good)
	forged[len(forged)-1] ^= 1
	raw := func(r *x509.CertificateRequest) []byte {
		return must(x509.CreateCertificateRequest(rand.Reader, r, key))
	}
	many := make([]string, 101)
	for i := range many {
		many[i] = strings.Repeat("a", i%60+1) + string(rune('a'+i/60)) + ".example.org"
	}
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	one := []string{"example.org"}
	cases := []struct {
		name  string
		csr   []byte
		names []string
		want  string
	}{
		{"no names", good, nil, "1 to 100 names"},
		{"too many names", good, many, "1 to 100 names"},
		{"capitals", good, []string{"Example.org"}, "lower case"},
		{"twice", good, []string{"example.org", "example.org"}, "twice"},
		{"not a name", good, []string{"a_b.example.org"}, "not valid"},
		{"reverse name (1.44), by a lint", csrFor(t, key, "1.2.0.192.in-addr.arpa"), []string{"1.2.0.192.in-addr.arpa"}, "arpa"},
		{"no CSR", nil, one, "cannot be read"},
		{"trailing octet", append(bytes.Clone(good), 0), one, "cannot be read"},
		{"long", make([]byte, maxCSR+1), one, "longer than"},
		{"forged signature (1.57)", forged, one, "signature"},
		{"other name", csrFor(t, key, "example.net"), one, `"example.net"`},
		{"one name more", csrFor(t, key, "example.org", "example.net"), one, `"example.net"`},
		{"one name fewer", good, []string{"example.org", "example.net"}, "fewer names"},
		{"other CN", raw(&x509.CertificateRequest{Subject: pkix.Name{CommonName: "Bob"}, DNSNames: one}), one, `"Bob"`},
		{"address", raw(&x509.CertificateRequest{DNSNames: one, IPAddresses: []net.IP{{192, 0, 2, 1}}}), one, "other things"},
		{"mail", raw(&x509.CertificateRequest{EmailAddresses: []string{"a@example.org"}}), one, "other things"},
		{"RSA-1024 (1.46)", csrFor(t, must(rsa.GenerateKey(rand.Reader, 1024)), "example.org"), one, "1024 bits"},
		{"P-224 (1.46)", csrFor(t, ecKey(elliptic.P224()), "example.org"), one, "P-256, P-384 and P-521"},
		{"Ed25519 (1.46)", csrFor(t, ed, "example.org"), one, "neither RSA nor ECDSA"},
	}
	for _, c := range cases {
		_, err := a.Prepare(Request{CSR: c.csr, Names: c.names, Now: now})
		if !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// Standards 1.57: nothing but the key, and the names once approved, comes from a
// request.
func TestNothingElseIsCopied(t *testing.T) {
	t.Parallel()
	a, key := newAuthority(t, config()), ecKey(elliptic.P256())
	csr := must(x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "EXAMPLE.org", Organization: []string{"Evil"}, Country: []string{"XX"}}, DNSNames: []string{"Example.ORG"},
		ExtraExtensions: []pkix.Extension{{Id: []int{2, 5, 29, 19}, Critical: true, Value: []byte{0x30, 3, 1, 1, 0xff}}},
	}, key))
	_, c := issue(t, a, Request{CSR: csr, Names: []string{"example.org"}, Now: now})
	if c.IsCA || c.Subject.String() != "CN=example.org" || !slices.Equal(c.DNSNames, []string{"example.org"}) {
		t.Errorf("CA %v, subject %s, names %v", c.IsCA, c.Subject, c.DNSNames)
	}
	// A request that names nothing brings a key only.
	issue(t, a, Request{CSR: csrFor(t, key), Names: []string{"example.org"}, Now: now})
}
