package playground_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/playground"
)

// birth is where the wall clock of these tests stands.
var birth = time.Date(2026, 11, 22, 8, 0, 0, 123456789, time.FixedZone("", 3600))

// kept is a wall clock that stands still and an offset store.
type kept struct {
	mu     sync.Mutex
	offset time.Duration
	fail   error
}

func (k *kept) config() playground.ClockConfig {
	return playground.ClockConfig{
		Wall: func() time.Time { return birth },
		Load: func(context.Context) (time.Duration, error) {
			k.mu.Lock()
			defer k.mu.Unlock()
			return k.offset, k.fail
		},
		Save: func(_ context.Context, d time.Duration) error {
			k.mu.Lock()
			defer k.mu.Unlock()
			if k.fail == nil {
				k.offset = d
			}
			return k.fail
		},
	}
}

func clock(t *testing.T, k *kept) *playground.Clock {
	t.Helper()
	c, err := playground.NewClock(t.Context(), k.config())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// work is a list of instants at which something is due. Settling does what is
// due by now, which may make more.
type work struct {
	due   []time.Time
	made  map[time.Time]time.Time // what settling an instant adds
	log   []string                // the clock at each settling, and how much was done
	clock *playground.Clock
	stuck bool // settling does nothing
	fail  int  // the settling that fails, from 1
}

func (w *work) next(context.Context) (time.Time, bool, error) {
	if len(w.due) == 0 {
		return time.Time{}, false, nil
	}
	return slices.MinFunc(w.due, time.Time.Compare), true, nil
}

func (w *work) settle(context.Context) error {
	now := w.clock.Now()
	n := len(w.due)
	var left []time.Time
	for _, d := range w.due {
		if w.stuck || d.After(now) {
			left = append(left, d)
		} else if m, ok := w.made[d]; ok {
			left = append(left, m)
		}
	}
	w.due = left
	w.log = append(w.log, now.Format("02 15:04:05.000")+" "+strings.Repeat("x", n-len(left)))
	if len(w.log) == w.fail {
		return errors.New("disk full")
	}
	return nil
}

const day = 24 * time.Hour

// at is an instant after the tests' start.
func at(d time.Duration) time.Time { return core.Millis(birth).Add(d) }

// advances are the cases of TestAdvance: what is done, and what the clock
// showed at each settling.
var advances = []struct {
	name string
	by   time.Duration
	work work
	want []string
	now  time.Duration
	err  string
}{
	{name: "nothing due", by: day, want: []string{"23 07:00:00.123 "}, now: day},
	{name: "in order, the far one left", by: 2 * day, now: 2 * day,
		work: work{due: []time.Time{at(day), at(time.Hour), at(time.Hour), at(3 * day)}},
		want: []string{"22 08:00:00.123 xx", "23 07:00:00.123 x", "24 07:00:00.123 "}},
	{name: "due already", by: time.Hour, now: time.Hour,
		work: work{due: []time.Time{at(-time.Hour)}},
		want: []string{"22 07:00:00.123 x", "22 08:00:00.123 "}},
	{name: "due at the target", by: time.Hour, now: time.Hour,
		work: work{due: []time.Time{at(time.Hour)}},
		want: []string{"22 08:00:00.123 x", "22 08:00:00.123 "}},
	{name: "work that makes work", by: day, now: day,
		work: work{due: []time.Time{at(time.Hour)}, made: map[time.Time]time.Time{at(time.Hour): at(2 * time.Hour), at(2 * time.Hour): at(25 * time.Hour)}},
		want: []string{"22 08:00:00.123 ", "22 09:00:00.123 ", "23 07:00:00.123 "}},
	{name: "finer than a millisecond", by: time.Second, now: time.Second,
		work: work{due: []time.Time{birth.Add(500*time.Millisecond - 1)}},
		want: []string{"22 07:00:00.623 ", "22 07:00:00.624 x", "22 07:00:01.123 "}},
	{name: "work that stays due", by: day, now: time.Hour,
		work: work{due: []time.Time{at(time.Hour)}, stuck: true},
		want: []string{"22 08:00:00.123 ", "22 08:00:00.123 ", "22 08:00:00.123 "},
		err:  "work that fell due at 2026-11-22T08:00:00.123Z stays due"},
	{name: "a settling that fails", by: day, now: time.Hour,
		work: work{due: []time.Time{at(time.Hour)}, fail: 1},
		want: []string{"22 08:00:00.123 x"}, err: "settle at 2026-11-22T08:00:00Z: disk full"},
	{name: "the last settling fails", by: day, now: day, work: work{fail: 1},
		want: []string{"23 07:00:00.123 "}, err: "settle at 2026-11-23T07:00:00Z: disk full"},
	{name: "nothing", by: 0, err: "The clock can be advanced by more than nothing and at most 3650 days at a time."},
	{name: "backwards", by: -time.Hour, err: "The clock can be advanced by more than nothing and at most 3650 days at a time."},
	{name: "ten years", by: 3650 * day, now: 3650 * day, want: []string{"19 07:00:00.123 "}},
	{name: "beyond ten years", by: 3650*day + 1, err: "The clock can be advanced by more than nothing and at most 3650 days at a time."},
}

func TestAdvance(t *testing.T) {
	t.Parallel()
	for _, c := range advances {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			k := &kept{}
			w := c.work
			w.clock = clock(t, k)
			err := w.clock.Advance(t.Context(), c.by, w.next, w.settle)
			if (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
				t.Errorf("error %v, want %q", err, c.err)
			}
			if d := cmp.Diff(c.want, w.log); d != "" {
				t.Errorf("settled (-want +got):\n%s", d)
			}
			if got := w.clock.Now(); !got.Equal(at(c.now)) || got.Location() != time.UTC {
				t.Errorf("the clock shows %s, want %s in UTC", got, at(c.now))
			}
			if again := clock(t, k); !again.Now().Equal(w.clock.Now()) {
				t.Errorf("after a restart the clock shows %s, before it %s", again.Now(), w.clock.Now())
			}
		})
	}
}

