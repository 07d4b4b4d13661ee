package manager

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
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
			if !m.quiet.begin(label, m.Wall()) {
				continue
			}
			n, err := m.Store.Wake(ctx, label, m.now())
			if err != nil && ctx.Err() == nil {
				m.metrics.faults.Inc()
				m.Log.Error("wake", zap.Error(err))
			}
			if n > 0 {
				m.metrics.woken.Add(float64(n))
				m.Nudge()
			}
		}
	}
}

// Bounds of the memory of labels that are left alone for a while.
const (
	quietFor = 3 * time.Second // after a check or a wake of the label began
	quietMax = 8192            // labels remembered; a flood beyond it forgets the older half
)

// quiet remembers the labels whose check began a moment ago. Our own question
// comes back to us through the resolvers and must not wake us again. Two maps
// take turns, so that forgetting costs nothing. The zero value is ready.
type quiet struct {
	mu       sync.Mutex
	young    map[string]time.Time
	old      map[string]time.Time
	turnedAt time.Time
}

// begin reports whether the label is not quiet at now, and makes it quiet from now.
func (q *quiet) begin(label string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.young == nil || now.Sub(q.turnedAt) >= quietFor || len(q.young) >= quietMax/2 {
		q.old, q.young, q.turnedAt = q.young, map[string]time.Time{}, now
	}
	at, ok := q.young[label]
	if !ok {
		at, ok = q.old[label]
	}
	if ok && now.Sub(at) < quietFor {
		return false
	}
	q.young[label] = now
	return true
}
