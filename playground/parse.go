package playground

import (
	"slices"
	"strings"

	"github.com/miekg/dns"

	"acmd/core"
)

// Bounds of one record set.
const (
	maxValues = 50
	maxText   = 255  // octets of one string of a TXT record
	maxValue  = 4096 // characters of one value
)

// types are the record types that can be set.
var types = []uint16{dns.TypeA, dns.TypeAAAA, dns.TypeCNAME, dns.TypeTXT, dns.TypeCAA, dns.TypeNS, dns.TypeMX, dns.TypeSOA}

// recordType reads a record type, in any case.
func recordType(s string) (uint16, error) {
	t := dns.StringToType[strings.ToUpper(s)]
	if !slices.Contains(types, t) {
		return 0, invalid("The record type %q is none of A, AAAA, CNAME, TXT, CAA, NS, MX, SOA.", s)
	}
	return t, nil
}

// normalise returns a name in lower case with its final dot, or what is wrong
// with it. A star may stand only as the whole leftmost label.
func normalise(s string) (fqdn, why string) {
	name := strings.TrimSuffix(s, ".")
	if name == "" || len(name) > 253 {
		return "", "it must have 1 to 253 characters"
	}
	for _, l := range strings.Split(strings.TrimPrefix(name, "*."), ".") {
		if l == "" || len(l) > 63 {
			return "", "a label must have 1 to 63 characters"
		}
		if i := strings.IndexFunc(l, notHost); i >= 0 {
			return "", "a label may hold letters, digits, hyphens and underscores only; write an internationalised name in its xn-- form"
		}
	}
	return strings.ToLower(name) + ".", ""
}

func notHost(c rune) bool {
	return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '_'
}

// plain is a name as people write it: without the final dot.
func plain(fqdn string) string { return strings.TrimSuffix(fqdn, ".") }

// parseRecord checks name, type and values of one record set.
func parseRecord(rec Record, zone string) (string, uint16, []dns.RR, error) {
	name, why := normalise(rec.Name)
	if why != "" {
		return "", 0, nil, invalid("The name %q is not valid: %s.", rec.Name, why)
	}
	typ, err := recordType(rec.Type)
	if err != nil {
		return "", 0, nil, err
	}
	switch {
	case core.IsSuperdomain(zone, name):
		return "", 0, nil, invalid("%s lies within the validation zone %s, which acmd answers for by itself.", plain(name), plain(zone))
	case core.IsSuperdomain(ownZone, name):
		return "", 0, nil, invalid("%s lies within %s, which is the playground's own.", plain(name), plain(ownZone))
	case len(rec.Values) == 0 || len(rec.Values) > maxValues:
		return "", 0, nil, invalid("%s %s needs 1 to %d values.", plain(name), dns.TypeToString[typ], maxValues)
	case len(rec.Values) > 1 && (typ == dns.TypeCNAME || typ == dns.TypeSOA):
		return "", 0, nil, invalid("%s can have only one %s record.", plain(name), dns.TypeToString[typ])
	}
	var rrs []dns.RR
	for _, v := range rec.Values {
		rr, err := parseValue(name, typ, v)
		if err != nil {
			return "", 0, nil, err
		}
		if !slices.ContainsFunc(rrs, func(o dns.RR) bool { return dns.IsDuplicate(o, rr) }) {
			rrs = append(rrs, rr)
		}
	}
	return name, typ, rrs, nil
}

// parseValue reads one value in zone-file form. Names in it count as fully
// qualified, with or without the final dot.
func parseValue(name string, typ uint16, value string) (dns.RR, error) {
	text := dns.TypeToString[typ]
	bad := func(why string) (dns.RR, error) {
		return nil, invalid("The value %q is not valid in a record of type %s: %s.", value, text, why)
	}
	if len(value) > maxValue {
		return nil, invalid("A value of the %s record at %s has more than %d characters.", text, plain(name), maxValue)
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return bad("it holds a control character")
	}
	in := strings.TrimSpace(value)
	if in == "" {
		return bad("it is empty")
	}
	if typ == dns.TypeTXT && in[0] != '"' {
		in = quoted(in)
	}
	rr, err := dns.NewRR(name + " 5 IN " + text + " " + in)
	if err != nil {
		return bad(reason(err))
	}
	if rr == nil || rr.Header().Rrtype != typ {
		return bad("it does not parse")
	}
	if _, err := dns.PackRR(rr, make([]byte, dns.MaxMsgSize), 0, nil, false); err != nil {
		return bad(strings.TrimPrefix(err.Error(), "dns: "))
	}
	rr.Header().Ttl = ttl
	return rr, nil
}

// quoted writes plain text as the character-strings of a TXT record.
func quoted(s string) string {
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	var out []string
	for len(s) > maxText {
		out, s = append(out, `"`+escape.Replace(s[:maxText])+`"`), s[maxText:]
	}
	return strings.Join(append(out, `"`+escape.Replace(s)+`"`), " ")
}

// reason is the parser's complaint without the position, which means nothing
// to someone who gave a single value.
func reason(err error) string {
	s := strings.TrimPrefix(err.Error(), "dns: ")
	if i := strings.LastIndex(s, " at line:"); i > 0 {
		s = s[:i]
	}
	return s
}

// rdata is a record's value in zone-file form.
func rdata(rr dns.RR) string { return strings.TrimPrefix(rr.String(), rr.Header().String()) }
