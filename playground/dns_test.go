package playground_test

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"

	"acmd/playground"
)

// started is a playground on loopback sockets, with its address.
func started(t *testing.T, zoneAddr string) (*playground.Playground, string) {
	t.Helper()
	p := open(t, t.TempDir(), zoneAddr)
	pc, l := sockets(t)
	serve(t, p.Listeners(pc, l))
	return p, pc.LocalAddr().String()
}

// ask puts one question over the network given.
func ask(t *testing.T, network, addr string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network}
	in, _, err := c.Exchange(m, addr)
	if err != nil {
		t.Fatalf("%s %v: %v", network, m.Question, err)
	}
	return in
}

// size is a message's length on the wire.
func size(m *dns.Msg) int {
	c := m.Copy()
	c.Compress = true
	return c.Len()
}

// shown is a message in lines: rcode and flags, answers, authorities.
func shown(m *dns.Msg) string {
	s := dns.RcodeToString[m.Rcode]
	for _, f := range []struct {
		name string
		on   bool
	}{{"aa", m.Authoritative}, {"ra", m.RecursionAvailable}, {"tc", m.Truncated}, {"ad", m.AuthenticatedData}} {
		if f.on {
			s += " " + f.name
		}
	}
	for _, rr := range m.Answer {
		s += "\nan " + strings.ReplaceAll(rr.String(), "\t", " ")
	}
	for _, rr := range m.Ns {
		s += "\nns " + strings.ReplaceAll(rr.String(), "\t", " ")
	}
	return s
}

const soaData = " IN SOA ns1.playground.internal. hostmaster.playground.internal. 1 3600 600 86400 5"

