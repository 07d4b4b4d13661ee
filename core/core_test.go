package core_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"acmd/core"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	kinds := core.Kinds()
	for i, k := range kinds {
		err := fmt.Errorf("claim orders: %w", &core.Error{Kind: k, Detail: "what the caller sees"})
		for j, other := range kinds {
			if errors.Is(err, other) != (i == j) {
				t.Errorf("an error of kind %q is %q: %t", k, other, i != j)
			}
		}
		var e *core.Error
		if !errors.As(err, &e) || e.Error() != "what the caller sees" {
			t.Errorf("%v does not give the sentence back", err)
		}
	}
	if len(kinds) != 13 {
		t.Errorf("%d kinds: does Kinds list a new one?", len(kinds))
	}
}

func TestMillis(t *testing.T) {
	t.Parallel()
	in := time.Date(2026, 11, 22, 9, 0, 0, 123_999_999, time.FixedZone("", 3600))
	got := core.Millis(in)
	if want := time.Date(2026, 11, 22, 8, 0, 0, 123_000_000, time.UTC); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	if core.Millis(got) != got {
		t.Error("a second cut changes it")
	}
}
