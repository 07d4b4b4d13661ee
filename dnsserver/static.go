package dnsserver

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/miekg/dns"

	"acmd/core"
)

// The SOA's timers for secondaries, in seconds. There are none; the figures are
// those that zone checkers expect.
const (
	soaRefresh = 14400
	soaRetry   = 3600
	soaExpire  = 1209600
)

// newZone lays out the configured names and says all that is wrong with them.
func newZone(c Config) (*zone, error) {
	z := &zone{tokens: c.Tokens, apex: c.Tokens.Zone(), static: map[string]map[uint16][]dns.RR{}}
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }

	if len(c.NameServers) == 0 {
		fail("name servers: at least one is needed")
	}
	for i, ns := range c.NameServers {
		if err := z.addNameServer(ns); err != nil {
			fail("name servers[%d]: %w", i, err)
		}
	}
	if err := z.addAddrs(z.apex, c.Apex); err != nil {
		fail("apex: %w", err)
	}
	for i, name := range c.CAA {
		name, err := hostName(name)
		if err != nil {
			fail("caa[%d]: %w", i, err)
		}
		z.add(&dns.CAA{Hdr: header(z.apex, dns.TypeCAA), Tag: "issue", Value: strings.TrimSuffix(name, ".")})
	}
	mbox, err := mailbox(c.Hostmaster, z.apex)
	if err != nil {
		fail("hostmaster: %w", err)
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	hdr := header(z.apex, dns.TypeSOA)
	hdr.Ttl = negativeTTL
	z.soa = dns.SOA{Hdr: hdr, Ns: z.static[""][dns.TypeNS][0].(*dns.NS).Ns, Mbox: mbox,
		Refresh: soaRefresh, Retry: soaRetry, Expire: soaExpire, Minttl: negativeTTL}
	return z, nil
}

func (z *zone) addNameServer(ns NameServer) error {
	host, err := hostName(ns.Host)
	if err != nil {
		return err
	}
	if !z.add(&dns.NS{Hdr: header(z.apex, dns.TypeNS), Ns: host}) {
		return fmt.Errorf("%s is named twice", host)
	}
	if _, within := z.relative(host); !within {
		return nil
	}
	if len(ns.Addrs) == 0 {
		return fmt.Errorf("%s lies in the zone and has no address", host)
	}
	return z.addAddrs(host, ns.Addrs)
}

func (z *zone) addAddrs(host string, addrs []netip.Addr) error {
	for _, a := range addrs {
		switch a = a.Unmap(); {
		case !a.IsValid() || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast():
			return fmt.Errorf("%v is not the address of a host", a)
		case a.Is4():
			z.add(&dns.A{Hdr: header(host, dns.TypeA), A: a.AsSlice()})
		default:
			z.add(&dns.AAAA{Hdr: header(host, dns.TypeAAAA), AAAA: a.AsSlice()})
		}
	}
	return nil
}

// add puts a record at its name, which lies in the zone, and makes the names
// between it and the apex exist. It reports false for one that is there already:
// record sets have no duplicates (standards 4.6).
func (z *zone) add(rr dns.RR) bool {
	rel, _ := z.relative(rr.Header().Name)
	for n := rel; n != ""; _, n, _ = strings.Cut(n, ".") {
		if z.static[n] == nil {
			z.static[n] = map[uint16][]dns.RR{}
		}
	}
	if z.static[rel] == nil {
		z.static[rel] = map[uint16][]dns.RR{}
	}
	t := rr.Header().Rrtype
	for _, other := range z.static[rel][t] {
		if dns.IsDuplicate(rr, other) {
			return false
		}
	}
	z.static[rel][t] = append(z.static[rel][t], rr)
	return true
}

func header(name string, rrtype uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: rrtype, Class: dns.ClassINET, Ttl: staticTTL}
}

// hostName is a checked host name in lower case with a final dot.
func hostName(s string) (string, error) {
	name, err := core.ParseName(strings.TrimSuffix(s, "."))
	if err != nil {
		return "", err
	}
	if core.BaseName(name) != name {
		return "", fmt.Errorf("%s is a wildcard", name)
	}
	return name + ".", nil
}

// mailbox turns a mail address into the SOA's RNAME (RFC 1035 §8): the dots
// before the @ are escaped.
func mailbox(addr, apex string) (string, error) {
	if addr == "" {
		return "hostmaster." + apex, nil
	}
	local, domain, ok := strings.Cut(addr, "@")
	if !ok || local == "" || len(local) > 63 ||
		strings.Trim(strings.ToLower(local), "abcdefghijklmnopqrstuvwxyz0123456789.+-_") != "" {
		return "", fmt.Errorf("%q is not a mail address", addr)
	}
	host, err := hostName(domain)
	if err != nil {
		return "", err
	}
	return strings.ReplaceAll(local, ".", `\.`) + "." + host, nil
}
