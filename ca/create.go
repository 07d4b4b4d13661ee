package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Files is a new two-tier CA. RootKey is not needed again until another
// intermediate is made, so it belongs off the machine.
type Files struct {
	Root, Intermediate       *x509.Certificate
	RootKey, IntermediateKey crypto.Signer
}

// Validity of the CA's own certificates. A root may have 2922 to 9132 days
// (standards 1.57).
const (
	rootValidity         = 7300 * day
	intermediateValidity = 3650 * day
)

// maxCAName leaves room for what is added to it: names end at 64 characters (RFC 5280 app. A).
const maxCAName = 50

// anyPolicy is what the intermediate may issue under (standards 1.57: policies MUST be there).
const anyPolicy = "2.5.29.32.0"

// Create makes a root (path length 1, 7300 days) and an intermediate under it
// (path length 0, TLS servers only, 3650 days), both P-256, by the profile of
// standards 1.57. name becomes their organisation and begins their common
// names: 1 to 50 printable ASCII characters. Both begin an hour before now, as
// leaves do. The intermediate names no CRL and no issuer URL: the root key is
// meant to be away, and where strangers reach the daemon may change.
func Create(random io.Reader, name string, now time.Time) (Files, error) {
	if len(name) == 0 || len(name) > maxCAName {
		return Files{}, fmt.Errorf("name of the CA: want 1 to %d characters", maxCAName)
	}
	for _, c := range []byte(name) {
		if c < ' ' || c > '~' {
			return Files{}, errors.New("name of the CA: want printable ASCII characters")
		}
	}
	begin := now.UTC().Add(-backdate).Truncate(time.Second)
	root := &x509.Certificate{Subject: caSubject(name, "Root CA"), NotBefore: begin, MaxPathLen: 1,
		NotAfter: begin.Add(rootValidity - time.Second)}
	rootCert, rootKey, err := createCA(random, root, nil, nil)
	if err != nil {
		return Files{}, fmt.Errorf("make root: %w", err)
	}
	policy, err := x509.ParseOID(anyPolicy)
	if err != nil {
		return Files{}, fmt.Errorf("make intermediate: %w", err)
	}
	inter := &x509.Certificate{Subject: caSubject(name, "Issuing CA"), NotBefore: begin, MaxPathLenZero: true,
		NotAfter: begin.Add(intermediateValidity - time.Second), Policies: []x509.OID{policy},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	interCert, interKey, err := createCA(random, inter, rootCert, rootKey)
	if err != nil {
		return Files{}, fmt.Errorf("make intermediate: %w", err)
	}
	return Files{Root: rootCert, RootKey: rootKey, Intermediate: interCert, IntermediateKey: interKey}, nil
}

func caSubject(name, role string) pkix.Name {
	return pkix.Name{Organization: []string{name}, CommonName: name + " " + role}
}

// createCA completes the template, makes its key, and signs it with the
// parent's; without a parent it signs itself.
func createCA(random io.Reader, t, parent *x509.Certificate, parentKey crypto.Signer) (*x509.Certificate, crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, nil, err
	}
	serial, err := newSerial(random)
	if err != nil {
		return nil, nil, err
	}
	t.SerialNumber = new(big.Int).SetBytes(serial)
	t.SignatureAlgorithm = x509.ECDSAWithSHA256
	t.BasicConstraintsValid, t.IsCA = true, true
	t.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	if parent == nil {
		parent, parentKey = t, key
	}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, key.Public(), parentKey)
	if err != nil {
		return nil, nil, err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, err
	}
	return cert, key, nil
}

// serialSize is the length of a serial in octets.
const serialSize = 16

// newSerial draws a serial of exactly 16 octets, of which 126 bits are random:
// the first octet lies in 0x40..0x7f, so the number is positive, under 2^159 and
// needs neither a leading zero nor fewer octets (standards 1.51).
func newSerial(random io.Reader) ([]byte, error) {
	s := make([]byte, serialSize)
	if _, err := io.ReadFull(random, s); err != nil {
		return nil, fmt.Errorf("draw serial: %w", err)
	}
	s[0] = s[0]&0x3f | 0x40
	return s, nil
}
