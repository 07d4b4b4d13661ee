package validator

import (
	"strings"
	"testing"

	"github.com/miekg/dns"
)

// answered is a reply with these records in its answer.
func answered(t *testing.T, name string, qtype uint16, zone string) reply {
	t.Helper()
	m := new(dns.Msg)
	p := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	p.SetDefaultTTL(60)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		m.Answer = append(m.Answer, rr)
	}
	if p.Err() != nil {
		t.Fatal(p.Err())
	}
	return newReply(question{name: name, qtype: qtype}, "192.0.2.53:53", m, nil)
}

// Standards 1.38, 5.13: what CNAMEs without an end stand before is not known,
// whatever else is in the answer.
func TestReplyWay(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone    string
		qtype   uint16
		outcome outcome
		end     string
		shows   string
	}{
		"records":           {`a. TXT "x"`, dns.TypeTXT, found, "a.", `TXT "x"`},
		"nothing":           {"", dns.TypeTXT, nodata, "a.", "no TXT record"},
		"chain":             {"a. CNAME b.\nb. CNAME c.\nc. TXT \"x\"", dns.TypeTXT, found, "c.", `CNAME b., CNAME c., TXT "x"`},
		"chain to nothing":  {"a. CNAME b.", dns.TypeTXT, nodata, "b.", "CNAME b., no TXT record"},
		"to itself":         {"a. CNAME a.\na. TXT \"x\"", dns.TypeTXT, malformed, "", "CNAME a., no usable answer (NOERROR)"},
		"period 2":          {"a. CNAME b.\nb. CNAME a.\na. TXT \"x\"", dns.TypeTXT, malformed, "", "CNAME b., CNAME a., no usable answer (NOERROR)"},
		"circle further on": {"a. CNAME b.\nb. CNAME c.\nc. CNAME b.\nb. A 192.0.2.1", dns.TypeA, malformed, "", "CNAME b., CNAME c., CNAME b., no usable"},
		"ten":               {strings.ReplaceAll(names(0, 10), "n0.example.org.", "a.") + `n10.example.org. TXT "x"`, dns.TypeTXT, found, "n10.example.org.", `TXT "x"`},
		"eleven":            {strings.ReplaceAll(names(0, 11), "n0.example.org.", "a.") + `n11.example.org. TXT "x"`, dns.TypeTXT, malformed, "", "no usable answer"},
		"asked for CNAME":   {"a. CNAME a.", dns.TypeCNAME, found, "", "CNAME a."},
	} {
		r := answered(t, "a.", tt.qtype, tt.zone)
		if r.outcome != tt.outcome || r.end() != tt.end {
			t.Errorf("%s: %s and %q, want %s and %q", name, r.outcome, r.end(), tt.outcome, tt.end)
		}
		if !strings.Contains(r.String(), tt.shows) {
			t.Errorf("%s: %q does not show %q", name, r, tt.shows)
		}
		if tt.end == "" && len(r.records(r.end())) > 0 {
			t.Errorf("%s: records at no end", name)
		}
	}
}
