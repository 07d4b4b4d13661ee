package validator

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
)

// maxTries bounds the tries of one question over all resolvers (standards 5.13).
const maxTries = 3

// resolver is one configured resolver. Its address and ad are fixed, the rest
// is guarded by Validator.mu.
type resolver struct {
	address string
	ad      bool    // its AD bit is believed
	asking  bool    // a check is asking it for the root
	last    verdict // of the root, as far as it was asked
}

func newResolver(address string, trustAD bool) (*resolver, error) {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || ap.Port() == 0 {
		return nil, fmt.Errorf("resolvers: %q is not an address with a port", address)
	}
	return &resolver{address: address, ad: trustAD || ap.Addr().Unmap().IsLoopback()}, nil
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
	var tried []*resolver
	silence := false
	for range maxTries {
		at := c.turn(ctx, tried)
		if at == nil {
			break
		}
		r := c.ask(ctx, at, q)
		c.note(r)
		if r.outcome.settled() {
			if silence {
				c.v.preferred.Store(at)
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
		silence = silence || r.outcome == timeout || r.outcome == unreachable
		tried = append(tried, at)
	}
	return worst
}

// turn is whom to ask after tried have failed: from the preferred one on
// whoever this check may ask, then one more that is seen to validate, and if
// there is but one, that one again. nil means that enough were asked.
func (c *check) turn(ctx context.Context, tried []*resolver) *resolver {
	first := max(slices.Index(c.resolvers, c.v.preferred.Load()), 0)
	for i := range c.resolvers {
		if r := c.resolvers[(first+i)%len(c.resolvers)]; !slices.Contains(tried, r) {
			return r
		}
	}
	if c.v.dnssec {
		if r := c.believe(ctx); r != nil {
			return r
		}
		c.unbelieved()
	}
	if len(tried) == 1 {
		return tried[0]
	}
	return nil
}

func rank(o outcome) int {
	for i, each := range outcomes {
		if each == o {
			return i
		}
	}
	return len(outcomes)
}