func TestAdvanceStopsWhereTheOutsideFails(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	none := func(context.Context) (time.Time, bool, error) { return time.Time{}, false, nil }
	fine := func(context.Context) error { return nil }

	k := &kept{}
	c := clock(t, k)
	k.fail = boom
	if err := c.Advance(t.Context(), time.Hour, none, fine); !errors.Is(err, boom) || !c.Now().Equal(core.Millis(birth)) {
		t.Errorf("an offset that cannot be kept: %v, and the clock shows %s", err, c.Now())
	}
	if _, err := playground.NewClock(t.Context(), k.config()); !errors.Is(err, boom) {
		t.Errorf("an offset that cannot be loaded: %v", err)
	}
	k.fail = nil
	broken := func(context.Context) (time.Time, bool, error) { return time.Time{}, false, boom }
	if err := c.Advance(t.Context(), time.Hour, broken, fine); !errors.Is(err, boom) || !c.Now().Equal(core.Millis(birth)) {
		t.Errorf("nextDue fails: %v, and the clock shows %s", err, c.Now())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Advance(ctx, time.Hour, none, fine); !errors.Is(err, context.Canceled) || !c.Now().Equal(core.Millis(birth)) {
		t.Errorf("a command that was given up: %v, and the clock shows %s", err, c.Now())
	}
	k.offset = -1
	if _, err := playground.NewClock(t.Context(), k.config()); err == nil {
		t.Error("an offset below nothing was taken")
	}
	k.offset = 99 * 365 * 24 * time.Hour
	if err := clock(t, k).Advance(t.Context(), 366*24*time.Hour, none, fine); !errors.Is(err, core.Invalid) {
		t.Errorf("over a hundred years ahead: %v", err)
	}
}

func TestAdvancesTakeTurns(t *testing.T) {
	t.Parallel()
	c := clock(t, &kept{})
	var mu sync.Mutex
	running := 0
	settle := func(context.Context) error {
		mu.Lock()
		running++
		now := running
		mu.Unlock()
		defer func() { mu.Lock(); running--; mu.Unlock() }()
		if now != 1 {
			return errors.New("two at once")
		}
		return nil
	}
	none := func(context.Context) (time.Time, bool, error) { return time.Time{}, false, nil }
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := c.Advance(t.Context(), time.Hour, none, settle); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got, want := c.Now(), core.Millis(birth).Add(20*time.Hour); !got.Equal(want) {
		t.Errorf("the clock shows %s, want %s: an advance was lost", got, want)
	}
}

func TestParseDuration(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]time.Duration{
		"336h": 336 * time.Hour, "14d": 336 * time.Hour, "1d12h": 36 * time.Hour, "1d30m": 24*time.Hour + 30*time.Minute,
		"90s": 90 * time.Second, "0d": 0, "1.5h": 90 * time.Minute, "3650d": 87600 * time.Hour,
	} {
		if got, err := playground.ParseDuration(in); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "d", "14", "-1h", "+1h", "1d-1h", "-1d", "1.5d", "1d2d", "12hd", "1w", " 1d", "1d ", "99999999999d", "2562047h", "9999999999h"} {
		if got, err := playground.ParseDuration(in); !errors.Is(err, core.Invalid) {
			t.Errorf("%q: %s, %v; want core.Invalid", in, got, err)
		}
	}
}
