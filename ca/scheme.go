package ca

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	_ "crypto/sha256" // SHA-256 for crypto.Hash
	_ "crypto/sha512" // SHA-384, SHA-512
	"crypto/x509"
	"errors"
	"fmt"
)

// scheme is how a CA key signs. The hash follows the curve of the signing key
// (standards 1.48).
type scheme struct {
	name       string // ACM's spelling
	algorithm  x509.SignatureAlgorithm
	hash       crypto.Hash
	identifier string         // DER of the AlgorithmIdentifier, exactly as standards 1.48 has it
	curve      elliptic.Curve // nil for RSA
}

func schemeFor(pub crypto.PublicKey) (scheme, error) {
	switch k := pub.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() < 2048 {
			return scheme{}, errors.New("RSA of fewer than 2048 bits")
		}
		return scheme{name: "SHA256WITHRSA", algorithm: x509.SHA256WithRSA, hash: crypto.SHA256,
			identifier: "\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00"}, nil
	case *ecdsa.PublicKey:
		switch k.Curve {
		case elliptic.P256():
			return scheme{name: "SHA256WITHECDSA", algorithm: x509.ECDSAWithSHA256, hash: crypto.SHA256,
				identifier: "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02", curve: k.Curve}, nil
		case elliptic.P384():
			return scheme{name: "SHA384WITHECDSA", algorithm: x509.ECDSAWithSHA384, hash: crypto.SHA384,
				identifier: "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03", curve: k.Curve}, nil
		case elliptic.P521():
			return scheme{name: "SHA512WITHECDSA", algorithm: x509.ECDSAWithSHA512, hash: crypto.SHA512,
				identifier: "\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x04", curve: k.Curve}, nil
		}
	}
	return scheme{}, fmt.Errorf("%T is neither ECDSA on P-256, P-384 or P-521 nor RSA", pub)
}

// newKey makes a key that signs by the same scheme.
func (s scheme) newKey() (crypto.Signer, error) {
	if s.curve == nil {
		return rsa.GenerateKey(rand.Reader, 2048)
	}
	return ecdsa.GenerateKey(s.curve, rand.Reader)
}

// sign signs message. A software key on a curve signs deterministically (RFC
// 6979), as RSA does anyway: then a repeat after a crash gives the same
// certificate to the last bit. A key in a device is asked in the common way.
func (s scheme) sign(key crypto.Signer, message []byte) ([]byte, error) {
	h := s.hash.New()
	h.Write(message)
	if k, ok := key.(*ecdsa.PrivateKey); ok {
		return k.Sign(nil, h.Sum(nil), s.hash)
	}
	return key.Sign(rand.Reader, h.Sum(nil), s.hash)
}

func samePublicKey(a, b crypto.PublicKey) bool {
	k, ok := a.(interface{ Equal(crypto.PublicKey) bool })
	return ok && k.Equal(b)
}
