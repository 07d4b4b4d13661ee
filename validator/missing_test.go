package validator

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

func TestRecordMissing(t *testing.T) {
	t.Parallel()
	for name, zone := range map[string]string{
		"NXDOMAIN": "www.example.com. A 192.0.2.1",
		"NODATA":   "a." + testRecord + " A 192.0.2.1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+zone)
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, core.CodeRecordMissing, testRecord, testTarget, "until 2026-11-22T12:05:00Z")
			// A hint would be taken at every look for 72 hours, and a short negative TTL is
			// no reason to look every few seconds.
			if !d.RetryAt.IsZero() {
				t.Errorf("RetryAt %v, though nothing is known to change then", d.RetryAt)
			}
			var hunted int
			for _, q := range s.questions() {
				if strings.HasPrefix(q, "CNAME") || strings.HasSuffix(q, testRecord) {
					hunted++
				}
			}
			if hunted > 25 { // the record itself, three other types, and not many wrong names
				t.Errorf("%d questions for one missing record", hunted)
			}
		})
	}
}

func TestRecordMissingUnregistered(t *testing.T) {
	t.Parallel()
	s := newServer(t, ours)
	s.soa, _ = dns.NewRR("com. 900 IN SOA a.gtld-servers.net. nstld.example. 1 1800 900 604800 86400")
	d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeRecordMissing, "register the domain", "short of com.")
	if slices.Contains(s.questions(), "NS com.") {
		t.Error("a registry's name servers were to be asked")
	}
}

func TestWrongType(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		parts []string
	}{
		"target as TXT":         {`TXT "` + strings.TrimSuffix(testTarget, ".") + `"`, []string{"stands in a TXT record", "create a CNAME"}},
		"target as TXT, quoted": {`TXT "\"` + testTarget + `\""`, []string{"stands in a TXT record"}},
		"value as TXT":          {`TXT "` + testValue + `"`, []string{"flattening"}},
		"other TXT":             {`TXT "` + strings.Repeat("z", 200) + `"`, []string{strings.Repeat("z", 97) + `..."`}},
		"A":                     {"A 192.0.2.7\n" + testRecord + " A 192.0.2.8", []string{"A 192.0.2.7 and 1 more", "proxying"}},
		"AAAA":                  {"AAAA 2001:db8::7", []string{"AAAA 2001:db8::7"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+testRecord+" "+tt.zone)
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, core.CodeWrongType, append(tt.parts, testRecord, testTarget)...)
			if strings.Contains(fmt.Sprint(d), strings.Repeat("z", 101)) {
				t.Error("standards 2.38: more than 100 characters of a TXT leaked")
			}
		})
	}
}

// A wildcard is the applicant's own: the record is to be made beside it, and
// what the wildcard says must stay.
func TestUnderWildcard(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		code  core.Code
		parts []string
	}{
		"CNAME":                 {"*.www.example.com. CNAME shop.example.org.\nshop.example.org. A 192.0.2.1", core.CodeWrongTarget, []string{"shop.example.org."}},
		"CNAME above":           {"*.example.com. CNAME shop.example.org.", core.CodeWrongTarget, []string{"shop.example.org."}},
		"CNAME, dead end":       {"*.www.example.com. CNAME servfail.example.org.", core.CodeWrongTarget, []string{"servfail.example.org."}},
		"CNAME of another name": {"*.www.example.com. CNAME _ffff.validations.acmd.net.", core.CodeWrongTarget, []string{"_ffff.validations.acmd.net."}},
		"CNAME meant for us":    {"*.www.example.com. CNAME " + testTarget + "example.com.", core.CodeWrongTarget, []string{testTarget + "example.com."}},
		"A":                     {"*.www.example.com. A 192.0.2.1", core.CodeRecordMissing, []string{"A 192.0.2.1"}},
		"A above, and AAAA":     {"*.example.com. A 192.0.2.1\n*.example.com. A 192.0.2.2\n*.example.com. AAAA 2001:db8::1", core.CodeRecordMissing, nil},
		"TXT":                   {"*.www.example.com. TXT \"v=spf1 -all\"", core.CodeRecordMissing, []string{`TXT "v=spf1 -all"`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+tt.zone)
			s.tune(func() {
				s.odd = func(q dns.Question, _ bool, r *dns.Msg) bool {
					if q.Name == "servfail.example.org." {
						r.Rcode = dns.RcodeServerFailure
					}
					return q.Name == "servfail.example.org."
				}
			})
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, tt.code, append(tt.parts, testRecord, "wildcard", "reate the CNAME record with the value "+testTarget, "leave the wildcard as it is")...)
			for _, bad := range []string{"change its value", "replace"} {
				if strings.Contains(d.Sentence, bad) {
					t.Errorf("%q advises to spoil the wildcard", d.Sentence)
				}
			}
		})
	}
}

