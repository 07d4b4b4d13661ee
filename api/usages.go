package api

import (
	"encoding/asn1"

	"golang.org/x/crypto/cryptobyte"
	tag "golang.org/x/crypto/cryptobyte/asn1"
)

// custom is ACM's name for a usage that has none of its own.
const custom = "CUSTOM"

// keyUsageNames are ACM's names of the KeyUsage bits, by bit (RFC 5280 §4.2.1.3).
var keyUsageNames = []string{"DIGITAL_SIGNATURE", "NON_REPUDIATION", "KEY_ENCIPHERMENT", "DATA_ENCIPHERMENT",
	"KEY_AGREEMENT", "CERTIFICATE_SIGNING", "CRL_SIGNING", "ENCIPHER_ONLY", "DECIPHER_ONLY"}

// extendedKeyUsageNames are ACM's names of the extended usages (RFC 5280 §4.2.1.12).
var extendedKeyUsageNames = map[string]string{
	"1.3.6.1.5.5.7.3.1": "TLS_WEB_SERVER_AUTHENTICATION",
	"1.3.6.1.5.5.7.3.2": "TLS_WEB_CLIENT_AUTHENTICATION",
	"1.3.6.1.5.5.7.3.3": "CODE_SIGNING",
	"1.3.6.1.5.5.7.3.4": "EMAIL_PROTECTION",
	"1.3.6.1.5.5.7.3.5": "IPSEC_END_SYSTEM",
	"1.3.6.1.5.5.7.3.6": "IPSEC_TUNNEL",
	"1.3.6.1.5.5.7.3.7": "IPSEC_USER",
	"1.3.6.1.5.5.7.3.8": "TIME_STAMPING",
	"1.3.6.1.5.5.7.3.9": "OCSP_SIGNING",
	"2.5.29.37.0":       "ANY",
}

var (
	keyUsageOID         = asn1.ObjectIdentifier{2, 5, 29, 15}
	extendedKeyUsageOID = asn1.ObjectIdentifier{2, 5, 29, 37}
)

type keyUsage struct {
	Name string
}

type extendedKeyUsage struct {
	Name string
	OID  string
}

// usages are the key usages of a certificate, never nil, so that they show as
// an empty list where there is none.
type usages struct {
	key      []keyUsage
	extended []extendedKeyUsage
}

// readUsages reads the two extensions from a certificate's DER. A list of a
// thousand certificates reads a thousand of them, so it does not parse the rest.
func readUsages(der []byte) usages {
	u := usages{key: []keyUsage{}, extended: []extendedKeyUsage{}}
	extensions := findExtensions(der)
	for !extensions.Empty() {
		var ext, value cryptobyte.String
		var oid asn1.ObjectIdentifier
		if !extensions.ReadASN1(&ext, tag.SEQUENCE) || !ext.ReadASN1ObjectIdentifier(&oid) ||
			!ext.SkipOptionalASN1(tag.BOOLEAN) || !ext.ReadASN1(&value, tag.OCTET_STRING) {
			return u
		}
		switch {
		case oid.Equal(keyUsageOID):
			u.key = append(u.key, keyUsages(value)...)
		case oid.Equal(extendedKeyUsageOID):
			u.extended = append(u.extended, extendedKeyUsages(value)...)
		}
	}
	return u
}

// findExtensions is the list of extensions; empty if there are none or the DER
// is no certificate.
func findExtensions(der []byte) cryptobyte.String {
	in := cryptobyte.String(der)
	var certificate, tbs, wrapped, extensions cryptobyte.String
	version := tag.Tag(0).ContextSpecific().Constructed()
	explicit := tag.Tag(3).ContextSpecific().Constructed()
	if !in.ReadASN1(&certificate, tag.SEQUENCE) || !certificate.ReadASN1(&tbs, tag.SEQUENCE) ||
		!tbs.SkipOptionalASN1(version) || !tbs.SkipASN1(tag.INTEGER) {
		return nil
	}
	for range 5 { // signature, issuer, validity, subject, public key
		if !tbs.SkipASN1(tag.SEQUENCE) {
			return nil
		}
	}
	if !tbs.SkipOptionalASN1(tag.Tag(1).ContextSpecific()) || !tbs.SkipOptionalASN1(tag.Tag(2).ContextSpecific()) ||
		!tbs.ReadASN1(&wrapped, explicit) || !wrapped.ReadASN1(&extensions, tag.SEQUENCE) {
		return nil
	}
	return extensions
}

func keyUsages(value cryptobyte.String) []keyUsage {
	var bits asn1.BitString
	if !value.ReadASN1BitString(&bits) {
		return nil
	}
	var out []keyUsage
	for i, name := range keyUsageNames {
		if bits.At(i) != 0 {
			out = append(out, keyUsage{name})
		}
	}
	return out
}

func extendedKeyUsages(value cryptobyte.String) []extendedKeyUsage {
	var list cryptobyte.String
	if !value.ReadASN1(&list, tag.SEQUENCE) {
		return nil
	}
	var out []extendedKeyUsage
	for !list.Empty() {
		var oid asn1.ObjectIdentifier
		if !list.ReadASN1ObjectIdentifier(&oid) {
			return out
		}
		name, known := extendedKeyUsageNames[oid.String()]
		if !known {
			name = custom
		}
		out = append(out, extendedKeyUsage{name, oid.String()})
	}
	return out
}