// fill sets the records of the tests below.
func fill(t *testing.T, p *playground.Playground) {
	t.Helper()
	set(t, p, "www.example.com", "A", "192.0.2.1")
	set(t, p, "a.b.example.com", "TXT", "deep")
	set(t, p, "*.wild.example.com", "A", "192.0.2.9")
	set(t, p, "x.y.wild.example.com", "A", "192.0.2.10")
	set(t, p, "one.example.com", "CNAME", "two.example.org")
	set(t, p, "two.example.org", "CNAME", "WWW.example.com")
	set(t, p, "dangling.example.com", "CNAME", "nowhere.example.org")
	set(t, p, "loop1.example.com", "CNAME", "loop2.example.com")
	set(t, p, "loop2.example.com", "CNAME", "loop1.example.com")
	set(t, p, "_x1.example.com", "CNAME", "_X2."+zone)
	set(t, p, "_x1.github.io", "CNAME", "_x2."+zone) // below a suffix of the private section
	set(t, p, "far.example.com", "CNAME", "_x1.example.com")
	set(t, p, "_none1.example.com", "CNAME", "_none."+zone)
	set(t, p, "_ill1.example.com", "CNAME", "_ill."+zone)
	set(t, p, "_big1.example.com", "CNAME", "_big."+zone)
	set(t, p, "own.example.com", "SOA", "ns.own.example. h.own.example. 7 1 2 3 2")
	set(t, p, "other.example", "NS", "ns1.elsewhere.example", "ns2.elsewhere.example")
	for i := range 20 {
		set(t, p, fmt.Sprintf("c%d.example.com", i), "CNAME", fmt.Sprintf("c%d.example.com", i+1))
	}
	set(t, p, "c20.example.com", "A", "192.0.2.20")
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	z := newZone(t)
	p, addr := started(t, z.addr)
	fill(t, p)
	zoneSOA := "validations.example.net. 30 IN SOA ns.validations.example.net. h.validations.example.net. 0 0 0 0 30"
	for _, c := range []struct {
		name string
		typ  uint16
		want string
	}{
		{"WwW.example.com.", dns.TypeA, "NOERROR aa ra\nan WwW.example.com. 5 IN A 192.0.2.1"},
		{"www.example.com.", dns.TypeAAAA, "NOERROR aa ra\nns example.com. 5" + soaData},
		{"b.example.com.", dns.TypeA, "NOERROR aa ra\nns example.com. 5" + soaData}, // an empty non-terminal
		{"nope.example.com.", dns.TypeA, "NXDOMAIN aa ra\nns example.com. 5" + soaData},
		{"x.a.b.example.com.", dns.TypeA, "NXDOMAIN aa ra\nns example.com. 5" + soaData},
		{"unheard-of.co.uk.", dns.TypeA, "NOERROR aa ra\nns unheard-of.co.uk. 5" + soaData},
		{"unheard-of.co.uk.", dns.TypeNS, "NOERROR aa ra\nan unheard-of.co.uk. 5 IN NS ns1.playground.internal."},
		{"unheard-of.co.uk.", dns.TypeSOA, "NOERROR aa ra\nan unheard-of.co.uk. 5" + soaData},
		{"com.", dns.TypeCAA, "NOERROR aa ra\nns com. 5" + soaData},
		{".", dns.TypeNS, "NOERROR aa ra\nan . 5 IN NS ns1.playground.internal."},
		{"ns1.playground.internal.", dns.TypeA, "NOERROR aa ra\nan ns1.playground.internal. 5 IN A 198.18.0.53"},
		{"example.net.", dns.TypeTXT, "NOERROR aa ra\nns example.net. 5" + soaData}, // the validation zone's parent
		{"any.wild.example.com.", dns.TypeA, "NOERROR aa ra\nan any.wild.example.com. 5 IN A 192.0.2.9"},
		{"deep.any.wild.example.com.", dns.TypeA, "NOERROR aa ra\nan deep.any.wild.example.com. 5 IN A 192.0.2.9"},
		{"any.wild.example.com.", dns.TypeTXT, "NOERROR aa ra\nns example.com. 5" + soaData},
		{"y.wild.example.com.", dns.TypeA, "NOERROR aa ra\nns example.com. 5" + soaData},    // RFC 4592 §2.2.2
		{"z.y.wild.example.com.", dns.TypeA, "NXDOMAIN aa ra\nns example.com. 5" + soaData}, // RFC 4592 §3.3.1
		{"one.example.com.", dns.TypeA, "NOERROR aa ra\nan one.example.com. 5 IN CNAME two.example.org.\nan two.example.org. 5 IN CNAME WWW.example.com.\nan WWW.example.com. 5 IN A 192.0.2.1"},
		{"one.example.com.", dns.TypeCNAME, "NOERROR aa ra\nan one.example.com. 5 IN CNAME two.example.org."},
		{"one.example.com.", dns.TypeANY, "NOERROR aa ra\nan one.example.com. 5 IN CNAME two.example.org."},
		{"one.example.com.", dns.TypeTXT, "NOERROR aa ra\nan one.example.com. 5 IN CNAME two.example.org.\nan two.example.org. 5 IN CNAME WWW.example.com.\nns example.com. 5" + soaData},
		{"dangling.example.com.", dns.TypeA, "NXDOMAIN aa ra\nan dangling.example.com. 5 IN CNAME nowhere.example.org.\nns example.org. 5" + soaData},
		{"loop1.example.com.", dns.TypeA, "NOERROR aa ra\nan loop1.example.com. 5 IN CNAME loop2.example.com.\nan loop2.example.com. 5 IN CNAME loop1.example.com."},
		{"c0.example.com.", dns.TypeA, "SERVFAIL ra"},
		{"x.own.example.com.", dns.TypeA, "NXDOMAIN aa ra\nns own.example.com. 2 IN SOA ns.own.example. h.own.example. 7 1 2 3 2"},
		{"own.example.com.", dns.TypeNS, "NOERROR aa ra\nan own.example.com. 5 IN NS ns1.playground.internal."},
		{"other.example.", dns.TypeNS, "NOERROR aa ra\nan other.example. 5 IN NS ns1.elsewhere.example.\nan other.example. 5 IN NS ns2.elsewhere.example."},
		{"_x1.example.com.", dns.TypeTXT, "NOERROR aa ra\nan _x1.example.com. 5 IN CNAME _X2.validations.example.net.\nan _X2.validations.example.net. 60 IN TXT \"proof\""},
		{"_x1.github.io.", dns.TypeTXT, "NOERROR aa ra\nan _x1.github.io. 5 IN CNAME _x2.validations.example.net.\nan _x2.validations.example.net. 60 IN TXT \"proof\""},
		{"far.example.com.", dns.TypeTXT, "NOERROR aa ra\nan far.example.com. 5 IN CNAME _x1.example.com.\nan _x1.example.com. 5 IN CNAME _X2.validations.example.net.\nan _X2.validations.example.net. 60 IN TXT \"proof\""},
		{"_x1.example.com.", dns.TypeA, "NOERROR aa ra\nan _x1.example.com. 5 IN CNAME _X2.validations.example.net.\nns " + zoneSOA},
		{"_none1.example.com.", dns.TypeTXT, "NXDOMAIN aa ra\nan _none1.example.com. 5 IN CNAME _none.validations.example.net.\nns " + zoneSOA},
		{"_ill1.example.com.", dns.TypeTXT, "SERVFAIL ra"},
		{"_big1.example.com.", dns.TypeTXT, "NOERROR aa ra\nan _big1.example.com. 5 IN CNAME _big.validations.example.net.\nan _big.validations.example.net. 60 IN TXT \"proof\""},
		{"_X2.Validations.example.net.", dns.TypeTXT, "NOERROR ra\nan _X2.Validations.example.net. 60 IN TXT \"proof\""},
		{"_none.validations.example.net.", dns.TypeTXT, "NXDOMAIN ra\nns " + zoneSOA},
	} {
		for _, network := range []string{"udp", "tcp"} {
			in := ask(t, network, addr, new(dns.Msg).SetQuestion(c.name, c.typ))
			if d := cmp.Diff(c.want, shown(in)); d != "" {
				t.Errorf("%s %s over %s (-want +got):\n%s", c.name, dns.TypeToString[c.typ], network, d)
			}
			if in.Question[0].Name != c.name {
				t.Errorf("%s over %s: the question came back as %s", c.name, network, in.Question[0].Name)
			}
		}
	}
}

