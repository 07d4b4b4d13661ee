package validator

import (
	"context"
	"strings"

	"acmd/core"
)

// failed turns a question that no resolver settled into a diagnosis. what names
// the thing looked for, as in "the CNAME record at _x1.example.com.".
func (c *check) failed(ctx context.Context, r reply, what string) diagnosis {
	if c.isBogus(ctx, r) {
		return diagnose(core.CodeBogus,
			"%s cannot be trusted: its DNSSEC signatures do not validate (resolver %s: %s); re-sign the zone, or make the DS record at the registrar match its keys.",
			capital(what), r.server, r)
	}
	return unanswered(r, what)
}

// unanswered is failed without the question whether the answer is bogus.
func unanswered(r reply, what string) diagnosis {
	switch r.outcome {
	case refused:
		return diagnose(core.CodeRefused,
			"The resolver %s refuses to answer us (asked for %s): allow this host in the resolver's access list, or configure another resolver.",
			r.server, what)
	case timeout:
		return diagnose(core.CodeTimeout,
			"No answer came in time when the resolver %s was asked for %s: see whether the resolver runs and whether the domain's name servers answer on UDP and TCP port 53.",
			r.server, what)
	case unreachable:
		return diagnose(core.CodeTimeout,
			"The resolver %s could not be reached when asking for %s: see whether it runs and listens there.",
			r.server, what)
	}
	return diagnose(core.CodeServfail,
		"The resolver %s could not find out about %s (%s): see whether every name server that the parent zone names for the domain answers for it.",
		r.server, what, r)
}

// isBogus reports whether a SERVFAIL is a matter of DNSSEC: the resolver says
// so by an extended error, or it answers once validation is switched off and
// fails again when that is on, so that it was no trouble of a moment.
func (c *check) isBogus(ctx context.Context, r reply) bool {
	if r.outcome != servfail {
		return false
	}
	if r.bogus() {
		return true
	}
	for _, res := range c.v.resolvers {
		if res.address != r.server {
			continue
		}
		q := r.q
		q.cd = true
		unchecked := c.ask(ctx, res, q)
		if c.note(unchecked); !unchecked.outcome.settled() {
			return false
		}
		again := c.ask(ctx, res, r.q)
		c.note(again)
		return again.outcome == servfail
	}
	return false
}

// withoutRoot is the diagnosis when the root, by which a resolver shows that it
// validates, was not had.
func (c *check) withoutRoot(ctx context.Context, r reply) diagnosis {
	switch {
	case c.isBogus(ctx, r):
		return diagnose(core.CodeNoValidation,
			"DNSSEC is required, but the resolver %s cannot validate the root itself (%s): give it the trust anchor of the root that it asks, which a network may have of its own, and see that its clock is right.",
			r.server, r)
	case r.outcome == servfail || r.outcome == malformed:
		return diagnose(core.CodeServfail,
			"The resolver %s could not find out about the signed root, by which it must show that it validates (%s): see whether it reaches the root's name servers, or those that it forwards to.",
			r.server, r)
	}
	return unanswered(r, "the signed root, to see whether it validates")
}

// notValidating is the diagnosis when no resolver may be believed.
func notValidating(resolvers []*resolver) diagnosis {
	var remote, local []string
	for _, r := range resolvers {
		if r.ad {
			local = append(local, r.address)
		} else {
			remote = append(remote, r.address)
		}
	}
	if len(local) == 0 {
		return diagnose(core.CodeNoValidation,
			"DNSSEC is required, but the way to the resolver %s is not loopback, so its word on validation is not believed: run a validating resolver on this host, or configure that the remote one's AD bit is trusted.",
			strings.Join(remote, ", "))
	}
	return diagnose(core.CodeNoValidation,
		"DNSSEC is required, but the resolver %s does not validate (no AD bit on the signed root): switch validation on there, with the root's trust anchor, or configure a resolver that validates.",
		strings.Join(local, ", "))
}

// capital makes the first letter a capital.
func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
