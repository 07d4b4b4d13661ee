package ca

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"fmt"
	"math/big"
	"slices"
	"time"

	"acmd/core"
)

// Bounds of a request.
const (
	maxNames = 100     // wire facts §2
	maxCSR   = 1 << 16 // RSA-4096 and a hundred long names fit well
)

// Request asks for one leaf.
type Request struct {
	CSR       []byte    // PKCS #10, DER. Only its public key goes into the leaf.
	Names     []string  // the approved names as core.ParseName gives them, 1 to 100, each once; the first becomes the CN
	Now       time.Time // the time of the order's life
	NotBefore time.Time // optional: when validity is to begin, at most core.IntentLifetime from Now
}

// Prepare makes what Sign is to sign: serial, validity and the DER of the
// TBSCertificate; the caller adds SealedKey and commits it before Sign. The
// leaf is built and signed with a throw-away key, checked against our own
// profile and linted (standards 1.58). Every error that the request caused is
// core.Invalid, and names the lint if one did.
func (a *Authority) Prepare(r Request) (core.Intent, error) {
	pub, err := checkRequest(r)
	if err != nil {
		return core.Intent{}, err
	}
	notBefore, notAfter, err := a.period(r.Now, r.NotBefore)
	if err != nil {
		return core.Intent{}, err
	}
	serial, err := newSerial(rand.Reader)
	if err != nil {
		return core.Intent{}, err
	}
	t := a.template(r.Names, pub, serial)
	t.NotBefore, t.NotAfter = notBefore, notAfter
	// The parent has no public key of its own, so that the throw-away one may sign.
	parent := &x509.Certificate{RawSubject: a.chain[0].RawSubject, SubjectKeyId: a.chain[0].SubjectKeyId}
	der, err := x509.CreateCertificate(rand.Reader, t, parent, pub, a.throwaway)
	if err != nil {
		return core.Intent{}, fmt.Errorf("make certificate to be signed: %w", err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return core.Intent{}, fmt.Errorf("read certificate to be signed: %w", err)
	}
	if err := a.checkProfile(cert); err != nil {
		return core.Intent{}, err
	}
	if err := a.lints.certificate(der); err != nil {
		return core.Intent{}, err
	}
	return core.Intent{Serial: hex.EncodeToString(serial), NotBefore: notBefore, NotAfter: notAfter,
		TBS: slices.Clone(cert.RawTBSCertificate), At: core.Millis(r.Now)}, nil
}

// template is the leaf profile (standards 1.51 to 1.56): no clientAuth, no
// subject key identifier, CN only where it fits. The library makes SAN critical
// when the subject is empty, and key usage always.
func (a *Authority) template(names []string, pub crypto.PublicKey, serial []byte) *x509.Certificate {
	t := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), SignatureAlgorithm: a.scheme.algorithm,
		DNSNames: names, Policies: []x509.OID{a.policy}, BasicConstraintsValid: true,
		KeyUsage: leafKeyUsage(pub), ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if len(names[0]) <= core.MaxCommonName {
		t.Subject = pkix.Name{CommonName: names[0]}
	}
	if a.base != "" {
		t.IssuingCertificateURL = []string{a.base + issuerPath(a.id)}
		t.CRLDistributionPoints = []string{a.crlURL(shardOf(serial))}
	}
	return t
}

func leafKeyUsage(pub crypto.PublicKey) x509.KeyUsage {
	if _, ok := pub.(*rsa.PublicKey); ok {
		return x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	}
	return x509.KeyUsageDigitalSignature
}

// checkRequest reads the request and gives its public key. The key is judged
// before the signature is, so that no work is spent on a bad one.
func checkRequest(r Request) (crypto.PublicKey, error) {
	bad := func(format string, args ...any) (crypto.PublicKey, error) {
		return nil, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf(format, args...)}
	}
	if len(r.Names) == 0 || len(r.Names) > maxNames {
		return bad("A certificate holds 1 to %d names, not %d.", maxNames, len(r.Names))
	}
	seen := make(map[string]bool, len(r.Names))
	for _, n := range r.Names {
		parsed, err := core.ParseName(n)
		if err != nil {
			return nil, err
		}
		if parsed != n || seen[n] {
			return bad("The name %q is not in lower case, or stands there twice.", n)
		}
		seen[n] = true
	}
	if len(r.CSR) > maxCSR {
		return bad("The certificate request is longer than %d octets.", maxCSR)
	}
	csr, err := x509.ParseCertificateRequest(r.CSR)
	if err != nil {
		return bad("The certificate request cannot be read.")
	}
	if why := weakness(csr.PublicKey); why != "" {
		return bad("%s", why)
	}
	if !slices.Contains(csrAlgorithms, csr.SignatureAlgorithm) {
		return bad("The certificate request is signed with %s.", csr.SignatureAlgorithm)
	}
	if err := csr.CheckSignature(); err != nil {
		return bad("The signature of the certificate request is not of its key.")
	}
	if why := foreignNames(csr, seen); why != "" {
		return bad("%s", why)
	}
	return csr.PublicKey, nil
}

// csrAlgorithms leaves out everything with SHA-1 or worse.
var csrAlgorithms = []x509.SignatureAlgorithm{
	x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
	x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
	x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512,
}

// foreignNames says what the request asks for beside the approved names, or
// leaves out of them; "" if nothing. One that names nothing is just a key.
func foreignNames(csr *x509.CertificateRequest, approved map[string]bool) string {
	if len(csr.IPAddresses)+len(csr.EmailAddresses)+len(csr.URIs) > 0 {
		return "The certificate request asks for other things than DNS names."
	}
	asked := slices.Clone(csr.DNSNames)
	if cn := csr.Subject.CommonName; cn != "" {
		asked = append(asked, cn)
	}
	found := make(map[string]bool, len(asked))
	for _, n := range asked {
		parsed, err := core.ParseName(n)
		if err != nil || !approved[parsed] {
			return fmt.Sprintf("The certificate request names %q, which the order does not.", n)
		}
		found[parsed] = true
	}
	if len(found) > 0 && len(found) != len(approved) {
		return "The certificate request names fewer names than the order."
	}
	return ""
}
