package core

import "time"

// The retry schedule: dense while a person may be watching, then ever wider.
const (
	retryMin   = 3 * time.Second  // the first minute: a record is seen within seconds of going live
	retryMax   = 15 * time.Minute // after five hours
	retryShare = 20               // in between: a twentieth of the order's age
	// hintSlack is added to a cached negative answer's end, since the resolver's
	// clock is not ours.
	hintSlack = time.Second
)

// NextTry says when an order of the given birth is looked at again after a
// check at now that did not succeed: a twentieth of its age from now, at least
// three seconds and at most fifteen minutes. A hint (the moment a cached negative
// answer ends) brings it forward, but never to less than a quarter of that: where
// the hints turn out wrong again and again, the tries still become rarer. Never
// after the deadline.
func NextTry(created, now, hint, deadline time.Time) time.Time {
	wait := min(max(now.Sub(created)/retryShare, retryMin), retryMax)
	next := now.Add(wait)
	if h := hint.Add(hintSlack); !hint.IsZero() && hint.After(now) && h.Before(next) {
		next = now.Add(max(h.Sub(now), retryMin, wait/4))
	}
	if next.After(deadline) {
		next = deadline
	}
	return Millis(next)
}

// FaultRetry says when an order is looked at again after that many faults of
// our own in a row (the store, the signer): five seconds doubling to five minutes.
func FaultRetry(faults int, now time.Time) time.Time {
	wait := 5 * time.Second << min(max(faults-1, 0), 6)
	return Millis(now.Add(min(wait, 5*time.Minute)))
}
