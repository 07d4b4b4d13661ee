package validator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"acmd/core"

	"github.com/miekg/dns"
)

// Standards 1.33 to 1.37.
func TestCAA(t *testing.T) {
	t.Parallel()
	const forbids = core.CodeCAAForbids
	for name, tt := range map[string]struct {
		zone  string
		name  string
		code  core.Code
		parts []string
	}{
		"none anywhere":             {"", "www.example.com", "", nil},
		"us at the name":            {`www.example.com. CAA 0 issue "ca.acmd.net"`, "www.example.com", "", nil},
		"us, upper case":            {`www.example.com. CAA 0 ISSUE "CA.ACMD.NET"`, "www.example.com", "", nil},
		"us among others":           {"example.com. CAA 0 issue \"other.example\"\nexample.com. CAA 0 issue \"ca.acmd.net\"", "www.example.com", "", nil},
		"other at the parent":       {`example.com. CAA 0 issue "other.example"`, "www.example.com", forbids, []string{"at example.com. do not", "www.example.com (", `"other.example"`, "`example.com. CAA 0 issue \"ca.acmd.net\"`"}},
		"at the top-level domain":   {`com. CAA 0 issue "other.example"`, "www.example.com", forbids, []string{"at com. do", "add the record `www.example.com. CAA 0 issue \"ca.acmd.net\"`", "nearest"}},
		"at the TLD, wildcard":      {`com. CAA 0 issuewild ";"`, "*.example.com", forbids, []string{"at com. do", "`example.com. CAA 0 issue "}},
		"at the TLD, by CNAME":      {"com. CAA 0 issue \";\"\nwww.example.com. CNAME a.example.net.", "www.example.com", forbids, []string{"at com. do", "`example.com. CAA 0 issue "}},
		"at a private suffix":       {`s3.amazonaws.com. CAA 0 issue "amazon.com"`, "shop.s3.amazonaws.com", forbids, []string{"`shop.s3.amazonaws.com. CAA 0 issue "}},
		"critical at the TLD":       {`com. CAA 128 tbs "x"`, "example.com", forbids, []string{"critical", "`example.com. CAA 0 issue "}},
		"nearest set only":          {"www.example.com. CAA 0 issue \"ca.acmd.net\"\nexample.com. CAA 0 issue \";\"", "www.example.com", "", nil},
		"nearest set says nothing":  {"www.example.com. CAA 0 iodef \"mailto:a@example.com\"\nexample.com. CAA 0 issue \";\"", "www.example.com", "", nil},
		"nobody":                    {`example.com. CAA 0 issue ";"`, "example.com", forbids, nil},
		"empty value":               {`example.com. CAA 0 issue ""`, "example.com", forbids, nil},
		"unparsable":                {`example.com. CAA 0 issue "ca.acmd.net policy=ev"`, "example.com", forbids, nil},
		"issuewild for a plain one": {`example.com. CAA 0 issuewild ";"`, "example.com", "", nil},
		"wildcard by issuewild":     {"example.com. CAA 0 issue \";\"\nexample.com. CAA 0 issuewild \"ca.acmd.net\"", "*.example.com", "", nil},
		"wildcard forbidden":        {"example.com. CAA 0 issue \"ca.acmd.net\"\nexample.com. CAA 0 issuewild \";\"", "*.example.com", forbids, []string{"*.example.com", `CAA 0 issuewild "ca.acmd.net"`}},
		"wildcard by issue":         {`example.com. CAA 0 issue "ca.acmd.net"`, "*.example.com", "", nil},
		"critical unknown":          {"example.com. CAA 128 tbs \"x\"\nexample.com. CAA 0 issue \"ca.acmd.net\"", "example.com", forbids, []string{`"tbs"`, "critical", "remove"}},
		"critical by mistake":       {`example.com. CAA 1 tbs "x"`, "example.com", forbids, nil},
		"unknown, not critical":     {`example.com. CAA 0 tbs "x"`, "example.com", "", nil},
		"critical and ignorable":    {"example.com. CAA 128 iodef \"mailto:a@example.com\"\nexample.com. CAA 128 issuemail \";\"\nexample.com. CAA 128 issuevmc \";\"", "example.com", "", nil},
		"critical issue":            {`example.com. CAA 128 issue "ca.acmd.net"`, "example.com", "", nil},
		"by CNAME":                  {"www.example.com. CNAME a.example.net.\na.example.net. CNAME b.example.org.\nb.example.org. CAA 0 issue \";\"", "www.example.com", forbids, []string{"at b.example.org. (by the CNAME records www.example.com. -> a.example.net. -> b.example.org.)", "`b.example.org. CAA 0 issue \"ca.acmd.net\"` there"}},
		"by one CNAME":              {"www.example.com. CNAME b.example.org.\nb.example.org. CAA 0 issue \"other.example\"", "www.example.com", forbids, []string{"at b.example.org. (to which www.example.com. leads by CNAME)", "issue for www.example.com (", "`b.example.org. CAA 0 issue \"ca.acmd.net\"` there", "replace the CNAME record at www.example.com."}},
		"by an ancestor's CNAME":    {"example.com. CNAME b.example.org.\nb.example.org. CAA 0 issuewild \";\"", "*.www.example.com", forbids, []string{"at b.example.org. (to which example.com. leads by CNAME)", "`b.example.org. CAA 0 issuewild "}},
		"critical by CNAME":         {"www.example.com. CNAME b.example.org.\nb.example.org. CAA 128 tbs \"x\"", "www.example.com", forbids, []string{"at b.example.org. (", "critical", "remove that record"}},
		"by ten CNAMEs":             {names(0, 10) + `n10.example.org. CAA 0 issue ";"`, "n0.example.org", forbids, []string{"at n10.example.org."}},
		"ten CNAMEs to nothing":     {names(0, 10), "n0.example.org", "", nil},
		"target's parent":           {"www.example.com. CNAME a.example.net.\na.example.net. A 192.0.2.1\nexample.net. CAA 0 issue \";\"", "www.example.com", "", nil},
		"our account only":          {`example.com. CAA 0 issue "ca.acmd.net; accounturi=https://ca.acmd.net/1"`, "example.com", forbids, []string{"restricted to the account"}},
		"our method":                {`example.com. CAA 0 issue "ca.acmd.net; validationmethods=http-01,ca-tbr-7"`, "example.com", "", nil},
		"our other method":          {`example.com. CAA 0 issue "ca.acmd.net; validationmethods=dns-01"`, "example.com", "", nil},
		"another method":            {`example.com. CAA 0 issue "ca.acmd.net; validationmethods=http-01"`, "example.com", forbids, []string{"ca-tbr-7"}},
	} {
		for _, stepwise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stepwise %v", name, stepwise), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, tt.zone)
				s.stepwise = stepwise
				expect(t, newValidator(t, s).CAA(t.Context(), tt.name, testNow), tt.code, tt.parts...)
				if q := s.questions(); slices.Contains(q, "CAA .") || slices.Contains(q, "CAA example.net.") {
					t.Errorf("standards 1.33: asked %v", q)
				}
			})
		}
	}
}

