package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"acmd/core"
)

// Two nodes that claim at the same time never share an order, and together get all.
func TestClaimTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		const orders = 60
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		for i := range orders {
			createDue(t, nodes[0], fmt.Sprint(i), 0)
		}
		// Two leases long: in the second round everything is claimed again.
		for round := range 2 {
			now := t0.Add(time.Duration(round) * time.Minute)
			var wg sync.WaitGroup
			got := make([][]string, 4)
			for i := range got {
				wg.Go(func() {
					c := Claim{Holder: fmt.Sprint("node", i), Now: now, Until: now.Add(time.Minute), Limit: 3}
					for range 2 * orders {
						batch := claimed(t, nodes[i%2], c)
						if len(batch) == 0 {
							return
						}
						if len(batch) > c.Limit {
							t.Errorf("claimed %d, limit %d", len(batch), c.Limit)
						}
						got[i] = append(got[i], batch...)
					}
				})
			}
			wg.Wait()
			all := slices.Sorted(slices.Values(slices.Concat(got...)))
			if distinct := slices.Compact(slices.Clone(all)); len(all) != orders || len(distinct) != orders {
				t.Errorf("round %d: claimed %d orders, %d of them different, want %d", round, len(all), len(distinct), orders)
			}
		}
	})
}

// Of two nodes that save the same version, one wins, and only its leaf is stored.
func TestSaveTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		for i := range 20 {
			id := fmt.Sprint(i)
			create(t, nodes[0], newRequest(id, "a.example", "b.example"))
			o := *snapshot(t, nodes[0], id).Order
			var wg sync.WaitGroup
			errs := make([]error, 4)
			for k := range errs {
				wg.Go(func() {
					done, leaf := issued(o, fmt.Sprintf("%02x%02x", i, k))
					// The same proofs in different orders: no deadlock.
					proofs := newRequest(id, "a.example", "b.example").Proofs
					if k%2 == 1 {
						slices.Reverse(proofs)
					}
					_, errs[k] = nodes[k%2].SaveOrder(t.Context(), done, Save{Leaf: leaf, Proofs: proofs})
				})
			}
			wg.Wait()
			won := -1
			for k, err := range errs {
				switch {
				case err == nil && won >= 0:
					t.Errorf("order %d: both %d and %d won", i, won, k)
				case err == nil:
					won = k
				case !errors.Is(err, core.Conflict):
					t.Error(err)
				}
			}
			if serial := snapshot(t, nodes[1], id).Leaf.Serial; serial != fmt.Sprintf("%02x%02x", i, won) {
				t.Errorf("order %d: %d won, the leaf is %s", i, won, serial)
			}
		}
		if n := count(t, nodes[0], `SELECT count(*) FROM leaves`); n != 20 {
			t.Errorf("%d leaves, want 20", n)
		}
		wantNoRetries(t, nodes...)
	})
}
