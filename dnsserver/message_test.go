package dnsserver

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// ask sends one question over the given transport.
func ask(t testing.TB, network, addr string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 5 * time.Second, UDPSize: 4096}
	r, _, err := c.Exchange(m, addr)
	if err != nil {
		t.Fatalf("%s %v: %v", network, m.Question, err)
	}
	return r
}

// question is one without EDNS and without RD.
func question(name string, qtype uint16) *dns.Msg {
	m := new(dns.Msg).SetQuestion(name, qtype)
	m.RecursionDesired = false
	return m
}

// outline is a reply in one line: rcode, flags, sizes of the sections, OPT.
func outline(r *dns.Msg) string {
	var b strings.Builder
	b.WriteString(dns.RcodeToString[r.Rcode])
	for _, f := range []struct {
		name string
		set  bool
	}{{"aa", r.Authoritative}, {"tc", r.Truncated}, {"rd", r.RecursionDesired}, {"ra", r.RecursionAvailable},
		{"z", r.Zero}, {"ad", r.AuthenticatedData}, {"cd", r.CheckingDisabled}} {
		if f.set {
			b.WriteString(" " + f.name)
		}
	}
	fmt.Fprintf(&b, " %d/%d/%d", len(r.Question), len(r.Answer), len(r.Ns))
	if opt := r.IsEdns0(); opt != nil {
		fmt.Fprintf(&b, " edns%d %d", opt.Version(), opt.UDPSize())
		if opt.Do() {
			b.WriteString(" do")
		}
		if opt.Hdr.Ttl&0x7FFF != 0 {
			b.WriteString(" flags")
		}
		for _, o := range opt.Option {
			if e, ok := o.(*dns.EDNS0_EDE); ok {
				fmt.Fprintf(&b, " ede%d", e.InfoCode)
			} else {
				fmt.Fprintf(&b, " option%d", o.Option())
			}
		}
	}
	return b.String()
}

// replyCase is a question and the outline of its reply.
type replyCase struct {
	what string
	m    *dns.Msg
	want string
}

// checkReplies asks over real sockets, both transports with the same answer
// (standards 4.1).
func checkReplies(t *testing.T, s *Server, tests []replyCase) {
	t.Helper()
	addr := serve(t, s)
	for _, tt := range tests {
		for _, network := range []string{"udp", "tcp"} {
			r := ask(t, network, addr, tt.m)
			// BADVERS and BADSIG share a number; the library names it after the latter.
			if got := strings.Replace(outline(r), "BADSIG", "BADVERS", 1); got != tt.want {
				t.Errorf("%s over %s: %s, want %s", tt.what, network, got, tt.want)
			}
			if r.Id != tt.m.Id || !r.Response || (r.Opcode != tt.m.Opcode && r.Rcode != dns.RcodeFormatError) {
				t.Errorf("%s over %s: id, QR or opcode do not fit: %v", tt.what, network, r.MsgHdr)
			}
		}
	}
}

func set(m *dns.Msg, edit func(*dns.Msg)) *dns.Msg { edit(m); return m }

func edns(m *dns.Msg, edit func(*dns.OPT)) *dns.Msg {
	m.SetEdns0(4096, false)
	edit(m.IsEdns0())
	return m
}

func plain(*dns.OPT) {}

