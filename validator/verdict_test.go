package validator

import (
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

// silence makes a server give no answer to anything.
func silence(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = rcodeSilent; return true }

// failing gives SERVFAIL to everything but the root.
func failing(q dns.Question, _ bool, r *dns.Msg) bool {
	if q.Name == "." {
		return false
	}
	r.Rcode = dns.RcodeServerFailure
	return true
}

// newValidating is a resolver with the right zone that validates.
func newValidating(t *testing.T) *server {
	t.Helper()
	s := newServer(t, rightZone+"\n"+signedRoot)
	s.tune(func() { s.ad = true })
	return s
}

func newSilent(t *testing.T) *server {
	t.Helper()
	s := newValidating(t)
	s.tune(func() { s.odd = silence })
	return s
}

func asking(timeout time.Duration, servers ...*server) func(*Config) {
	return func(c *Config) {
		c.Resolvers, c.Timeout = nil, timeout
		for _, s := range servers {
			c.Resolvers = append(c.Resolvers, s.address)
		}
	}
}

// atOnceOK runs forty checks at once, which all must pass. They begin at
// slightly different times, in no order.
func atOnceOK(t *testing.T, v *Validator, now time.Time) {
	t.Helper()
	var g sync.WaitGroup
	for i := range 40 {
		g.Go(func() {
			at := now.Add(time.Duration(i*7%40) * time.Millisecond)
			if d := v.DNS(t.Context(), testProof(), at); !d.OK() {
				t.Errorf("%s %s %v", d.Code, d.Sentence, d.Evidence)
			}
		})
	}
	g.Wait()
}

// Standards 1.41: one silent resolver of two does not keep the other from its
// work, wherever it stands, and next to nobody waits for it.
func TestSilentResolverOfTwo(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct{ silentFirst bool }{"first": {true}, "second": {false}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			silent, live := newSilent(t), newValidating(t)
			servers := []*server{live, silent}
			if tt.silentFirst {
				servers = []*server{silent, live}
			}
			v := newValidator(t, live, requireDNSSEC, asking(time.Second, servers...))
			for _, later := range []time.Duration{0, silentFor, validatesFor, time.Hour} {
				atOnceOK(t, v, testNow.Add(later))
			}
			// By one check at the start, when nothing is known of either.
			if q := silent.questions(); len(q) > 2 || countRoot(silent) != len(q) {
				t.Errorf("the silent resolver was asked %v, want the root at most twice", q)
			}
			if n := countRoot(live); n != 3 {
				t.Errorf("the live resolver was asked for the root %d times, want 3", n)
			}
		})
	}
}

// Without DNSSEC required, a check pays at most once, and none does that begins
// after one has found out.
func TestSilentFirstIsPassedOver(t *testing.T) {
	t.Parallel()
	silent, live := newSilent(t), newValidating(t)
	v := newValidator(t, live, asking(300*time.Millisecond, silent, live))
	atOnceOK(t, v, testNow)
	n := len(silent.questions())
	if n == 0 || n > 40 {
		t.Errorf("%d questions to the silent resolver, want at most one of each check", n)
	}
	atOnceOK(t, v, testNow)
	if again := len(silent.questions()); again != n {
		t.Errorf("%d more questions to the silent resolver", again-n)
	}
}

func TestSilenceIsRemembered(t *testing.T) {
	t.Parallel()
	s := newSilent(t)
	v := newValidator(t, s, requireDNSSEC, asking(60*time.Millisecond, s))
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeTimeout, "signed root", s.address)
	s.tune(func() { s.odd = nil })
	d := v.CAA(t.Context(), "www.example.com", testNow.Add(silentFor-time.Millisecond))
	expect(t, d, core.CodeTimeout, "signed root", s.address)
	if got := d.Evidence[0].Answer; got != "no answer in time, seen at 2026-11-22T12:00:00Z" {
		t.Errorf("evidence %q", got)
	}
	if n := countRoot(s); n != 2 {
		t.Errorf("the silent resolver was asked for the root %d times, want 2", n)
	}
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(silentFor)), "")
}

// One lost packet does not silence a resolver.
func TestRootIsAskedForTwice(t *testing.T) {
	t.Parallel()
	s := newValidating(t)
	n := 0
	s.tune(func() {
		s.odd = func(q dns.Question, udp bool, r *dns.Msg) bool { n++; return n == 1 && silence(q, udp, r) }
	})
	v := newValidator(t, s, requireDNSSEC, asking(time.Second, s))
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
}

// Another failure than silence shows at once and is remembered for a moment.
func TestFailureAtRootIsSoonAskedAgain(t *testing.T) {
	t.Parallel()
	s := newValidating(t)
	s.tune(func() {
		s.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeRefused; return true }
	})
	v := newValidator(t, s, requireDNSSEC)
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeRefused)
	s.tune(func() { s.odd = nil })
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(failedFor-time.Millisecond)), core.CodeRefused)
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(failedFor)), "")
}

