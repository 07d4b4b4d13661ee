package validator

import (
	"context"
	"slices"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

// How long a resolver's answer to "do you validate?" stands. A no is asked
// again sooner, since somebody is then likely mending the resolver. Silence
// costs a whole timeout to find out, so that nobody pays for it again within
// the half minute that a check may take; longer would keep a resolver that is
// back from being used. Any other failure shows at once and is soon asked again.
const (
	validatesFor = 5 * time.Minute
	unsafeFor    = time.Minute
	silentFor    = 30 * time.Second
	failedFor    = 5 * time.Second
)

// verdict is what came of asking a resolver for the signed root, by which it
// shows whether it validates. The zero one is that of a resolver never asked.
type verdict struct {
	root reply
	at   time.Time
}

func (d verdict) validates() bool { return d.root.ad && d.root.outcome == found }

// lifetime is how long the verdict stands.
func (d verdict) lifetime() time.Duration {
	switch {
	case d.root.outcome == "":
		return 0
	case d.validates():
		return validatesFor
	case d.root.outcome.settled():
		return unsafeFor
	case d.root.outcome == timeout:
		return silentFor
	}
	return failedFor
}

// stands reports whether the verdict serves at now, which may lie a little
// before it: checks that run at once don't begin at once.
func (d verdict) stands(now time.Time) bool { return now.Sub(d.at).Abs() < d.lifetime() }

// promise is how likely the resolver validates, by its last verdict: the lesser
// the likelier.
func (d verdict) promise() int {
	switch {
	case d.validates():
		return 0
	case d.root.outcome == "":
		return 1
	}
	return 2
}

// evidence says why the resolver is not believed.
func (d verdict) evidence(now time.Time) core.Evidence {
	e := core.Evidence{Asked: d.root.q.String(), Of: d.root.server, Answer: d.root.String()}
	if d.root.outcome.settled() && !d.root.ad {
		e.Answer += ", not validated"
	}
	if !d.at.Equal(now) {
		e.Answer += ", seen at " + instant(d.at)
	}
	return e
}

// validates reports whether the resolver may be believed at now. While somebody
// asks it anew, its last yes stands a little longer. Validator.mu is held.
func (r *resolver) validates(now time.Time) bool {
	if !r.last.validates() {
		return false
	}
	return r.last.stands(now) || r.asking && now.Sub(r.last.at).Abs() < validatesFor+silentFor
}

// choose finds whom this check may ask: every resolver or, with DNSSEC
// required, one that is seen to validate. If there is none, the diagnosis says
// why.
func (c *check) choose(ctx context.Context) diagnosis {
	if !c.v.dnssec {
		c.resolvers = c.v.resolvers
		return diagnosis{}
	}
	if c.believe(ctx) != nil {
		return diagnosis{}
	}
	if root := c.unbelieved(); root.outcome != "" {
		return c.withoutRoot(ctx, root)
	}
	return notValidating(c.v.resolvers)
}

// believe finds one more resolver that is seen to validate and adds it to the
// check's; nil if there is none. A verdict of the last minutes serves. A
// resolver is asked by one check at a time: the others ask another one, or wait
// for what comes of it.
func (c *check) believe(ctx context.Context) *resolver {
	for {
		r, ask, wait := c.v.pick(c.now, c.resolvers)
		switch {
		case r != nil:
			c.resolvers = append(c.resolvers, r)
			return r
		case ask != nil:
			c.probe(ctx, ask)
		case wait != nil:
			select {
			case <-wait:
			case <-ctx.Done():
			}
		default:
			return nil
		}
		if ctx.Err() != nil {
			return nil
		}
	}
}

// pick returns, besides those in not, a resolver to believe, or else one to ask
// for the root, which the caller must probe, or else what to wait for. All nil
// means that there is none to be had. A check that has a resolver already does
// not wait for one that gave no yes the last time.
func (v *Validator) pick(now time.Time, not []*resolver) (r, ask *resolver, wait <-chan struct{}) {
	v.mu.Lock()
	defer v.mu.Unlock()
	inTurn := v.inTurn(not)
	for _, each := range inTurn {
		if each.validates(now) {
			return each, nil, nil
		}
	}
	for _, each := range inTurn {
		switch {
		case each.last.stands(now): // and is a no
		case !each.asking:
			each.asking = true
			return nil, each, nil
		case each.last.validates():
			return nil, nil, v.news // most likely it still does
		case len(not) == 0 || each.last.root.outcome == "":
			wait = v.news
		}
	}
	return nil, nil, wait
}

// inTurn lists the resolvers whose AD bit is believed, without those in not,
// the most promising first. Validator.mu is held.
func (v *Validator) inTurn(not []*resolver) []*resolver {
	first := v.preferred.Load()
	var out []*resolver
	for _, r := range v.resolvers {
		switch {
		case !r.ad || slices.Contains(not, r):
		case r == first:
			out = slices.Insert(out, 0, r)
		default:
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *resolver) int { return a.last.promise() - b.last.promise() })
	return out
}

// probe asks a resolver that pick handed out for the root: twice, since one
// lost packet must not silence it for everybody, within one timeout. What this
// check's own end cut short says nothing of the resolver and is not remembered.
func (c *check) probe(ctx context.Context, r *resolver) {
	var root reply
	defer func() {
		c.v.mu.Lock()
		defer c.v.mu.Unlock()
		if root.outcome.settled() || root.outcome != "" && ctx.Err() == nil {
			r.last = verdict{root, c.now}
		}
		r.asking = false
		close(c.v.news)
		c.v.news = make(chan struct{})
	}()
	for range 2 {
		half, cancel := context.WithTimeout(ctx, c.v.timeout/2)
		root = c.ask(half, r, question{name: ".", qtype: dns.TypeSOA})
		cancel()
		if root.outcome != timeout || ctx.Err() != nil {
			return
		}
	}
}

// unbelieved keeps as evidence why the resolvers that this check may not ask
// are not believed, and returns the most telling failure among them; the zero
// reply if none failed. One without a verdict did not answer within the
// check's own time.
func (c *check) unbelieved() (worst reply) {
	for _, r := range c.v.resolvers {
		if slices.Contains(c.resolvers, r) {
			continue
		}
		if !r.ad {
			c.add(evidenceConfiguration(r.address))
			continue
		}
		c.v.mu.Lock()
		last := r.last
		c.v.mu.Unlock()
		if !last.stands(c.now) {
			last = verdict{reply{q: question{name: ".", qtype: dns.TypeSOA}, server: r.address, outcome: timeout}, c.now}
		}
		c.add(last.evidence(c.now))
		if o := last.root.outcome; !o.settled() && (worst.outcome == "" || rank(o) < rank(worst.outcome)) {
			worst = last.root
		}
	}
	return worst
}
