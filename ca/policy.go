package ca

import (
	"fmt"
	"time"

	"acmd/core"
)

const day = 24 * time.Hour

// validityLimits is the dated table of how long a leaf may be valid, counted
// inclusively, by the day of its signing (standards 0.1, 1.52; BR 6.3.2).
var validityLimits = []struct {
	from  time.Time
	limit time.Duration
}{
	{time.Date(2026, 3, 15, 0, 0, 0, 0, time.UTC), 200 * day},
	{time.Date(2027, 3, 15, 0, 0, 0, 0, time.UTC), 100 * day},
	{time.Date(2029, 3, 15, 0, 0, 0, 0, time.UTC), 47 * day},
}

// validityLimit is the limit for a leaf signed at that time. Before the table
// begins its first row holds.
func validityLimit(at time.Time) time.Duration {
	limit := validityLimits[0].limit
	for _, l := range validityLimits {
		if !at.Before(l.from) {
			limit = l.limit
		}
	}
	return limit
}

// backdate is how far before now a leaf begins, for clients whose clocks are
// late. It is part of the validity, not added to it.
const backdate = time.Hour

// lifetime is how long a leaf prepared at now is valid. It may be signed as late
// as core.IntentLifetime from now, so the limit of that time counts; and one day
// less than the limit is used, as standards 1.52 advises.
func (a *Authority) lifetime(now time.Time) time.Duration {
	if a.long {
		return a.validity
	}
	return min(a.validity, validityLimit(now.Add(core.IntentLifetime))-day)
}

// period chooses a leaf's first and last second. A wish for notBefore may be
// core.IntentLifetime away from now at most: with as much again until it is
// signed, that is the 48 hours of standards 1.51. The leaf never begins before
// a certificate of the chain, and an end after one of theirs is refused.
func (a *Authority) period(now, wish time.Time) (notBefore, notAfter time.Time, err error) {
	bad := func(format string, args ...any) (time.Time, time.Time, error) {
		return time.Time{}, time.Time{}, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf(format, args...)}
	}
	notBefore = now.UTC().Add(-backdate)
	if !wish.IsZero() {
		if d := wish.Sub(now).Abs(); d > core.IntentLifetime {
			return bad("The certificate would begin %s away from now; at most %s is possible.", d, core.IntentLifetime)
		}
		notBefore = wish.UTC()
	}
	notBefore = notBefore.Truncate(time.Second)
	for _, c := range a.chain {
		if now.Before(c.NotBefore) {
			return bad("The CA %s is not valid before %s.", c.Subject, c.NotBefore.UTC().Format(time.RFC3339))
		}
		if notBefore.Before(c.NotBefore) {
			notBefore = c.NotBefore.UTC()
		}
	}
	notAfter = notBefore.Add(a.lifetime(now) - time.Second)
	if err := a.checkEnd(notAfter); err != nil {
		return time.Time{}, time.Time{}, err
	}
	return notBefore, notAfter, nil
}

// checkEnd refuses a leaf that would outlive an issuer.
func (a *Authority) checkEnd(notAfter time.Time) error {
	for _, c := range a.chain {
		if notAfter.After(c.NotAfter) {
			return &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("The certificate would end at %s, after its CA %s, which ends at %s.",
				notAfter.Format(time.RFC3339), c.Subject, c.NotAfter.UTC().Format(time.RFC3339))}
		}
	}
	return nil
}
