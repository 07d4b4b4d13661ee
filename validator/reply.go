package validator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// outcome is what one question came to; a closed set, it labels a metric.
type outcome string

const (
	found       outcome = "answer"
	nodata      outcome = "nodata"
	nxdomain    outcome = "nxdomain"
	servfail    outcome = "servfail"
	refused     outcome = "refused"
	malformed   outcome = "malformed" // no usable answer: an odd rcode, or not a DNS message
	timeout     outcome = "timeout"
	unreachable outcome = "unreachable" // the server's port does not take the question
)

// outcomes lists them: first what settles a question, then the failures, the most telling first.
var outcomes = []outcome{found, nodata, nxdomain, servfail, refused, malformed, timeout, unreachable}

// settled reports whether the outcome answers the question.
func (o outcome) settled() bool { return o == found || o == nodata || o == nxdomain }

// reply is one question and what one server made of it.
type reply struct {
	q       question
	server  string
	outcome outcome
	msg     *dns.Msg // nil on malformed, timeout, unreachable
	err     error    // set when msg is nil
	ad      bool     // the answer was validated, said by a resolver we believe
}

// newReply classifies what exchange returned.
func newReply(q question, server string, m *dns.Msg, err error) reply {
	r := reply{q: q, server: server, msg: m, err: err}
	if err != nil {
		r.msg, r.outcome = nil, failure(err)
		return r
	}
	switch m.Rcode {
	case dns.RcodeSuccess, dns.RcodeNameError:
		r.outcome = r.content()
	case dns.RcodeServerFailure:
		r.outcome = servfail
	case dns.RcodeRefused:
		r.outcome = refused
	default:
		r.outcome = malformed
	}
	return r
}

// content classifies an answer without an error. CNAMEs without an end are no
// answer, for what they stand before cannot be known (standards 1.38).
func (r reply) content() outcome {
	names, endless := r.way()
	switch {
	case r.q.qtype == dns.TypeCNAME && len(names) > 0:
		// The rcode speaks of the chain's end (RFC 6604 §3).
		return found
	case endless:
		return malformed
	case r.msg.Rcode == dns.RcodeNameError:
		return nxdomain
	case len(r.records(r.end())) > 0:
		return found
	}
	return nodata
}

func failure(err error) outcome {
	var netErr net.Error
	switch {
	case errors.Is(err, errMalformed), errors.Is(err, errAskTCP):
		return malformed
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled),
		errors.As(err, &netErr) && netErr.Timeout():
		return timeout
	}
	return unreachable
}

// cname returns where the answer sends name on to; "" if nowhere.
func (r reply) cname(name string) string {
	if r.msg == nil {
		return ""
	}
	for _, rr := range r.msg.Answer {
		if c, ok := rr.(*dns.CNAME); ok && c.Hdr.Class == dns.ClassINET && dns.CanonicalName(c.Hdr.Name) == name {
			return dns.CanonicalName(c.Target)
		}
	}
	return ""
}

// way follows the CNAMEs within the answer from the asked name on and returns
// their targets in order. endless means that it came to a name for the second
// time, or went beyond maxFollow CNAMEs: the last target is no end then.
func (r reply) way() (names []string, endless bool) {
	at := r.q.name
	for {
		next := r.cname(at)
		if next == "" {
			return names, false
		}
		again := next == r.q.name || slices.Contains(names, next)
		if names = append(names, next); again || len(names) > maxFollow {
			return names, true
		}
		at = next
	}
}

// end is the name that the CNAMEs within the answer lead to: the asked name if
// there are none, "" if they have no end.
func (r reply) end() string {
	names, endless := r.way()
	switch {
	case endless:
		return ""
	case len(names) == 0:
		return r.q.name
	}
	return names[len(names)-1]
}

// records returns the answer's records of the asked type at owner: only the
// asked name, or the end of its chain, is looked at (standards 5.13).
func (r reply) records(owner string) []dns.RR {
	if r.msg == nil {
		return nil
	}
	var out []dns.RR
	for _, rr := range r.msg.Answer {
		h := rr.Header()
		if h.Rrtype == r.q.qtype && h.Class == dns.ClassINET && dns.CanonicalName(h.Name) == owner {
			out = append(out, rr)
		}
	}
	return out
}

