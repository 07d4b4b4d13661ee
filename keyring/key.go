package keyring

import (
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"

	"acmd/core"
)

// keyBind keeps private keys apart from whatever else is sealed for the same ARN.
func keyBind(arn string) string { return "private key of " + arn }

// SealKey seals a private key for the certificate of that ARN. The encoded
// plaintext (PKCS #8) lives only as long as the call. A key that cannot be
// exported (one in a device) is an error.
func (r *Ring) SealKey(arn string, key crypto.Signer) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("encode private key: %w", err)
	}
	defer clear(der)
	return r.Seal(keyBind(arn), der)
}

// OpenKey gives back what SealKey sealed for the same ARN. Errors as Open has them.
func (r *Ring) OpenKey(arn string, sealed []byte) (crypto.Signer, error) {
	der, err := r.Open(keyBind(arn), sealed)
	if err != nil {
		return nil, fmt.Errorf("open private key: %w", err)
	}
	defer clear(der)
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		// The parser's error is left out: it may describe what it read.
		return nil, errors.New("open private key: sealed blob holds no private key")
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, errors.New("open private key: sealed blob holds a key that cannot sign")
	}
	return signer, nil
}

// Request makes a certificate request (PKCS #10 DER), signed by key, for the
// given DNS names. The first is the common name too if it has at most
// core.MaxCommonName octets; else the subject is empty (standards 1.53).
func Request(key crypto.Signer, names []string) ([]byte, error) {
	if len(names) == 0 {
		return nil, &core.Error{Kind: core.Invalid, Detail: "A certificate request needs at least one name."}
	}
	t := &x509.CertificateRequest{DNSNames: names}
	if len(names[0]) <= core.MaxCommonName {
		t.Subject = pkix.Name{CommonName: names[0]}
	}
	der, err := x509.CreateCertificateRequest(rand.Reader, t, key)
	if err != nil {
		return nil, fmt.Errorf("make certificate request: %w", err)
	}
	return der, nil
}
