package ca

import (
	"bytes"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"slices"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"acmd/core"
)

// Sign signs the bytes that Prepare gave and returns the certificate's DER. It
// may be repeated: the TBSCertificate is always the one given, and with a
// software key the whole certificate is the same. What this Authority would not
// have prepared (another issuer's, a CA's, one that outlives the issuer) is
// core.Invalid. The result is verified with the issuer's certificate before it
// leaves.
func (a *Authority) Sign(tbs []byte) ([]byte, error) {
	// A signature is needed to read it at all; this one is never looked at.
	unsigned, err := a.assemble(tbs, []byte{0})
	if err != nil {
		return nil, fmt.Errorf("assemble certificate: %w", err)
	}
	cert, err := x509.ParseCertificate(unsigned)
	if err != nil || !bytes.Equal(cert.RawTBSCertificate, tbs) {
		return nil, &core.Error{Kind: core.Invalid, Detail: "What is to be signed is not a certificate of this CA."}
	}
	if err := a.checkProfile(cert); err != nil {
		return nil, err
	}
	sig, err := a.scheme.sign(a.key, tbs)
	if err != nil {
		return nil, fmt.Errorf("sign certificate: %w", err)
	}
	der, err := a.assemble(tbs, sig)
	if err != nil {
		return nil, fmt.Errorf("assemble certificate: %w", err)
	}
	signed, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("read signed certificate: %w", err)
	}
	if err := signed.CheckSignatureFrom(a.chain[0]); err != nil {
		return nil, fmt.Errorf("verify signed certificate: %w", err)
	}
	return der, nil
}

// assemble is Certificate of RFC 5280 §4.1. The outer AlgorithmIdentifier is the
// scheme's; reading it back refuses a TBSCertificate with another (standards 1.51).
func (a *Authority) assemble(tbs, signature []byte) ([]byte, error) {
	b := cryptobyte.NewBuilder(make([]byte, 0, len(tbs)+len(signature)+32))
	b.AddASN1(asn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes([]byte(a.scheme.identifier))
		b.AddASN1BitString(signature)
	})
	return b.Bytes()
}

// leafExtensions are the extensions of our profile (standards 1.54).
var leafExtensions = []string{
	"2.5.29.15", "2.5.29.37", "2.5.29.19", "2.5.29.35", "1.3.6.1.5.5.7.1.1", "2.5.29.17", "2.5.29.32", "2.5.29.31",
}

// checkProfile compares a leaf with what this CA declares to issue (standards
// 1.59). It holds for what is prepared and again for what is signed, so that
// nobody who can write to the store can have a CA signed.
func (a *Authority) checkProfile(c *x509.Certificate) error {
	issuer := a.chain[0]
	var why string
	switch {
	case !bytes.Equal(c.RawIssuer, issuer.RawSubject) || !bytes.Equal(c.AuthorityKeyId, issuer.SubjectKeyId):
		why = "it names another issuer"
	case c.SignatureAlgorithm != a.scheme.algorithm:
		why = "it names another signature algorithm"
	case c.Version != 3:
		why = "it is not of version 3"
	case c.SerialNumber.Sign() <= 0 || len(c.SerialNumber.Bytes()) != serialSize:
		why = "its serial is not a positive number of 16 octets"
	case c.IsCA || c.KeyUsage != leafKeyUsage(c.PublicKey):
		why = "its key usage is not a server's"
	case !slices.Equal(c.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) || len(c.UnknownExtKeyUsage) > 0:
		why = "its extended key usage is not serverAuth alone"
	case len(c.DNSNames) == 0 || len(c.IPAddresses)+len(c.EmailAddresses)+len(c.URIs) > 0:
		why = "its alternative names are not DNS names"
	case c.Subject.CommonName != "" && c.Subject.CommonName != c.DNSNames[0]:
		why = "its common name is not its first name"
	case len(c.Subject.Names) > 1 || len(c.Subject.Names) == 1 && c.Subject.CommonName == "":
		why = "its subject holds more than a common name"
	}
	for _, e := range c.Extensions {
		if id := e.Id.String(); why == "" && !slices.Contains(leafExtensions, id) {
			why = "it has the extension " + id
		}
	}
	if why != "" {
		return &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("The certificate %s does not fit this CA's profile: %s.",
			hex.EncodeToString(c.SerialNumber.Bytes()), why)}
	}
	return a.checkEnd(c.NotAfter)
}
