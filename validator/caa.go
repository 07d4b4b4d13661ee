package validator

import (
	"context"
	"strings"

	"acmd/core"

	"github.com/miekg/dns"
)

// permission is the CAA check: it climbs from the name to the top-level domain
// and judges the first CAA record set that it meets (standards 1.33, RFC 8659
// §3). The root is never asked, nor the parents of a CNAME's target.
func (c *check) permission(ctx context.Context, name string) diagnosis {
	if d := c.choose(ctx); !d.OK() {
		return d
	}
	base := core.BaseName(name)
	for _, at := range core.Ancestors(base) {
		set, r := c.caaSet(ctx, at+".")
		if !r.outcome.settled() {
			return c.caaUnavailable(ctx, name, at+".", r)
		}
		if len(set) == 0 {
			continue
		}
		return c.verdict(name, at+".", set)
	}
	return diagnosis{}
}

// verdict judges the first record set that the climb met, at the name at.
func (c *check) verdict(name, at string, set []caaRecord) diagnosis {
	if tag := unknownCritical(set); tag != "" {
		return diagnose(core.CodeCAAForbids,
			"The CAA records at %s forbid issuing for %s, because the property %s there is marked critical and not known here: remove that record, or set its flags to 0.",
			at, name, quote(tag))
	}
	wildcard := core.BaseName(name) != name
	why := judge(set, wildcard, c.v.issuers)
	if why == "" {
		return diagnosis{}
	}
	return diagnose(core.CodeCAAForbids,
		"The CAA records at %s do not allow this service to issue for %s (%s): add the record `%s CAA 0 %s \"%s\"` there.",
		at, name, why, at, relevant(set, wildcard), c.v.issuers[0])
}

// caaUnavailable says why no CAA answer was had, which never permits (standards 1.38).
func (c *check) caaUnavailable(ctx context.Context, name, at string, r reply) diagnosis {
	what, mend := r.String(), "see why its name servers, or the resolver, give no answer; a name without CAA records must be answered with an empty answer"
	if c.isBogus(ctx, r) {
		what, mend = what+"; its DNSSEC signatures do not validate", "re-sign the zone, or make the DS record at the registrar match its keys"
	}
	return diagnose(core.CodeCAAUnavailable,
		"Whether CAA records at %s allow issuing for %s could not be found out, so nothing is issued (resolver %s: %s): %s.",
		at, name, r.server, what, mend)
}

// caaSet looks the CAA record set of one name up, along CNAMEs, for which the
// resolver is asked again where it did not follow them itself. An empty set
// with a settled reply is a name without CAA records.
func (c *check) caaSet(ctx context.Context, name string) ([]caaRecord, reply) {
	at := name
	var r reply
	for range maxFollow {
		r = c.lookup(ctx, at, dns.TypeCAA)
		end := r.end()
		if r.outcome != nodata || end == at || r.soa() != nil {
			var set []caaRecord
			for _, rr := range r.records(end) {
				caa := rr.(*dns.CAA)
				set = append(set, caaRecord{caa.Flag, strings.ToLower(caa.Tag), caa.Value})
			}
			return set, r
		}
		at = end
	}
	// A chain without end is a failure, not an empty set.
	r.outcome = malformed
	return nil, r
}
