package manager

import (
	"context"
	"fmt"
	"testing"
	"time"

	"acmd/core"
)

// TestSeen: a look-up from outside makes the waiting order due at once, also
// hours into the schedule (design decision 5).
func TestSeen(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	arn := b.request(t, "www.example.de")
	for range 20 {
		b.clock.advance(15 * time.Minute)
		b.settle(t)
	}
	v := b.want(t, arn, core.StatusPending)
	if wait := v.Order.DueAt.Sub(b.now()); wait < 10*time.Minute {
		t.Fatalf("the next look is in %s already", wait)
	}
	b.world.set("www.example.de", true)
	b.clock.advance(10 * time.Second)
	drainNudges(b)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); b.listen(ctx) }()
	b.Seen(b.Tokens.Record(b.by.Account, "www.example.de").Label)
	select {
	case <-b.nudge:
	case <-time.After(10 * time.Second):
		t.Fatal("nobody was woken")
	}
	stop()
	<-done
	b.settle(t)
	b.want(t, arn, core.StatusIssued)
}

func drainNudges(b *bench) {
	for {
		select {
		case <-b.nudge:
		default:
			return
		}
	}
}

// TestSeenNeverBlocks: a flood of look-ups fills the queue and is then dropped.
func TestSeenNeverBlocks(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	for i := range seenQueue + 100 {
		b.Seen(fmt.Sprint(i))
	}
	if len(b.seen) != seenQueue {
		t.Errorf("%d wait, want %d", len(b.seen), seenQueue)
	}
}

// TestQuiet: a label is left alone for a while after its check began, a look-up
// during a check that found no record counts, and the memory is bounded.
func TestQuiet(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	for name, c := range map[string]struct {
		missed time.Duration // when the check, begun at 0, found no record; 0: it did not end so
		at     []time.Duration
		wakes  []time.Duration // after what wait each look-up wakes; -1: not at all
	}{
		"a stranger's first":        {at: []time.Duration{quietFor, quietFor + ms}, wakes: []time.Duration{0, -1}},
		"while our check runs":      {at: []time.Duration{ms, quietFor - ms, quietFor}, wakes: []time.Duration{-1, -1, 0}},
		"after it found no record":  {missed: ms, at: []time.Duration{2 * ms, 3 * ms, quietStep}, wakes: []time.Duration{quietStep - 2*ms, -1, 0}},
		"before it found no record": {missed: 5 * ms, at: []time.Duration{2 * ms, 6 * ms, quietStep}, wakes: []time.Duration{-1, quietStep - 6*ms, 0}},
	} {
		var q quiet
		q.check("label", testStart)
		told := c.missed == 0
		for i, at := range c.at {
			if !told && at > c.missed {
				told = true
				q.missed("label")
			}
			wake, wait := q.seen("label", testStart.Add(at))
			if !wake {
				wait = -1
			}
			if wait != c.wakes[i] {
				t.Errorf("%s: look-up at %s wakes after %s, want %s", name, at, wait, c.wakes[i])
			}
		}
	}
	var q quiet
	at := testStart
	for i := range 3 * quietMax {
		q.check(fmt.Sprint(i), at)
	}
	if n := len(q.young) + len(q.old); n > quietMax {
		t.Errorf("%d labels remembered, bound %d", n, quietMax)
	}
}

// TestSeenDuringCheck: a record that goes live just after our look and is seen
// by a stranger is checked again within a second, not by schedule.
func TestSeenDuringCheck(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	arn := b.request(t, "www.example.de")
	b.clock.advance(10 * time.Hour)
	label := b.Tokens.Record(b.by.Account, "www.example.de").Label
	b.world.during = func() { b.hand.note(label) }
	b.settle(t)
	v := b.want(t, arn, core.StatusPending)
	if got := v.Order.DueAt.Sub(b.now()); got != quietStep {
		t.Errorf("the next look is in %s, want %s", got, quietStep)
	}
}
