package validator

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

// hop is a chain of n CNAMEs from the record to the end.
func hop(n int, end string) string {
	var b strings.Builder
	from := testRecord
	for i := 1; i < n; i++ {
		to := fmt.Sprintf("hop%d.example.org.", i)
		fmt.Fprintf(&b, "%s CNAME %s\n", from, to)
		from = to
	}
	fmt.Fprintf(&b, "%s CNAME %s\n", from, end)
	return b.String()
}

func TestProofInPlace(t *testing.T) {
	t.Parallel()
	for name, zone := range map[string]string{
		"straight":             testRecord + " CNAME " + testTarget,
		"without underscore":   testRecord + " CNAME " + strings.TrimPrefix(testTarget, "_"),
		"upper case":           strings.ToUpper(testRecord) + " CNAME " + strings.ToUpper(testTarget),
		"five CNAMEs":          hop(5, testTarget),
		"by DNAME":             "www.example.com. DNAME www.example.org.\n" + testRecord + " CNAME _0a1b2c3d.www.example.org.\n_0a1b2c3d.www.example.org. CNAME " + testTarget,
		"other values as well": testRecord + " CNAME " + testTarget + "\n" + testTarget + ` TXT "other"`,
	} {
		for _, stepwise := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stepwise %v", name, stepwise), func(t *testing.T) {
				t.Parallel()
				s := newServer(t, ours+zone)
				s.stepwise = stepwise
				d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
				expect(t, d, "")
				if d.Sentence != "" || d.Evidence != nil || !d.RetryAt.IsZero() {
					t.Errorf("success is not the zero diagnosis: %+v", d)
				}
			})
		}
	}
}

// A resolver that gives the whole chain even when asked for the CNAME.
func TestProofWholeChainInOneAnswer(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]core.Code{1: "", 5: "", 6: core.CodeChainTooLong} {
		s := newServer(t, ours)
		s.odd = func(q dns.Question, _ bool, r *dns.Msg) bool {
			if q.Qtype != dns.TypeCNAME {
				return false
			}
			p := dns.NewZoneParser(strings.NewReader(hop(n, testTarget)), ".", "")
			p.SetDefaultTTL(60)
			for rr, ok := p.Next(); ok; rr, ok = p.Next() {
				r.Answer = append(r.Answer, rr)
			}
			return true
		}
		expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), want)
	}
}

func TestProofPreviousValue(t *testing.T) {
	t.Parallel()
	s := newServer(t, testRecord+" CNAME "+testTarget+"\n"+testTarget+` TXT "the-value-" "of-the-period-before"`)
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), "")
}

// Standards 1.10: a value that differs in case, is longer or shorter does not match.
func TestTokenMismatch(t *testing.T) {
	t.Parallel()
	for _, text := range []string{strings.ToUpper(testValue), testValue + "x", testValue[1:], strings.Repeat("y", 250)} {
		s := newServer(t, testRecord+" CNAME "+testTarget+"\n"+testTarget+` TXT "`+text+`"`)
		d := newValidator(t, s).DNS(t.Context(), testProof(), testNow)
		expect(t, d, core.CodeTokenMismatch, testTarget, clip(text, 100))
		// Standards 2.38: at most 100 characters of a wrong TXT.
		for _, e := range d.Evidence {
			if strings.Contains(d.Sentence+e.Answer, strings.Repeat("y", 101)) {
				t.Errorf("more than 100 characters leaked: %s", e.Answer)
			}
		}
	}
}

// The value must stand in our zone itself, not where a CNAME leads from there.
func TestValueBehindTarget(t *testing.T) {
	t.Parallel()
	s := newServer(t, testRecord+" CNAME "+testTarget+"\n"+testTarget+` CNAME elsewhere.example.
elsewhere.example. TXT "`+testValue+`"`)
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), core.CodeTokenMismatch)
}

