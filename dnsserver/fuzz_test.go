package dnsserver

import (
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// maxAmplification bounds how many octets UDP sends for each one it gets, with
// the zone of testConfig. What costs most is a "no" to a short name: its SOA.
const maxAmplification = 3

// onePacket is a UDP socket that receives one packet, then is closed. The
// library's server returns once that packet is dealt with, so silence is certain
// and needs no waiting.
type onePacket struct {
	raw     []byte
	read    bool
	replies [][]byte
}

func (c *onePacket) ReadFrom(p []byte) (int, net.Addr, error) {
	if c.read {
		return 0, nil, net.ErrClosed
	}
	c.read = true
	return copy(p, c.raw), c.LocalAddr(), nil
}

func (c *onePacket) WriteTo(p []byte, _ net.Addr) (int, error) {
	c.replies = append(c.replies, append([]byte(nil), p...))
	return len(p), nil
}

func (c *onePacket) Close() error                     { return nil }
func (c *onePacket) LocalAddr() net.Addr              { return net.UDPAddrFromAddrPort(netip.AddrPort{}) }
func (c *onePacket) SetDeadline(time.Time) error      { return nil }
func (c *onePacket) SetReadDeadline(time.Time) error  { return nil }
func (c *onePacket) SetWriteDeadline(time.Time) error { return nil }

// exchange sends one raw packet through the whole server; nil is silence.
func exchange(t testing.TB, s *Server, raw []byte) []byte {
	t.Helper()
	c := &onePacket{raw: raw}
	if err := s.Listeners(c, nil)[0].ActivateAndServe(); err == nil {
		t.Fatal("the server ended before its socket")
	}
	switch len(c.replies) {
	case 0:
		return nil
	case 1:
		return c.replies[0]
	}
	t.Fatalf("%d replies to one packet", len(c.replies))
	return nil
}

// Any octets: no panic, no reply to a reply or to less than a header, at most one
// reply with the same id, QR set, RA, Z and AD clear, within the size that the
// client can take, and never much longer than the question (standards 4.21).
func FuzzHandle(f *testing.F) {
	s := newServer(f, testConfig(f))
	for _, m := range questions(s) {
		f.Add(wire(f, m))
	}
	f.Add([]byte{})
	f.Add(make([]byte, headerLen))
	f.Add([]byte("\x00\x01\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if len(raw) > udpBuffer {
			return
		}
		out := exchange(t, s, raw)
		if len(raw) < headerLen || raw[2]&0x80 != 0 {
			if out != nil {
				t.Fatalf("reply %x to what must stay unanswered", out)
			}
			return
		}
		if len(out) < headerLen {
			t.Fatalf("%d octets in reply", len(out))
		}
		if out[0] != raw[0] || out[1] != raw[1] || out[2]&0x80 == 0 || out[3]&0xE0 != 0 {
			t.Fatalf("header %x to %x", out[:headerLen], raw[:headerLen])
		}
		size := minUDP
		var m dns.Msg
		if m.Unpack(raw) == nil {
			size = limit(udp, &m)
		}
		if len(out) > size || len(out) > maxAmplification*len(raw) {
			t.Fatalf("%d octets for %d, limit %d", len(out), len(raw), size)
		}
		if err := new(dns.Msg).Unpack(out); err != nil {
			t.Fatalf("the reply cannot be read: %v", err)
		}
	})
}

// questions is one of each kind, with and without EDNS.
func questions(s *Server) []*dns.Msg {
	target := s.zone.tokens.Record("111122223333", "example.com").Target
	var out []*dns.Msg
	for _, name := range []string{target, target[1:], strings.ToUpper(target), "x." + target, zoneName, "ns." + zoneName,
		"a.ns." + zoneName, "0." + zoneName, "example.com.", "."} {
		for _, qtype := range []uint16{dns.TypeTXT, dns.TypeNS, dns.TypeSOA, dns.TypeA, dns.TypeAAAA, dns.TypeCAA,
			dns.TypeANY, dns.TypeAXFR, 666} {
			edns := question(name, qtype).SetEdns0(4096, true)
			future := question(name, qtype).SetEdns0(4096, true)
			future.IsEdns0().SetVersion(100)
			out = append(out, question(name, qtype), edns, future)
		}
	}
	return out
}

// Standards 4.21: reports the worst amplification factor over UDP and bounds it.
func TestAmplification(t *testing.T) {
	t.Parallel()
	s := newServer(t, testConfig(t))
	worst, what := 0.0, ""
	for _, m := range questions(s) {
		raw := wire(t, m)
		out := exchange(t, s, raw)
		if out == nil {
			t.Fatalf("no reply to %v", m.Question)
		}
		if f := float64(len(out)) / float64(len(raw)); f > worst {
			worst, what = f, m.Question[0].String()
		}
	}
	t.Logf("worst amplification factor %.2f: %s", worst, what)
	if worst > maxAmplification {
		t.Errorf("amplification %.2f, want at most %d", worst, maxAmplification)
	}
}
