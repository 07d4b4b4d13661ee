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
	var q quiet
	at := testStart
	q.check("label", at)
	for i, step := range []struct {
		after time.Duration
		want  bool
	}{{0, false}, {quietFor - time.Millisecond, false}, {time.Millisecond, true}, {0, false}, {quietStep - time.Millisecond, false}, {time.Millisecond, true}} {
		at = at.Add(step.after)
		if got := q.seen("label", at); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	q.check("fresh", at)
	if q.missed("fresh") {
		t.Error("nobody looked it up")
	}
	if q.seen("fresh", at.Add(quietStep-time.Millisecond)) || !q.seen("fresh", at.Add(quietStep)) {
		t.Error("after a check that found no record the label is left alone for quietStep")
	}
	q.check("busy", at)
	q.seen("busy", at.Add(time.Millisecond))
	if !q.missed("busy") || q.missed("busy") {
		t.Error("the look-up during the check is told once")
	}
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
	b.world.during = func() { b.quiet.seen(label, b.clock.now()) }
	b.settle(t)
	v := b.want(t, arn, core.StatusPending)
	if got := v.Order.DueAt.Sub(b.now()); got != quietStep {
		t.Errorf("the next look is in %s, want %s", got, quietStep)
	}
}
