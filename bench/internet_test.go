package bench

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/miekg/dns"

	"acmd/token"
)

// nameOf is the i-th name of an account.
func nameOf(account, i int) string { return fmt.Sprintf("n%d.a%d.example.net", i, account) }

// accountIn is the account that nameOf put into a name.
func accountIn(name string) (int, bool) {
	labels := strings.Split(name, ".")
	if len(labels) < 2 || !strings.HasPrefix(labels[1], "a") {
		return 0, false
	}
	n, err := strconv.Atoi(labels[1][1:])
	return n, err == nil
}

// internet is a resolver in a world where every record stands and nobody
// publishes CAA.
type internet struct {
	tokens *token.Deriver
	zone   string // the address of our zone's server
}

// ServeDNS implements dns.Handler.
func (n internet) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	at := q.Question[0]
	if dns.IsSubDomain(n.tokens.Zone(), at.Name) {
		if r, err := dns.Exchange(q, n.zone); err == nil {
			r.RecursionAvailable = true
			_ = w.WriteMsg(r) // who does not get it asks again
		}
		return
	}
	r := new(dns.Msg).SetReply(q)
	r.RecursionAvailable = true
	if record, ok := n.record(at.Name); ok {
		if at.Qtype == dns.TypeCNAME {
			r.Answer = []dns.RR{&dns.CNAME{Hdr: dns.RR_Header{Name: at.Name, Rrtype: dns.TypeCNAME, Class: dns.ClassINET, Ttl: 300}, Target: record.Target}}
		}
	} else {
		hdr := dns.RR_Header{Name: "example.net.", Rrtype: dns.TypeSOA, Class: dns.ClassINET, Ttl: 300}
		r.Ns = []dns.RR{&dns.SOA{Hdr: hdr, Ns: "ns.example.net.", Mbox: "hostmaster.example.net.", Serial: 1, Minttl: 300}}
	}
	_ = w.WriteMsg(r)
}

// record finds the record that stands at a name.
func (n internet) record(at string) (token.Record, bool) {
	label, base, ok := strings.Cut(strings.ToLower(at), ".")
	if !ok || !strings.HasPrefix(label, "_") {
		return token.Record{}, false
	}
	account, ok := accountIn(base)
	if !ok {
		return token.Record{}, false
	}
	r := n.tokens.Record(accountOf(account), strings.TrimSuffix(base, "."))
	return r, r.Name == strings.ToLower(at)
}
