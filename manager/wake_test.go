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

// TestQuiet: a label is left alone for quietFor after its check began, and the
// memory of labels is bounded.
func TestQuiet(t *testing.T) {
	t.Parallel()
	var q quiet
	at := testStart
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{0, true}, {0, false}, {quietFor - time.Millisecond, false}, {time.Millisecond, true}, {quietFor / 2, false}, {quietFor, true}} {
		at = at.Add(step.after)
		if got := q.begin("label", at); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	for i := range 3 * quietMax {
		q.begin(fmt.Sprint(i), at)
	}
	if n := len(q.young) + len(q.old); n > quietMax {
		t.Errorf("%d labels remembered, bound %d", n, quietMax)
	}
}
