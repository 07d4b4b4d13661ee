package store

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
)

// claimed is the ids that one claim got, in order.
func claimed(t *testing.T, s *Store, c Claim) []string {
	t.Helper()
	orders, err := s.ClaimOrders(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range orders {
		out = append(out, strings.TrimPrefix(o.ID, "order-"))
	}
	return out
}

// createDue makes a certificate whose order is due some seconds after t0.
func createDue(t *testing.T, s *Store, id string, seconds int) {
	t.Helper()
	n := newRequest(id, id+".example")
	n.Order.DueAt = t0.Add(time.Duration(seconds) * time.Second)
	create(t, s, n)
}

func TestClaimOrders(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		second := func(n int) time.Time { return t0.Add(time.Duration(n) * time.Second) }
		createDue(t, s, "late", 30)
		createDue(t, s, "third", 3)
		createDue(t, s, "first", 1)
		createDue(t, s, "second", 2)
		createDue(t, s, "ended", 0)
		o := *snapshot(t, s, "ended").Order
		o.State = core.OrderFailed
		if _, err := s.SaveOrder(t.Context(), o, Save{}); err != nil {
			t.Fatal(err)
		}
		for _, step := range []struct {
			name         string
			holder       string
			now, until   int
			limit        int
			want         []string
			releaseFirst bool
		}{
			{"nothing due", "a", 0, 10, 9, nil, false},
			{"due this very moment, longest first, limited", "a", 3, 13, 2, []string{"first", "second"}, false},
			{"leased ones are left out", "b", 3, 13, 9, []string{"third"}, true},
			{"released, leases of the others still run", "b", 12, 14, 9, []string{"third"}, false},
			{"a lease ends by itself", "b", 13, 20, 9, []string{"first", "second"}, false},
			{"all", "c", 30, 40, 9, []string{"first", "second", "third", "late"}, false},
		} {
			c := Claim{Holder: step.holder, Now: second(step.now), Until: second(step.until), Limit: step.limit}
			if diff := cmp.Diff(step.want, claimed(t, s, c)); diff != "" {
				t.Fatal(step.name, diff)
			}
			if step.releaseFirst {
				o := *snapshot(t, s, step.want[0]).Order
				if _, err := s.SaveOrder(t.Context(), o, Save{Holder: step.holder, Release: true}); err != nil {
					t.Fatal(step.name, err)
				}
			}
		}
	})
}

// A claim gives whole orders, as they are stored.
func TestClaimReadsWholeOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "a.example")
		n.Order.Intent = &core.Intent{Serial: "0a", SealedKey: []byte{1}, TBS: []byte{2}, At: t0, NotBefore: t0, NotAfter: t0}
		create(t, s, n)
		got, err := s.ClaimOrders(t.Context(), Claim{Holder: "h", Now: t0, Until: t0.Add(time.Minute), Limit: 1})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]core.Order{*snapshot(t, s, "a").Order}, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestNextDueAndOpenOrders(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		want := func(due time.Time, ok bool, open int) {
			t.Helper()
			if got, found, err := s.NextDue(t.Context()); !got.Equal(due) || found != ok || err != nil {
				t.Errorf("next due %v %v %v, want %v %v", got, found, err, due, ok)
			}
			if n, err := s.OpenOrders(t.Context()); n != open || err != nil {
				t.Errorf("%d open orders, %v, want %d", n, err, open)
			}
		}
		want(time.Time{}, false, 0)
		createDue(t, s, "a", 5)
		createDue(t, s, "b", 3)
		want(t0.Add(3*time.Second), true, 2)
		for i, id := range []string{"b", "a"} {
			o, leaf := issued(*snapshot(t, s, id).Order, fmt.Sprint("0", i))
			if _, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf}); err != nil {
				t.Fatal(err)
			}
			if i == 0 {
				want(t0.Add(5*time.Second), true, 1)
			}
		}
		want(time.Time{}, false, 0)
	})
}

