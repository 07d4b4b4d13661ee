package validator

import (
	"context"
	"fmt"
	"strings"

	"acmd/core"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	// maxHunt bounds the questions about likely wrong names; with those about
	// other types a missing record costs no more than 24.
	maxHunt = 20
	// atOnce bounds the questions that one check has under way.
	atOnce = 4
	// maxParents bounds how far up the record is looked for.
	maxParents = 4
)

// parallel runs do for 0 to n-1, a few at a time, and waits for all.
func parallel(n int, do func(int)) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() error { do(i); return nil })
	}
	_ = g.Wait() // do returns no error
}

// candidate is a name where the record may have landed, and what to say then.
type candidate struct {
	name    string
	code    core.Code
	swapped bool // name and value were swapped: the CNAME may lead to the record's name
	advice  string
}

// candidates lists the likely wrong names, the likeliest first: the name
// doubled by the DNS provider with the zone or any ancestor of the name, then
// the neighbours. zone may be "".
func candidates(p DNSProof, zone string) []candidate {
	var out []candidate
	add := func(c candidate) {
		for _, each := range out {
			if each.name == c.name {
				return
			}
		}
		if _, ok := dns.IsDomainName(c.name); ok && len(c.name) <= 254 && c.name != p.Record && len(out) < maxHunt {
			out = append(out, c)
		}
	}
	label, _, _ := strings.Cut(p.Record, ".")
	targetLabel, _, _ := strings.Cut(p.Target, ".")
	parents := core.Ancestors(p.Name)
	parents = parents[:max(len(parents)-1, 1)] // not the top-level domain
	double := func(parent string) {
		add(candidate{name: p.Record + parent + ".", code: core.CodeNameDoubled, advice: fmt.Sprintf(
			"the DNS provider appends %s. to what is entered, so enter only %s as the name", parent, entry(p.Record, parent))})
	}
	if z := strings.TrimSuffix(zone, "."); z != "" && core.IsSuperdomain(z, p.Name) {
		double(z)
	}
	for i, parent := range parents {
		if i < maxParents || i >= len(parents)-maxParents {
			double(parent)
		}
	}
	wrong := func(name, advice string) { add(candidate{name: name, code: core.CodeWrongName, advice: advice}) }
	wrong(strings.TrimPrefix(label, "_")+"."+p.Name+".", "the name lacks its leading underscore")
	wrong(p.Name+".", "it redirects the whole domain, so remove it there")
	wrong(label+".www."+p.Name+".", "it is below www")
	for i, parent := range parents[1:] {
		if i < maxParents {
			wrong(label+"."+parent+".", "a part of the domain is missing from the name")
		}
	}
	swap := func(name string) {
		add(candidate{name: name, code: core.CodeWrongName, swapped: true, advice: "name and value were swapped"})
	}
	swap(targetLabel + "." + p.Name + ".")
	swap(p.Target + p.Name + ".")
	if z := strings.TrimPrefix(zone, p.Name+"."); z != "" && z != "." {
		swap(p.Target + z)
	}
	return out
}

// entry is what to type where the provider appends the parent: "_x1.www" for
// the record _x1.www.example.com. and the parent example.com.
func entry(record, parent string) string {
	return strings.TrimSuffix(record, "."+parent+".")
}

// hunt looks for the record at the likely wrong names. Only a CNAME that leads
// to our target counts as a find: anything else is the applicant's own business.
func (c *check) hunt(ctx context.Context, p DNSProof, from *resolver, zone string) diagnosis {
	names := candidates(p, zone)
	replies := make([]reply, len(names))
	parallel(len(names), func(i int) { replies[i] = c.quietly(ctx, from, names[i].name, dns.TypeCNAME) })
	for i, each := range names {
		to := replies[i].cname(each.name)
		if !p.isTarget(to) && (!each.swapped || to != p.Record) {
			continue
		}
		c.note(replies[i])
		if each.swapped {
			return diagnose(each.code, "The CNAME record stands at %s instead of at %s (%s): create it at %s with the value %s.",
				each.name, p.Record, each.advice, p.Record, p.Target)
		}
		return diagnose(each.code, "The CNAME record stands at %s instead of at %s (%s): move it to %s with the value %s.",
			each.name, p.Record, each.advice, p.Record, p.Target)
	}
	c.add(core.Evidence{Asked: fmt.Sprintf("CNAME at %d likely wrong names", len(names)), Of: from.address,
		Answer: "none leads to " + p.Target})
	return diagnosis{}
}
