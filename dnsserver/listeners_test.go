package dnsserver

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// Garbage over real sockets: what deserves no reply gets none, and the server
// goes on (standards 4.8, 4.21). After each packet a good question must be the
// first thing answered, or the second behind the expected error.
func TestGarbage(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	addr := serve(t, s)
	good := question(zoneName, dns.TypeSOA)
	response := question(zoneName, dns.TypeSOA)
	response.Response = true
	tests := []struct {
		what  string
		raw   []byte
		rcode int // -1: silence
	}{
		{"one octet", []byte{0}, -1},
		{"header cut off", make([]byte, 11), -1},
		{"a response", wire(t, response), -1},
		{"ones", []byte(strings.Repeat("\xff", 64)), -1}, // QR is set
		{"empty header", make([]byte, 12), dns.RcodeFormatError},
		{"header that promises a question", append(make([]byte, 4), 0, 1, 0, 0, 0, 0, 0, 0), dns.RcodeFormatError},
		{"question cut off", wire(t, good)[:20], dns.RcodeFormatError},
		{"name that points at itself", append(append(make([]byte, 4), 0, 1, 0, 0, 0, 0, 0, 0), 0xC0, 12, 0, 1, 0, 1), dns.RcodeFormatError},
		{"promised OPT missing", append(wire(t, good)[:11:11], append([]byte{1}, wire(t, good)[12:]...)...), dns.RcodeSuccess},
		{"octets behind the message", append(wire(t, good), 1, 2, 3), dns.RcodeSuccess},
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	limit, _ := ctx.Deadline()
	for _, tt := range tests {
		for _, network := range []string{"udp", "tcp"} {
			conn, err := dns.DialTimeout(network, addr, 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if err := conn.SetDeadline(limit); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write(tt.raw); err != nil {
				t.Fatal(err)
			}
			if tt.rcode >= 0 {
				if r, err := conn.ReadMsg(); err != nil || r.Rcode != tt.rcode {
					t.Errorf("%s over %s: %v, %v", tt.what, network, r, err)
				}
			}
			m := question(zoneName, dns.TypeSOA)
			if err := conn.WriteMsg(m); err != nil {
				t.Fatal(err)
			}
			if r, err := conn.ReadMsg(); err != nil || r.Id != m.Id || r.Rcode != dns.RcodeSuccess {
				t.Errorf("after %s over %s: %v, %v", tt.what, network, r, err)
			}
			conn.Close()
		}
	}
}

func wire(t testing.TB, m *dns.Msg) []byte {
	t.Helper()
	raw, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Standards 4.1: the answer comes from the address that was asked, also where one
// socket serves them all. The client's UDP socket is connected and drops others.
func TestReplySource(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	_, port, err := net.SplitHostPort(serveAt(t, s, ":0"))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"127.0.0.1", "127.0.0.2", "::1"} {
		if ln, err := net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
			t.Logf("this machine has no %s", host)
			continue
		} else if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		for _, network := range []string{"udp", "tcp"} {
			if r := ask(t, network, net.JoinHostPort(host, port), question(zoneName, dns.TypeSOA)); len(r.Answer) != 1 {
				t.Errorf("%s over %s: %s", host, network, outline(r))
			}
		}
	}
}

// Standards 4.1: many questions on one connection, sent without waiting.
func TestTCPManyQuestions(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	conn, err := dns.DialTimeout("tcp", serve(t, s), 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	target := s.zone.tokens.Record("111122223333", "example.com").Target
	waiting := map[uint16]bool{}
	const n = 300
	for i := range n {
		m := question(target, dns.TypeTXT)
		m.Id = uint16(i)
		waiting[m.Id] = true
		if err := conn.WriteMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		r, err := conn.ReadMsg()
		if err != nil {
			t.Fatal(err)
		}
		if !waiting[r.Id] || len(r.Answer) != 1 {
			t.Fatalf("unexpected %v", r)
		}
		delete(waiting, r.Id)
	}
}

// Design decision 5: every question for a recognised label is reported, in its
// canonical form, and nothing else is.
func TestSeen(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	seen := make(chan string, 100)
	c.Seen = func(label string) { seen <- label }
	s := newServer(t, c)
	addr := serve(t, s)
	label := c.Tokens.Record("111122223333", "example.com").Label

	for _, m := range []*dns.Msg{
		question(at("www"), dns.TypeTXT), question(zoneName, dns.TypeSOA), question("example.com.", dns.TypeTXT),
		question(at(strings.Repeat("0", 32)), dns.TypeTXT), question(at("x."+label), dns.TypeTXT),
	} {
		ask(t, "udp", addr, m)
	}
	for _, m := range []*dns.Msg{
		question(at("_"+label), dns.TypeTXT), question(at(label), dns.TypeCNAME), question(at(label), dns.TypeNS),
		question(strings.ToUpper(at("_"+label)), 666), question(at(label), dns.TypeANY),
	} {
		for _, network := range []string{"udp", "tcp"} {
			ask(t, network, addr, m)
			if got := <-seen; got != label {
				t.Errorf("%v: seen %q, want %q", m.Question, got, label)
			}
		}
	}
	if len(seen) != 0 {
		t.Errorf("seen too much: %q", <-seen)
	}
}

// Seen comes after the answer: one that blocks or panics costs the client nothing.
func TestSeenCannotHarm(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	release := make(chan struct{})
	var calls atomic.Int32
	c.Seen = func(string) {
		if calls.Add(1) == 1 {
			<-release
		}
		panic("seen")
	}
	addr := serve(t, newServer(t, c))
	target := c.Tokens.Record("111122223333", "example.com").Target
	for range 3 {
		if r := ask(t, "udp", addr, question(target, dns.TypeTXT)); len(r.Answer) != 1 {
			t.Errorf("%v", r)
		}
	}
	close(release)
	if r := ask(t, "tcp", addr, question(target, dns.TypeTXT)); len(r.Answer) != 1 {
		t.Errorf("%v", r)
	}
}

// A panic costs one answer and is counted; the server goes on.
func TestPanicIsContained(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	var calls atomic.Int32
	now := c.Now
	c.Now = func() time.Time {
		if calls.Add(1) == 1 {
			panic("clock")
		}
		return now()
	}
	s := newServer(t, c)
	m := wire(t, question(zoneName, dns.TypeSOA))
	if out := exchange(t, s, m); out != nil {
		t.Errorf("reply %x", out)
	}
	if out := exchange(t, s, m); out == nil {
		t.Error("no reply after the panic")
	}
	if got := testutil.ToFloat64(s.metrics.queries[udp][dropped]); got != 1 {
		t.Errorf("%v dropped, want 1", got)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	reg := prometheus.NewRegistry()
	c.Reg = reg
	s := newServer(t, c)
	if n, err := testutil.GatherAndCount(reg, "acmd_dns_queries_total"); err != nil || n != 16 {
		t.Fatalf("%d label sets at the start, %v; want 16", n, err)
	}
	if lint, err := testutil.GatherAndLint(reg); err != nil || len(lint) != 0 {
		t.Errorf("lint: %v, %v", lint, err)
	}
	target := c.Tokens.Record("111122223333", "example.com").Target
	notify, future, response := question(zoneName, dns.TypeSOA), question(zoneName, dns.TypeSOA), question(zoneName, dns.TypeSOA)
	notify.Opcode = dns.OpcodeStatus
	future.SetEdns0(1232, false)
	future.IsEdns0().SetVersion(1)
	response.Response = true
	for _, raw := range [][]byte{
		wire(t, question(target, dns.TypeTXT)), wire(t, question(target, dns.TypeA)), wire(t, question("no."+zoneName, dns.TypeA)),
		wire(t, question("example.com.", dns.TypeA)), wire(t, notify), wire(t, future), wire(t, response),
		wire(t, notify)[:5], wire(t, question(target, dns.TypeTXT))[:20], make([]byte, 12),
	} {
		exchange(t, s, raw)
	}
	ask(t, "tcp", serve(t, s), question(target, dns.TypeTXT))

	got := map[string]float64{}
	for tr, transport := range transports {
		for o, outcome := range outcomes {
			if v := testutil.ToFloat64(s.metrics.queries[tr][o]); v != 0 {
				got[transport+" "+outcome] = v
			}
		}
	}
	want := map[string]float64{"udp answer": 1, "udp nodata": 1, "udp nxdomain": 1, "udp refused": 1, "udp notimp": 1,
		"udp badvers": 1, "udp dropped": 2, "udp formerr": 2, "tcp answer": 1}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A client that never reads loses its connection.
func TestBoundedWrite(t *testing.T) {
	t.Parallel()
	ours, theirs := net.Pipe()
	defer theirs.Close()
	c := boundedConn{ours, 20 * time.Millisecond}
	if _, err := c.Write([]byte("nobody reads this")); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("error %v, want %v", err, io.ErrClosedPipe)
	}
}

func TestListenersTakeWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	pc, l := bind(t, "127.0.0.1:0")
	defer pc.Close()
	defer l.Close()
	for _, tt := range []struct {
		pc   net.PacketConn
		l    net.Listener
		want int
	}{{nil, nil, 0}, {pc, nil, 1}, {nil, l, 1}, {pc, l, 2}} {
		if got := len(s.Listeners(tt.pc, tt.l)); got != tt.want {
			t.Errorf("%d servers, want %d", got, tt.want)
		}
	}
}
