package store

import (
	"testing"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
)

// A leaf of the daemon's own is known by its serial like any other, and takes
// nobody's place.
func TestSaveLeaf(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example"))
		o, leaf := issued(*snapshot(t, s, "a").Order, "0a")
		own := *leaf
		own.Serial, own.Arn = "0b", arnOf("own")
		if err := s.SaveLeaf(t.Context(), own, record("own")); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.SaveLeaf(t.Context(), own, record("again")), core.Conflict)
		taken := *leaf
		taken.Serial = "0b"
		_, err := s.SaveOrder(t.Context(), o, Save{Leaf: &taken})
		wantKind(t, err, core.Conflict)
		if _, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf}); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(leaf, snapshot(t, s, "a").Leaf); diff != "" {
			t.Error(diff)
		}
		if n := count(t, s, `SELECT count(*) FROM leaves`); n != 2 {
			t.Errorf("%d leaves, want 2", n)
		}
		wantRecords(t, s, "request-a", "own")
	})
}
