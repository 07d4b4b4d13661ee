package ca

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"acmd/core"
)

// Standards 1.63, 1.64.
func TestCRL(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]crypto.Signer{"P-256": ecKey(elliptic.P256()), "P-384": ecKey(elliptic.P384()), "RSA-2048": rsaKey()} {
		a := newAuthority(t, Config{Chain: issuer(t, key, nil), Key: key, BaseURL: testURL})
		in, leaf := issue(t, a, request(t, ecKey(elliptic.P256()), "example.org"))
		shard := shardOf(must(hex.DecodeString(in.Serial)))
		der, err := a.CRL(shard, nil, now)
		if err != nil {
			t.Fatal(err)
		}
		l := must(x509.ParseRevocationList(der))
		if err := l.CheckSignatureFrom(a.chain[0]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if len(l.RevokedCertificateEntries) != 0 || !bytes.Equal(l.RawIssuer, leaf.RawIssuer) || !bytes.Equal(l.AuthorityKeyId, leaf.AuthorityKeyId) {
			t.Errorf("%s: %d entries, issuer %s", name, len(l.RevokedCertificateEntries), l.Issuer)
		}
		if l.Number.Int64() != now.Unix() || !l.ThisUpdate.Equal(now.Truncate(time.Second)) || l.NextUpdate.Sub(l.ThisUpdate) >= 7*day {
			t.Errorf("%s: number %d, %s to %s", name, l.Number, l.ThisUpdate, l.NextUpdate)
		}
		uri := append([]byte{0x86, byte(len(leaf.CRLDistributionPoints[0]))}, leaf.CRLDistributionPoints[0]...)
		var found bool
		for _, e := range l.Extensions {
			if e.Id.Equal(oidIssuingDistributionPoint) {
				found = e.Critical && bytes.Contains(e.Value, uri) && bytes.HasSuffix(e.Value, []byte{0x81, 1, 0xff})
			}
		}
		if !found {
			t.Errorf("%s: no critical distribution point equal to the leaf's", name)
		}
		later := must(x509.ParseRevocationList(must(a.CRL(shard, nil, now.Add(time.Second)))))
		if later.Number.Cmp(l.Number) <= 0 {
			t.Errorf("%s: number %d after %d", name, later.Number, l.Number)
		}
	}
}

func TestCRLEntries(t *testing.T) {
	t.Parallel()
	a := newAuthority(t, config())
	entry := func(serial int64, reason int) []x509.RevocationListEntry {
		return []x509.RevocationListEntry{{SerialNumber: big.NewInt(serial), RevocationTime: now, ReasonCode: reason}}
	}
	cases := []struct {
		name    string
		shard   int
		entries []x509.RevocationListEntry
		want    string
	}{
		{"its own", 5, entry(0xabc5, 1), ""},
		{"no reason", 5, entry(0xabc5, 0), ""},
		{"another shard's", 6, entry(0xabc5, 1), "does not belong"},
		{"no serial", 5, []x509.RevocationListEntry{{RevocationTime: now}}, "does not belong"},
		{"serial zero", 0, entry(0, 1), "does not belong"},
		{"forbidden reason (1.62)", 5, entry(0xabc5, 6), "would break"},
	}
	for _, c := range cases {
		der, err := a.CRL(c.shard, c.entries, now)
		if c.want != "" {
			if !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		got := must(x509.ParseRevocationList(der)).RevokedCertificateEntries
		if len(got) != 1 || got[0].SerialNumber.Cmp(c.entries[0].SerialNumber) != 0 || got[0].ReasonCode != c.entries[0].ReasonCode {
			t.Errorf("%s: entries %+v", c.name, got)
		}
	}
	for _, shard := range []int{-1, Shards} {
		if _, err := a.CRL(shard, nil, now); !errors.Is(err, core.NotFound) {
			t.Errorf("shard %d: %v", shard, err)
		}
	}
	bare := config()
	bare.BaseURL = ""
	if _, err := newAuthority(t, bare).CRL(0, nil, now); err == nil {
		t.Error("a CRL that no leaf names was made")
	}
}
