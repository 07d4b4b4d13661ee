package validator

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

// missing explains why there is no CNAME at the record's name. It looks, in
// this order: at the zone's own name servers, for another type at the name, for
// the record at likely wrong names. All of that is for the explanation only, so
// that whatever fails on the way is left out.
func (c *check) missing(ctx context.Context, p DNSProof, r reply) diagnosis {
	until := r.negativeUntil(c.now)
	ctx, cancel := context.WithTimeout(ctx, 3*c.v.timeout)
	defer cancel()
	asked := c.resolver(r.server)
	zone := c.zone(ctx, p, r)
	d := c.atNameServers(ctx, p, asked, zone, until)
	if d.Code == core.CodeNegativeCached {
		// Only here is it known that the next look finds more than this one: any
		// other "no", however short it lives, may stand for days.
		d.RetryAt = until
	}
	wildcard := ""
	if d.OK() && r.outcome == nodata {
		d, wildcard = c.otherType(ctx, p, asked)
	}
	if d.OK() {
		d = c.hunt(ctx, p, asked, zone)
	}
	switch {
	case !d.OK():
		return d
	case wildcard != "":
		return diagnose(core.CodeRecordMissing,
			"There is no CNAME record at %s: a wildcard record answers there with %s, as at every name below %s; create the CNAME record with the value %s, without the provider's proxying or flattening, and leave the wildcard as it is%s.",
			p.Record, wildcard, p.Name, p.Target, cachedUntil(until))
	}
	return nowhere(p, zone, r, until)
}

// nowhere is the diagnosis of a record that was found at no name.
func nowhere(p DNSProof, zone string, r reply, until time.Time) diagnosis {
	if r.outcome == nxdomain && isSuffix(zone) && zone != p.Name+"." {
		return diagnose(core.CodeRecordMissing,
			"There is no CNAME record at %s, and no domain above it in the DNS short of %s: register the domain and delegate it, then create the record with the value %s%s.",
			p.Record, zone, p.Target, cachedUntil(until))
	}
	return diagnose(core.CodeRecordMissing, "There is no CNAME record at %s: create it with the value %s%s.",
		p.Record, p.Target, cachedUntil(until))
}

// cachedUntil is the part of a sentence on the resolver's memory.
func cachedUntil(until time.Time) string {
	if until.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (the resolver may remember that it is missing until %s)", instant(until))
}

// resolver returns the resolver with that address, which is one of the check's.
func (c *check) resolver(address string) *resolver {
	for _, r := range c.resolvers {
		if r.address == address {
			return r
		}
	}
	return c.resolvers[0]
}

// quietly asks one resolver once and keeps no evidence.
func (c *check) quietly(ctx context.Context, from *resolver, name string, qtype uint16) reply {
	return c.ask(ctx, from, question{name: name, qtype: qtype})
}

// zone is the apex of the zone that the record belongs in: the owner of the
// negative answer's SOA, or else found by asking. "" if it cannot be found out.
func (c *check) zone(ctx context.Context, p DNSProof, r reply) string {
	if s := r.soa(); s != nil {
		return dns.CanonicalName(s.Hdr.Name)
	}
	if s := c.quietly(ctx, c.resolver(r.server), p.Name+".", dns.TypeSOA).soa(); s != nil {
		return dns.CanonicalName(s.Hdr.Name)
	}
	return ""
}

// isSuffix reports whether the zone is the root or one under which strangers
// register their names: none of its servers belong to the applicant.
func isSuffix(zone string) bool {
	name := strings.TrimSuffix(zone, ".")
	if name == "" {
		return true
	}
	suffix, icann := publicsuffix.PublicSuffix(name)
	return icann && suffix == name
}

// otherType looks for records of other types at the record's name. Those of a
// wildcard are the applicant's own business; wildcard shows one of them then.
func (c *check) otherType(ctx context.Context, p DNSProof, from *resolver) (d diagnosis, wildcard string) {
	types := []uint16{dns.TypeTXT, dns.TypeA, dns.TypeAAAA}
	replies := make([]reply, len(types))
	parallel(len(types), func(i int) { replies[i] = c.quietly(ctx, from, p.Record, types[i]) })
	for _, r := range replies {
		records := r.records(p.Record)
		if r.outcome != found || len(records) == 0 {
			continue
		}
		c.note(r)
		if probe := c.quietly(ctx, from, p.probe(), r.q.qtype); sameData(probe.records(probe.end()), records) {
			c.note(probe)
			wildcard = first(records)
			continue
		}
		if r.q.qtype != dns.TypeTXT {
			return diagnose(core.CodeWrongType,
				"%s has %s instead of a CNAME record: if you did create the CNAME, switch the provider's proxying or flattening off for it; if not, replace what is there by a CNAME with the value %s.",
				p.Record, first(records), p.Target), ""
		}
		return wrongText(p, records), ""
	}
	return diagnosis{}, wildcard
}

// probe is a name that nobody made beside the record: what answers there, is a wildcard.
func (p DNSProof) probe() string { return "_acmd-wildcard-probe." + p.Name + "." }

// sameData reports whether two record sets hold the same.
func sameData(a, b []dns.RR) bool {
	data := func(set []dns.RR) (out []string) {
		for _, rr := range set {
			out = append(out, strings.TrimPrefix(rr.String(), rr.Header().String()))
		}
		slices.Sort(out)
		return out
	}
	return slices.Equal(data(a), data(b))
}

// first is "A 192.0.2.1" for the first record, and how many more there are.
func first(records []dns.RR) string {
	if len(records) == 1 {
		return describe(records[0])
	}
	return fmt.Sprintf("%s and %d more", describe(records[0]), len(records)-1)
}

// text is what a TXT record says.
func text(rr dns.RR) string { return strings.Join(rr.(*dns.TXT).Txt, "") }

// asName is a text read as the name that somebody may have meant by it.
func asName(text string) string { return strings.Trim(strings.ToLower(text), `\"'. `) + "." }

// isValue reports whether the text is one of the values in force.
func (p DNSProof) isValue(text string) bool { return slices.Contains(p.Values, text) }

// wrongText explains a TXT record where the CNAME should be.
func wrongText(p DNSProof, records []dns.RR) diagnosis {
	var seen string
	for _, rr := range records {
		seen = text(rr)
		if p.isValue(seen) {
			return diagnose(core.CodeWrongType,
				"%s answers with the value as a TXT record instead of with a CNAME: switch the provider's CNAME flattening off, or replace the copied TXT, which goes stale, by a CNAME with the value %s.",
				p.Record, p.Target)
		}
		if p.isTarget(asName(seen)) {
			return diagnose(core.CodeWrongType,
				"The value is right, but it stands in a TXT record at %s: delete that and create a CNAME record with the value %s.",
				p.Record, p.Target)
		}
	}
	return diagnose(core.CodeWrongType,
		"%s has a TXT record with %s instead of a CNAME record: replace it by a CNAME with the value %s.",
		p.Record, quote(seen), p.Target)
}
