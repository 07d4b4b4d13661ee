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
			// The lesser of the SOA's TTL (900) and its MINIMUM (300).
			if want := testNow.Add(300 * time.Second); !d.RetryAt.Equal(want) {
				t.Errorf("RetryAt %v, want %v", d.RetryAt, want)
			}
			var hunted int
			for _, q := range s.questions() {
				if strings.HasPrefix(q, "CNAME") || strings.HasSuffix(q, testRecord) {
					hunted++
				}
			}
			if hunted > 25 { // the record itself, and 24 to explain
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
			if d.RetryAt.IsZero() {
				t.Error("no RetryAt, though the negative answer is cached")
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
		if why := mistake(testProof(), got); !strings.Contains(why, want) || want == "" && why != "" {
			t.Errorf("%s: %q, want %q", got, why, want)
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
			if want := testNow.Add(5 * time.Minute); !d.RetryAt.Equal(want) {
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
