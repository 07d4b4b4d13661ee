package manager

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"slices"
	"testing"
	"time"

	"acmd/ca"
	"acmd/core"
	"acmd/store"
)

// TestStop: a stop during a look-up hands the order back at once, as it was.
func TestStop(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		arn := b.request(t, "www.example.de")
		ctx, stop := context.WithCancel(t.Context())
		b.world.during = stop
		if _, err := b.start(ctx); err != nil {
			t.Fatal(err)
		}
		<-b.hand.wait()
		b.world.during = nil
		v := b.want(t, arn, core.StatusPending)
		if n := v.Order.Name("www.example.de"); !n.CheckedAt.IsZero() || v.Order.Faults != 0 {
			t.Errorf("the broken look-up counts: %+v, %d faults", n, v.Order.Faults)
		}
		b.world.set("www.example.de", true)
		other := b.second(t)
		other.settle(t) // at once: no lease is left
		other.want(t, arn, core.StatusIssued)
	})
}

// TestSlowCAA: names whose CAA could not be asked in one round have their turn
// in the next, and what was permitted stays so.
func TestSlowCAA(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	names := []string{"n0.example.de"}
	b.world.set("n0.example.de", true)
	for i := 1; i < 10; i++ {
		names = append(names, fmt.Sprintf("n%d.example.de", i))
		b.world.set(names[i], true)
	}
	unavailable := core.Diagnosis{Code: core.CodeCAAUnavailable, Sentence: "No answer."}
	for _, n := range names[3:] {
		b.world.forbid(n, unavailable)
	}
	arn := b.request(t, names...)
	b.settle(t)
	v := b.want(t, arn, core.StatusPending)
	if got := v.Order.Unpermitted(b.now()); !slices.Equal(got, names[3:]) {
		t.Errorf("unpermitted %v, want %v", got, names[3:])
	}
	for _, n := range names {
		// The SDK's waiter must not end before there is a leaf (wire facts §12).
		if got := v.ValidationStatus(n); got != core.ValidationPending {
			t.Errorf("%s is %s before the leaf", n, got)
		}
	}
	for _, n := range names[:3] {
		b.world.forbid(n, unavailable) // permitted names are not asked again
	}
	for _, n := range names[3:] {
		b.world.forbid(n, core.Diagnosis{})
	}
	b.clock.advance(time.Minute)
	b.settle(t)
	b.want(t, arn, core.StatusIssued)
}

// TestLookUpTurns: the names not looked at for the longest come first, and a
// name whose turn did not come is left as it was.
func TestLookUpTurns(t *testing.T) {
	t.Parallel()
	at := func(n int) time.Time { return testStart.Add(time.Duration(n) * time.Second) }
	j := &job{order: core.Order{Names: []core.NameState{{Name: "a.de", CheckedAt: at(3)}, {Name: "*.b.de", CheckedAt: at(1)}, {Name: "c.de"}}}}
	if got, want := j.leastRecent([]string{"a.de", "b.de", "c.de"}), []string{"c.de", "b.de", "a.de"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	looks, err := b.lookUp(ctx, j, []string{"a.de"}, func(context.Context, string) core.Diagnosis { return core.Diagnosis{} })
	if err == nil || looks[0].asked {
		t.Errorf("a look-up after the stop: %+v, %v", looks, err)
	}
	// Of those whose turn did not come, the never asked one decides.
	now, next := at(10), at(25)
	for name, want := range map[string]time.Time{"a.de": at(18), "b.de": at(16), "c.de": now} {
		if got := j.turns([]look{{name: "x.de", asked: true}, {name: name}}, now, next); !got.Equal(want) {
			t.Errorf("%s is left: next look at %s, want %s", name, got, want)
		}
	}
	if got := j.turns([]look{{name: "a.de", asked: true}}, now, next); !got.Equal(next) {
		t.Errorf("all were asked: next look at %s, want %s", got, next)
	}
}

// TestIssuerReplaced: bytes prepared for a CA that is no more are prepared anew.
func TestIssuerReplaced(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("www.example.de", true)
	arn := b.request(t, "www.example.de")
	o := b.claim(t, arn)
	s, err := b.Store.SnapshotByArn(t.Context(), arn)
	fatal(t, err)
	j := &job{order: o, cert: s.Certificate, proof: s.Proofs}
	for range 3 {
		_, err := b.step(t.Context(), j)
		fatal(t, err)
	}
	files, err := ca.Create(rand.Reader, "Next", testStart)
	fatal(t, err)
	b.CA, err = ca.New(ca.Config{Chain: []*x509.Certificate{files.Intermediate, files.Root}, Key: files.IntermediateKey})
	fatal(t, err)
	b.settleAfter(t, lease)
	b.want(t, arn, core.StatusPending)
	b.settleAfter(t, 10*time.Second)
	b.want(t, arn, core.StatusIssued)
	b.checkLeaf(t, arn, "www.example.de")
}

// TestClockBack: the machine's clock is set back after a request; the record is
// seen all the same.
func TestClockBack(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("www.example.de", true)
	arn := b.request(t, "www.example.de")
	o := b.claim(t, arn)
	b.clock.advance(-time.Hour)
	_, err := b.advance(t.Context(), o)
	fatal(t, err)
	if v := b.view(t, arn); v.Leaf == nil {
		t.Errorf("not issued: %+v", v.Order)
	}
}

// TestFailedSaveLeavesNothing: a move that could not be saved leaves no trace in
// what is saved next.
func TestFailedSaveLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("www.example.de", true)
	b.world.forbid("www.example.de", core.Diagnosis{Code: core.CodeCAAForbids, Sentence: "No."})
	arn := b.request(t, "www.example.de")
	o := b.claim(t, arn)
	s, err := b.Store.SnapshotByArn(t.Context(), arn)
	fatal(t, err)
	j := &job{order: o, cert: s.Certificate, proof: s.Proofs}
	_, err = b.step(t.Context(), j)
	fatal(t, err)
	ready := j.order
	moved, err := b.Store.SaveOrder(t.Context(), ready, store.Save{Holder: b.holder}) // someone else's write
	fatal(t, err)
	last, err := b.advance(t.Context(), ready)
	wantKind(t, err, core.Conflict)
	if n := last.Name("www.example.de"); n.Failed || !n.Proven {
		t.Errorf("the failed move left %+v", n)
	}
	if moved.State != core.OrderReady {
		t.Errorf("order is %s", moved.State)
	}
}

