package validator

import (
	"context"
	"crypto/subtle"
	"fmt"
	"strings"

	"acmd/core"

	"github.com/miekg/dns"
)

// proof is the DNS check: the record's chain, then the value at its end.
func (c *check) proof(ctx context.Context, p DNSProof) diagnosis {
	if d := c.choose(ctx); !d.OK() {
		return d
	}
	w := c.follow(ctx, p)
	switch w.end {
	case atTarget:
		return c.confirm(ctx, p, w.to(p.Record))
	case noRecord:
		return c.missing(ctx, p, w.last)
	}
	return c.astray(ctx, p, w)
}

// astray explains a chain that does not lead to the target within bounds.
func (c *check) astray(ctx context.Context, p DNSProof, w chain) diagnosis {
	switch w.end {
	case inCircle:
		return diagnose(core.CodeLoop,
			"The CNAME records from %s lead in a circle (%s): make the record at %s a CNAME to %s.",
			p.Record, path(p.Record, w.names), p.Record, p.Target)
	case tooLong:
		return diagnose(core.CodeChainTooLong,
			"More than %d CNAME records lie between %s and its end (%s): make the record at %s a CNAME to %s directly.",
			maxChain, p.Record, path(p.Record, w.names), p.Record, p.Target)
	case unsettled:
		if len(w.names) == 0 {
			return c.failed(ctx, w.last, "the CNAME record at "+p.Record)
		}
		if c.isWildcard(ctx, p, w.names[0]) {
			return c.underWildcard(ctx, p, w)
		}
		return c.failed(ctx, w.last, fmt.Sprintf("the name %s that the CNAME record at %s leads to", w.last.q.name, p.Record))
	}
	return c.wrongTarget(ctx, p, w)
}

// path shows a chain.
func path(record string, names []string) string {
	if len(names) > 6 {
		names = append(names[:6:6], "...")
	}
	return strings.Join(append([]string{record}, names...), " -> ")
}

// confirm compares the TXT at the chain's end, which is in our own zone.
func (c *check) confirm(ctx context.Context, p DNSProof, target string) diagnosis {
	r := c.lookup(ctx, target, dns.TypeTXT)
	if r.outcome != found {
		what, mend := r.String(), "delegation and name servers"
		if c.isBogus(ctx, r) {
			what, mend = what+"; its DNSSEC signatures do not validate", "signatures and its DS record"
		}
		return diagnose(core.CodeZoneUnreachable,
			"The CNAME record at %s is right, but the resolver %s got no value at %s in this service's own validation zone (%s): nothing needs to change at your domain; the operator must see to the zone's %s.",
			p.Record, r.server, target, what, mend)
	}
	var wrong string
	match := 0
	for _, rr := range r.records(r.end()) {
		txt, ok := rr.(*dns.TXT)
		if !ok {
			continue
		}
		text := strings.Join(txt.Txt, "")
		hit := 0
		for _, value := range p.Values {
			// Exact and in constant time (standards 1.10).
			hit |= subtle.ConstantTimeCompare([]byte(text), []byte(value))
		}
		if match |= hit; hit == 0 && wrong == "" {
			wrong = text
		}
	}
	// A CNAME at the target would put the value in other hands than ours.
	if match == 1 && r.end() == target {
		return diagnosis{}
	}
	return diagnose(core.CodeTokenMismatch,
		"The CNAME record at %s is right, but %s holds %s, which is not the value in force: nothing needs to change at your domain; the operator must see that every name server of the validation zone has the same keys and clock.",
		p.Record, target, quote(wrong))
}

// wrongTarget explains a chain that ends at another name, with the likely mistake.
func (c *check) wrongTarget(ctx context.Context, p DNSProof, w chain) diagnosis {
	got := w.to(p.Record)
	why, _ := mistake(p, w.names[0])
	if c.isWildcard(ctx, p, w.names[0]) {
		return c.underWildcard(ctx, p, w)
	}
	if why == "" && len(w.names) > 1 {
		why = "the way there is " + path(p.Record, w.names)
	}
	if why != "" {
		why = " (" + why + ")"
	}
	return diagnose(core.CodeWrongTarget, "The CNAME record at %s leads to %s instead of %s%s: change its value to %s.",
		p.Record, clip(got, 300), p.Target, why, p.Target)
}

// isWildcard reports whether a name that nobody made has the same CNAME.
func (c *check) isWildcard(ctx context.Context, p DNSProof, got string) bool {
	r := c.lookup(ctx, p.probe(), dns.TypeCNAME)
	return r.outcome == found && r.cname(p.probe()) == got
}

// underWildcard explains a record that is missing where a wildcard answers for
// it. The wildcard is the applicant's own business and must stay.
func (c *check) underWildcard(ctx context.Context, p DNSProof, w chain) diagnosis {
	ctx, cancel := context.WithTimeout(ctx, 3*c.v.timeout)
	defer cancel()
	// A wildcard that was itself meant for us answers at every name that hunt asks for.
	if _, ours := mistake(p, w.names[0]); !ours {
		if d := c.hunt(ctx, p, c.resolver(w.last.server), c.zone(ctx, p, w.last)); !d.OK() {
			return d
		}
	}
	return diagnose(core.CodeWrongTarget,
		"There is no CNAME record of its own at %s: a wildcard record answers there, as at every name below %s, and leads to %s instead of %s: create the CNAME record with the value %s, and leave the wildcard as it is.",
		p.Record, p.Name, clip(w.to(p.Record), 300), p.Target, p.Target)
}
