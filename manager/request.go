package manager

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"acmd/core"
	"acmd/store"
)

// tokenLifetime is how long an idempotency token stands for its first request.
const tokenLifetime = time.Hour

// maxProvable bounds a name in octets so that its record name, longer by an
// underscore, 32 hex digits and a dot, is still a DNS name.
const maxProvable = 253 - 34

// Request takes a certificate request and answers its ARN once certificate,
// order, proofs and audit record are durable. A name that the policy refuses
// still gives an ARN, of a certificate that is FAILED from the start, as ACM
// does (wire facts §3). Errors: Invalid, InvalidDomainOptions, InvalidTag,
// TooManyTags, LimitExceeded.
func (m *Manager) Request(ctx context.Context, by Caller, r Request) (string, error) {
	names, err := m.names(r)
	if err != nil {
		return "", err
	}
	if err := checkOptions(r.Options, names); err != nil {
		return "", err
	}
	if err := checkTags(r.Tags); err != nil {
		return "", err
	}
	now := m.now()
	c := core.Certificate{
		Arn:     core.CertificateArn(by.Region, by.Account, uuid.NewString()),
		Account: by.Account, Region: by.Region, Names: names, Type: core.AmazonIssued, Method: r.Method,
		KeyAlgorithm: r.KeyAlgorithm, CTLogging: r.CTLogging, Export: r.Export, CreatedAt: now,
	}
	o := core.NewOrder(uuid.NewString(), c, now)
	c.OrderID = o.ID
	audit := m.audit("RequestCertificate", by, c.Arn, now)
	audit.Detail["DomainName"] = c.Domain()
	n := store.NewCertificate{Certificate: c, Tags: r.Tags, Records: []core.Record{audit}, Proofs: m.proofs(c),
		Token: r.Token, Digest: digest(r, names), TokenUntil: now.Add(tokenLifetime), Quota: m.Limits.Certificates}
	if err := m.refuse(&o, now); err != nil {
		return "", err
	}
	if o.State == core.OrderFailed {
		n.Records = append(n.Records, m.moved(c, o, core.OrderPending, now))
	}
	n.Order = o
	arn, err := m.Store.CreateCertificate(ctx, n, now)
	switch {
	case errors.Is(err, core.LimitExceeded):
		return "", &core.Error{Kind: core.LimitExceeded, Detail: fmt.Sprintf(
			"Error: you have reached your limit of %d certificates. Delete certificates that are not in use, or raise limits.certificates.", m.Limits.Certificates)}
	case err != nil:
		return "", fmt.Errorf("create certificate: %w", err)
	}
	if arn != c.Arn {
		return arn, nil // the idempotency token's first request made it
	}
	m.metrics.requested.Inc()
	if o.State == core.OrderFailed {
		m.logMove(o, core.OrderPending)
	}
	m.Nudge()
	return arn, nil
}

// names checks the request's names and returns them in lower case, the
// DomainName first and each once.
func (m *Manager) names(r Request) ([]string, error) {
	var names []string
	for i, raw := range append([]string{r.Domain}, r.SANs...) {
		n, err := core.ParseName(raw)
		if err != nil {
			return nil, err
		}
		if i == 0 && len(n) > core.MaxCommonName {
			return nil, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf(
				"The DomainName %q has more than %d characters; it becomes the common name. Put a shorter name first and this one among the SubjectAlternativeNames.", raw, core.MaxCommonName)}
		}
		if base := core.BaseName(n); len(base) > maxProvable {
			return nil, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf(
				"The domain name %q is too long to validate by DNS: without a wildcard it may have at most %d characters, so that its CNAME record fits into DNS.", raw, maxProvable)}
		}
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	if len(names) > m.Limits.NamesPerCertificate {
		return nil, &core.Error{Kind: core.LimitExceeded, Detail: "Error: Certificate has too many domains."}
	}
	return names, nil
}

// checkOptions checks that each option is about a requested name and that its
// ValidationDomain is that name or a superdomain of it.
func checkOptions(options []DomainOption, names []string) error {
	for _, o := range options {
		domain, parent := strings.ToLower(o.Domain), strings.ToLower(o.ValidationDomain)
		if !slices.Contains(names, domain) {
			return &core.Error{Kind: core.InvalidDomainOptions, Detail: fmt.Sprintf("%s is not one of the names of the request.", o.Domain)}
		}
		if domain != parent && !core.IsSuperdomain(parent, core.BaseName(domain)) {
			return &core.Error{Kind: core.InvalidDomainOptions, Detail: fmt.Sprintf("%s is neither %s nor a superdomain of it.", o.ValidationDomain, o.Domain)}
		}
	}
	return nil
}

// checkTags refuses what the constraints of the model let through: reserved
// keys, repeated keys, too many.
func checkTags(tags []core.Tag) error {
	if len(tags) > core.MaxTags {
		return &core.Error{Kind: core.TooManyTags, Detail: fmt.Sprintf("A certificate can have at most %d tags.", core.MaxTags)}
	}
	seen := map[string]bool{}
	for _, t := range tags {
		if reservedKey(t.Key) {
			return &core.Error{Kind: core.InvalidTag, Detail: fmt.Sprintf("The tag key %q is reserved: keys may not begin with aws:.", t.Key)}
		}
		if seen[t.Key] {
			return &core.Error{Kind: core.InvalidTag, Detail: fmt.Sprintf("The tag key %q stands there more than once.", t.Key)}
		}
		seen[t.Key] = true
	}
	return nil
}

// reservedKey reports whether only AWS itself could set the tag.
func reservedKey(key string) bool { return strings.HasPrefix(strings.ToLower(key), "aws:") }

// refuse fails the order at once if the policy does not issue for one of its names.
func (m *Manager) refuse(o *core.Order, now time.Time) error {
	var refused []string
	for i, n := range o.Names {
		why := m.Names.Refuse(n.Name)
		if why == "" {
			continue
		}
		refused = append(refused, n.Name)
		o.Names[i].CheckedAt = now
		o.Names[i].Diagnosis = &core.Diagnosis{Code: core.CodeNameForbidden, Sentence: why + ".",
			Evidence: []core.Evidence{{Asked: n.Name, Of: "configuration", Answer: "refused by the name policy"}}}
	}
	if len(refused) == 0 {
		return nil
	}
	return o.Fail(core.ReasonInvalidPublicDomain, now, refused...)
}

// proofs are the proofs that the certificate's names need, one a base name.
func (m *Manager) proofs(c core.Certificate) []core.Proof {
	var out []core.Proof
	for _, n := range c.Names {
		base := core.BaseName(n)
		if !slices.ContainsFunc(out, func(p core.Proof) bool { return p.Name == base }) {
			out = append(out, core.Proof{Account: c.Account, Name: base, Method: c.Method, Label: m.Tokens.Record(c.Account, base).Label})
		}
	}
	return out
}

// digest identifies a request's parameters, whatever the order of its names, so
// that an idempotency token used for something else is noticed.
func digest(r Request, names []string) string {
	sorted := slices.Sorted(slices.Values(names))
	raw, err := json.Marshal([]any{names[0], sorted, r.Method, r.KeyAlgorithm, r.CTLogging, r.Export})
	if err != nil {
		panic("digest: " + err.Error()) // strings and booleans always marshal
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}
