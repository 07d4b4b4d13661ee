package playground_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"acmd/playground"
)

const zone = "validations.example.net"

// open makes a playground in dir whose zone server has the given address.
func open(t *testing.T, dir, zoneAddr string) *playground.Playground {
	t.Helper()
	p, err := playground.New(playground.Config{Dir: dir, Zone: zone, ZoneAddr: zoneAddr})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// set sets a record that must be taken.
func set(t *testing.T, p *playground.Playground, name, typ string, values ...string) {
	t.Helper()
	if err := p.Set(name, typ, values...); err != nil {
		t.Fatalf("set %s %s %q: %v", name, typ, values, err)
	}
}

// design decision 5: the first visitor of a new record wakes the check.
func TestANewCNAMEIsVisitedOnce(t *testing.T) {
	t.Parallel()
	z := newZone(t)
	p := open(t, t.TempDir(), z.addr)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- p.Run(ctx) }()
	set(t, p, "www.example.com", "A", "192.0.2.1") // brings no visitor
	set(t, p, "_x1.example.com", "CNAME", "_x2."+zone)
	set(t, p, "_y1.example.com", "CNAME", "_y2."+zone)
	var got []string
	for range 2 {
		select {
		case q := <-z.seen:
			got = append(got, q)
		case <-time.After(10 * time.Second):
			t.Fatalf("only %v arrived at the zone", got)
		}
	}
	if want := []string{"_x2." + zone + ". TXT udp", "_y2." + zone + ". TXT udp"}; !slices.Equal(got, want) {
		t.Errorf("the zone saw %v, want %v", got, want)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run ended with %v", err)
	}
	select {
	case q := <-z.seen:
		t.Errorf("one visit too many: %s", q)
	default:
	}
}

// fakeZone is a server for the validation zone; seen has every question.
type fakeZone struct {
	addr string
	seen chan string
}

// newZone answers TXT at _x2 (and, cut short over UDP, at _big), NXDOMAIN with
// the SOA at _none, SERVFAIL at _ill, and nothing else.
func newZone(t *testing.T) *fakeZone {
	t.Helper()
	z := &fakeZone{seen: make(chan string, 100)}
	pc, l := sockets(t)
	z.addr = pc.LocalAddr().String()
	serve(t, []*dns.Server{{PacketConn: pc, Handler: z}, {Listener: l, Handler: z}})
	return z
}

func (z *fakeZone) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	q := r.Question[0]
	network := w.LocalAddr().Network()
	z.seen <- q.Name + " " + dns.TypeToString[q.Qtype] + " " + network
	m := new(dns.Msg).SetReply(r)
	m.Authoritative = true
	txt := &dns.TXT{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: 60}, Txt: []string{"proof"}}
	soa := &dns.SOA{Hdr: dns.RR_Header{Name: zone + ".", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 30}, Ns: "ns." + zone + ".", Mbox: "h." + zone + ".", Minttl: 30}
	switch label, _, _ := strings.Cut(strings.ToLower(q.Name), "."); {
	case label == "_x2" && q.Qtype == dns.TypeTXT:
		m.Answer = []dns.RR{txt}
	case label == "_big" && network == "udp":
		m.Truncated = true
	case label == "_big":
		m.Answer = []dns.RR{txt}
	case label == "_none":
		m.Rcode, m.Ns = dns.RcodeNameError, []dns.RR{soa}
	case label == "_ill":
		m.Rcode = dns.RcodeServerFailure
	default:
		m.Ns = []dns.RR{soa}
	}
	_ = w.WriteMsg(m)
}

// sockets are a UDP and a TCP socket on one free port of the loopback.
func sockets(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if pc, err := net.ListenPacket("udp", l.Addr().String()); err == nil {
			return pc, l
		}
		_ = l.Close()
	}
	t.Fatal("no port free for both UDP and TCP")
	return nil, nil
}

// serve runs servers until the test ends.
func serve(t *testing.T, servers []*dns.Server) {
	t.Helper()
	for _, s := range servers {
		started, ended := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- s.ActivateAndServe() }()
		select {
		case <-started:
		case err := <-ended:
			t.Fatalf("serve: %v", err)
		}
		t.Cleanup(func() {
			if err := errors.Join(s.Shutdown(), <-ended); err != nil {
				t.Errorf("stop server: %v", err)
			}
		})
	}
}