func TestReplies(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	target := s.zone.tokens.Record("111122223333", "example.com").Target
	checkReplies(t, s, []replyCase{
		{"TXT", question(target, dns.TypeTXT), "NOERROR aa 1/1/0"},
		{"4.4 NODATA", question(target, dns.TypeA), "NOERROR aa 1/0/1"},
		{"4.4 NXDOMAIN", question("no."+zoneName, dns.TypeA), "NXDOMAIN aa 1/0/1"},
		{"4.5 empty non-terminal", question("ns."+zoneName, dns.TypeNS), "NOERROR aa 1/0/1"},
		{"4.5 unknown type", question(target, 666), "NOERROR aa 1/0/1"},
		{"4.2 outside", question("example.com.", dns.TypeA), "REFUSED 1/0/0"},
		{"4.2 root", question(".", dns.TypeNS), "REFUSED 1/0/0"},
		{"4.12 outside, EDNS", edns(question("example.com.", dns.TypeA), plain), "REFUSED 1/0/0 edns0 1232 ede20"},
		{"4.2 CHAOS", set(question("version.bind.", dns.TypeTXT), func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), "REFUSED 1/0/0"},
		{"4.2 our name, class CHAOS", set(question(target, dns.TypeTXT), func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassCHAOS }), "REFUSED 1/0/0"},
		{"our name, class ANY", set(question(target, dns.TypeTXT), func(m *dns.Msg) { m.Question[0].Qclass = dns.ClassANY }), "REFUSED 1/0/0"},
		{"4.14 AXFR", edns(question(zoneName, dns.TypeAXFR), plain), "REFUSED 1/0/0 edns0 1232 ede18"},
		{"4.14 IXFR", set(question(zoneName, dns.TypeIXFR), func(m *dns.Msg) { m.Ns = []dns.RR{s.zone.authority(begin)} }), "REFUSED 1/0/0"},
		{"4.12 ANY", question(zoneName, dns.TypeANY), "NOERROR aa 1/1/0"},
		{"4.2 RD copied", set(question(target, dns.TypeTXT), func(m *dns.Msg) { m.RecursionDesired = true }), "NOERROR aa rd 1/1/0"},
		{"4.8 AD, CD, TC, RA, Z tolerated", set(question(target, dns.TypeTXT), func(m *dns.Msg) {
			m.AuthenticatedData, m.CheckingDisabled, m.Truncated, m.RecursionAvailable, m.Zero = true, true, true, true, true
		}), "NOERROR aa cd 1/1/0"},
		{"4.14 NOTIFY", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) { m.Opcode = dns.OpcodeNotify }), "REFUSED 1/0/0"},
		{"4.14 UPDATE with stray flags", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) {
			m.Opcode, m.Truncated, m.RecursionAvailable, m.Zero, m.Authoritative = dns.OpcodeUpdate, true, true, true, true
		}), "REFUSED 1/0/0"},
		{"4.8 opcode 15", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) { m.Opcode = 15 }), "NOTIMP 0/0/0"},
		{"4.8 two questions", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) { m.Question = append(m.Question, m.Question[0]) }), "FORMERR 0/0/0"},
		{"4.8 no question", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) { m.Question = nil }), "FORMERR 0/0/0"},
		{"answer in a question", set(question(zoneName, dns.TypeSOA), func(m *dns.Msg) { m.Answer = []dns.RR{s.zone.authority(begin)} }), "FORMERR 0/0/0"},
	})
}

func TestRepliesEDNS(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	target := s.zone.tokens.Record("111122223333", "example.com").Target
	checkReplies(t, s, []replyCase{
		{"4.9 EDNS", edns(question(target, dns.TypeTXT), plain), "NOERROR aa 1/1/0 edns0 1232"},
		{"4.9 DO echoed", edns(question(target, dns.TypeTXT), func(o *dns.OPT) { o.SetDo() }), "NOERROR aa 1/1/0 edns0 1232 do"},
		{"4.9 unknown flags zeroed", edns(question(target, dns.TypeTXT), func(o *dns.OPT) { o.Hdr.Ttl |= 0x4080 }), "NOERROR aa 1/1/0 edns0 1232"},
		{"4.9 unknown option", edns(question(target, dns.TypeTXT), func(o *dns.OPT) {
			o.Option = append(o.Option, &dns.EDNS0_LOCAL{Code: 100, Data: []byte("x")}, &dns.EDNS0_NSID{Code: dns.EDNS0NSID})
		}), "NOERROR aa 1/1/0 edns0 1232"},
		{"4.9 BADVERS", edns(question(target, dns.TypeTXT), func(o *dns.OPT) { o.SetVersion(1) }), "BADVERS 1/0/0 edns0 1232"},
		{"4.9 version before zone", edns(question("example.com.", dns.TypeTXT), func(o *dns.OPT) { o.SetVersion(100) }), "BADVERS 1/0/0 edns0 1232"},
		{"4.9 two OPTs", edns(edns(question(target, dns.TypeTXT), plain), plain), "FORMERR 1/0/0 edns0 1232"},
		{"4.9 OPT below the root", edns(question(target, dns.TypeTXT), func(o *dns.OPT) { o.Hdr.Name = "x." }), "FORMERR 1/0/0 edns0 1232"},
	})
}

// Standards 4.8: the handler keeps silent by itself too, under whatever dns.Server.
func TestNoReplyToReplies(t *testing.T) {
	t.Parallel()
	m := question(zoneName, dns.TypeSOA)
	m.Response = true
	if r := newServer(t, testConfig(t)).reply(m); r.msg != nil || r.outcome != dropped {
		t.Errorf("reply %v", r.msg)
	}
}