func TestChangesAreSeenAtOnce(t *testing.T) {
	t.Parallel()
	p, addr := started(t, "127.0.0.1:1")
	q := new(dns.Msg).SetQuestion("www.example.com.", dns.TypeA)
	for i, want := range []string{
		"NXDOMAIN aa ra\nns example.com. 5" + soaData,
		"NOERROR aa ra\nan www.example.com. 5 IN A 192.0.2.1",
		"NOERROR aa ra\nan www.example.com. 5 IN A 192.0.2.2",
		"NXDOMAIN aa ra\nns example.com. 5" + soaData,
	} {
		switch i {
		case 1, 2:
			set(t, p, "www.example.com", "A", fmt.Sprintf("192.0.2.%d", i))
		case 3:
			if err := p.Delete("www.example.com", "A"); err != nil {
				t.Fatal(err)
			}
		}
		if d := cmp.Diff(want, shown(ask(t, "udp", addr, q))); d != "" {
			t.Errorf("after step %d (-want +got):\n%s", i, d)
		}
	}
}

func TestAZoneServerThatIsDownIsSERVFAIL(t *testing.T) {
	t.Parallel()
	pc, l := sockets(t)
	p, addr := started(t, pc.LocalAddr().String())
	if pc.Close() != nil || l.Close() != nil {
		t.Fatal("close")
	}
	set(t, p, "_x1.example.com", "CNAME", "_x2."+zone)
	if got := shown(ask(t, "tcp", addr, new(dns.Msg).SetQuestion("_x1.example.com.", dns.TypeTXT))); got != "SERVFAIL ra" {
		t.Errorf("got %s", got)
	}
}

