package validator

import (
	"context"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

var rightZone = ours + testRecord + " CNAME " + testTarget

func TestTruncatedOverTCP(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	var tcp int
	s.odd = func(_ dns.Question, udp bool, r *dns.Msg) bool {
		if !udp {
			tcp++
		}
		r.Truncated = udp
		return udp
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), "")
	s.tune(func() {
		if tcp != 2 {
			t.Errorf("%d questions over TCP, want 2", tcp)
		}
	})
}

// Standards 5.13: the case is random over UDP, an ID is never the same for all.
func TestRandomCase(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	ids, names := map[uint16]bool{}, map[string]bool{}
	var offered uint16
	s.raw = func(_ dns.ResponseWriter, q *dns.Msg) bool {
		ids[q.Id], names[q.Question[0].Name] = true, true
		if e := q.IsEdns0(); e != nil {
			offered = e.UDPSize()
		}
		return false
	}
	v := newValidator(t, s)
	for range 8 {
		expect(t, v.DNS(t.Context(), testProof(), testNow), "")
	}
	s.tune(func() {
		if len(ids) < 15 || len(names) < 15 {
			t.Errorf("16 questions with %d IDs and %d spellings", len(ids), len(names))
		}
		if offered != 1232 {
			t.Errorf("EDNS size %d", offered)
		}
	})
}

// A resolver that lowers the case over UDP is asked over TCP; its UDP answer is not used.
func TestCaseFallback(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	s.odd = func(q dns.Question, udp bool, r *dns.Msg) bool {
		if udp {
			r.Question[0].Name = strings.ToLower(q.Name)
			r.Rcode = dns.RcodeNameError // a lie that must not be believed
		}
		return udp
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), "")
}

func TestWithoutEDNS(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	s.raw = func(w dns.ResponseWriter, q *dns.Msg) bool {
		if q.IsEdns0() == nil {
			return false
		}
		r := new(dns.Msg)
		r.SetRcodeFormatError(q)
		r.Question = nil
		_ = w.WriteMsg(r)
		return true
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), "")
}

// Packets that do not answer the question are passed over.
func TestForgedPackets(t *testing.T) {
	t.Parallel()
	s := newServer(t, rightZone)
	s.raw = func(w dns.ResponseWriter, q *dns.Msg) bool {
		forge := func(change func(r *dns.Msg)) {
			r := new(dns.Msg)
			r.SetRcode(q, dns.RcodeNameError)
			change(r)
			_ = w.WriteMsg(r)
		}
		_, _ = w.Write([]byte("no message"))
		forge(func(r *dns.Msg) { r.Id++ })
		forge(func(r *dns.Msg) { r.Response = false })
		forge(func(r *dns.Msg) { r.Question[0].Name = "other.example." })
		forge(func(r *dns.Msg) { r.Question[0].Qtype = dns.TypeA })
		forge(func(r *dns.Msg) { r.Question = nil })
		forge(func(r *dns.Msg) { r.Opcode = dns.OpcodeNotify })
		return false
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), "")
}

// Records of other names in the answer prove nothing (standards 5.13).
func TestAnswersForOtherNames(t *testing.T) {
	t.Parallel()
	s := newServer(t, ours)
	s.odd = func(q dns.Question, _ bool, r *dns.Msg) bool {
		rr, err := dns.NewRR("_other.example.com. 60 CNAME " + testTarget)
		if err != nil {
			t.Error(err)
		}
		r.Answer = []dns.RR{rr}
		return q.Qtype == dns.TypeCNAME
	}
	expect(t, newValidator(t, s).DNS(t.Context(), testProof(), testNow), core.CodeRecordMissing)
}

func TestNextResolver(t *testing.T) {
	t.Parallel()
	for name, rcode := range map[string]int{"SERVFAIL": dns.RcodeServerFailure, "REFUSED": dns.RcodeRefused, "silence": rcodeSilent} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bad, good := newServer(t, ""), newServer(t, rightZone)
			bad.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = rcode; return true }
			v := newValidator(t, bad, func(c *Config) {
				c.Resolvers, c.Timeout = append(c.Resolvers, good.address), 200*time.Millisecond
			})
			expect(t, v.DNS(t.Context(), testProof(), testNow), "")
			// A silent one is not waited for again; one that answers stays the first.
			want := 2
			if rcode == rcodeSilent {
				want = 1
			}
			if n := len(bad.questions()); n != want {
				t.Errorf("the bad resolver was asked %d times, want %d", n, want)
			}
		})
	}
}

// One "bogus" is final: no other resolver is asked for a more convenient answer.
func TestBogusIsFinal(t *testing.T) {
	t.Parallel()
	bad, good := newServer(t, ""), newServer(t, rightZone)
	bad.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool {
		r.Rcode = dns.RcodeServerFailure
		extended(r, 6, "")
		return true
	}
	v := newValidator(t, bad, func(c *Config) { c.Resolvers = append(c.Resolvers, good.address) })
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeBogus)
	if q := good.questions(); len(q) != 0 {
		t.Errorf("the other resolver was asked %v", q)
	}
}

func TestAtMostThreeTries(t *testing.T) {
	t.Parallel()
	var all []*server
	v := newValidator(t, newServer(t, ""), func(c *Config) {
		c.Resolvers = nil
		for range 5 {
			s := newServer(t, "")
			s.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { r.Rcode = dns.RcodeRefused; return true }
			s.tune(func() {})
			all, c.Resolvers = append(all, s), append(c.Resolvers, s.address)
		}
	})
	expect(t, v.DNS(t.Context(), testProof(), testNow), core.CodeRefused)
	asked := 0
	for _, s := range all {
		asked += len(s.questions())
	}
	if asked != 3 {
		t.Errorf("%d tries", asked)
	}
}

// A caller that leaves is not held up by a silent server.
func TestCallerLeaves(t *testing.T) {
	t.Parallel()
	s := newServer(t, "")
	ctx, cancel := context.WithCancel(t.Context())
	s.odd = func(_ dns.Question, _ bool, r *dns.Msg) bool { cancel(); r.Rcode = rcodeSilent; return true }
	v := newValidator(t, s, func(c *Config) { c.Timeout = time.Hour })
	expect(t, v.DNS(ctx, testProof(), testNow), core.CodeTimeout)
}
