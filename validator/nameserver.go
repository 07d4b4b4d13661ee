package validator

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

// maxNameServers bounds how many of a zone's own name servers are asked.
const maxNameServers = 4

// nameServer is one of the zone's own, and what it says of the record.
type nameServer struct {
	host    string
	address netip.Addr
	reply   reply
	cname   string // where the record leads there; "" if it has none
	lacks   bool   // it answers with authority that there is no such record
}

// atNameServers asks the zone's own name servers for the record that the
// resolver says is missing. It explains only: whatever cannot be asked is passed
// over, and what they say never proves anything.
func (c *check) atNameServers(ctx context.Context, p DNSProof, from *resolver, zone string, until time.Time) diagnosis {
	if zone == "" || isSuffix(zone) {
		return diagnosis{}
	}
	var have, lack []string
	var cname string
	for _, s := range c.askNameServers(ctx, p, from, zone) {
		switch {
		case s.cname != "":
			have, cname = append(have, s.host), s.cname
		case s.lacks:
			lack = append(lack, s.host)
		default:
			continue
		}
		c.note(s.reply)
	}
	if len(have) == 0 {
		return diagnosis{}
	}
	if !p.isTarget(cname) {
		if w := c.follow(ctx, p, cname); w.end != atTarget {
			return c.astray(ctx, p, w)
		}
	}
	if len(lack) > 0 {
		return diagnose(core.CodeRecordMissing,
			"The CNAME record %s is at %s but not at %s, which serve the same zone %s: see why the zone is not transferred there, or wait until it is%s.",
			p.Record, strings.Join(have, ", "), strings.Join(lack, ", "), zone, cachedUntil(until))
	}
	when := "for some minutes more"
	if !until.IsZero() {
		when = "until " + instant(until)
	}
	return diagnose(core.CodeNegativeCached,
		"The CNAME record %s is in place at the zone's name servers (%s), but the resolver %s asked too early and may remember %s that there is none: leave everything as it is, it is looked at again then.",
		p.Record, strings.Join(have, ", "), from.address, when)
}

// askNameServers finds the zone's name servers through the resolver and asks
// each directly, at port 53 of an address that the policy permits.
func (c *check) askNameServers(ctx context.Context, p DNSProof, from *resolver, zone string) []nameServer {
	var servers []nameServer
	r := c.quietly(ctx, from, zone, dns.TypeNS)
	for _, rr := range r.records(r.end()) {
		if ns, ok := rr.(*dns.NS); ok {
			servers = append(servers, nameServer{host: dns.CanonicalName(ns.Ns)})
		}
	}
	slices.SortFunc(servers, func(a, b nameServer) int { return strings.Compare(a.host, b.host) })
	servers = servers[:min(len(servers), maxNameServers)]
	parallel(len(servers), func(i int) {
		s := &servers[i]
		if s.address = c.addressOf(ctx, from, s.host); s.address.IsValid() {
			s.ask(ctx, c, p)
		}
	})
	return servers
}

// addressOf returns the first permitted address of a name server, IPv4 first;
// the zero Addr if it has none.
func (c *check) addressOf(ctx context.Context, from *resolver, host string) netip.Addr {
	for _, qtype := range []uint16{dns.TypeA, dns.TypeAAAA} {
		r := c.quietly(ctx, from, host, qtype)
		for _, rr := range r.records(r.end()) {
			var a netip.Addr
			switch rr := rr.(type) {
			case *dns.A:
				a, _ = netip.AddrFromSlice(rr.A.To4())
			case *dns.AAAA:
				a, _ = netip.AddrFromSlice(rr.AAAA.To16())
			}
			if c.v.addresses.permits(a) {
				return a
			}
		}
	}
	return netip.Addr{}
}

// ask puts the record's question to the name server. An answer without
// authority says nothing.
func (s *nameServer) ask(ctx context.Context, c *check, p DNSProof) {
	q := question{name: p.Record, qtype: dns.TypeCNAME, direct: true}
	address := netip.AddrPortFrom(s.address, 53).String()
	m, err := c.v.exchange(ctx, address, q)
	s.reply = newReply(q, fmt.Sprintf("%s (%s)", address, s.host), m, err)
	c.v.metrics.lookups.WithLabelValues(string(s.reply.outcome)).Inc()
	if err != nil || !m.Authoritative || !s.reply.outcome.settled() {
		return
	}
	s.cname = s.reply.cname(p.Record)
	s.lacks = s.cname == ""
}
