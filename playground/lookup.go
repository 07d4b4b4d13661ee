package playground

import (
	"maps"
	"slices"
	"strings"

	"github.com/miekg/dns"
	"golang.org/x/net/publicsuffix"

	"acmd/core"
)

// The playground's own zone and name server. The address lies in 198.18.0.0/15,
// which dev's dialer maps to dev's listeners.
const (
	ownZone        = "playground.internal."
	nameServer     = "ns1." + ownZone
	nameServerAddr = "198.18.0.53"
)

// ttl of every record and of every "no", in seconds: short, since whoever sets
// a record here wants to see it at once.
const ttl = 5

// result is what the records say about one name and type.
type result int

const (
	found    result = iota // records of the type
	alias                  // a CNAME instead
	noData                 // the name exists, without the type
	nxDomain               // the name does not exist
)

// lookup finds name and type in the records, by RFC 1034 §4.3.2 and, for
// wildcards, RFC 4592. Name is fully qualified, lower case and not within the
// validation zone. The records come back under the record's own name.
func (s *snapshot) lookup(name string, typ uint16) ([]dns.RR, result) {
	sets, exists := s.at(name)
	if !exists {
		if sets = s.wildcard(name); sets == nil {
			return nil, nxDomain
		}
	}
	if typ == dns.TypeANY {
		var all []dns.RR
		for _, t := range slices.Sorted(maps.Keys(sets)) {
			all = append(all, sets[t]...)
		}
		if len(all) == 0 {
			return nil, noData
		}
		return all, found
	}
	if rrs := sets[typ]; len(rrs) > 0 {
		return rrs, found
	}
	if rrs := sets[dns.TypeCNAME]; len(rrs) > 0 {
		return rrs, alias
	}
	return nil, noData
}

// at returns what is at the name itself, and whether the name exists: a zone's
// apex and an empty non-terminal do, too. At an apex, SOA and NS are made up
// where they are not set.
func (s *snapshot) at(name string) (rrsets, bool) {
	sets, exists := s.names[name]
	if name == nameServer {
		a, _ := parseValue(name, dns.TypeA, nameServerAddr)
		return rrsets{dns.TypeA: {a}}, true
	}
	if !s.apex(name) {
		return sets, exists || s.above[name]
	}
	whole := rrsets{dns.TypeSOA: {soa(name)}, dns.TypeNS: {&dns.NS{Hdr: header(name, dns.TypeNS), Ns: nameServer}}}
	for t, rrs := range sets {
		whole[t] = rrs
	}
	return whole, true
}

// wildcard returns the records of the wildcard that covers a name that does not
// exist: the one directly below the closest name that does; nil if there is none.
func (s *snapshot) wildcard(name string) rrsets {
	for n := parent(name); ; n = parent(n) {
		if _, exists := s.at(n); exists {
			return s.names["*."+n]
		}
	}
}

// apex reports whether the name is the apex of a zone.
func (s *snapshot) apex(name string) bool { return s.zoneOf(name) == name }

// zoneOf is the zone a name lies in: below the closest SOA or NS record that was
// set, and otherwise the domain that one registers: a public suffix and one
// label, or the suffix itself. Labels with an underscore are never registered.
func (s *snapshot) zoneOf(name string) string {
	zone := registered(name)
	for n := name; n != "." && core.IsSuperdomain(zone, n); n = parent(n) {
		if sets := s.names[n]; sets[dns.TypeSOA] != nil || sets[dns.TypeNS] != nil {
			return n
		}
	}
	return zone
}

// registered is the registered domain that a name belongs to.
func registered(name string) string {
	labels := strings.Split(plain(name), ".")
	i := len(labels)
	for i > 0 && labels[i-1] != "*" && !strings.HasPrefix(labels[i-1], "_") {
		i--
	}
	base := strings.Join(labels[i:], ".")
	if base == "" {
		return "."
	}
	if domain, err := publicsuffix.EffectiveTLDPlusOne(base); err == nil {
		return domain + "."
	}
	return base + "."
}

// parent is the name above; the root's is the root.
func parent(name string) string {
	i := strings.IndexByte(name, '.')
	if i < 0 || i == len(name)-1 {
		return "."
	}
	return name[i+1:]
}

// soa is the SOA record of a made-up zone.
func soa(zone string) dns.RR {
	return &dns.SOA{Hdr: header(zone, dns.TypeSOA), Ns: nameServer, Mbox: "hostmaster." + ownZone,
		Serial: 1, Refresh: 3600, Retry: 600, Expire: 86400, Minttl: ttl}
}

// soaFor is the SOA record that goes with a "no" about name, with the time that
// the "no" may be kept (RFC 2308 §3).
func (s *snapshot) soaFor(name string) dns.RR {
	zone := s.zoneOf(name)
	if set := s.names[zone][dns.TypeSOA]; len(set) > 0 {
		rr := dns.Copy(set[0]).(*dns.SOA)
		rr.Hdr.Ttl = min(rr.Hdr.Ttl, rr.Minttl)
		return rr
	}
	return soa(zone)
}

func header(name string, typ uint16) dns.RR_Header {
	return dns.RR_Header{Name: name, Rrtype: typ, Class: dns.ClassINET, Ttl: ttl}
}
