package core_test

import (
	"fmt"
	"testing"
	"time"

	"acmd/core"
)

// Every order state by every state of the leaf.
func TestStatus(t *testing.T) {
	t.Parallel()
	end := birth.Add(198 * 24 * time.Hour)
	leaf := &core.Leaf{Serial: "01", NotAfter: end}
	revoked := &core.Leaf{Serial: "01", NotAfter: end, RevokedAt: birth}
	without := map[core.OrderState]core.Status{
		core.OrderPending: core.StatusPending, core.OrderReady: core.StatusPending, core.OrderIssued: core.StatusIssued,
		core.OrderFailed: core.StatusFailed, core.OrderLapsed: core.StatusTimedOut, "": core.StatusFailed,
	}
	for _, state := range append(core.OrderStates(), "") {
		for _, c := range []struct {
			leaf string
			l    *core.Leaf
			now  time.Time
			want core.Status
		}{
			{"none", nil, birth, without[state]},
			{"none, much later", nil, end.Add(time.Hour), without[state]},
			{"valid", leaf, birth, core.StatusIssued},
			{"in its last second", leaf, end, core.StatusIssued},
			{"expired", leaf, end.Add(time.Millisecond), core.StatusExpired},
			{"revoked", revoked, birth, core.StatusRevoked},
			{"revoked and expired", revoked, end.Add(time.Hour), core.StatusRevoked},
		} {
			s := core.Snapshot{Leaf: c.l}
			if state != "" { // an import has no order
				o := order(state)
				s.Order = &o
			}
			if got := s.Status(c.now); got != c.want {
				t.Errorf("order %q, leaf %s: %s, want %s", state, c.leaf, got, c.want)
			}
		}
	}
}

// Every order state by what is known of the name, with and without a leaf.
func TestValidationStatus(t *testing.T) {
	t.Parallel()
	const (
		pending = core.ValidationPending
		success = core.ValidationSuccess
		failed  = core.ValidationFailed
	)
	for state, want := range map[core.OrderState][3]core.ValidationStatus{ // unknown, proven, failed
		core.OrderPending: {pending, success, failed},
		core.OrderReady:   {pending, pending, failed}, // or the SDK's waiter would end before there is a leaf
		core.OrderIssued:  {pending, success, failed},
		core.OrderFailed:  {pending, success, failed},
		core.OrderLapsed:  {pending, success, failed},
	} {
		for i, n := range []core.NameState{{Name: "example.com"}, {Name: "example.com", Proven: true}, {Name: "example.com", Failed: true}} {
			o := order(state)
			o.Names[0] = n
			s := core.Snapshot{Order: &o}
			what := fmt.Sprintf("order %s, name %+v", state, n)
			if got := s.ValidationStatus("example.com"); got != want[i] {
				t.Errorf("%s: %s, want %s", what, got, want[i])
			}
			if got := s.ValidationStatus("other.example"); got != pending {
				t.Errorf("%s: a name it does not have is %s", what, got)
			}
			// Wire facts §5, §12: an issued certificate's names are all SUCCESS.
			s.Leaf = &core.Leaf{NotAfter: birth.Add(-time.Hour), RevokedAt: birth}
			if got := s.ValidationStatus("example.com"); got != success {
				t.Errorf("%s, with a leaf: %s", what, got)
			}
		}
	}
	if got := (core.Snapshot{}).ValidationStatus("example.com"); got != failed {
		t.Errorf("without order and leaf: %s", got)
	}
}

// A name stays as its order's end left it: a timed-out request shows its
// unproven names FAILED and the others SUCCESS.
func TestValidationStatusAfterALapse(t *testing.T) {
	t.Parallel()
	o := order(core.OrderPending)
	o.Names[0].Proven = true
	if err := o.To(core.OrderLapsed, birth.Add(core.RequestLifetime)); err != nil {
		t.Fatal(err)
	}
	s := core.Snapshot{Order: &o}
	for name, want := range map[string]core.ValidationStatus{
		"example.com": core.ValidationSuccess, "*.example.com": core.ValidationFailed, "www.example.org": core.ValidationFailed,
	} {
		if got := s.ValidationStatus(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestDomain(t *testing.T) {
	t.Parallel()
	if got := (core.Certificate{Names: []string{"b.example", "a.example"}}).Domain(); got != "b.example" {
		t.Errorf("domain %q", got)
	}
	if got := (core.Certificate{}).Domain(); got != "" {
		t.Errorf("without names: %q", got)
	}
}
