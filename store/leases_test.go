package store

import (
	"testing"
	"time"
)

// A renewed lease keeps others away; on SQLite a new process ends the leases
// that one before it left, on PostgreSQL they end by themselves.
func TestLeases(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example"))
		claim := func(holder string, after time.Duration) int {
			t.Helper()
			now := t0.Add(after)
			got, err := s.ClaimOrders(t.Context(), Claim{Holder: holder, Now: now, Until: now.Add(time.Minute), Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			return len(got)
		}
		if claim("one", 0) != 1 || claim("two", 59*time.Second) != 0 {
			t.Fatal("one holds it for a minute")
		}
		if err := s.RenewLeases(t.Context(), "two", t0.Add(time.Hour), []string{"order-a"}); err != nil {
			t.Fatal(err)
		}
		if err := s.RenewLeases(t.Context(), "one", t0.Add(2*time.Minute), []string{"order-a", "order-z"}); err != nil {
			t.Fatal(err)
		}
		if claim("two", 2*time.Minute-1e6) != 0 || claim("two", 2*time.Minute) != 1 {
			t.Error("the renewed lease ends at two minutes: only its holder renews it")
		}
		if err := s.TakeOver(t.Context()); err != nil {
			t.Fatal(err)
		}
		want := 0
		if s.dialect.solo {
			want = 1
		}
		if got := claim("three", 2*time.Minute+1e6); got != want {
			t.Errorf("after a take-over %d orders are free, want %d", got, want)
		}
	})
}

// Accounts that have their share in hand are passed over.
func TestClaimExcept(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example"))
		other := newRequest("b", "b.example")
		other.Certificate.Account, other.Order.Account = "999999999999", "999999999999"
		create(t, s, other)
		got, err := s.ClaimOrders(t.Context(), Claim{Holder: "h", Now: t0, Until: t0.Add(time.Minute), Limit: 10, Except: []string{account, "000000000000"}})
		if err != nil || len(got) != 1 || got[0].ID != "order-b" {
			t.Errorf("%+v, %v", got, err)
		}
	})
}

// The first of several writers decides.
func TestInitSetting(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for _, value := range []string{"first", "second"} {
			if got, err := s.InitSetting(t.Context(), "k", value); err != nil || got != "first" {
				t.Errorf("%q, %v", got, err)
			}
		}
	})
}
