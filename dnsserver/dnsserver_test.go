package dnsserver

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"

	"acmd/token"
)

const zoneName = "validations.example.net."

// begin is the start of a value period.
var begin = time.Unix(1472*int64(token.Period/time.Second), 0).UTC()

func newTokens(t testing.TB) *token.Deriver {
	t.Helper()
	d, err := token.New(zoneName, token.Keys{Naming: bytes.Repeat([]byte{1}, 32),
		Values: []token.ValueKey{{Version: 1, From: begin, Key: bytes.Repeat([]byte{2}, 32)}}})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// testConfig is a zone with a name server inside it and one outside.
func testConfig(t testing.TB) Config {
	t.Helper()
	return Config{
		Tokens: newTokens(t),
		NameServers: []NameServer{
			{Host: "A.ns.Validations.example.net", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}},
			{Host: "ns2.example.org.", Addrs: nil},
		},
		Apex: []netip.Addr{netip.MustParseAddr("192.0.2.80")},
		CAA:  []string{"ca.example.net"},
		Now:  func() time.Time { return begin.Add(time.Hour) },
	}
}

func newServer(t testing.TB, c Config) *Server {
	t.Helper()
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve runs the server on loopback, UDP and TCP on one port, until the test ends.
func serve(t testing.TB, s *Server) (addr string) {
	t.Helper()
	return serveAt(t, s, "127.0.0.1:0")
}

// serveAt is serve at an address of one's choice.
func serveAt(t testing.TB, s *Server, at string) (addr string) {
	t.Helper()
	pc, l := bind(t, at)
	for _, srv := range s.Listeners(pc, l) {
		started, ended := make(chan struct{}), make(chan error, 1)
		srv.NotifyStartedFunc = func() { close(started) }
		go func() { ended <- srv.ActivateAndServe() }()
		select {
		case <-started:
		case err := <-ended:
			t.Fatalf("start: %v", err)
		}
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			if err := srv.ShutdownContext(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			if err := <-ended; err != nil {
				t.Errorf("serve: %v", err)
			}
		})
	}
	return pc.LocalAddr().String()
}

// bind takes a free port for both transports.
func bind(t testing.TB, at string) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		pc, err := net.ListenPacket("udp", at)
		if err != nil {
			t.Fatal(err)
		}
		if l, err := net.Listen("tcp", pc.LocalAddr().String()); err == nil {
			return pc, l
		}
		pc.Close()
	}
	t.Fatal("no port is free on both transports")
	return nil, nil
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct {
		what string
		edit func(*Config)
		want string
	}{
		{"no tokens", func(c *Config) { c.Tokens = nil }, "Tokens and Now"},
		{"no clock", func(c *Config) { c.Now = nil }, "Tokens and Now"},
		{"no name server", func(c *Config) { c.NameServers = nil }, "at least one"},
		{"name server twice", func(c *Config) { c.NameServers[1].Host = "a.ns." + zoneName }, "name servers[1]: a.ns.validations.example.net. is named twice"},
		{"host without address", func(c *Config) { c.NameServers[0].Addrs = nil }, "has no address"},
		{"host is an address", func(c *Config) { c.NameServers[1].Host = "192.0.2.1" }, "name servers[1]"},
		{"host with underscore", func(c *Config) { c.NameServers[1].Host = "_a.example.org" }, "name servers[1]"},
		{"wildcard host", func(c *Config) { c.NameServers[1].Host = "*.example.org" }, "wildcard"},
		{"zero address", func(c *Config) { c.Apex = []netip.Addr{{}} }, "apex"},
		{"unspecified address", func(c *Config) { c.NameServers[0].Addrs[0] = netip.IPv4Unspecified() }, "not the address of a host"},
		{"address with a scope", func(c *Config) { c.Apex[0] = netip.MustParseAddr("fe80::1%eth0") }, "apex"},
		{"bad issuer", func(c *Config) { c.CAA = []string{"ca.example.net", "not a name"} }, "caa[1]"},
		{"bad hostmaster", func(c *Config) { c.Hostmaster = "root" }, "hostmaster"},
		{"hostmaster at no host", func(c *Config) { c.Hostmaster = "a@b..c" }, "hostmaster"},
		{"two mistakes", func(c *Config) { c.Hostmaster, c.CAA = "root", []string{""} }, "caa[0]"},
		{"two mistakes, the other", func(c *Config) { c.Hostmaster, c.CAA = "root", []string{""} }, "hostmaster"},
		{"metrics registered twice", func(c *Config) {
			c.Reg = prometheus.NewRegistry()
			if _, err := newMetrics(c.Reg); err != nil {
				panic(err)
			}
		}, "register dns metrics"},
	}
	for _, tt := range tests {
		c := testConfig(t)
		tt.edit(&c)
		if _, err := New(c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.what, err, tt.want)
		}
	}
}

func TestHostmaster(t *testing.T) {
	t.Parallel()
	for addr, want := range map[string]string{
		"":                           "hostmaster." + zoneName,
		"dns@example.org":            "dns.example.org.",
		"First.Last+dns@Example.org": `First\.Last+dns.example.org.`,
	} {
		c := testConfig(t)
		c.Hostmaster = addr
		got := newServer(t, c).zone.authority(begin).Mbox
		if got != want {
			t.Errorf("%q: %q, want %q", addr, got, want)
		}
		if _, ok := dns.IsDomainName(got); !ok {
			t.Errorf("%q: %q is not a domain name", addr, got)
		}
	}
}