// soa is the SOA of a negative answer; nil if it has none for the asked name.
func (r reply) soa() *dns.SOA {
	if r.msg == nil {
		return nil
	}
	for _, rr := range append(r.msg.Answer[:len(r.msg.Answer):len(r.msg.Answer)], r.msg.Ns...) {
		if s, ok := rr.(*dns.SOA); ok && dns.IsSubDomain(dns.CanonicalName(s.Hdr.Name), r.q.name) {
			return s
		}
	}
	return nil
}

// negativeUntil is when this negative answer may no longer be cached: the lesser
// of the SOA's TTL and its MINIMUM from now (RFC 2308 §5). Zero when unknown.
func (r reply) negativeUntil(now time.Time) time.Time {
	s := r.soa()
	if s == nil || r.outcome != nxdomain && r.outcome != nodata {
		return time.Time{}
	}
	return now.UTC().Add(time.Duration(min(s.Hdr.Ttl, s.Minttl)) * time.Second)
}

// bogusEDE lists the extended errors that mean the answer did not validate (RFC 8914 §4).
var bogusEDE = map[uint16]bool{6: true, 7: true, 8: true, 9: true, 10: true, 11: true, 12: true, 25: true}

// ede is the answer's first extended error; nil if it has none.
func (r reply) ede() *dns.EDNS0_EDE {
	if r.msg == nil || r.msg.IsEdns0() == nil {
		return nil
	}
	for _, o := range r.msg.IsEdns0().Option {
		if e, ok := o.(*dns.EDNS0_EDE); ok {
			return e
		}
	}
	return nil
}

// bogus reports whether the resolver says that the answer did not validate.
func (r reply) bogus() bool {
	e := r.ede()
	return r.outcome == servfail && e != nil && bogusEDE[e.InfoCode]
}

// String is the reply as a line of evidence, or as a part of a sentence.
func (r reply) String() string {
	var b strings.Builder
	seen := clip(r.answer(), 300)
	if b.WriteString(seen); seen != "" && r.outcome != found {
		b.WriteString(", ")
	}
	switch r.outcome {
	case found:
	case nodata:
		b.WriteString("no " + dns.TypeToString[r.q.qtype] + " record")
	case timeout:
		b.WriteString("no answer in time")
	case unreachable:
		b.WriteString("not reachable")
	case malformed:
		if b.WriteString("no usable answer"); r.msg != nil {
			b.WriteString(" (" + dns.RcodeToString[r.msg.Rcode] + ")")
		}
	default:
		b.WriteString(dns.RcodeToString[r.msg.Rcode])
	}
	if e := r.ede(); e != nil {
		fmt.Fprintf(&b, ", extended error %d %s", e.InfoCode, dns.ExtendedErrorCodeToString[e.InfoCode])
		if e.ExtraText != "" {
			b.WriteString(": " + clip(e.ExtraText, 100))
		}
	}
	if s := r.soa(); s != nil && (r.outcome == nodata || r.outcome == nxdomain) {
		fmt.Fprintf(&b, ", cacheable for %d s", min(s.Hdr.Ttl, s.Minttl))
	}
	if r.ad {
		b.WriteString(", validated")
	}
	return b.String()
}

// answer is the chain and the asked records of the answer; "" if it has none.
func (r reply) answer() string {
	var parts []string
	names, endless := r.way()
	for _, n := range names {
		parts = append(parts, "CNAME "+n)
	}
	if r.q.qtype != dns.TypeCNAME && !endless {
		for _, rr := range r.records(r.end()) {
			parts = append(parts, describe(rr))
		}
	}
	return strings.Join(parts, ", ")
}

// describe is a record's type and data, with at most 100 characters of a TXT (standards 2.38).
func describe(rr dns.RR) string {
	kind := dns.TypeToString[rr.Header().Rrtype]
	if t, ok := rr.(*dns.TXT); ok {
		return kind + " " + quote(strings.Join(t.Txt, ""))
	}
	return kind + " " + strings.TrimPrefix(rr.String(), rr.Header().String())
}

// quote shows at most 100 printable characters of a text from outside, in quotes.
func quote(s string) string { return `"` + clip(s, 100) + `"` }

// clip replaces what is not printable ASCII and keeps at most n characters, the
// mark of the cut included.
func clip(s string, n int) string {
	s = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, s)
	if len(s) > n {
		s = s[:n-3] + "..."
	}
	return s
}