// Under a wildcard, a record of one's own and a doubled one are still told.
func TestBesideWildcard(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		code  core.Code
		parts []string
	}{
		"own A":           {"*.www.example.com. A 192.0.2.1\n" + testRecord + " A 192.0.2.7", core.CodeWrongType, []string{"A 192.0.2.7"}},
		"own TXT":         {"*.www.example.com. A 192.0.2.1\n" + testRecord + ` TXT "` + testTarget + `"`, core.CodeWrongType, []string{"stands in a TXT"}},
		"own wrong CNAME": {"*.www.example.com. CNAME a.example.org.\n" + testRecord + " CNAME b.example.org.", core.CodeWrongTarget, []string{"change its value"}},
		"doubled, CNAME":  {"*.example.com. CNAME a.example.org.\n" + testRecord + "example.com. CNAME " + testTarget, core.CodeNameDoubled, nil},
		"doubled, A":      {"*.example.com. A 192.0.2.1\n" + testRecord + "example.com. CNAME " + testTarget, core.CodeNameDoubled, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+tt.zone)
			d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
			expect(t, d, tt.code, append(tt.parts, testRecord, testTarget)...)
		})
	}
}

func TestMistake(t *testing.T) {
	t.Parallel()
	label := strings.TrimSuffix(testTarget, ".validations.acmd.net.")
	for got, want := range map[string]string{
		testTarget + "example.com.":                   "the zone example.com. was appended",
		testTarget[1:] + "www.example.com.":           "the zone www.example.com. was appended",
		label + ".example.com.":                       "only the first label",
		`\"` + testTarget[:len(testTarget)-1] + `\".`: "quotation marks",
		"https://" + testTarget:                       "URL",
		`\032` + testTarget:                           "space",
		"validations.acmd.net.":                       "first label of the value is missing",
		label + ".validations.acmd.com.":              "should be validations.acmd.net.",
		"_" + testTarget:                              "too many underscores",
		label[:20] + ".validations.acmd.net.":         "cut off",
		"_ffff.validations.acmd.net.":                 "another domain or another account",
		"shop.example.org.":                           "",
	} {
		why, ours := mistake(testProof(), got)
		if !strings.Contains(why, want) || want == "" && why != "" {
			t.Errorf("%s: %q, want %q", got, why, want)
		}
		if want := want != "" && !strings.Contains(want, "another"); ours != want {
			t.Errorf("%s: ours %v", got, ours)
		}
	}
	// What is nobody's slip of ours, but his own odd value.
	for _, got := range []string{`\"shop.example.org\".`, "https://shop.example.org.", `\032shop.example.org.`} {
		if why, ours := mistake(testProof(), got); ours || why == "" {
			t.Errorf("%s: %q, ours %v", got, why, ours)
		}
	}
}

