package validator

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"acmd/core"
)

// maxEvidence bounds the evidence of a diagnosis.
const maxEvidence = 12

// diagnosis is the result type of every part of a check; the zero one means
// that this part found nothing wrong.
type diagnosis = core.Diagnosis

// check is one run of DNS or CAA. resolvers, answeredBy and authenticated belong to
// the goroutine that runs it; mu guards the evidence, which the parallel parts add to.
type check struct {
	v             *Validator
	now           time.Time
	resolvers     []*resolver // those this check may ask, never empty after choose; believe adds to them
	answeredBy    string      // the resolver of the last answer; "" before the first
	authenticated bool        // every answer was validated, not just the last

	mu   sync.Mutex
	seen []core.Evidence
}

// note keeps a reply as evidence.
func (c *check) note(r reply) {
	q := r.q.String()
	switch {
	case r.q.direct:
		q += " (not recursive)"
	case r.q.cd:
		q += " (validation off)"
	}
	c.add(core.Evidence{Asked: q, Of: r.server, Answer: r.String()})
}

func (c *check) add(e core.Evidence) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !slices.Contains(c.seen, e) {
		c.seen = append(c.seen, e)
	}
}

// evidence returns what was seen, at most twelve items. The first and the last
// tell most: what the verdict rests on came last.
func (c *check) evidence() []core.Evidence {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.seen); n > maxEvidence {
		half := maxEvidence / 2
		return slices.Concat(c.seen[:half], c.seen[n-half:])
	}
	return slices.Clone(c.seen)
}

func evidenceConfiguration(resolver string) core.Evidence {
	return core.Evidence{Asked: "whether the AD bit of " + resolver + " is believed", Of: "configuration",
		Answer: "no: it is not on loopback"}
}

// instant is a time as sentences show it.
func instant(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// diagnose builds a diagnosis with its sentence. A name's final dot at the end
// serves as the full stop too.
func diagnose(code core.Code, format string, args ...any) diagnosis {
	sentence := fmt.Sprintf(format, args...)
	if strings.HasSuffix(sentence, "..") {
		sentence = sentence[:len(sentence)-1]
	}
	return diagnosis{Code: code, Sentence: sentence}
}
