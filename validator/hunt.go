package validator

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"acmd/core"

	"github.com/miekg/dns"
	"golang.org/x/sync/errgroup"
)

const (
	// maxHunt bounds the questions about likely wrong names; the name of an
	// ordinary domain has no more than ten of them.
	maxHunt = 32
	// maxHuntText bounds those about a TXT where there is no CNAME.
	maxHuntText = 4
	// atOnce bounds the questions that one check has under way.
	atOnce = 4
	// maxDoubled bounds the parents from each end with which a doubled name is
	// looked for: all of them, unless the domain has more than 17 labels.
	maxDoubled = 8
	// maxParents bounds how far up the record is looked for.
	maxParents = 4
)

// parallel runs do for 0 to n-1, a few at a time, and waits for all. A panic in
// one of them becomes one of the caller, who alone can recover from it; its
// value tells where the first was.
func parallel(n int, do func(int)) {
	var g errgroup.Group
	g.SetLimit(atOnce)
	for i := range n {
		g.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("%v, in a parallel look-up\n%s", p, debug.Stack())
				}
			}()
			do(i)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		panic(err)
	}
}

// candidate is a name where the record may have landed, and what to say then.
type candidate struct {
	name    string
	code    core.Code
	swapped bool // name and value were swapped: the CNAME may lead to the record's name
	domain  bool // it is the domain itself, where a TXT is nothing out of the way
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
			"the DNS provider appends %s. to what is entered, so enter only %s as the name, or in a zone file end the whole name with a dot", parent, entry(p.Record, parent))})
	}
	if z := strings.TrimSuffix(zone, "."); z != "" && core.IsSuperdomain(z, p.Name) {
		double(z)
	}
	for i, parent := range parents {
		if i < maxDoubled || i >= len(parents)-maxDoubled {
			double(parent)
		}
	}
	wrong := func(name, advice string) { add(candidate{name: name, code: core.CodeWrongName, advice: advice}) }
	wrong(strings.TrimPrefix(label, "_")+"."+p.Name+".", "the name lacks its leading underscore")
	add(candidate{name: p.Name + ".", code: core.CodeWrongName, domain: true, advice: "it redirects the whole domain, so remove it there"})
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

// hunt looks for the record at the likely wrong names. Only what leads to our
// target, or was plainly meant to, counts as a find: anything else is the
// applicant's own business.
func (c *check) hunt(ctx context.Context, p DNSProof, from *resolver, zone string) diagnosis {
	names := candidates(p, zone)
	replies := make([]reply, len(names))
	parallel(len(names), func(i int) { replies[i] = c.quietly(ctx, from, names[i].name, dns.TypeCNAME) })
	var texts []candidate
	for i, each := range names {
		if d := each.judge(p, replies[i].cname(each.name)); !d.OK() {
			c.note(replies[i])
			return d
		}
		if replies[i].outcome == nodata && !each.swapped && !each.domain && len(texts) < maxHuntText {
			texts = append(texts, each)
		}
	}
	if d := c.huntText(ctx, p, from, texts); !d.OK() {
		return d
	}
	c.add(core.Evidence{Asked: fmt.Sprintf("CNAME at %d likely wrong names", len(names)), Of: from.address,
		Answer: "none leads to " + p.Target})
	return diagnosis{}
}

// judge says whether a CNAME from the candidate to that name is the record
// gone astray. Name and value may both be wrong, as in a zone file without
// final dots.
func (each candidate) judge(p DNSProof, to string) diagnosis {
	why, ours := mistake(p, to)
	switch {
	case to == "":
	case each.swapped && (p.isTarget(to) || strings.HasPrefix(to, p.Record)):
		return diagnose(each.code, "The CNAME record stands at %s instead of at %s (%s): create it at %s with the value %s.",
			each.name, p.Record, each.advice, p.Record, p.Target)
	case p.isTarget(to):
		return diagnose(each.code, "The CNAME record stands at %s instead of at %s (%s): move it to %s with the value %s.",
			each.name, p.Record, each.advice, p.Record, p.Target)
	case ours && !each.swapped:
		return diagnose(each.code,
			"The CNAME record stands at %s instead of at %s (%s), and it leads to %s instead of to %s (%s): move it to %s with the value %s.",
			each.name, p.Record, each.advice, clip(to, 300), p.Target, why, p.Record, p.Target)
	}
	return diagnosis{}
}

// huntText looks for the target or the value in a TXT record at the candidates.
func (c *check) huntText(ctx context.Context, p DNSProof, from *resolver, names []candidate) diagnosis {
	replies := make([]reply, len(names))
	parallel(len(names), func(i int) { replies[i] = c.quietly(ctx, from, names[i].name, dns.TypeTXT) })
	for i, each := range names {
		for _, rr := range replies[i].records(each.name) {
			said := text(rr)
			if _, ours := mistake(p, asName(said)); !ours && !p.isTarget(asName(said)) && !p.isValue(said) {
				continue
			}
			c.note(replies[i])
			return diagnose(each.code,
				"A TXT record that belongs to this proof stands at %s, but it must be a CNAME record, and stand at %s (%s): delete it and create a CNAME record at %s with the value %s.",
				each.name, p.Record, each.advice, p.Record, p.Target)
		}
	}
	return diagnosis{}
}