func TestProtocolBounds(t *testing.T) {
	t.Parallel()
	p, addr := started(t, "127.0.0.1:1")
	var values []string
	for i := range 30 {
		values = append(values, fmt.Sprintf("%d %s", i, strings.Repeat("x", 60)))
	}
	set(t, p, "big.example.com", "TXT", values...)

	plain := new(dns.Msg).SetQuestion("big.example.com.", dns.TypeTXT)
	if in := ask(t, "udp", addr, plain); !in.Truncated || size(in) > 512 || in.IsEdns0() != nil {
		t.Errorf("over UDP without EDNS: tc %t, %d octets, OPT %v; want TC, at most 512, none", in.Truncated, size(in), in.IsEdns0())
	}
	if in := ask(t, "tcp", addr, plain); in.Truncated || len(in.Answer) != 30 {
		t.Errorf("over TCP: tc %t, %d answers; want all 30", in.Truncated, len(in.Answer))
	}
	edns := plain.Copy().SetEdns0(4096, true)
	in := ask(t, "udp", addr, edns)
	if opt := in.IsEdns0(); !in.Truncated || size(in) > 1232 || size(in) <= 512 || opt == nil || opt.UDPSize() != 1232 || !opt.Do() {
		t.Errorf("with EDNS 4096: tc %t, %d octets, %v; want TC within 1232 and an OPT of 1232 with DO", in.Truncated, size(in), opt)
	}
	tiny := plain.Copy().SetEdns0(100, false)
	if in := ask(t, "udp", addr, tiny); !in.Truncated || size(in) <= 100 || size(in) > 512 {
		t.Errorf("with EDNS 100: tc %t, %d octets; want 512 to count (RFC 6891 §6.2.3)", in.Truncated, size(in))
	}
	edns.IsEdns0().SetVersion(1)
	if in := ask(t, "udp", addr, edns); in.Rcode != dns.RcodeBadVers || in.IsEdns0() == nil {
		t.Errorf("EDNS version 1: %s, want BADVERS", dns.RcodeToString[in.Rcode])
	}
	chaos := plain.Copy()
	chaos.Question[0].Qclass = dns.ClassCHAOS
	notify := plain.Copy()
	notify.Opcode = dns.OpcodeNotify
	update := plain.Copy()
	update.Opcode = dns.OpcodeUpdate
	for _, c := range []struct {
		what string
		m    *dns.Msg
		want int
	}{
		{"class CH", chaos, dns.RcodeRefused},
		{"AXFR", new(dns.Msg).SetAxfr("example.com."), dns.RcodeRefused},
		{"NOTIFY", notify, dns.RcodeNotImplemented},
		{"UPDATE", update, dns.RcodeNotImplemented},
	} {
		if in := ask(t, "tcp", addr, c.m); in.Rcode != c.want {
			t.Errorf("%s: %s, want %s", c.what, dns.RcodeToString[in.Rcode], dns.RcodeToString[c.want])
		}
	}
}

// recorder is a dns.ResponseWriter that keeps what is written.
type recorder struct {
	dns.ResponseWriter
	sent *dns.Msg
}

func (r *recorder) LocalAddr() net.Addr       { return &net.UDPAddr{} }
func (r *recorder) WriteMsg(m *dns.Msg) error { r.sent = m; return nil }

// Whatever parses as a message is answered, with something that can be sent.
func FuzzServeDNS(f *testing.F) {
	dir := f.TempDir()
	p, err := playground.New(playground.Config{Dir: dir, Zone: zone, ZoneAddr: "127.0.0.1:1"})
	if err == nil {
		err = p.Set("*.example.com", "CNAME", "a.example.org")
	}
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range []string{".", "com.", `a\.b.example.com.`, `\000.\255.`, "*.*.", "_._._.", "x.example.com."} {
		m := new(dns.Msg).SetQuestion(name, dns.TypeTXT)
		m.SetEdns0(1232, true)
		wire, err := m.Pack()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wire)
	}
	f.Fuzz(func(t *testing.T, wire []byte) {
		m := new(dns.Msg)
		if m.Unpack(wire) != nil {
			return
		}
		w := &recorder{}
		p.ServeDNS(w, m)
		if out, err := w.sent.Pack(); err != nil || len(out) > 1232 {
			t.Errorf("%v: %d octets, %v", m.Question, len(out), err)
		}
	})
}