// Standards 4.4: every "no" carries the SOA with a TTL that is at most a minute,
// and equal to MINIMUM.
func TestNegativeTTL(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	for _, m := range []*dns.Msg{question(zoneName, dns.TypeTXT), question("no."+zoneName, dns.TypeTXT)} {
		r := s.reply(m).msg
		soa, ok := r.Ns[0].(*dns.SOA)
		if !ok || soa.Hdr.Name != zoneName || soa.Hdr.Ttl != min(soa.Hdr.Ttl, soa.Minttl) || soa.Hdr.Ttl > 60 || soa.Hdr.Ttl == 0 {
			t.Errorf("%v: authority %v", m.Question, r.Ns)
		}
	}
}

// Standards 4.3: the name comes back as it was written, in question and answer,
// and one that is not there as well.
func TestCaseKept(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	addr := serve(t, s)
	target := s.zone.tokens.Record("111122223333", "example.com").Target
	mixed := func(name string) string {
		b := []byte(strings.ToLower(name))
		for i := 0; i < len(b); i += 2 {
			b[i] = strings.ToUpper(string(b[i]))[0]
		}
		return string(b)
	}
	want := ask(t, "udp", addr, question(target, dns.TypeTXT)).Answer[0].(*dns.TXT).Txt
	for _, network := range []string{"udp", "tcp"} {
		r := ask(t, network, addr, question(mixed(target), dns.TypeTXT))
		if r.Question[0].Name != mixed(target) || len(r.Answer) != 1 || r.Answer[0].Header().Name != mixed(target) {
			t.Fatalf("%s: %v", network, r)
		}
		if diff := cmp.Diff(want, r.Answer[0].(*dns.TXT).Txt); diff != "" {
			t.Errorf("%s: the value depends on the name's case:\n%s", network, diff)
		}
		if r := ask(t, network, addr, question(mixed("no."+zoneName), dns.TypeTXT)); r.Question[0].Name != mixed("no."+zoneName) {
			t.Errorf("%s: %v", network, r.Question)
		}
	}
}

// Standards 4.9, 4.10: an answer too long for the client goes out empty with TC,
// and whole over TCP.
func TestTruncation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		addrs int // 16 octets each, behind 12 + 25 + 4 of header and question
		size  uint16
		tc    bool
	}{
		{29, 0, false}, {30, 0, true},
		{28, 100, false}, {30, 100, true}, // less than 512 is 512
		{28, 512, false}, {29, 512, true},
		{30, 800, false}, {46, 800, false}, {47, 800, true},
		{73, 1232, false}, {74, 1232, true},
		{73, 4096, false}, {74, 4096, true}, {74, 65535, true},
	}
	for _, tt := range tests {
		c := testConfig(t)
		c.Apex = nil
		for i := range tt.addrs {
			c.Apex = append(c.Apex, netip.AddrFrom4([4]byte{192, 0, 2, byte(i + 1)}))
		}
		s := newServer(t, c)
		m := question(zoneName, dns.TypeA)
		if tt.size > 0 {
			m.SetEdns0(tt.size, false)
		}
		for _, tr := range []transport{udp, tcp} {
			data, err := pack(s.reply(m).msg, limit(tr, m))
			if err != nil {
				t.Fatal(err)
			}
			var r dns.Msg
			if err := r.Unpack(data); err != nil {
				t.Fatal(err)
			}
			want := map[bool]int{true: 0, false: tt.addrs}[tt.tc && tr == udp]
			if r.Truncated != (tt.tc && tr == udp) || len(r.Answer) != want || len(data) > limit(tr, m) || (r.IsEdns0() != nil) != (tt.size > 0) {
				t.Errorf("%d addresses, size %d, %s: %s in %d octets", tt.addrs, tt.size, transports[tr], outline(&r), len(data))
			}
		}
	}
}

// The same through sockets.
func TestTruncationOverSockets(t *testing.T) {
	t.Parallel()
	c := testConfig(t)
	for i := range 100 {
		c.Apex = append(c.Apex, netip.AddrFrom4([4]byte{198, 51, 100, byte(i + 1)}))
	}
	addr := serve(t, newServer(t, c))
	if r := ask(t, "udp", addr, question(zoneName, dns.TypeA)); !r.Truncated || len(r.Answer) != 0 || !r.Authoritative {
		t.Errorf("udp: %s", outline(r))
	}
	if r := ask(t, "tcp", addr, question(zoneName, dns.TypeA)); r.Truncated || len(r.Answer) != 101 {
		t.Errorf("tcp: %s", outline(r))
	}
}