func TestSaveOrder(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "a.example", "b.example")
		create(t, s, n)
		o := *snapshot(t, s, "a").Order
		o.State, o.UpdatedAt, o.DueAt, o.Attempts, o.Faults = core.OrderReady, t0.Add(1), t0.Add(2*time.Second), 3, 2
		o.UpdatedAt, o.Deadline = t0.Add(time.Second), t0.Add(time.Hour)
		o.Names[0] = core.NameState{Name: "a.example", Proven: true, CheckedAt: t0}
		o.Intent = &core.Intent{Serial: "0b", NotBefore: t0, NotAfter: t0.Add(time.Hour), SealedKey: []byte("k"), TBS: []byte("t"), At: t0}
		proof := n.Proofs[0].Checked(t0.Add(time.Second), true)
		got, err := s.SaveOrder(t.Context(), o, Save{Proofs: []core.Proof{n.Proofs[0].Checked(t0, false), proof}})
		if err != nil || got.Version != 2 {
			t.Fatalf("version %d, %v", got.Version, err)
		}
		stored := snapshot(t, s, "a")
		if diff := cmp.Diff(got, *stored.Order); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]core.Proof{proof, n.Proofs[1]}, stored.Proofs); diff != "" {
			t.Error(diff)
		}
		// A check that ended later is not overwritten by one that ended before.
		got.Intent = nil
		if got, err = s.SaveOrder(t.Context(), got, Save{Proofs: []core.Proof{proof.Checked(t0, false)}}); err != nil {
			t.Fatal(err)
		}
		if stored = snapshot(t, s, "a"); stored.Order.Intent != nil || !stored.Proofs[0].ValidatedAt.Equal(proof.ValidatedAt) {
			t.Errorf("%+v", stored)
		}
		done, leaf := issued(got, "0b")
		if got, err = s.SaveOrder(t.Context(), done, Save{Leaf: leaf, Records: []core.Record{record("one"), record("two")}}); err != nil {
			t.Fatal(err)
		}
		want := core.Snapshot{Certificate: n.Certificate, Order: &got, Leaf: leaf, Proofs: stored.Proofs}
		want.Certificate.OrderID, want.Certificate.Serial, want.Certificate.Version = o.ID, "0b", 2
		if diff := cmp.Diff(want, snapshot(t, s, "a")); diff != "" {
			t.Error(diff)
		}
		wantRecords(t, s, "request-a", "one", "two")
	})
}

func TestSaveOrderRefuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for _, id := range []string{"a", "b", "c"} {
			create(t, s, newRequest(id, "a.example"))
		}
		lease := Claim{Holder: "h1", Now: t0, Until: t0.Add(time.Minute), Limit: 9}
		claimed(t, s, lease)
		a, b := *snapshot(t, s, "a").Order, *snapshot(t, s, "b").Order
		doneA, leafA := issued(a, "0a")
		doneB, leafB := issued(b, "0a")
		moved, gone := a, a
		moved.Version, gone.ID = 2, "order-none"
		readyA := a
		readyA.State = core.OrderReady
		if _, err := s.SaveOrder(t.Context(), *snapshot(t, s, "c").Order, Save{Holder: "h1"}); err != nil {
			t.Fatal("the holder itself:", err)
		}
		lease.Holder, lease.Now = "h2", t0.Add(time.Minute)
		claimed(t, s, lease)
		for _, tt := range []struct {
			name string
			o    core.Order
			v    Save
			want error
		}{
			{"issued without a leaf", doneA, Save{}, core.InvalidState},
			{"a leaf without issued", readyA, Save{Leaf: leafA}, core.InvalidState},
			{"a foreign leaf", doneA, Save{Leaf: &core.Leaf{Serial: "0c", Arn: arnOf("b"), DER: []byte{1}}}, core.InvalidState},
			{"another version", moved, Save{}, core.Conflict},
			{"unknown order", gone, Save{}, core.Conflict},
			{"taken over", a, Save{Holder: "h1"}, core.Conflict},
			{"good", doneA, Save{Holder: "h2", Leaf: leafA}, nil},
			{"serial in use", doneB, Save{Leaf: leafB}, core.Conflict},
		} {
			before := dump(t, s)
			_, err := s.SaveOrder(t.Context(), tt.o, tt.v)
			if tt.want == nil {
				if err != nil {
					t.Fatal(tt.name, err)
				}
				continue
			}
			t.Log(tt.name, err)
			wantKind(t, err, tt.want)
			if diff := cmp.Diff(before, dump(t, s)); diff != "" {
				t.Errorf("%s wrote something: %s", tt.name, diff)
			}
		}
	})
}