// Standards 1.38, 1.41: what cannot be looked up never permits.
func TestCAAFailsClosed(t *testing.T) {
	t.Parallel()
	at := func(name string, do func(udp bool, r *dns.Msg)) func(dns.Question, bool, *dns.Msg) bool {
		return func(q dns.Question, udp bool, r *dns.Msg) bool {
			if q.Name == name {
				do(udp, r)
			}
			return q.Name == name
		}
	}
	rcode := func(code int) func(bool, *dns.Msg) { return func(_ bool, r *dns.Msg) { r.Rcode = code } }
	for name, tt := range map[string]struct {
		odd   func(dns.Question, bool, *dns.Msg) bool
		parts []string
	}{
		"SERVFAIL":        {at("www.example.com.", rcode(dns.RcodeServerFailure)), []string{"www.example.com.", "SERVFAIL"}},
		"at the ancestor": {at("example.com.", rcode(dns.RcodeServerFailure)), []string{"at example.com. allow"}},
		"REFUSED":         {at("www.example.com.", rcode(dns.RcodeRefused)), []string{"REFUSED"}},
		"silence":         {at("www.example.com.", rcode(rcodeSilent)), []string{"no answer in time"}},
		"bogus":           {at("www.example.com.", func(_ bool, r *dns.Msg) { r.Rcode = 2; extended(r, 6, "") }), []string{"do not validate"}},
		"cut short":       {at("www.example.com.", func(_ bool, r *dns.Msg) { r.Truncated = true }), []string{"no usable answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, "")
			s.odd = tt.odd
			v := newValidator(t, s, func(c *Config) { c.Timeout /= 20 })
			expect(t, v.CAA(t.Context(), "www.example.com", testNow), core.CodeCAAUnavailable, append(tt.parts, "nothing is issued")...)
		})
	}
}

