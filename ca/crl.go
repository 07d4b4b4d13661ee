package ca

import (
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"errors"
	"fmt"
	"math/big"
	"time"

	"golang.org/x/crypto/cryptobyte"
	cbasn1 "golang.org/x/crypto/cryptobyte/asn1"

	"acmd/core"
)

// crlValidity is how long a CRL may serve, both ends counted: seven days, of the
// ten that standards 1.63 allows. New ones come far more often.
const crlValidity = 7*day - time.Second

var oidIssuingDistributionPoint = asn1.ObjectIdentifier{2, 5, 29, 28}

// shardOf is the CRL that a serial belongs to, 0 to Shards-1.
func shardOf(serial []byte) int { return int(serial[len(serial)-1]) % Shards }

// crlURL is the one place that spells a CRL's URL: leaves and the CRL itself
// must agree to the byte (standards 1.64).
func (a *Authority) crlURL(shard int) string { return a.base + crlPath(a.id, shard) }

// CRL signs the CRL of one shard, 0 to Shards-1, as of now. revoked are the
// revoked leaves of that shard; one of another shard is core.Invalid, as is a
// reason that standards 1.62 does not allow. Its number is now in Unix seconds,
// so two of one shard must lie a second apart. Without a base URL there are no
// CRLs, since no leaf names one.
func (a *Authority) CRL(shard int, revoked []x509.RevocationListEntry, now time.Time) ([]byte, error) {
	if a.base == "" {
		return nil, errors.New("make CRL: no base URL is configured")
	}
	if shard < 0 || shard >= Shards {
		return nil, &core.Error{Kind: core.NotFound, Detail: fmt.Sprintf("There is no CRL %d.", shard)}
	}
	for _, e := range revoked {
		if e.SerialNumber == nil || e.SerialNumber.Sign() <= 0 || shardOf(e.SerialNumber.Bytes()) != shard {
			return nil, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("The serial %x does not belong to CRL %d.", e.SerialNumber, shard)}
		}
	}
	point, err := issuingDistributionPoint(a.crlURL(shard))
	if err != nil {
		return nil, fmt.Errorf("make CRL: %w", err)
	}
	begin := now.UTC().Truncate(time.Second)
	der, err := x509.CreateRevocationList(rand.Reader, &x509.RevocationList{
		SignatureAlgorithm:        a.scheme.algorithm,
		RevokedCertificateEntries: revoked,
		Number:                    big.NewInt(begin.Unix()),
		ThisUpdate:                begin,
		NextUpdate:                begin.Add(crlValidity),
		ExtraExtensions:           []pkix.Extension{point},
	}, a.chain[0], a.key)
	if err != nil {
		return nil, fmt.Errorf("make CRL: %w", err)
	}
	if err := a.lints.crl(der); err != nil {
		return nil, err
	}
	return der, nil
}

// issuingDistributionPoint is the critical extension of RFC 5280 §5.2.5: the URL
// that leaves name, and that the CRL speaks of leaves only.
func issuingDistributionPoint(url string) (pkix.Extension, error) {
	context := func(n uint8) cbasn1.Tag { return cbasn1.Tag(n).ContextSpecific() }
	var b cryptobyte.Builder
	b.AddASN1(cbasn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(context(0).Constructed(), func(b *cryptobyte.Builder) { // distributionPoint
			b.AddASN1(context(0).Constructed(), func(b *cryptobyte.Builder) { // fullName
				b.AddASN1(context(6), func(b *cryptobyte.Builder) { b.AddBytes([]byte(url)) }) // uniformResourceIdentifier
			})
		})
		b.AddASN1(context(1), func(b *cryptobyte.Builder) { b.AddUint8(0xff) }) // onlyContainsUserCerts
	})
	der, err := b.Bytes()
	return pkix.Extension{Id: oidIssuingDistributionPoint, Critical: true, Value: der}, err
}
