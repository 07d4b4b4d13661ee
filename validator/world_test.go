package validator

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

const (
	testRecord = "_0a1b2c3d.www.example.com."
	testTarget = "_f0e1d2c3b4a5968778695a4b3c2d1e0f.validations.acmd.net."
	testValue  = "qL8R4QIcQ_ZsRqOAbeRfcZhilN_MksRtDaErMA-0000"
)

var testNow = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func testProof() DNSProof {
	return DNSProof{Name: "www.example.com", Record: testRecord, Target: testTarget,
		Values: []string{testValue, "the-value-of-the-period-before"}}
}

// ours is our own validation zone, right as it should be.
const ours = testTarget + ` 60 TXT "` + testValue + `"
f0e1d2c3b4a5968778695a4b3c2d1e0f.validations.acmd.net. 60 TXT "` + testValue + `"
`

// server is a scripted name server on loopback, on UDP and TCP. It answers from
// zone text; odd takes the questions that it wants to answer otherwise.
type server struct {
	t       *testing.T
	address string // of both transports

	mu            sync.Mutex
	zone          map[string][]dns.RR
	soa           dns.RR
	authoritative bool // sets AA, does not follow CNAMEs
	stepwise      bool // as a resolver, gives one CNAME an answer
	ad            bool // sets AD when asked to
	odd           func(q dns.Question, udp bool, r *dns.Msg) bool
	raw           func(w dns.ResponseWriter, q *dns.Msg) bool
	asked         []string // "TXT name.", in lower case
}

func newServer(t *testing.T, zone string) *server {
	t.Helper()
	s := &server{t: t, zone: map[string][]dns.RR{}}
	s.set(zone)
	soa, err := dns.NewRR("example.com. 900 IN SOA ns1.example.com. hostmaster.example.com. 1 7200 3600 1209600 300")
	if err != nil {
		t.Fatal(err)
	}
	s.soa = soa
	// The port is free for UDP most of the time when TCP got it; try until both are had.
	var pc net.PacketConn
	var l net.Listener
	for range 50 {
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if pc, err = net.ListenPacket("udp", l.Addr().String()); err == nil {
			break
		}
		l.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	s.address = l.Addr().String()
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait)
	for _, each := range []*dns.Server{{PacketConn: pc, Handler: s}, {Listener: l, Handler: s}} {
		started := make(chan struct{})
		each.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { _ = each.ActivateAndServe() })
		<-started
		t.Cleanup(func() { _ = each.Shutdown() })
	}
	return s
}

