package playground

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"acmd/core"
)

// Bounds of moving the clock.
const (
	maxAdvance = 10 * 365 * 24 * time.Hour  // in one command
	maxOffset  = 100 * 365 * 24 * time.Hour // in all
	maxStuck   = 3                          // attempts to settle one instant
)

// ClockConfig is what NewClock needs.
type ClockConfig struct {
	// Wall is the machine's clock.
	Wall func() time.Time
	// Load returns the offset that Save kept last; zero if none.
	Load func(ctx context.Context) (time.Duration, error)
	// Save keeps the offset; durable once it returns.
	Save func(ctx context.Context, offset time.Duration) error
}

// Clock is the machine's clock plus an offset that only grows. It goes on
// running between two advances, and it survives a restart.
type Clock struct {
	wall   func() time.Time
	save   func(ctx context.Context, offset time.Duration) error
	offset atomic.Int64
	moving chan struct{} // a mutex that one can give up waiting for
}

// NewClock makes a clock with the kept offset.
func NewClock(ctx context.Context, c ClockConfig) (*Clock, error) {
	offset, err := c.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load clock offset: %w", err)
	}
	if offset < 0 || offset > maxOffset {
		return nil, fmt.Errorf("load clock offset: %s is not between 0 and %s", offset, maxOffset)
	}
	k := &Clock{wall: c.Wall, save: c.Save, moving: make(chan struct{}, 1)}
	k.offset.Store(int64(offset))
	return k, nil
}

// Now is the clock's time, in UTC and whole milliseconds.
func (k *Clock) Now() time.Time { return core.Millis(k.wall().Add(time.Duration(k.offset.Load()))) }

// Advance moves the clock forward by d, at most ten years, and returns when all
// work that fell due on the way is done, in order: it goes to each instant that
// nextDue names, lets settle do what is due there, and asks again; at last it
// goes to the target and settles once more. nextDue returns false when nothing
// is due ever. One advance runs at a time, the others wait for it.
//
// d out of bounds is core.Invalid. An error from outside, or work that stays
// due at one instant however often it is settled, ends the advance where it
// is; time that has passed stays passed.
func (k *Clock) Advance(ctx context.Context, d time.Duration,
	nextDue func(ctx context.Context) (time.Time, bool, error), settle func(ctx context.Context) error) error {
	if d <= 0 || d > maxAdvance {
		return invalid("The clock can be advanced by more than nothing and at most %d days at a time.", maxAdvance/(24*time.Hour))
	}
	select {
	case k.moving <- struct{}{}:
		defer func() { <-k.moving }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if time.Duration(k.offset.Load())+d > maxOffset {
		return invalid("The clock cannot be more than %d days ahead of the machine's; start with a new state folder.", maxOffset/(24*time.Hour))
	}
	target := k.Now().Add(d)
	if err := k.walk(ctx, target, nextDue, settle); err != nil {
		return err
	}
	return k.step(ctx, target, settle)
}

// walk steps to every due instant up to the target.
func (k *Clock) walk(ctx context.Context, target time.Time,
	nextDue func(ctx context.Context) (time.Time, bool, error), settle func(ctx context.Context) error) error {
	var last time.Time
	for stuck := 0; ; {
		due, ok, err := nextDue(ctx)
		if err != nil {
			return fmt.Errorf("find the next due instant: %w", err)
		}
		if !ok || due.After(target) {
			return nil
		}
		if stuck++; !due.Equal(last) {
			last, stuck = due, 1
		}
		if stuck > maxStuck {
			return fmt.Errorf("work that fell due at %s stays due", due.UTC().Format(time.RFC3339Nano))
		}
		if err := k.step(ctx, due, settle); err != nil {
			return err
		}
	}
}

// step moves the clock to t, if that lies ahead, and settles there. The offset
// is kept before it counts: what happens at t never finds itself in the future
// after a crash.
func (k *Clock) step(ctx context.Context, t time.Time, settle func(ctx context.Context) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if ahead := t.Sub(k.Now()); ahead > 0 {
		// Now is cut to milliseconds, so this lands on t or within one after it.
		offset := time.Duration(k.offset.Load()) + ahead
		if err := k.save(ctx, offset); err != nil {
			return fmt.Errorf("keep clock offset: %w", err)
		}
		k.offset.Store(int64(offset))
	}
	if err := settle(ctx); err != nil {
		return fmt.Errorf("settle at %s: %w", k.Now().Format(time.RFC3339), err)
	}
	return nil
}

// ParseDuration reads a length of time as the clock commands take it: Go's
// form, with days before it or alone: 336h, 14d, 1d12h. It has no sign. What
// does not read so is core.Invalid.
func ParseDuration(s string) (time.Duration, error) {
	days, rest, found := strings.Cut(s, "d")
	if !found {
		days, rest = "0", s
	} else if rest == "" {
		rest = "0s"
	}
	n, errDays := strconv.ParseUint(days, 10, 16)
	d, errRest := time.ParseDuration(rest)
	if errors.Join(errDays, errRest) != nil || strings.ContainsAny(s, "+-") {
		return 0, invalid("%q is not a length of time: write it as 336h, 14d or 1d12h.", s)
	}
	if d > 1<<61 {
		return 0, invalid("%q is too long a time.", s)
	}
	return time.Duration(n)*24*time.Hour + d, nil
}
