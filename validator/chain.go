package validator

import (
	"context"
	"slices"

	"github.com/miekg/dns"
)

const (
	// maxChain is how many CNAMEs a proof may run along, as with ACM.
	maxChain = 5
	// maxFollow is how far a chain is followed to explain what is wrong with it.
	maxFollow = 10
)

// chainEnd says how following a chain came to its end.
type chainEnd int

const (
	atTarget  chainEnd = iota
	noRecord           // there is no CNAME at the record's name itself
	elsewhere          // the last name is not the target and has no CNAME
	inCircle
	tooLong
	unsettled // a question got no answer
)

// chain is the way from the record.
type chain struct {
	end   chainEnd
	names []string // the CNAMEs' targets in order
	last  reply    // the last question's reply
}

// to is the name that the chain leads to; the record itself if it has no CNAME.
func (w chain) to(record string) string {
	if len(w.names) == 0 {
		return record
	}
	return w.names[len(w.names)-1]
}

// isTarget reports whether name is the proof's target, with or without its underscore.
func (p DNSProof) isTarget(name string) bool {
	return name == p.Target || name != "" && "_"+name == p.Target
}

// step adds a CNAME's target to the chain and reports whether the walk ends there.
func (w *chain) step(p DNSProof, next string) (done bool) {
	seen := next == p.Record || slices.Contains(w.names, next)
	w.names = append(w.names, next)
	switch {
	case p.isTarget(next):
		if w.end = atTarget; len(w.names) > maxChain {
			w.end = tooLong
		}
	case seen:
		w.end = inCircle
	case len(w.names) >= maxFollow:
		w.end = tooLong
	default:
		return false
	}
	return true
}

// follow walks the CNAMEs from the record, question by question, because only
// so does it show which zone fails; a resolver may put several into one answer.
// known are CNAMEs' targets that are known already.
func (c *check) follow(ctx context.Context, p DNSProof, known ...string) chain {
	var w chain
	for _, next := range known {
		if w.step(p, next) {
			return w
		}
	}
	for {
		at := w.to(p.Record)
		w.last = c.lookup(ctx, at, dns.TypeCNAME)
		if !w.last.outcome.settled() {
			w.end = unsettled
			return w
		}
		next := w.last.cname(at)
		if next == "" {
			if w.end = elsewhere; len(w.names) == 0 {
				w.end = noRecord
			}
			return w
		}
		for ; next != ""; next = w.last.cname(next) {
			if w.step(p, next) {
				return w
			}
		}
	}
}
