package validator

import (
	"strings"
	"testing"

	"acmd/core"

	"github.com/miekg/dns"
)

// User Guide, "How CNAME records for ACM work": the doubled name; and its neighbours.
func TestRecordElsewhere(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		code  core.Code
		parts []string
	}{
		"doubled with the zone": {testRecord + "example.com. CNAME " + testTarget, core.CodeNameDoubled,
			[]string{testRecord + "example.com.", "enter only _0a1b2c3d.www as the name"}},
		"doubled with the name": {testRecord + "www.example.com. CNAME " + testTarget, core.CodeNameDoubled,
			[]string{testRecord + "www.example.com.", "enter only _0a1b2c3d as the name"}},
		"without the underscore": {"0a1b2c3d.www.example.com. CNAME " + testTarget, core.CodeWrongName, []string{"leading underscore"}},
		"at the name itself":     {"www.example.com. CNAME " + testTarget, core.CodeWrongName, []string{"whole domain"}},
		"at the parent":          {"_0a1b2c3d.example.com. CNAME " + strings.TrimPrefix(testTarget, "_"), core.CodeWrongName, []string{"at _0a1b2c3d.example.com."}},
		"below www":              {"_0a1b2c3d.www.www.example.com. CNAME " + testTarget, core.CodeWrongName, []string{"below www"}},
		"swapped":                {testTarget + "example.com. CNAME " + testRecord, core.CodeWrongName, []string{"swapped", testTarget + "example.com."}},
		"swapped, label only":    {"_f0e1d2c3b4a5968778695a4b3c2d1e0f.www.example.com. CNAME " + testRecord, core.CodeWrongName, []string{"swapped"}},
		// What leads elsewhere is nobody's business.
		"another's at the parent": {"_0a1b2c3d.example.com. CNAME other.example.", core.CodeRecordMissing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+"example.com. A 192.0.2.1\n"+tt.zone)
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, tt.code, append(tt.parts, testRecord, testTarget)...)
			if !d.RetryAt.IsZero() {
				t.Errorf("RetryAt %v, though nothing is known to change then", d.RetryAt)
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("a.", 60) + "example.com"
	for _, p := range []DNSProof{testProof(),
		{Name: deep, Record: "_0a1b2c3d." + deep + ".", Target: testTarget},
		{Name: "example.com", Record: "_0a1b2c3d.example.com.", Target: testTarget},
	} {
		seen := map[string]bool{p.Record: true}
		list := candidates(p, "example.com.")
		for _, c := range list {
			if seen[c.name] {
				t.Errorf("%s: twice, or the record itself", c.name)
			}
			seen[c.name] = true
			if _, ok := dns.IsDomainName(c.name); !ok || !dns.IsFqdn(c.name) {
				t.Errorf("%s is no name", c.name)
			}
		}
		if len(list) > maxHunt || len(list) == 0 {
			t.Errorf("%d candidates", len(list))
		}
		if list[0].name != p.Record+"example.com." {
			t.Errorf("first candidate %s", list[0].name)
		}
	}
}

// Issue 2: "name doubled (with the name itself or with any parent of it)".
func TestDoubledWithAnyParent(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a.b.c.d.e.f.g.h.i.example.com", "1.2.3.4.5.6.7.8.9.10.11.12.13.14.example.com"} {
		p := DNSProof{Name: name, Record: "_0a1b2c3d." + name + ".", Target: testTarget, Values: []string{testValue}}
		parents := core.Ancestors(name)
		for _, parent := range parents[:len(parents)-1] {
			t.Run(parent, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, ours+p.Record+parent+". CNAME "+testTarget)
				d := newValidator(t, s).DNS(t.Context(), p, testNow)
				expect(t, d, core.CodeNameDoubled, p.Record+parent+".", "appends "+parent+". to")
			})
		}
	}
}

// Several slips at once, as a zone file without final dots makes them; all are told.
func TestNameAndValueDoubled(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		code  core.Code
		parts []string
	}{
		"zone file without final dots": {testRecord + "example.com. CNAME " + testTarget + "example.com.", core.CodeNameDoubled,
			[]string{"stands at " + testRecord + "example.com.", "enter only _0a1b2c3d.www", "leads to " + testTarget + "example.com.", "appended to the value"}},
		"both with the name": {testRecord + "www.example.com. CNAME " + testTarget + "www.example.com.", core.CodeNameDoubled,
			[]string{"enter only _0a1b2c3d as", "the zone www.example.com. was appended to the value"}},
		"cut off, at the parent": {"_0a1b2c3d.example.com. CNAME _f0e1d2c3b4a59687.validations.acmd.net.", core.CodeWrongName,
			[]string{"a part of the domain is missing", "cut off"}},
		"swapped, both doubled": {testTarget + "example.com. CNAME " + testRecord + "example.com.", core.CodeWrongName,
			[]string{"swapped"}},
		"TXT with the target": {testRecord + `example.com. TXT "` + testTarget + `"`, core.CodeNameDoubled,
			[]string{"TXT record", "stands at " + testRecord + "example.com.", "enter only _0a1b2c3d.www", "create a CNAME record at " + testRecord}},
		"TXT with the value": {testRecord + `example.com. TXT "` + testValue + `"`, core.CodeNameDoubled,
			[]string{"TXT record"}},
		"TXT without the underscore": {`0a1b2c3d.www.example.com. TXT "` + testTarget + `"`, core.CodeWrongName,
			[]string{"TXT record", "leading underscore"}},
		// What is not ours is nobody's business.
		"another's value":  {testRecord + "example.com. CNAME _ffff.validations.acmd.net.", core.CodeRecordMissing, nil},
		"another's TXT":    {testRecord + `example.com. TXT "v=spf1 -all"`, core.CodeRecordMissing, nil},
		"another's quotes": {testRecord + `example.com. CNAME \"shop\".example.org.`, core.CodeRecordMissing, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+"example.com. A 192.0.2.1\n"+tt.zone)
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, tt.code, append(tt.parts, testRecord, testTarget)...)
		})
	}
}

// What explains a missing record stays bounded, whatever the zone answers: here
// a wildcard makes every candidate exist, and the domain has many labels.
func TestHuntIsBounded(t *testing.T) {
	t.Parallel()
	for name, most := range map[string]int{
		"www.example.com":                                   25,
		strings.Repeat("a.", 14) + "example.com":            maxHunt + maxHuntText + 10,
		strings.Repeat("a.", 60) + "example.com":            maxHunt + maxHuntText + 10,
		strings.Repeat("1.2.3.4.5.6.7.", 3) + "example.com": maxHunt + maxHuntText + 10,
	} {
		s := newServer(t, ours+"*.example.com. A 192.0.2.1\n*.example.com. TXT \"v=spf1 -all\"")
		p := DNSProof{Name: name, Record: "_0a1b2c3d." + name + ".", Target: testTarget, Values: []string{testValue}}
		expect(t, newValidator(t, s).DNS(t.Context(), p, testNow), core.CodeRecordMissing, "wildcard")
		if n := len(s.questions()); n > most {
			t.Errorf("%s: %d questions, want at most %d", name, n, most)
		}
	}
}
