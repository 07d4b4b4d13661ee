package validator

import (
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

const signedRoot = ". SOA a.root-servers.net. nstld.example. 1 1800 900 604800 86400\n"

func requireDNSSEC(c *Config) { c.RequireDNSSEC = true }

func countRoot(s *server) int {
	n := 0
	for _, q := range s.questions() {
		if q == "SOA ." {
			n++
		}
	}
	return n
}

// Standards 1.41: with DNSSEC required, only a resolver seen to validate is believed.
func TestResolverMustValidate(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	v := newValidator(t, s, requireDNSSEC)
	d := v.DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeNoValidation, s.address, "does not validate", "trust anchor")
	expect(t, v.CAA(t.Context(), "www.example.com", testNow), core.CodeNoValidation)
	if n := countRoot(s); n != 1 {
		t.Errorf("the root was asked for %d times", n)
	}
	// Somebody mends the resolver: a minute later it is believed.
	s.set(signedRoot)
	s.tune(func() { s.ad = true })
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(unsafeFor)), "")
	for range 3 {
		expect(t, v.DNS(t.Context(), testProof(), testNow.Add(unsafeFor+validatesFor-time.Second)), "")
	}
	if n := countRoot(s); n != 2 {
		t.Errorf("the root was asked for %d times, want 2", n)
	}
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(unsafeFor+validatesFor)), "")
	if n := countRoot(s); n != 3 {
		t.Errorf("the root was asked for %d times, want 3", n)
	}
}

func TestOnlyValidatingResolversAreAsked(t *testing.T) {
	t.Parallel()
	lax, strict := newServer(t, rightZone), newServer(t, signedRoot)
	strict.tune(func() { strict.ad = true })
	v := newValidator(t, lax, requireDNSSEC, func(c *Config) { c.Resolvers = append(c.Resolvers, strict.address) })
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeRecordMissing)
	if q := lax.questions(); len(q) != 1 {
		t.Errorf("the resolver that does not validate was asked %v", q)
	}
}

func TestRemoteAD(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone+"\n"+signedRoot)
	s.ad = true
	remote := func(c *Config) {
		c.Resolvers, c.Dial = []string{"198.18.0.53:53"}, mapped(map[string]string{"198.18.0.53:53": s.address})
	}
	v := newValidator(t, s, requireDNSSEC, remote)
	d := v.DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeNoValidation, "198.18.0.53:53", "not loopback")
	if n := len(s.questions()); n != 0 {
		t.Errorf("%d questions to a resolver that is not believed", n)
	}
	v = newValidator(t, s, requireDNSSEC, remote, func(c *Config) { c.TrustRemoteAD = true })
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
}

// A resolver that fails at the root is diagnosed as that, not as a fault of
// anybody's domain.
func TestResolverFailsAtRoot(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		odd   func(q dns.Question, _ bool, r *dns.Msg) bool
		code  core.Code
		parts []string
	}{
		"no way to it": {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeServerFailure; return true },
			core.CodeServfail, []string{"root's name servers", "SERVFAIL"}},
		"NOTIMP": {func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeNotImplemented; return true },
			core.CodeServfail, []string{"root's name servers", "NOTIMP"}},
		"bogus, no EDE": {func(_ dns.Question, _ bool, r *dns.Msg) bool {
			if !r.CheckingDisabled {
				r.Rcode = dns.RcodeServerFailure
			}
			return true
		}, core.CodeNoValidation, []string{"trust anchor", "clock"}},
		"bogus": {func(_ dns.Question, _ bool, r *dns.Msg) bool {
			r.Rcode = dns.RcodeServerFailure
			extended(r, 9, "no key")
			return true
		}, core.CodeNoValidation, []string{"trust anchor", "extended error 9"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, rightZone)
			s.odd = tt.odd
			v := newValidator(t, s, requireDNSSEC)
			expect(t, v.DNS(t.Context(), testProof(), testNow), tt.code, append(tt.parts, s.address)...)
			expect(t, v.CAA(t.Context(), "www.example.com", testNow), tt.code, append(tt.parts, s.address)...)
		})
	}
}