// tune changes the script of a server that runs already.
func (s *server) tune(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// set adds zone text.
func (s *server) set(zone string) {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	p := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	p.SetDefaultTTL(300)
	for rr, ok := p.Next(); ok; rr, ok = p.Next() {
		n := dns.CanonicalName(rr.Header().Name)
		s.zone[n] = append(s.zone[n], rr)
	}
	if err := p.Err(); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func (s *server) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	s.mu.Lock()
	defer s.mu.Unlock()
	question := q.Question[0]
	_, udp := w.LocalAddr().(*net.UDPAddr)
	s.asked = append(s.asked, dns.TypeToString[question.Qtype]+" "+dns.CanonicalName(question.Name))
	if s.raw != nil && s.raw(w, q) {
		return
	}
	r := new(dns.Msg)
	r.SetReply(q)
	r.RecursionAvailable, r.Authoritative = !s.authoritative, s.authoritative
	question.Name = dns.CanonicalName(question.Name)
	if s.odd == nil || !s.odd(question, udp, r) {
		s.answer(question, r)
	}
	if r.Rcode == rcodeSilent {
		return
	}
	r.AuthenticatedData = s.ad && q.AuthenticatedData && !s.authoritative
	_ = w.WriteMsg(r)
}

// rcodeSilent makes odd's server give no answer.
const rcodeSilent = 0xfff

// answer is what a resolver (or, not following, a name server) makes of the zone text.
func (s *server) answer(q dns.Question, r *dns.Msg) {
	at := q.Name
	for range 20 {
		here, exists := s.at(at)
		next := ""
		for _, rr := range here {
			if rr.Header().Rrtype == q.Qtype {
				r.Answer = append(r.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok && q.Qtype != dns.TypeCNAME {
				r.Answer = append(r.Answer, rr)
				next = dns.CanonicalName(c.Target)
			}
		}
		if next != "" && !s.authoritative && !s.stepwise {
			at = next
			continue
		}
		if len(r.Answer) == 0 || !exists {
			r.Ns = []dns.RR{s.soa}
		}
		if !exists && !s.below(at) {
			r.Rcode = dns.RcodeNameError
		}
		return
	}
	r.Rcode = dns.RcodeServerFailure
}

// at is what stands at a name, be it by a wildcard (RFC 4592).
func (s *server) at(name string) ([]dns.RR, bool) {
	here, exists := s.zone[name]
	if exists || s.below(name) {
		return here, exists
	}
	for encloser := name; encloser != "."; {
		i, _ := dns.NextLabel(encloser, 0)
		if encloser = dns.Fqdn(encloser[i:]); !s.below(encloser) {
			continue
		}
		wild, ok := s.zone["*."+encloser]
		for _, rr := range wild {
			rr = dns.Copy(rr)
			rr.Header().Name = name
			here = append(here, rr)
		}
		return here, ok
	}
	return nil, false
}

// below reports whether anything exists below name.
func (s *server) below(name string) bool {
	for n := range s.zone {
		if dns.IsSubDomain(name, n) {
			return true
		}
	}
	return false
}

// extended adds an extended DNS error (RFC 8914).
func extended(r *dns.Msg, code uint16, text string) {
	r.SetEdns0(udpSize, false)
	r.IsEdns0().Option = append(r.IsEdns0().Option, &dns.EDNS0_EDE{InfoCode: code, ExtraText: text})
}

// newValidator builds a validator whose resolver is s; tune may change the Config.
func newValidator(t *testing.T, s *server, tune ...func(*Config)) *Validator {
	t.Helper()
	s.tune(func() {}) // what the test has written so far is seen by the server
	cfg := Config{Resolvers: []string{s.address}, Timeout: 2 * time.Second, Issuers: []string{"ca.acmd.net"}}
	for _, f := range tune {
		f(&cfg)
	}
	v, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// mapped is a dialer that leads the given addresses to others, as acmd dev's does.
func mapped(to map[string]string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if real, ok := to[address]; ok {
			address = real
		}
		return new(net.Dialer).DialContext(ctx, network, address)
	}
}

// expect checks a diagnosis's code and that its sentence and evidence hold what a person needs.
func expect(t *testing.T, d core.Diagnosis, code core.Code, parts ...string) {
	t.Helper()
	if d.Code != code {
		t.Fatalf("code %q, want %q; %s; %v", d.Code, code, d.Sentence, d.Evidence)
	}
	if code == "" {
		return
	}
	for _, p := range parts {
		if !strings.Contains(d.Sentence, p) {
			t.Errorf("sentence %q lacks %q", d.Sentence, p)
		}
	}
	if !strings.HasSuffix(d.Sentence, ".") || strings.HasSuffix(d.Sentence, "..") || strings.Contains(d.Sentence, "%!") || d.Sentence != strings.TrimSpace(d.Sentence) {
		t.Errorf("%q is no sentence", d.Sentence)
	}
	if len(d.Evidence) == 0 || len(d.Evidence) > maxEvidence {
		t.Errorf("%d items of evidence: %v", len(d.Evidence), d.Evidence)
	}
	for _, e := range d.Evidence {
		if e.Asked == "" || e.Of == "" || e.Answer == "" {
			t.Errorf("half a piece of evidence: %+v", e)
		}
	}
}
