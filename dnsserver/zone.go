package dnsserver

import (
	"strings"
	"time"

	"github.com/miekg/dns"

	"acmd/token"
)

// Times to live, in seconds.
const (
	tokenTTL = 60 // of values: an early look must not spoil the next (standards 4.4)
	// negativeTTL is the SOA's own TTL and its MINIMUM, so it is that of every "no".
	negativeTTL = 60
	staticTTL   = 3600 // of what comes from the configuration
)

// result is what became of a look-up.
type result int

const (
	success   result = iota
	noData           // the name exists, the type does not
	nameError        // no such name
	outside          // not our zone
)

// answer is the outcome of a look-up, before it is a message.
type answer struct {
	result  result
	records []dns.RR
	label   string // the canonical target label that was asked for; "" if none
}

// zone is the whole content of the validation zone.
type zone struct {
	tokens *token.Deriver
	apex   string // lower case with a final dot
	soa    dns.SOA
	// static has the configured names, relative to the apex (itself ""), with
	// their record sets by type. A name without any is an empty non-terminal.
	static map[string]map[uint16][]dns.RR
}

// lookup finds what the zone has at a name. The name is in the library's
// presentation form, in any case; records come back under the name as asked.
func (z *zone) lookup(qname string, qtype uint16, now time.Time) answer {
	rel, ok := z.relative(qname)
	if !ok {
		return answer{result: outside}
	}
	if label, ok := z.tokens.Recognise(rel); ok {
		return z.token(qname, qtype, label, now)
	}
	sets, ok := z.static[strings.ToLower(rel)]
	switch {
	case !ok:
		return answer{result: nameError}
	case len(sets) == 0:
		return answer{result: noData} // an empty non-terminal (standards 4.5)
	case qtype == dns.TypeANY:
		return answer{records: []dns.RR{minimalANY(qname)}}
	case qtype == dns.TypeSOA && rel == "":
		soa := z.authority(now)
		soa.Hdr.Name = qname
		return answer{records: []dns.RR{soa}}
	case len(sets[qtype]) == 0:
		return answer{result: noData}
	}
	a := answer{records: make([]dns.RR, 0, len(sets[qtype]))}
	for _, rr := range sets[qtype] {
		rr = dns.Copy(rr)
		rr.Header().Name = qname
		a.records = append(a.records, rr)
	}
	return a
}

// token answers at a recognised label: one TXT, and nothing else exists there.
func (z *zone) token(qname string, qtype uint16, label string, now time.Time) answer {
	switch qtype {
	case dns.TypeTXT:
		hdr := dns.RR_Header{Name: qname, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: tokenTTL}
		return answer{records: []dns.RR{&dns.TXT{Hdr: hdr, Txt: []string{z.tokens.Value(label, now)}}}, label: label}
	case dns.TypeANY:
		return answer{records: []dns.RR{minimalANY(qname)}, label: label}
	}
	return answer{result: noData, label: label}
}

// minimalANY answers ANY at a name that exists (RFC 8482 §4.2, standards 4.12).
func minimalANY(qname string) dns.RR {
	hdr := dns.RR_Header{Name: qname, Rrtype: dns.TypeHINFO, Class: dns.ClassINET, Ttl: tokenTTL}
	return &dns.HINFO{Hdr: hdr, Cpu: "RFC8482"}
}

// authority is the SOA as of now. Its serial is the second in which the served
// values last changed, which is the only change that a running zone knows, so
// serials strictly rise with its content and are the same on every name server
// that has the same keys (standards 4.15). A change of the configuration leaves
// the serial alone: nothing transfers this zone, so nothing waits for one.
func (z *zone) authority(now time.Time) *dns.SOA {
	soa := z.soa
	soa.Serial = uint32(z.tokens.Since(now).Unix())
	return &soa
}

// relative is the name without the apex, "" for the apex itself; false when the
// name is not in the zone. Folding by strings.EqualFold is that of RFC 4343
// here, since the library escapes every octet beyond ASCII.
func (z *zone) relative(qname string) (string, bool) {
	cut := len(qname) - len(z.apex)
	if cut < 0 || !strings.EqualFold(qname[cut:], z.apex) {
		return "", false
	}
	if cut == 0 {
		return "", true
	}
	rel, ok := strings.CutSuffix(qname[:cut], ".")
	// A dot behind an odd number of backslashes is part of a label.
	slashes := len(rel) - len(strings.TrimRight(rel, `\`))
	return rel, ok && rel != "" && slashes%2 == 0
}
