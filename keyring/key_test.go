package keyring

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"testing"

	"acmd/core"
)

func makeTestKey(t *testing.T, alg core.KeyAlgorithm) crypto.Signer {
	t.Helper()
	k, err := NewPool(0, nil).Key(t.Context(), alg)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSealKey(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	for _, alg := range []core.KeyAlgorithm{core.RSA2048, core.ECP256, core.ECP384} {
		k := makeTestKey(t, alg)
		blob, err := r.SealKey("arn:1", k)
		if err != nil {
			t.Fatal(err)
		}
		back, err := r.OpenKey("arn:1", blob)
		if err != nil {
			t.Fatal(err)
		}
		if !back.(interface{ Equal(crypto.PrivateKey) bool }).Equal(k) {
			t.Errorf("%s: another key came back", alg)
		}
		if _, err := r.OpenKey("arn:2", blob); !errors.Is(err, ErrBind) {
			t.Errorf("%s: under another ARN: %v", alg, err)
		}
		if _, err := newRing(t).OpenKey("arn:1", blob); !errors.Is(err, ErrMaster) {
			t.Errorf("%s: under another master: %v", alg, err)
		}
		blob[len(blob)/2] ^= 1
		if _, err := r.OpenKey("arn:1", blob); !errors.Is(err, ErrTampered) {
			t.Errorf("%s: altered: %v", alg, err)
		}
	}
}

// Design decision 8: no octets of the private key in what is stored.
func TestSealedKeyShowsNothing(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	ec, rs := makeTestKey(t, core.ECP256).(*ecdsa.PrivateKey), makeTestKey(t, core.RSA2048).(*rsa.PrivateKey)
	ecRaw, err := ec.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	secrets := map[crypto.Signer][][]byte{
		ec: {ecRaw},
		rs: {rs.D.Bytes(), rs.Primes[0].Bytes(), rs.Primes[1].Bytes()},
	}
	for k, parts := range secrets {
		der, err := x509.MarshalPKCS8PrivateKey(k)
		if err != nil {
			t.Fatal(err)
		}
		blob, err := r.SealKey("arn:1", k)
		if err != nil {
			t.Fatal(err)
		}
		for _, secret := range append(parts, der) {
			for i := 0; i+8 <= len(secret); i++ {
				if bytes.Contains(blob, secret[i:i+8]) {
					t.Fatalf("%T: octets %d to %d of a secret are in the blob", k, i, i+8)
				}
			}
		}
	}
}

// A blob of another purpose for the same ARN is no key, and the other way round.
func TestKeysAndOtherSecretsDoNotMix(t *testing.T) {
	t.Parallel()
	r := newRing(t)
	if _, err := r.OpenKey("arn:1", seal(t, r, "arn:1", []byte("passphrase"))); !errors.Is(err, ErrBind) {
		t.Errorf("another secret as a key: %v", err)
	}
	blob, err := r.SealKey("arn:1", makeTestKey(t, core.ECP256))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("arn:1", blob); !errors.Is(err, ErrBind) {
		t.Errorf("a key as another secret: %v", err)
	}
	_, err = r.OpenKey("arn:1", seal(t, r, keyBind("arn:1"), []byte("passphrase")))
	if err == nil || strings.Contains(err.Error(), "passphrase") {
		t.Errorf("what is no key gives %v", err)
	}
}

func TestRequest(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 60) + ".example.org" // 72 octets
	cases := []struct {
		names []string
		cn    string
	}{
		{[]string{"example.org"}, "example.org"},
		{[]string{"*.example.org", "example.org"}, "*.example.org"},
		{[]string{strings.Repeat("a", 52) + ".example.org"}, strings.Repeat("a", 52) + ".example.org"}, // 64 octets
		{[]string{long, "example.org"}, ""},
	}
	for _, alg := range []core.KeyAlgorithm{core.RSA2048, core.ECP256, core.ECP384} {
		k := makeTestKey(t, alg)
		for _, c := range cases {
			der, err := Request(k, c.names)
			if err != nil {
				t.Fatal(err)
			}
			csr, err := x509.ParseCertificateRequest(der)
			if err != nil {
				t.Fatal(err)
			}
			if err := csr.CheckSignature(); err != nil {
				t.Error(err)
			}
			if !slices.Equal(csr.DNSNames, c.names) || csr.Subject.CommonName != c.cn {
				t.Errorf("%v: names %v, CN %q", c.names, csr.DNSNames, csr.Subject.CommonName)
			}
			if got := csr.Subject.String(); c.cn == "" && got != "" {
				t.Errorf("subject %q, want none", got)
			}
		}
	}
	if _, err := Request(makeTestKey(t, core.ECP256), nil); !errors.Is(err, core.Invalid) {
		t.Errorf("no names: %v", err)
	}
}
