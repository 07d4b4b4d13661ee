package validator

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/miekg/dns"
)

// How long a resolver's answer to "do you validate?" stands. A no is asked
// again sooner, since somebody is then likely mending the resolver.
const (
	validatesFor = 5 * time.Minute
	unsafeFor    = time.Minute
)

// maxTries bounds the tries of one question over all resolvers (standards 5.13).
const maxTries = 3

// resolver is one configured resolver. The field ad is fixed; asking guards the
// rest: whoever holds its one place may read and write them.
type resolver struct {
	address   string
	ad        bool // its AD bit is believed
	asking    chan struct{}
	checkedAt time.Time
	validates bool
}

func newResolver(address string, trustAD bool) (*resolver, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || ap.Port() == 0 {
		return nil, fmt.Errorf("resolvers: %q is not an address with a port", address)
	}
	return &resolver{address: address, ad: trustAD || ap.Addr().Unmap().IsLoopback(), asking: make(chan struct{}, 1)}, nil
}

// ask puts one question to one resolver, counts it and keeps it as evidence.
func (c *check) ask(ctx context.Context, r *resolver, q question) reply {
	m, err := c.v.exchange(ctx, r.address, q)
	out := newReply(q, r.address, m, err)
	out.ad = out.outcome.settled() && r.ad && m.AuthenticatedData
	c.v.metrics.lookups.WithLabelValues(string(out.outcome)).Inc()
	return out
}

// lookup asks the resolvers in turn until one settles the question, at most
// three times and at least twice (standards 1.38). Of several failures the most
// telling one is returned. A resolver that calls the answer bogus settles it
// too: nobody is asked for a more convenient one.
func (c *check) lookup(ctx context.Context, name string, qtype uint16) reply {
	q := question{name: name, qtype: qtype}
	var worst reply
	first := int(c.v.first.Load())
	for i := range min(max(len(c.resolvers), 2), maxTries) {
		at := (first + i) % len(c.resolvers)
		r := c.ask(ctx, c.resolvers[at], q)
		c.note(r)
		if r.outcome.settled() {
			if worst.outcome == timeout || worst.outcome == unreachable {
				c.v.first.Store(uint32(at))
			}
			c.authenticated = r.ad && (c.authenticated || c.answeredBy == "")
			c.answeredBy = r.server
			return r
		}
		if worst.outcome == "" || rank(r.outcome) < rank(worst.outcome) {
			worst = r
		}
		if r.bogus() || ctx.Err() != nil {
			break
		}
	}
	return worst
}

func rank(o outcome) int {
	for i, each := range outcomes {
		if each == o {
			return i
		}
	}
	return len(outcomes)
}

// choose keeps the resolvers that this check may ask. With DNSSEC required
// those are the ones that are seen to validate. If there is none, the diagnosis
// says why.
func (c *check) choose(ctx context.Context) (d diagnosis) {
	if !c.v.dnssec {
		c.resolvers = c.v.resolvers
		return d
	}
	var silent reply
	for _, r := range c.v.resolvers {
		ok, root := c.validating(ctx, r)
		switch {
		case ok:
			c.resolvers = append(c.resolvers, r)
		case root.outcome != "" && !root.outcome.settled() && (silent.outcome == "" || rank(root.outcome) < rank(silent.outcome)):
			silent = root
		}
	}
	switch {
	case len(c.resolvers) > 0:
		return d
	case silent.outcome != "":
		return c.withoutRoot(ctx, silent)
	}
	return notValidating(c.v.resolvers)
}

// validating reports whether the resolver shows AD on the signed root; the
// answer of a few minutes ago serves. The reply is that of the question, if one
// was asked. What was no answer at all is not remembered.
func (c *check) validating(ctx context.Context, r *resolver) (bool, reply) {
	if !r.ad {
		c.add(evidenceConfiguration(r.address))
		return false, reply{}
	}
	select {
	case r.asking <- struct{}{}:
		defer func() { <-r.asking }()
	case <-ctx.Done():
		return false, reply{outcome: timeout, server: r.address, q: question{name: ".", qtype: dns.TypeSOA}}
	}
	if age := c.now.Sub(r.checkedAt); age >= 0 && (r.validates && age < validatesFor || !r.validates && age < unsafeFor) {
		if !r.validates {
			c.add(evidenceRemembered(r.address, r.checkedAt))
		}
		return r.validates, reply{}
	}
	root := c.ask(ctx, r, question{name: ".", qtype: dns.TypeSOA})
	if !root.ad {
		c.note(root)
	}
	if root.outcome.settled() {
		r.checkedAt, r.validates = c.now, root.ad && root.outcome == found
	}
	return root.ad && root.outcome == found, root
}
