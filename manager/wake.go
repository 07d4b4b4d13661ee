package manager

import (
	"context"
	"sync"
	"time"

	"acmd/core"
)

// Seen tells that somebody looked up a target label (design decision 5: the
// customer's record has gone live). It never blocks: when too many wait, the
// look-up is dropped and the schedule finds the record.
func (m *Manager) Seen(label string) {
	select {
	case m.seen <- label:
	default:
		m.metrics.seenDropped.Inc()
	}
}

// listen wakes the orders that wait for a label that was looked up.
func (m *Manager) listen(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case label := <-m.seen:
			m.hand.note(label)
			wake, wait := m.quiet.seen(label, m.Wall())
			if !wake {
				continue
			}
			n := 0
			m.fault(ctx, "wake", m.within(ctx, func(ctx context.Context) (err error) {
				n, err = m.Store.Wake(ctx, label, core.Millis(m.now().Add(wait)))
				return err
			}))
			if n > 0 {
				m.metrics.woken.Add(float64(n))
				m.Nudge()
			}
		}
	}
}

// Bounds of the memory of labels that are left alone for a while.
const (
	quietFor  = 3 * time.Second // after a check of the label began: its own questions come back to us
	quietStep = time.Second     // between two checks that strangers' look-ups cause, at least
	quietMax  = 8192            // labels remembered; a flood beyond it forgets the older half
)

// quiet remembers the labels that are left alone. Our own question comes back
// to us through the resolvers, looks like a stranger's and must not wake us
// again; and nobody may keep us busy by asking. Two maps take turns, so that
// forgetting costs nothing. The zero value is ready.
type quiet struct {
	mu       sync.Mutex
	young    map[string]*pause
	old      map[string]*pause
	turnedAt time.Time
}

// pause is for how long a label is left alone.
type pause struct {
	began time.Time
	until time.Time
	own   bool // look-ups are most likely ours: forget them
	again bool // a look-up in this pause has woken, or is not to
}

// check notes that a check of the label begins at now.
func (q *quiet) check(label string, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn(now)
	q.young[label] = &pause{began: now, until: now.Add(quietFor), own: true}
}

// seen reports whether a look-up at now is to wake the label's orders, and
// after what wait. Of several look-ups in one pause one wakes.
func (q *quiet) seen(label string, now time.Time) (wake bool, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.turn(now)
	p := q.find(label)
	if p == nil || !now.Before(p.until) {
		q.young[label] = &pause{began: now, until: now.Add(quietStep), again: true}
		return true, 0
	}
	wake = !p.own && !p.again
	p.again = true
	return wake, p.until.Sub(now)
}

// missed tells that the check of the label found no record: then none of its
// questions can have come back to us, and a look-up is a stranger's who sees one.
func (q *quiet) missed(label string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if p := q.find(label); p != nil {
		p.until, p.own, p.again = p.began.Add(quietStep), false, false
	}
}

func (q *quiet) find(label string) *pause {
	if p := q.young[label]; p != nil {
		return p
	}
	return q.old[label]
}

// turn makes room when it is time to, or when there is no more.
func (q *quiet) turn(now time.Time) {
	if q.young == nil || now.Sub(q.turnedAt) >= quietFor || len(q.young) >= quietMax/2 {
		q.old, q.young, q.turnedAt = q.young, map[string]*pause{}, now
	}
}