// names is the CNAMEs from n<from>.example.net. up to n<to>.
func names(from, to int) string {
	var b strings.Builder
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "n%d.example.org. CNAME n%d.example.org.\n", i, i+1)
	}
	return b.String()
}

// partial answers as a resolver does that puts so many CNAMEs into one answer
// and then stops, with an SOA of the asked name's zone or without one.
func partial(s *server, most int, soa bool) func(dns.Question, bool, *dns.Msg) bool {
	return func(q dns.Question, _ bool, r *dns.Msg) bool {
		at := q.Name
		for range most {
			for _, rr := range s.zone[at] {
				if next, ok := rr.(*dns.CNAME); ok {
					r.Answer = append(r.Answer, rr)
					at = next.Target
				}
			}
			if q.Qtype == dns.TypeCNAME {
				break
			}
		}
		if soa {
			rr, _ := dns.NewRR("example.org. 900 IN SOA ns1 hostmaster 1 7200 3600 1209600 300")
			r.Ns = append(r.Ns, rr)
		}
		return true
	}
}

// Standards 1.38: CNAMEs that lead in a circle never permit, whatever its
// period and however many of them the resolver puts into one answer.
func TestCAACircle(t *testing.T) {
	t.Parallel()
	for period := 1; period <= 12; period++ {
		for _, most := range []int{1, 2, 3, 10, 11, 24} {
			for _, soa := range []bool{false, true} {
				t.Run(fmt.Sprintf("period %d, %d an answer, SOA %v", period, most, soa), func(t *testing.T) {
					t.Parallel()
					s := newServer(t, names(0, period-1)+fmt.Sprintf("n%d.example.org. CNAME n0.example.org.", period-1))
					s.tune(func() { s.odd = partial(s, most, soa) })
					d := newValidator(t, s).CAA(t.Context(), "n0.example.org", testNow)
					expect(t, d, core.CodeCAAUnavailable, "at n0.example.org.", "nothing is issued", "n0.example.org. -> ")
					if period < maxFollow && !strings.Contains(d.Sentence, "lead in a circle") {
						t.Errorf("%q does not tell of the circle", d.Sentence)
					}
					for _, e := range d.Evidence {
						if !strings.HasPrefix(e.Answer, "CNAME n") {
							t.Errorf("the evidence %+v hides the CNAMEs", e)
						}
					}
				})
			}
		}
	}
}

// A resolver that finds the circle itself says SERVFAIL; the sentence tells why.
func TestCAACircleServfail(t *testing.T) {
	t.Parallel()
	s := newServer(t, "www.example.com. CNAME a.example.com.\na.example.com. CNAME www.example.com.")
	expect(t, newValidator(t, s).CAA(t.Context(), "www.example.com", testNow), core.CodeCAAUnavailable,
		"circle: www.example.com. -> a.example.com. -> www.example.com.")
}

// Standards 1.38, as a property: a CAA look-up whose CNAMEs have no end never
// permits, nor does one with more than ten of them.
func TestCAAWithoutEndNeverPermits(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 38))
	for range 300 {
		lead, period, most, soa := random.IntN(14), random.IntN(14), 1+random.IntN(30), random.IntN(2) == 0
		zone := names(0, lead+period)
		if period > 0 { // else a chain that is too long
			zone += fmt.Sprintf("n%d.example.org. CNAME n%d.example.org.", lead+period, lead)
		} else if lead <= maxFollow {
			continue
		}
		s := newServer(t, zone)
		s.tune(func() { s.odd = partial(s, most, soa) })
		d := newValidator(t, s).CAA(t.Context(), "n0.example.org", testNow)
		if d.Code != core.CodeCAAUnavailable {
			t.Errorf("%d CNAMEs to a circle of %d, %d an answer, SOA %v: %q %s", lead, period+1, most, soa, d.Code, d.Sentence)
		}
	}
}