// TestHand: an account has at most its share in hand, and an order is in hand once.
func TestHand(t *testing.T) {
	t.Parallel()
	h := newHand()
	order := func(i int, account string) core.Order {
		return core.Order{ID: fmt.Sprint(account, i), Account: account}
	}
	select {
	case <-h.wait():
	default:
		t.Error("an empty hand is waited for")
	}
	for i := range perAccount {
		if !h.take(order(i, "a")) || h.take(order(i, "a")) {
			t.Fatal("an order is taken once")
		}
	}
	h.take(order(0, "b"))
	if free, except := h.free(); free != workers-perAccount-1 || !slices.Equal(except, []string{"a"}) {
		t.Errorf("free %d except %v", free, except)
	}
	for i := range batch {
		h.drop(order(i, "a"))
	}
	if _, except := h.free(); except != nil {
		t.Errorf("except %v: a whole batch fits in", except)
	}
	for i := batch; i < perAccount; i++ {
		h.drop(order(i, "a"))
	}
	h.expect("b0", []string{"l", "m"})
	h.note("l")
	h.note("z")
	if !h.seen("b0", "l") || h.seen("b0", "m") || h.seen("b0", "z") || h.seen("a1", "l") {
		t.Error("the hand mixes up who looks for what")
	}
	h.drop(order(0, "b"))
	if h.seen("b0", "l") || len(h.labels) != 0 {
		t.Error("what is dropped is still looked for")
	}
	<-h.wait()
	if len(h.account) != 0 || len(h.ids()) != 0 {
		t.Error("the hand is not empty")
	}
}

// TestStaleLook: what a look found was so when it began. A record seen before a
// request, and deleted since, does not prove it, however late the round with
// that look ends (standards 1.24, design decision 11).
func TestStaleLook(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("a.example.de", true)
	first := b.request(t, "a.example.de", "slow.example.de")
	o := b.claim(t, first)
	var second string
	b.world.during = func() {
		if b.world.asked != 2 {
			return // a look at one of the names has begun; at the second the world moves on
		}
		b.clock.advance(10 * time.Second)
		b.world.proven["a.example.de"] = false // deleted
		b.world.during = nil
		b.world.mu.Unlock() // the request looks nothing up
		second = b.request(t, "a.example.de")
		b.world.mu.Lock()
		b.clock.advance(5 * time.Second)
	}
	_, err := b.advance(t.Context(), o)
	fatal(t, err)
	b.settle(t)
	b.want(t, second, core.StatusPending)
}

// TestStalePermit: a permit counts from when CAA was asked (standards 1.36).
func TestStalePermit(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("www.example.de", true)
	arn := b.request(t, "www.example.de")
	asked := 0
	b.world.permitting = func() {
		if asked++; asked == 1 {
			b.clock.advance(9 * time.Hour) // the machine slept
		}
	}
	b.settle(t)
	for range 5 {
		b.settleAfter(t, 15*time.Minute)
	}
	b.want(t, arn, core.StatusIssued)
	if asked < 2 {
		t.Error("a permit of nine hours ago served")
	}
}

// TestLapseReady: a request that ends because CAA never answered does not show
// names that succeeded: the SDK's waiter would take it for issued.
func TestLapseReady(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("a.example.de", true)
	b.world.set("b.example.de", true)
	b.world.forbid("b.example.de", core.Diagnosis{Code: core.CodeCAAUnavailable, Sentence: "No answer."})
	arn := b.request(t, "a.example.de", "b.example.de")
	b.settle(t)
	b.settleAfter(t, core.RequestLifetime)
	v := b.want(t, arn, core.StatusTimedOut)
	if a, z := v.ValidationStatus("a.example.de"), v.ValidationStatus("b.example.de"); a != core.ValidationSuccess || z != core.ValidationFailed {
		t.Errorf("names are %s and %s", a, z)
	}
}