// nameServers is a resolver that says no, and the zone's own name servers at
// special addresses that the dialer leads to loopback.
func nameServers(t *testing.T, zones ...string) (*Validator, *server, []*server) {
	t.Helper()
	res := newServer(t, ours)
	to := map[string]string{}
	var all []*server
	for i, zone := range zones {
		s := newServer(t, zone)
		s.tune(func() { s.authoritative = true })
		res.set(fmt.Sprintf("example.com. NS ns%d.example.com.\nns%d.example.com. A 198.18.0.%d\n", i+1, i+1, i+1))
		to[fmt.Sprintf("198.18.0.%d:53", i+1)] = s.address
		all = append(all, s)
	}
	v := newValidator(t, res, func(c *Config) {
		c.Dial = mapped(to)
		c.Allow = []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15")}
	})
	return v, res, all
}

func TestNameServers(t *testing.T) {
	t.Parallel()
	right, none := testRecord+" CNAME "+testTarget, "example.com. A 192.0.2.1"
	for name, tt := range map[string]struct {
		zones []string
		code  core.Code
		parts []string
	}{
		"all have it":      {[]string{right, right}, core.CodeNegativeCached, []string{"ns1.example.com., ns2.example.com.", "until 2026-11-22T12:05:00Z"}},
		"one lacks it":     {[]string{right, none}, core.CodeRecordMissing, []string{"is at ns1.example.com. but not at ns2.example.com.", "zone example.com."}},
		"none has it":      {[]string{none, none}, core.CodeRecordMissing, []string{"create it"}},
		"a new wrong one":  {[]string{testRecord + " CNAME " + testTarget + "example.com."}, core.CodeWrongTarget, []string{"was appended"}},
		"a new longer way": {[]string{testRecord + " CNAME hop.example.org."}, core.CodeNegativeCached, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, res, all := nameServers(t, tt.zones...)
			res.set("hop.example.org. CNAME " + testTarget)
			d := v.DNS(t.Context(), testProof(), testNow)
			expect(t, d, tt.code, append(tt.parts, testRecord)...)
			// The lesser of the SOA's TTL (900) and its MINIMUM (300), and only where the
			// record has been seen.
			var want time.Time
			if tt.code == core.CodeNegativeCached {
				want = testNow.Add(5 * time.Minute)
			}
			if !d.RetryAt.Equal(want) {
				t.Errorf("RetryAt %v, want %v", d.RetryAt, want)
			}
			for i, s := range all {
				if got := s.questions(); !slices.Equal(got, []string{"CNAME " + testRecord}) {
					t.Errorf("ns%d was asked %v", i+1, got)
				}
			}
		})
	}
}

// A server that does not speak for the zone, or not to us, is passed over.
func TestNameServersThatSayNothing(t *testing.T) {
	t.Parallel()
	right := testRecord + " CNAME " + testTarget
	v, _, all := nameServers(t, right, "", "")
	all[1].tune(func() {
		all[1].odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Authoritative = false; return true }
	})
	all[2].tune(func() {
		all[2].odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeRefused; return true }
	})
	d := v.DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeNegativeCached, "(ns1.example.com.)")
}

// Standards 5.1 to 5.5: addresses of special ranges are not dialled unless opened.
func TestNameServersAtRefusedAddresses(t *testing.T) {
	t.Parallel()
	v, _, all := nameServers(t, testRecord+" CNAME "+testTarget)
	policy, err := newAddressPolicy(nil)
	if err != nil {
		t.Fatal(err)
	}
	v.addresses = policy
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeRecordMissing, "create it")
	if got := all[0].questions(); len(got) != 0 {
		t.Errorf("a refused address was asked %v", got)
	}
}

func TestAtMostFourNameServers(t *testing.T) {
	t.Parallel()
	right := testRecord + " CNAME " + testTarget
	v, _, all := nameServers(t, right, right, right, right, right, right)
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeNegativeCached)
	asked := 0
	for _, s := range all {
		asked += len(s.questions())
	}
	if asked != maxNameServers {
		t.Errorf("%d name servers were asked", asked)
	}
}
