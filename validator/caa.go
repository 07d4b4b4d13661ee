package validator

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"acmd/core"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"
)

// caaFind is what the question for CAA at one name of the climb came to.
type caaFind struct {
	at   string      // the name of the climb
	way  []string    // the CNAMEs' targets from there on; the set is at the last
	set  []caaRecord // empty with a settled reply: no CAA records
	last reply       // of the last question
}

// owner is the name where the set is.
func (f caaFind) owner() string {
	if len(f.way) == 0 {
		return f.at
	}
	return f.way[len(f.way)-1]
}

// where names the owner and, if CNAMEs lead there, from where they do.
func (f caaFind) where() string {
	switch len(f.way) {
	case 0:
		return f.at
	case 1:
		return fmt.Sprintf("%s (to which %s leads by CNAME)", f.owner(), f.at)
	}
	return fmt.Sprintf("%s (by the CNAME records %s)", f.owner(), path(f.at, f.way))
}

// permission is the CAA check: it climbs from the name to the top-level domain
// and judges the first CAA record set that it meets (standards 1.33, RFC 8659
// §3). The root is never asked, nor the parents of a CNAME's target.
func (c *check) permission(ctx context.Context, name string) diagnosis {
	if d := c.choose(ctx); !d.OK() {
		return d
	}
	base := core.BaseName(name)
	own := "" // the first name of the climb that can hold a CAA record, having no CNAME
	for _, at := range core.Ancestors(base) {
		f := c.caaSet(ctx, at+".")
		if !f.last.outcome.settled() {
			return c.caaUnavailable(ctx, name, f)
		}
		if own == "" && len(f.way) == 0 && !isRegistry(f.at) {
			own = f.at
		}
		if len(f.set) > 0 {
			return c.verdict(name, own, f)
		}
	}
	return diagnosis{}
}

// verdict judges the first record set that the climb met.
func (c *check) verdict(name, own string, f caaFind) diagnosis {
	wildcard := core.BaseName(name) != name
	why, mend := judge(f.set, wildcard, c.v.issuers), fmt.Sprintf("add the record `%s CAA 0 %s \"%s\"` there",
		f.owner(), relevant(f.set, wildcard), c.v.issuers[0])
	tag := unknownCritical(f.set)
	if tag != "" {
		why = "the property " + quote(tag) + " there is marked critical and not known here"
		mend = "remove that record, or set its flags to 0"
	}
	switch {
	case why == "":
		return diagnosis{}
	case isRegistry(f.at):
		// What is set for a whole registry, its customers cannot change.
		if own == "" {
			own = core.BaseName(name) + "."
		}
		mend = fmt.Sprintf("add the record `%s CAA 0 issue \"%s\"`, since only the nearest CAA records count", own, c.v.issuers[0])
	case len(f.way) > 0:
		mend += fmt.Sprintf(", or, if that zone is not yours, replace the CNAME record at %s by address records", f.at)
	}
	return diagnose(core.CodeCAAForbids,
		"The CAA records at %s do not allow this service to issue for %s (%s): %s.", f.where(), name, why, mend)
}

// isRegistry reports whether strangers register their names under this one. Unlike
// isSuffix it goes by the private section of the list as well.
func isRegistry(at string) bool {
	name := strings.TrimSuffix(at, ".")
	suffix, _ := publicsuffix.PublicSuffix(name)
	return suffix == name
}

// caaUnavailable says why no CAA answer was had, which never permits (standards 1.38).
func (c *check) caaUnavailable(ctx context.Context, name string, f caaFind) diagnosis {
	r := f.last
	what := fmt.Sprintf("resolver %s: %s", r.server, r)
	mend := "see why its name servers, or the resolver, give no answer; a name without CAA records must be answered with an empty answer"
	if c.isBogus(ctx, r) {
		what, mend = what+"; its DNSSEC signatures do not validate", "re-sign the zone, or make the DS record at the registrar match its keys"
	} else if r.outcome == servfail || r.outcome == malformed {
		// Some resolvers say SERVFAIL of CNAMEs without an end, so they are followed one by one.
		ctx, cancel := context.WithTimeout(ctx, c.v.timeout)
		defer cancel()
		switch w := c.follow(ctx, DNSProof{Record: f.at}); w.end {
		case inCircle:
			what = "the CNAME records from there lead in a circle: " + path(f.at, w.names)
			mend = "let one of them lead out of it, or replace it by address records"
		case tooLong:
			what = fmt.Sprintf("%d or more CNAME records follow one another: %s", maxFollow, path(f.at, w.names))
			mend = fmt.Sprintf("let the record at %s lead to their end directly", f.at)
		}
	}
	return diagnose(core.CodeCAAUnavailable,
		"Whether CAA records at %s allow issuing for %s could not be found out, so nothing is issued (%s): %s.",
		f.at, name, what, mend)
}

// caaSet looks the CAA record set of one name up, along CNAMEs, for which the
// resolver is asked again where it did not follow them itself. CNAMEs that come
// to a name for the second time, or are more than maxFollow, are a failure and
// not an empty set (standards 1.38).
func (c *check) caaSet(ctx context.Context, name string) caaFind {
	f := caaFind{at: name}
	for {
		f.last = c.lookup(ctx, f.owner(), dns.TypeCAA)
		if !f.last.outcome.settled() {
			return f
		}
		names, _ := f.last.way()
		for _, next := range names {
			if next == name || slices.Contains(f.way, next) || len(f.way) == maxFollow {
				f.last.outcome = malformed
				return f
			}
			f.way = append(f.way, next)
		}
		if f.last.outcome == nodata && len(names) > 0 {
			continue // what is at their end was perhaps not looked up yet
		}
		for _, rr := range f.last.records(f.owner()) {
			caa := rr.(*dns.CAA)
			f.set = append(f.set, caaRecord{caa.Flag, strings.ToLower(caa.Tag), caa.Value})
		}
		return f
	}
}
