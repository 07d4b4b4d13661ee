// Package ca is the embedded certificate authority: it turns an approved order
// and a certificate request into a leaf, and signs the CRLs of its issuer.
//
// It trusts its caller that the names are approved, and nothing else: of a
// request it takes the public key, once that is shown to be sound and held by
// the requester (standards 1.46, 1.47, 1.57). What it will sign is made first
// (Prepare) and signed later (Sign), so that the caller can commit it in
// between; a repeat after a crash signs the same bytes. It never touches the
// network or a clock, never asks why an order is approved, and never sees a
// subscriber's private key (standards 1.49).
package ca

import (
	"bytes"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// DefaultPolicyOID is the certificate policy in leaves unless another is
// configured: a private CA uses an OID of its own instead of the reserved ones
// (standards 1.54). It lies in an arc that is open to anyone with a UUID, here
// 07167a57-2fb1-43bb-b8ff-ead580d85448, cut into the seven numbers that the arc
// asks for. The arc 2.25, which takes a UUID as one number, would be shorter;
// but numbers above 31 bits are refused by the linter, and by programs built
// with Go before 1.22, which then reject the whole certificate.
const DefaultPolicyOID = "1.2.840.113556.1.8000.2554.1814.31319.12209.17339.47359.15390080.14177352"

// DefaultValidity is how long a leaf is valid unless configured: within the 200
// days that hold until 2027-03-15 (standards 1.52).
const DefaultValidity = 198 * 24 * time.Hour

// Bounds of Config.Validity.
const (
	minValidity = time.Hour
	maxValidity = 398 * 24 * time.Hour
)

// Shards is into how many CRLs the leaves of an issuer are divided. The last
// octet of the serial says which (standards 1.64), so it can never change.
const Shards = 16

// Config is what an Authority is made of.
type Config struct {
	Chain []*x509.Certificate // direct issuer first, self-signed root last
	Key   crypto.Signer       // of Chain[0]: ECDSA P-256, P-384, P-521, or RSA of 2048 bits and more

	// Validity of a leaf, counted inclusively (standards 1.52): an hour to 398
	// days, DefaultValidity if zero. It is shortened to what the dated table of
	// standards 1.52 allows on the day of signing, less a day.
	Validity time.Duration
	// LongValidity lifts the table's limit. Required for more than 200 days; the
	// caller warns at its start. For private trust only.
	LongValidity bool

	// BaseURL is where strangers reach the httpresponder:
	// http://host[:port], no path. Leaves then name CRL and issuer below it.
	// Empty: they name neither.
	BaseURL   string
	PolicyOID string // certificate policy in leaves; DefaultPolicyOID if empty
}

// Authority issues leaves under one issuer. It is safe for concurrent use.
type Authority struct {
	chain     []*x509.Certificate
	key       crypto.Signer
	scheme    scheme
	throwaway crypto.Signer // signs what is linted, never what leaves
	validity  time.Duration
	long      bool
	base      string
	policy    x509.OID
	id        string
	lints     linter
}

// New checks the configuration and makes an Authority of it. It refuses a chain
// that does not verify up to a self-signed root, an issuer that is that root
// (standards 1.57) or may not sign leaves and CRLs, and a key that is not the
// issuer's.
func New(c Config) (*Authority, error) {
	if err := checkChain(c.Chain); err != nil {
		return nil, fmt.Errorf("issuer chain: %w", err)
	}
	issuer := c.Chain[0]
	if c.Key == nil || !samePublicKey(issuer.PublicKey, c.Key.Public()) {
		return nil, errors.New("issuer key: not the key of the issuer's certificate")
	}
	s, err := schemeFor(c.Key.Public())
	if err != nil {
		return nil, fmt.Errorf("issuer key: %w", err)
	}
	a := &Authority{chain: slices.Clone(c.Chain), key: c.Key, scheme: s, long: c.LongValidity, id: issuerID(issuer)}
	if a.validity, err = checkValidity(c); err != nil {
		return nil, err
	}
	if a.base, err = checkBaseURL(c.BaseURL); err != nil {
		return nil, err
	}
	if a.policy, err = checkPolicyOID(c.PolicyOID); err != nil {
		return nil, err
	}
	if a.throwaway, err = s.newKey(); err != nil {
		return nil, fmt.Errorf("make throw-away key: %w", err)
	}
	if a.lints, err = newLinter(c, exceptions); err != nil {
		return nil, err
	}
	return a, nil
}

// Chain is the DER of the issuers, direct one first, root last.
func (a *Authority) Chain() [][]byte {
	var out [][]byte
	for _, c := range a.chain {
		out = append(out, bytes.Clone(c.Raw))
	}
	return out
}

// SignatureAlgorithm is the algorithm that leaves are signed with, in ACM's
// spelling: "SHA256WITHECDSA" (wire facts §4).
func (a *Authority) SignatureAlgorithm() string { return a.scheme.name }

// IssuerID names the issuer in URLs: twenty hex digits that stay the same when
// its certificate is renewed for the same name and key.
func (a *Authority) IssuerID() string { return a.id }

// Issuers maps URL paths below BaseURL to the DER found there: "/ca/<id>.cer" of
// the direct issuer, which leaves name (AIA caIssuers), and of those above it.
func (a *Authority) Issuers() map[string][]byte {
	out := make(map[string][]byte, len(a.chain))
	for _, c := range a.chain {
		out[issuerPath(issuerID(c))] = bytes.Clone(c.Raw)
	}
	return out
}

func issuerPath(id string) string { return "/ca/" + id + ".cer" }

func crlPath(id string, shard int) string { return fmt.Sprintf("/crl/%s/%d.crl", id, shard) }

func issuerID(c *x509.Certificate) string {
	h := sha256.New()
	h.Write(c.RawSubject) // DER ends itself, so the two cannot run into each other
	h.Write(c.RawSubjectPublicKeyInfo)
	return hex.EncodeToString(h.Sum(nil)[:10])
}

func checkChain(chain []*x509.Certificate) error {
	if len(chain) < 2 || slices.Contains(chain, nil) {
		return errors.New("want the issuer's certificate and those above it up to the root; the root itself may not issue leaves")
	}
	for i, c := range chain {
		name := c.Subject.String()
		if !c.BasicConstraintsValid || !c.IsCA || c.KeyUsage&x509.KeyUsageCertSign == 0 {
			return fmt.Errorf("%s may not sign certificates", name)
		}
		if (c.MaxPathLen > 0 || c.MaxPathLenZero) && c.MaxPathLen < i {
			return fmt.Errorf("the path length of %s does not allow %d certificates of CAs below it", name, i)
		}
		parent := chain[min(i+1, len(chain)-1)] // the root is its own
		if !bytes.Equal(c.RawIssuer, parent.RawSubject) {
			return fmt.Errorf("%s was not issued by %s, which follows it", name, parent.Subject)
		}
		if err := c.CheckSignatureFrom(parent); err != nil {
			return fmt.Errorf("signature of %s: %w", name, err)
		}
	}
	issuer := chain[0]
	switch {
	case issuer.KeyUsage&x509.KeyUsageCRLSign == 0:
		return fmt.Errorf("%s may not sign CRLs", issuer.Subject)
	case len(issuer.SubjectKeyId) == 0:
		return fmt.Errorf("%s has no subject key identifier", issuer.Subject)
	case len(issuer.ExtKeyUsage)+len(issuer.UnknownExtKeyUsage) > 0 &&
		!slices.Contains(issuer.ExtKeyUsage, x509.ExtKeyUsageServerAuth) && !slices.Contains(issuer.ExtKeyUsage, x509.ExtKeyUsageAny):
		return fmt.Errorf("%s may not issue for TLS servers", issuer.Subject)
	}
	return nil
}

func checkValidity(c Config) (time.Duration, error) {
	v := c.Validity
	if v == 0 {
		v = DefaultValidity
	}
	if v < minValidity || v > maxValidity || v%time.Second != 0 {
		return 0, fmt.Errorf("validity %s: want whole seconds, 1 h to 398 d", v)
	}
	if v > validityLimits[0].limit && !c.LongValidity {
		return 0, fmt.Errorf("validity %s: more than 200 d must be allowed expressly", v)
	}
	return v, nil
}

// checkBaseURL takes http only (standards 1.56): fetching by https would need
// the status of another certificate.
func checkBaseURL(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Hostname() == "" || s != "http://"+u.Host || strings.ToLower(s) != s {
		return "", fmt.Errorf("base URL %q: want http://host[:port] in lower case, with nothing after it", s)
	}
	return s, nil
}

// checkPolicyOID refuses numbers above 31 bits for the reason given at
// DefaultPolicyOID, and the reserved policies, which promise public trust.
func checkPolicyOID(s string) (x509.OID, error) {
	if s == "" {
		s = DefaultPolicyOID
	}
	oid, err := x509.ParseOID(s)
	if err != nil {
		return x509.OID{}, fmt.Errorf("policy OID %q: not an object identifier", s)
	}
	for _, n := range strings.Split(s, ".") {
		if len(n) > 10 || len(n) == 10 && n > "2147483647" {
			return x509.OID{}, fmt.Errorf("policy OID %q: the number %s has more than 31 bits, which many programs cannot read", s, n)
		}
	}
	if s == "2.5.29.32.0" || strings.HasPrefix(s, "2.23.140.") {
		return x509.OID{}, fmt.Errorf("policy OID %q: reserved; use one of your own", s)
	}
	return oid, nil
}