// A set larger than a UDP answer is completed over TCP.
func TestCAAOverTCP(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	for i := range 60 {
		fmt.Fprintf(&zone, "example.com. CAA 0 issue \"ca%d.example.net\"\n", i)
	}
	for end, want := range map[string]core.Code{"": core.CodeCAAForbids, "example.com. CAA 0 issue \"ca.acmd.net\"": ""} {
		s := newServer(t, zone.String()+end)
		s.odd = func(_ dns.Question, udp bool, r *dns.Msg) bool { r.Truncated = udp; return udp }
		expect(t, newValidator(t, s).CAA(t.Context(), "example.com", testNow), want)
	}
}

func TestParseIssue(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"ca.example":                    "ca.example []",
		" \tCA.example ":                "ca.example []",
		"":                              " []",
		";":                             " []",
		"ca.example;":                   "ca.example []",
		"ca.example ; a=b":              "ca.example [{a b}]",
		"ca.example; a = b ; c=":        "ca.example [{a b} {c }]",
		"ca.example; a=b=c,%22":         "ca.example [{a b=c,%22}]",
		"; a=b":                         " [{a b}]",
		"ca.example.":                   "bad",
		"-ca.example":                   "bad",
		"ca..example":                   "bad",
		"ca example":                    "bad",
		"ca.example; a":                 "bad",
		"ca.example; a=b;":              "bad",
		"ca.example; a=b c":             "bad",
		"ca.example; =b":                "bad",
		"ca.example; a-=b":              "bad",
		"ca.example; a=\x00":            "bad",
		"https://ca.example":            "bad",
		"ca.example; accounturi=\u00e9": "bad",
		"ca.example; a=b;; c=d":         "bad",
	} {
		v, ok := parseIssue(value)
		got := fmt.Sprint(v.issuer, " ", v.parameters)
		if !ok {
			got = "bad"
		}
		if got != want {
			t.Errorf("%q: %q, want %q", value, got, want)
		}
	}
}

// Standards 1.37, RFC 8657.
func TestRestriction(t *testing.T) {
	t.Parallel()
	for params, permits := range map[string]bool{
		"":                             true,
		"policy=ev":                    true,
		"accounturi=x":                 false,
		"AccountURI=x":                 false,
		"accounturi=":                  false,
		"accounturi=x; accounturi=x":   false,
		"validationmethods=":           false,
		"validationmethods=dns-01":     true,
		"validationmethods=DNS-01":     false,
		"validationmethods=dns-01,":    false,
		"validationmethods=a_b,dns-01": false,
		"validationmethods=dns-01; validationmethods=dns-01": false,
		"VALIDATIONMETHODS=http-01":                          false,
		"validationmethods=ca-tbr-7; accounturi=x":           false,
	} {
		why := judge([]caaRecord{{0, "issue", "ca.acmd.net;" + params}}, false, []string{"ca.acmd.net"})
		if (why == "") != permits {
			t.Errorf("%q: %q, want permission %v", params, why, permits)
		}
	}
}

func FuzzParseIssue(f *testing.F) {
	for _, s := range []string{"ca.example", ";", "ca.example; accounturi=https://x/1; validationmethods=dns-01", "a;=", "\t;\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, ok := parseIssue(s)
		if !ok {
			if v.issuer != "" || v.parameters != nil {
				t.Fatalf("%q: a bad value left %+v", s, v)
			}
			return
		}
		if v.issuer != strings.ToLower(v.issuer) || strings.ContainsAny(v.issuer, " \t;=") {
			t.Fatalf("%q: issuer %q", s, v.issuer)
		}
		// What was parsed is written and parsed to the same again.
		var b strings.Builder
		b.WriteString(v.issuer)
		for _, p := range v.parameters {
			b.WriteString("; " + p.tag + "=" + p.value)
		}
		again, ok := parseIssue(b.String())
		if !ok || again.issuer != v.issuer || !slices.Equal(again.parameters, v.parameters) {
			t.Fatalf("%q: %+v became %+v", s, v, again)
		}
		if why := v.restriction(); why == "" && strings.Contains(strings.ToLower(b.String()), "; accounturi=") {
			t.Fatalf("%q: an accounturi was passed over", s)
		}
	})
}