func TestChains(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		zone  string
		code  core.Code
		parts []string
	}{
		"six CNAMEs":           {hop(6, testTarget), core.CodeChainTooLong, []string{"More than 5", "hop5.example.org.", "CNAME to " + testTarget}},
		"no end in sight":      {hop(14, testTarget), core.CodeChainTooLong, []string{testRecord}},
		"to itself":            {hop(1, testRecord), core.CodeLoop, []string{testRecord + " -> " + testRecord}},
		"a circle":             {hop(3, "hop1.example.org."), core.CodeLoop, []string{"circle", "hop2.example.org."}},
		"to a dead end":        {hop(2, "nothing.example.org."), core.CodeWrongTarget, []string{"nothing.example.org.", "hop1.example.org."}},
		"to another's value":   {hop(1, "_00000000000000000000000000000000.validations.acmd.net."), core.CodeWrongTarget, []string{"another account"}},
		"zone appended":        {hop(1, testTarget+"example.com."), core.CodeWrongTarget, []string{"example.com. was appended", "final", testTarget + "example.com."}[:1]},
		"wildcard in the zone": {"*.www.example.com. CNAME shop.example.org.\n" + testRecord + " CNAME shop.example.org.\n_acmd-wildcard-probe.www.example.com. CNAME shop.example.org.", core.CodeWrongTarget, []string{"wildcard", "shop.example.org."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, ours+tt.zone)
			expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), tt.code, append(tt.parts, testRecord)...)
		})
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	right := ours + testRecord + " CNAME " + testTarget
	bogus := func(r *dns.Msg) { r.Rcode = dns.RcodeServerFailure; extended(r, 7, "signature expired") }
	for name, tt := range map[string]struct {
		odd   func(q dns.Question, udp bool, r *dns.Msg) bool
		code  core.Code
		parts []string
	}{
		"SERVFAIL": {func(_ dns.Question, _ bool, r *dns.Msg) bool {
			r.Rcode = dns.RcodeServerFailure
			extended(r, 22, "no reachable\x1b authority")
			return true
		}, core.CodeServfail, []string{testRecord, "SERVFAIL", "extended error 22", "no reachable? authority"}},
		"NOTIMP":  {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeNotImplemented; return true }, core.CodeServfail, []string{"NOTIMP"}},
		"FORMERR": {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeFormatError; return true }, core.CodeServfail, []string{"FORMERR"}},
		"REFUSED": {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeRefused; return true }, core.CodeRefused, []string{"refuses", "access list"}},
		"bogus":   {func(_ dns.Question, _ bool, r *dns.Msg) bool { bogus(r); return true }, core.CodeBogus, []string{testRecord, "extended error 7", "DS record"}},
		"bogus, no EDE": {func(_ dns.Question, _ bool, r *dns.Msg) bool {
			if !r.CheckingDisabled {
				r.Rcode = dns.RcodeServerFailure
			}
			return !r.CheckingDisabled
		}, core.CodeBogus, []string{"do not validate"}},
		"our zone SERVFAIL": {func(q dns.Question, _ bool, r *dns.Msg) bool {
			r.Rcode = dns.RcodeServerFailure
			return q.Qtype == dns.TypeTXT || func() bool { r.Rcode = 0; return false }()
		}, core.CodeZoneUnreachable, []string{"is right", testTarget, "operator"}},
		"our zone bogus": {func(q dns.Question, _ bool, r *dns.Msg) bool {
			if q.Qtype == dns.TypeTXT {
				bogus(r)
			}
			return q.Qtype == dns.TypeTXT
		}, core.CodeZoneUnreachable, []string{"extended error 7"}},
		"our zone NXDOMAIN": {func(q dns.Question, _ bool, r *dns.Msg) bool {
			if q.Qtype == dns.TypeTXT {
				r.Rcode = dns.RcodeNameError
			}
			return q.Qtype == dns.TypeTXT
		}, core.CodeZoneUnreachable, []string{"NXDOMAIN"}},
		"our zone empty": {func(q dns.Question, _ bool, _ *dns.Msg) bool { return q.Qtype == dns.TypeTXT },
			core.CodeZoneUnreachable, []string{"no TXT record"}},
		"truncated over TCP as well": {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Truncated = true; return true }, core.CodeServfail, []string{"no usable answer"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, right)
			s.odd = tt.odd
			expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), tt.code, tt.parts...)
		})
	}
}

func TestFailureWithinChain(t *testing.T) {
	t.Parallel()
	s := newServer(t, ours+hop(3, testTarget))
	s.odd = func(q dns.Question, _ bool, r *dns.Msg) bool {
		if q.Name == "hop2.example.org." {
			r.Rcode = dns.RcodeServerFailure
		}
		return q.Name == "hop2.example.org."
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), core.CodeServfail, "hop2.example.org.", testRecord)
}

func TestTimeout(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	s.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = rcodeSilent; return true }
	d := newValidator(t, s, func(c *Config) { c.Timeout = 30 * time.Millisecond }).DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeTimeout, testRecord, "in time", s.address)
	if n := len(s.questions()); n != 2 {
		t.Errorf("%d questions, want 2: one resolver is asked twice", n)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	v := newValidator(t, s, func(c *Config) {
		c.Resolvers = []string{"127.0.0.1:1"} // nobody listens there
	})
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeTimeout, "could not be reached", "127.0.0.1:1")
}

// A trouble of a moment is not called bogus, although it is over once
// validation is switched off: that the signatures are broken must show again.
func TestHiccupIsNotBogus(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		failures int
		code     core.Code
	}{
		"over":  {2, core.CodeServfail},
		"lasts": {3, core.CodeBogus},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, rightZone)
			failed := 0
			s.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool {
				if r.CheckingDisabled || failed == tt.failures {
					return false
				}
				failed++
				r.Rcode = dns.RcodeServerFailure
				return true
			}
			expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), tt.code)
			if n := len(s.questions()); n != 4 {
				t.Errorf("%d questions, want 4: two, one without validation, one more", n)
			}
		})
	}
}