// The second resolver is asked whether it validates once the first fails, and
// one that was silent is used again when it is back.
func TestSecondResolverStepsIn(t *testing.T) {
	t.Parallel()
	a, b := newSilent(t), newValidating(t)
	v := newValidator(t, a, requireDNSSEC, asking(200*time.Millisecond, a, b))
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
	a.tune(func() { a.odd = nil })
	b.tune(func() { b.odd = failing })
	d := v.DNS(t.Context(), testProof(), testNow.Add(silentFor-time.Millisecond))
	expect(t, d, core.CodeServfail, b.address)
	if text := fmt.Sprint(d.Evidence); !strings.Contains(text, "no answer in time, seen at") {
		t.Errorf("the evidence does not say why the other was not asked: %s", text)
	}
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(silentFor)), "")
	// Fail closed: a second resolver that does not validate is not asked.
	a.tune(func() { a.ad = false })
	at := testNow.Add(silentFor + validatesFor - time.Second)
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(silentFor+validatesFor)), core.CodeServfail, b.address)
	asked := len(a.questions())
	expect(t, v.DNS(t.Context(), testProof(), at), core.CodeServfail, b.address)
	if n := len(a.questions()); n != asked {
		t.Errorf("the one that does not validate was asked %v", a.questions()[asked:])
	}
}

// hold is a dialer whose next connection, once armed, tells that it is wanted
// and waits.
type hold struct {
	armed        atomic.Bool
	wanted, open chan struct{}
}

func (h *hold) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if h.armed.CompareAndSwap(true, false) {
		close(h.wanted)
		<-h.open
	}
	return new(net.Dialer).DialContext(ctx, network, address)
}

// While one check asks a resolver anew, its last yes serves the others, for a
// while; after that they wait.
func TestLastVerdictServesMeanwhile(t *testing.T) {
	t.Parallel()
	s := newValidating(t)
	h := &hold{wanted: make(chan struct{}), open: make(chan struct{})}
	v := newValidator(t, s, requireDNSSEC, func(c *Config) { c.Dial, c.Timeout = h.dial, 10*time.Second })
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
	h.armed.Store(true)
	var g sync.WaitGroup
	g.Go(func() {
		if d := v.DNS(t.Context(), testProof(), testNow.Add(validatesFor)); !d.OK() {
			t.Errorf("%s %s", d.Code, d.Sentence)
		}
	})
	<-h.wanted
	expect(t, v.DNS(t.Context(), testProof(), testNow.Add(validatesFor+silentFor-time.Millisecond)), "")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	expect(t, v.DNS(ctx, testProof(), testNow.Add(validatesFor+silentFor)), core.CodeTimeout, "signed root")
	if n := countRoot(s); n != 1 {
		t.Errorf("the root was asked for %d times while one check asks for it, want 1", n)
	}
	close(h.open)
	g.Wait()
}

// A check whose own time is up says nothing of the resolver.
func TestOwnEndIsNotSilence(t *testing.T) {
	t.Parallel()
	s := newSilent(t)
	ctx, cancel := context.WithCancel(t.Context())
	s.tune(func() {
		s.odd = func(q dns.Question, udp bool, r *dns.Msg) bool { cancel(); return silence(q, udp, r) }
	})
	v := newValidator(t, s, requireDNSSEC)
	expect(t, v.DNS(ctx, testProof(), testNow), core.CodeTimeout)
	s.tune(func() { s.odd = nil })
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
}

// panicking is a dialer that panics at the nth connection.
func panicking(n int32) func(context.Context, string, string) (net.Conn, error) {
	var count atomic.Int32
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if count.Add(1) == n {
			panic("odd packet")
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// A panic in a question, wherever it is asked, reaches the caller, who can
// recover from it, and leaves the validator usable.
func TestPanicReachesCaller(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		at    int32
		parts []string
	}{
		"asking for the root": {1, []string{"odd packet"}},
		"nested":              {8, []string{"odd packet", "parallel look-up", "verdict_test.go"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newValidating(t)
			v := newValidator(t, s, requireDNSSEC, func(c *Config) { c.Dial = panicking(tt.at) })
			p := testProof()
			p.Record = "_missing.www.example.com."
			got := func() (got any) {
				defer func() { got = recover() }()
				v.DNS(t.Context(), p, testNow)
				return nil
			}()
			for _, part := range tt.parts {
				if !strings.Contains(fmt.Sprint(got), part) {
					t.Errorf("the panic's value %v lacks %q", got, part)
				}
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			expect(t, v.DNS(ctx, testProof(), testNow), "")
		})
	}
}

func TestParallel(t *testing.T) {
	t.Parallel()
	var done atomic.Int32
	func() {
		defer func() {
			if p := fmt.Sprint(recover()); !strings.Contains(p, "odd") || !strings.Contains(p, "TestParallel") {
				t.Errorf("the panic's value %q lacks its reason or its place", p)
			}
		}()
		parallel(20, func(i int) {
			if done.Add(1); i == 3 {
				panic("odd")
			}
		})
		t.Error("the panic did not reach the caller")
	}()
	if n := done.Load(); n != 20 {
		t.Errorf("%d of 20 done when parallel returned", n)
	}
}
