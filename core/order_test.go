package core_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
)

// birth is when the orders of these tests begin.
var birth = time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)

// order is an order for three names, two of which share a proof.
func order(state core.OrderState) core.Order {
	o := core.NewOrder("o1", core.Certificate{Arn: "arn", Account: "123456789012",
		Names: []string{"example.com", "*.example.com", "www.example.org"}}, birth)
	o.State = state
	return o
}

// proven is a proof seen at t.
func proven(name string, t time.Time) core.Proof {
	return core.Proof{Name: name, ValidatedAt: t, CheckedAt: t}
}

func TestNewOrder(t *testing.T) {
	t.Parallel()
	want := core.Order{ID: "o1", Arn: "arn", Account: "123456789012", Kind: core.OrderFirst, State: core.OrderPending,
		Names:     []core.NameState{{Name: "example.com"}, {Name: "*.example.com"}, {Name: "www.example.org"}},
		CreatedAt: birth, UpdatedAt: birth, DueAt: birth, Deadline: birth.Add(72 * time.Hour)}
	if d := cmp.Diff(want, order(core.OrderPending)); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// Every state by every move: the ends never change, and an illegal move changes nothing.
func TestEveryMove(t *testing.T) {
	t.Parallel()
	legal := map[string]bool{
		"pending>ready": true, "pending>failed": true, "pending>lapsed": true,
		"ready>issued": true, "ready>pending": true, "ready>failed": true, "ready>lapsed": true,
	}
	later := birth.Add(time.Hour)
	states := append(core.OrderStates(), "", "processing")
	for _, from := range states {
		for _, to := range states {
			move := fmt.Sprintf("%s>%s", from, to)
			before := order(from)
			o := order(from)
			err := o.To(to, later)
			switch {
			case legal[move] && (err != nil || o.State != to || !o.UpdatedAt.Equal(later)):
				t.Errorf("%s: %v, state %s, updated %s", move, err, o.State, o.UpdatedAt)
			case !legal[move] && (!errors.Is(err, core.InvalidState) || err.Error() != fmt.Sprintf("order o1 cannot move from %s to %s", from, to)):
				t.Errorf("%s: %v, want core.InvalidState", move, err)
			case !legal[move] && cmp.Diff(before, o) != "":
				t.Errorf("%s was refused and changed the order:\n%s", move, cmp.Diff(before, o))
			}
		}
		if want := from == core.OrderPending || from == core.OrderReady; from.Open() != want {
			t.Errorf("%s: open %t", from, from.Open())
		}
	}
	if n := len(core.OrderStates()); n != 5 {
		t.Errorf("%d states", n)
	}
}

func TestALapseMarksTheUnprovenNames(t *testing.T) {
	t.Parallel()
	o := order(core.OrderPending)
	o.Names[0].Proven = true
	if err := o.To(core.OrderLapsed, birth.Add(core.RequestLifetime)); err != nil {
		t.Fatal(err)
	}
	want := []core.NameState{{Name: "example.com", Proven: true}, {Name: "*.example.com", Failed: true}, {Name: "www.example.org", Failed: true}}
	if d := cmp.Diff(want, o.Names); d != "" || o.Reason != "" {
		t.Errorf("reason %q, names (-want +got):\n%s", o.Reason, d)
	}
	o = order(core.OrderPending)
	if err := o.To(core.OrderReady, birth); err != nil || o.Names[0].Failed {
		t.Errorf("another move: %v, marked failed %t", err, o.Names[0].Failed)
	}
}

func TestFail(t *testing.T) {
	t.Parallel()
	later := birth.Add(time.Hour)
	o := order(core.OrderReady)
	for i := range o.Names {
		o.Names[i].Proven = true
	}
	if err := o.Fail(core.ReasonCAA, later, "*.example.com", "no.such.name"); err != nil {
		t.Fatal(err)
	}
	want := []core.NameState{{Name: "example.com", Proven: true}, {Name: "*.example.com", Failed: true}, {Name: "www.example.org", Proven: true}}
	if d := cmp.Diff(want, o.Names); d != "" || o.State != core.OrderFailed || o.Reason != core.ReasonCAA || !o.UpdatedAt.Equal(later) {
		t.Errorf("%s for %q at %s, names (-want +got):\n%s", o.State, o.Reason, o.UpdatedAt, d)
	}
	for _, end := range []core.OrderState{core.OrderIssued, core.OrderFailed, core.OrderLapsed} {
		o, before := order(end), order(end)
		if err := o.Fail(core.ReasonOther, later, "example.com"); !errors.Is(err, core.InvalidState) || cmp.Diff(before, o) != "" {
			t.Errorf("failing an order that is %s: %v\n%s", end, err, cmp.Diff(before, o))
		}
	}
}

func TestNext(t *testing.T) {
	t.Parallel()
	now := birth.Add(10 * time.Hour)
	all := []core.Proof{proven("example.com", now), proven("www.example.org", now)}
	intent := &core.Intent{At: now}
	ready := func(change func(o *core.Order)) core.Order {
		o := order(core.OrderReady)
		permitAll(&o, now)
		o.Intent = intent
		change(&o)
		return o
	}
	same := func(*core.Order) {}
	for _, c := range []struct {
		name   string
		order  core.Order
		proofs []core.Proof
		now    time.Time
		want   core.Step
	}{
		{"issued", order(core.OrderIssued), all, now, core.StepNone},
		{"failed", order(core.OrderFailed), nil, now, core.StepNone},
		{"lapsed, deadline passed", order(core.OrderLapsed), nil, birth.Add(100 * time.Hour), core.StepNone},
		{"pending, nothing proven", order(core.OrderPending), nil, now, core.StepProve},
		{"pending, one missing", order(core.OrderPending), all[:1], now, core.StepProve},
		{"pending, all proven: the move is still to make", order(core.OrderPending), all, now, core.StepProve},
		{"pending, just before the deadline", order(core.OrderPending), nil, birth.Add(72*time.Hour - time.Millisecond), core.StepProve},
		{"pending, at the deadline", order(core.OrderPending), all, birth.Add(72 * time.Hour), core.StepLapse},
		{"ready, at the deadline", ready(same), all, birth.Add(72 * time.Hour), core.StepLapse},
		{"ready, a proof gone", ready(same), all[:1], now, core.StepProve},
		{"ready, never permitted", ready(func(o *core.Order) { permitAll(o, time.Time{}) }), all, now, core.StepPermit},
		{"ready, permit 8 h old (standards 1.36)", ready(func(o *core.Order) { permitAll(o, now.Add(-8*time.Hour)) }), all, now, core.StepPermit},
		{"ready, permit almost 8 h old", ready(func(o *core.Order) { permitAll(o, now.Add(-8*time.Hour+time.Millisecond)) }), all, now, core.StepSign},
		{"ready, nothing prepared", ready(func(o *core.Order) { o.Intent = nil }), all, now, core.StepPrepare},
		{"ready, prepared 24 h ago (standards 1.51)", ready(func(o *core.Order) { o.Intent = &core.Intent{At: now.Add(-24 * time.Hour)} }), all, now, core.StepPrepare},
		{"ready, prepared almost 24 h ago", ready(func(o *core.Order) { o.Intent = &core.Intent{At: now.Add(-24*time.Hour + time.Millisecond)} }), all, now, core.StepSign},
		{"ready, all there", ready(same), all, now, core.StepSign},
	} {
		if got := c.order.Next(c.proofs, core.DefaultReuse, c.now); got != c.want {
			t.Errorf("%s: step %d, want %d", c.name, got, c.want)
		}
	}
}

func TestUnproven(t *testing.T) {
	t.Parallel()
	o := order(core.OrderPending)
	now := birth.Add(time.Hour)
	for _, c := range []struct {
		name   string
		proofs []core.Proof
		want   []string
	}{
		{"none", nil, []string{"example.com", "www.example.org"}}, // the wildcard shares its name's proof
		{"one", []core.Proof{proven("example.com", now)}, []string{"www.example.org"}},
		{"both", []core.Proof{proven("www.example.org", now), proven("example.com", now)}, nil},
		{"a parent's does not count", []core.Proof{proven("example.com", now), proven("example.org", now)}, []string{"www.example.org"}},
		{"one checked in vain", []core.Proof{proven("example.com", now), proven("www.example.org", now).Checked(now, false)}, []string{"www.example.org"}},
	} {
		if got := o.Unproven(c.proofs, core.DefaultReuse, now); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	if o.Name("www.example.org") != &o.Names[2] || o.Name("org") != nil {
		t.Error("Name does not find a name's own state")
	}
}

// permitAll notes that CAA permitted every name at t.
func permitAll(o *core.Order, t time.Time) {
	for i := range o.Names {
		o.Names[i].PermitAt = t
	}
}

// A time in the future, taken down by a fast clock, does not serve: nobody knows
// how long ago it was.
func TestFutureIsNotFresh(t *testing.T) {
	t.Parallel()
	now := birth.Add(time.Hour)
	for ahead, want := range map[time.Duration]int{0: 0, time.Minute: 0, time.Minute + time.Millisecond: 1, 30 * 24 * time.Hour: 1} {
		o := order(core.OrderReady)
		permitAll(&o, now.Add(ahead))
		if got := len(o.Unpermitted(now)); (got > 0) != (want > 0) {
			t.Errorf("permitted %s ahead: %d names unpermitted", ahead, got)
		}
		p := proven("example.com", now.Add(ahead))
		if got := p.FreshFor(&o, core.DefaultReuse, now); got != (want == 0) {
			t.Errorf("proven %s ahead: fresh is %v", ahead, got)
		}
	}
}

// A request that lapses names what was wrong; where nothing was, all of it.
func TestLapsedNames(t *testing.T) {
	t.Parallel()
	wrong := &core.Diagnosis{Code: core.CodeCAAUnavailable}
	for what, c := range map[string]struct {
		names []core.NameState
		want  []bool
	}{
		"one unproven":               {[]core.NameState{{Name: "a", Proven: true}, {Name: "b"}}, []bool{false, true}},
		"all proven, CAA unanswered": {[]core.NameState{{Name: "a", Proven: true}, {Name: "b", Proven: true, Diagnosis: wrong}}, []bool{false, true}},
		"all proven, nothing wrong":  {[]core.NameState{{Name: "a", Proven: true}, {Name: "b", Proven: true}}, []bool{true, true}},
	} {
		o := core.Order{State: core.OrderReady, Names: c.names}
		if err := o.To(core.OrderLapsed, birth); err != nil {
			t.Fatal(err)
		}
		for i, n := range o.Names {
			if n.Failed != c.want[i] {
				t.Errorf("%s: %s failed is %v", what, n.Name, n.Failed)
			}
		}
	}
}