// Invariant: ends never change.
func TestEndsNeverChange(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for _, end := range core.OrderStates() {
			if end.Open() {
				continue
			}
			id := string(end)
			create(t, s, newRequest(id, id+".example"))
			o, leaf := issued(*snapshot(t, s, id).Order, "0a")
			if o.State = end; end != core.OrderIssued {
				leaf = nil
			}
			o, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf})
			if err != nil {
				t.Fatal(end, err)
			}
			before := dump(t, s)
			for _, to := range core.OrderStates() {
				o.State = to
				again := &core.Leaf{Serial: "0b", Arn: o.Arn, DER: []byte{1}}
				if to != core.OrderIssued {
					again = nil
				}
				_, err := s.SaveOrder(t.Context(), o, Save{Leaf: again})
				wantKind(t, err, core.Conflict)
			}
			if n, err := s.Wake(t.Context(), "label-"+id+".example", t0.Add(-time.Hour)); n != 0 || err != nil {
				t.Errorf("woke %d ended orders, %v", n, err)
			}
			if got := claimed(t, s, Claim{Holder: "h", Now: t0.Add(time.Hour), Until: t0.Add(2 * time.Hour), Limit: 9}); got != nil {
				t.Errorf("claimed %v", got)
			}
			if diff := cmp.Diff(before, dump(t, s)); diff != "" {
				t.Errorf("%s changed: %s", end, diff)
			}
		}
	})
}

// Invariant: at most one open order per certificate, one leaf per order, one use
// of a serial. The database itself refuses, whoever writes.
func TestUniqueness(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("open", "a.example"))
		create(t, s, newRequest("done", "a.example"))
		o, leaf := issued(*snapshot(t, s, "done").Order, "0a")
		if _, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf}); err != nil {
			t.Fatal(err)
		}
		order := func(state, of string) string {
			return `INSERT INTO orders SELECT '` + state + of + `', arn, account, kind, '` + state + `', reason, created_at,
				updated_at, deadline, due_at, attempts, faults, version, lease_holder, lease_until, intent_serial,
				intent_not_before, intent_not_after, intent_at, names, intent_sealed_key, intent_tbs
				FROM orders WHERE id = 'order-` + of + `'`
		}
		for _, tt := range []struct {
			query string
			taken bool
		}{
			{order("pending", "open"), true},
			{order("ready", "open"), true},
			{order("failed", "open"), false},
			{order("ready", "done"), false},
			{order("pending", "done"), true},
			{`INSERT INTO leaves SELECT 'other', order_id, arn, 0, 0, 0, 0, '', sealed_key, der, chain FROM leaves`, true},
			{`INSERT INTO leaves SELECT serial, 'other', arn, 0, 0, 0, 0, '', sealed_key, der, chain FROM leaves`, true},
			{`INSERT INTO leaves SELECT 'other', 'other', arn, 0, 0, 0, 0, '', sealed_key, der, chain FROM leaves`, false},
		} {
			_, err := s.writer.Exec(tt.query)
			if s.dialect.unique(err) != tt.taken || !tt.taken && err != nil {
				t.Errorf("%s: %v, want refused: %v", tt.query, err, tt.taken)
			}
		}
	})
}

func TestWake(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for id, names := range map[string][]string{"a": {"x.example", "*.x.example"}, "b": {"x.example", "y.example"}, "c": {"z.example"}} {
			n := newRequest(id, names...)
			n.Order.DueAt = t0.Add(10 * time.Second)
			create(t, s, n)
		}
		for _, step := range []struct {
			label string
			now   int // seconds after t0
			want  int
			due   string // of a, b, c
		}{
			{"label-none", 1, 0, "10 10 10"},
			{"label-x.example", 10, 0, "10 10 10"}, // due by then anyway
			{"label-y.example", 8, 1, "10 8 10"},
			{"label-x.example", 9, 1, "9 8 10"},
			{"label-x.example", 3, 2, "3 3 10"},
			{"label-x.example", 3, 0, "3 3 10"},
			{"label-z.example", 11, 0, "3 3 10"},
		} {
			n, err := s.Wake(t.Context(), step.label, t0.Add(time.Duration(step.now)*time.Second))
			if n != step.want || err != nil {
				t.Errorf("%s at %d: woke %d, %v, want %d", step.label, step.now, n, err, step.want)
			}
			var due []string
			for _, id := range []string{"a", "b", "c"} {
				o := snapshot(t, s, id).Order
				if due = append(due, fmt.Sprint(o.DueAt.Sub(t0).Seconds())); o.Version != 1 {
					t.Errorf("version %d", o.Version)
				}
			}
			if got := strings.Join(due, " "); got != step.due {
				t.Fatalf("%s at %d: due %s, want %s", step.label, step.now, got, step.due)
			}
		}
	})
}
