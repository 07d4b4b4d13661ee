package core_test

import (
	"testing"
	"time"

	"acmd/core"
)

func TestNextTry(t *testing.T) {
	t.Parallel()
	const (
		s = time.Second
		m = time.Minute
		h = time.Hour
	)
	for _, c := range []struct {
		name string
		age  time.Duration
		hint time.Duration // from now; zero for none
		want time.Duration // from now
	}{
		{"at once", 0, 0, 3 * s},
		{"the first minute", 59 * s, 0, 3 * s},
		{"a twentieth of the age", 10 * m, 0, 30 * s},
		{"five hours", 5 * h, 0, 15 * m},
		{"two days", 48 * h, 0, 15 * m},
		{"cut by the deadline", 72*h - 5*m, 0, 5 * m},
		{"at the deadline", 72 * h, 0, 0},
		{"a hint in between, and a second", 2 * h, 2 * m, 2*m + s},
		{"a hint later than the schedule", 2 * h, 30 * m, 6 * m},
		{"a hint that would be the schedule", 2 * h, 6*m - s, 6 * m},
		{"a hint too soon: a quarter of the schedule", 2 * h, 2 * s, 6 * m / 4},
		{"a hint just late enough", 2 * h, 6*m/4 + s, 6*m/4 + 2*s},
		{"a hint too soon for anything", 10 * s, s / 2, 3 * s},
		{"a hint in the past", 2 * h, -m, 6 * m},
		{"a hint beyond the deadline", 72*h - 5*m, 10 * m, 5 * m},
	} {
		now := birth.Add(c.age)
		var hint time.Time
		if c.hint != 0 {
			hint = now.Add(c.hint)
		}
		got := core.NextTry(birth, now, hint, birth.Add(72*h))
		if want := now.Add(c.want); !got.Equal(want) {
			t.Errorf("%s: after %s, want %s", c.name, got.Sub(now), c.want)
		}
	}
}

// Over a whole order, the waits never shrink (but for the last, which the
// deadline cuts), stay within their bounds, and are few enough.
func TestNextTryGrows(t *testing.T) {
	t.Parallel()
	deadline := birth.Add(core.RequestLifetime)
	var last time.Duration
	tries := 0
	for now := birth; now.Before(deadline); tries++ {
		next := core.NextTry(birth, now, time.Time{}, deadline)
		wait := next.Sub(now)
		if next.After(deadline) || wait <= 0 || wait > 15*time.Minute {
			t.Fatalf("at %s: wait %s", now.Sub(birth), wait)
		}
		if !next.Equal(deadline) && (wait < last || wait < 3*time.Second) {
			t.Fatalf("at %s: wait %s after one of %s", now.Sub(birth), wait, last)
		}
		now, last = next, wait
	}
	if tries < 300 || tries > 500 {
		t.Errorf("%d tries in 72 hours", tries)
	}
}

func TestNextTryIsWholeMilliseconds(t *testing.T) {
	t.Parallel()
	now := birth.Add(10*time.Minute + 7*time.Nanosecond).In(time.FixedZone("", 3600))
	got := core.NextTry(birth, now, time.Time{}, birth.Add(core.RequestLifetime))
	if got != core.Millis(got) || got.Location() != time.UTC {
		t.Errorf("%s is not in whole milliseconds of UTC", got)
	}
}

func TestFaultRetry(t *testing.T) {
	t.Parallel()
	for faults, want := range map[int]time.Duration{
		-1: 5 * time.Second, 0: 5 * time.Second, 1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 4: 40 * time.Second,
		5: 80 * time.Second, 6: 160 * time.Second, 7: 5 * time.Minute, 8: 5 * time.Minute, 1 << 40: 5 * time.Minute,
	} {
		if got := core.FaultRetry(faults, birth).Sub(birth); got != want {
			t.Errorf("after %d faults: %s, want %s", faults, got, want)
		}
	}
}
