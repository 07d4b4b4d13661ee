// Package dnsserver answers DNS questions about the validation zone, and about
// nothing else.
//
// It holds no zone data but a handful of names from its configuration: whether a
// target label exists, and the value at it, follows from the zone's keys (package
// token), so memory does not grow with the number of customers. It trusts no
// client. It never recurses, never writes, and never registers on a global mux.
// All types of the DNS library stay in here, save dns.Server and dns.Handler,
// through which cmd runs it.
package dnsserver

import (
	"errors"
	"net/netip"
	"time"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"acmd/token"
)

// NameServer is one name server of the zone, as its delegation lists it.
type NameServer struct {
	Host string // host name, any case
	// Addrs are served when Host lies within the zone, where at least one is
	// needed. Outside the zone they are somebody else's to serve, and ignored.
	Addrs []netip.Addr
}

// Config is what a Server is made of.
type Config struct {
	Tokens      *token.Deriver // the zone and its keys
	NameServers []NameServer   // at least one; the first is the SOA's MNAME
	Apex        []netip.Addr   // addresses of the zone's own name; optional
	CAA         []string       // issuer names in CAA issue records at the apex; none, no CAA
	Hostmaster  string         // mail address; "" is hostmaster@<zone>
	// Now is the clock of values: it decides which value is served and the SOA's
	// serial.
	Now func() time.Time
	// Seen is told the canonical target label after each question for one that
	// the keys recognise, whatever the type, with or without underscore. It is
	// called once the answer is on its way, from many goroutines, and must not
	// block. May be nil.
	Seen func(label string)
	Log  *zap.Logger           // nil: silent
	Reg  prometheus.Registerer // nil: not registered
}

// Server answers for the zone. It never changes once made.
type Server struct {
	zone    *zone
	now     func() time.Time
	seen    func(label string)
	log     *zap.Logger
	metrics *metrics
}

var _ dns.Handler = (*Server)(nil)

// New makes a server. Every mistake in the configuration is reported, joined in
// one error.
func New(c Config) (*Server, error) {
	if c.Tokens == nil || c.Now == nil {
		return nil, errors.New("dns server: Tokens and Now are needed")
	}
	z, err := newZone(c)
	if err != nil {
		return nil, err
	}
	m, err := newMetrics(c.Reg)
	if err != nil {
		return nil, err
	}
	s := &Server{zone: z, now: c.Now, seen: c.Seen, log: c.Log, metrics: m}
	if s.log == nil {
		s.log = zap.NewNop()
	}
	if s.seen == nil {
		s.seen = func(string) {}
	}
	return s, nil
}
