package dnsserver

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"acmd/token"
)

// text lists records in zone file form, one blank between fields.
func text(rrs []dns.RR) []string {
	var out []string
	for _, rr := range rrs {
		out = append(out, strings.Join(strings.Fields(rr.String()), " "))
	}
	return out
}

// lookupCase is a question to the zone and what it has.
type lookupCase struct {
	what   string
	name   string
	qtype  uint16
	result result
	want   []string
	seen   bool // as a target label
}

func checkLookups(t *testing.T, z *zone, label string, tests []lookupCase) {
	t.Helper()
	for _, tt := range tests {
		a := z.lookup(tt.name, tt.qtype, begin.Add(time.Hour))
		if a.result != tt.result || a.label != map[bool]string{true: label}[tt.seen] {
			t.Errorf("%s: result %v, label %q", tt.what, a.result, a.label)
		}
		if diff := cmp.Diff(tt.want, text(a.records)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

func at(name string) string { return name + "." + zoneName }

func TestLookupTarget(t *testing.T) {
	t.Parallel()
	z := newServer(t, testConfig(t)).zone
	now := begin.Add(time.Hour)
	label := z.tokens.Record("111122223333", "example.com").Label
	value := `"` + z.tokens.Value(label, now) + `"`
	forged := strings.Repeat("0", 32)
	checkLookups(t, z, label, []lookupCase{
		{"target", at("_" + label), dns.TypeTXT, success, []string{at("_"+label) + " 60 IN TXT " + value}, true},
		{"target without underscore", at(label), dns.TypeTXT, success, []string{at(label) + " 60 IN TXT " + value}, true},
		{"mixed case", strings.ToUpper(at("_" + label)), dns.TypeTXT, success, []string{strings.ToUpper(at("_"+label)) + " 60 IN TXT " + value}, true},
		{"CNAME at a target", at("_" + label), dns.TypeCNAME, noData, nil, true},
		{"4.5 CAA at a target", at(label), dns.TypeCAA, noData, nil, true},
		{"4.5 NS at a target", at(label), dns.TypeNS, noData, nil, true},
		{"4.5 HTTPS at a target", at(label), dns.TypeHTTPS, noData, nil, true},
		{"4.5 unknown type at a target", at(label), 666, noData, nil, true},
		{"4.12 ANY at a target", at(label), dns.TypeANY, success, []string{at(label) + ` 60 IN HINFO "RFC8482" ""`}, true},
		{"below a target", at("x._" + label), dns.TypeTXT, nameError, nil, false},
		{"target below another", at("_" + label + "._" + label), dns.TypeTXT, nameError, nil, false},
		{"forged", at("_" + forged), dns.TypeTXT, nameError, nil, false},
		{"forged, other type", at(forged), dns.TypeNS, nameError, nil, false},
		{"two underscores", at("__" + label), dns.TypeTXT, nameError, nil, false},
		{"unknown name", at("www"), dns.TypeA, nameError, nil, false},
		{"wildcard", at("*"), dns.TypeTXT, nameError, nil, false},
	})
}

func TestLookupStatic(t *testing.T) {
	t.Parallel()
	z := newServer(t, testConfig(t)).zone
	const soa = "a.ns.validations.example.net. hostmaster.validations.example.net. 1780531200 14400 3600 1209600 60"
	checkLookups(t, z, "", []lookupCase{
		{"SOA", zoneName, dns.TypeSOA, success, []string{zoneName + " 60 IN SOA " + soa}, false},
		{"NS", zoneName, dns.TypeNS, success, []string{zoneName + " 3600 IN NS a.ns.validations.example.net.", zoneName + " 3600 IN NS ns2.example.org."}, false},
		{"CAA", zoneName, dns.TypeCAA, success, []string{zoneName + ` 3600 IN CAA 0 issue "ca.example.net"`}, false},
		{"apex address", zoneName, dns.TypeA, success, []string{zoneName + " 3600 IN A 192.0.2.80"}, false},
		{"no such apex address", zoneName, dns.TypeAAAA, noData, nil, false},
		{"TXT at the apex", zoneName, dns.TypeTXT, noData, nil, false},
		{"DS at the apex", zoneName, dns.TypeDS, noData, nil, false},
		{"ANY at the apex", zoneName, dns.TypeANY, success, []string{zoneName + ` 60 IN HINFO "RFC8482" ""`}, false},
		{"apex in other case", "VALIDATIONS.example.NET.", dns.TypeA, success, []string{"VALIDATIONS.example.NET. 3600 IN A 192.0.2.80"}, false},
		{"name server's A", at("a.ns"), dns.TypeA, success, []string{at("a.ns") + " 3600 IN A 192.0.2.1"}, false},
		{"name server's AAAA", at("A.NS"), dns.TypeAAAA, success, []string{at("A.NS") + " 3600 IN AAAA 2001:db8::1"}, false},
		{"SOA below the apex", at("a.ns"), dns.TypeSOA, noData, nil, false},
		{"4.5 empty non-terminal", at("ns"), dns.TypeA, noData, nil, false},
		{"4.5 ANY at an empty non-terminal", at("ns"), dns.TypeANY, noData, nil, false},
		{"beside an empty non-terminal", at("b.ns"), dns.TypeA, nameError, nil, false},
		{"below a name server", at("x.a.ns"), dns.TypeA, nameError, nil, false},
		{"parent", "example.net.", dns.TypeNS, outside, nil, false},
		{"root", ".", dns.TypeNS, outside, nil, false},
		{"sibling that ends alike", "xvalidations.example.net.", dns.TypeA, outside, nil, false},
		{"dot within a label", `ns\.validations.example.net.`, dns.TypeA, outside, nil, false},
		{"backslash ending a label", `ns\\.validations.example.net.`, dns.TypeA, nameError, nil, false},
		{"name server elsewhere", "ns2.example.org.", dns.TypeA, outside, nil, false},
	})
}

// Standards 4.15: the serial rises when the values change, and then only.
func TestSerial(t *testing.T) {
	t.Parallel()
	z := newServer(t, testConfig(t)).zone
	label := z.tokens.Record("111122223333", "example.com").Label
	var serial uint32
	var value string
	for now := begin; now.Before(begin.Add(4 * token.Period)); now = now.Add(6 * time.Hour) {
		s, v := z.authority(now).Serial, z.tokens.Value(label, now)
		if s < serial || (s > serial) != (v != value) {
			t.Fatalf("%v: serial %d after %d, value %s after %s", now, s, serial, v, value)
		}
		serial, value = s, v
	}
}

// Standards 4.6: no duplicates in a record set.
func TestStaticDuplicates(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	c.Apex = []netip.Addr{netip.MustParseAddr("192.0.2.80"), netip.MustParseAddr("::ffff:192.0.2.80")}
	c.CAA = []string{"ca.example.net", "CA.example.net."}
	c.NameServers = append(c.NameServers, NameServer{Host: zoneName, Addrs: c.Apex[:1]})
	z := newServer(t, c).zone
	for qtype, want := range map[uint16]int{dns.TypeA: 1, dns.TypeCAA: 1, dns.TypeNS: 3} {
		if got := z.lookup(zoneName, qtype, begin).records; len(got) != want {
			t.Errorf("%s: %v, want %d", dns.TypeToString[qtype], text(got), want)
		}
	}
}

// An answer is the caller's: changing it leaves the zone as it is.
func TestLookupCopies(t *testing.T) {
	t.Parallel()
	z := newServer(t, testConfig(t)).zone
	before := text(z.lookup(zoneName, dns.TypeNS, begin).records)
	for _, rr := range z.lookup(zoneName, dns.TypeNS, begin).records {
		rr.Header().Name = "changed."
		rr.(*dns.NS).Ns = "changed."
	}
	if diff := cmp.Diff(before, text(z.lookup(zoneName, dns.TypeNS, begin).records)); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func BenchmarkLookup(b *testing.B) {
	s := newServer(b, testConfig(b))
	m := new(dns.Msg).SetQuestion(s.zone.tokens.Record("111122223333", "example.com").Target, dns.TypeTXT)
	b.ReportAllocs()
	for b.Loop() {
		r := s.reply(m)
		if data, err := pack(r.msg, minUDP); err != nil || len(data) == 0 || r.outcome != answered {
			b.Fatal(r.outcome, err)
		}
	}
}
