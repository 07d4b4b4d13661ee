// Package core says what a certificate, an order, a proof and a leaf are, which
// moves of an order are legal, and what every status a face shows is computed from.
//
// It is pure: no clock, no I/O, no context. Every function that depends on time
// takes now. It trusts its callers to pass times in UTC, cut to whole
// milliseconds (Millis), because that is what the store keeps.
package core

import (
	"errors"
	"time"
)

// The kinds of error that cross package borders. A face maps each to an error
// of its own dialect; anything that is none of these is an internal fault and
// is never shown to a caller.
var (
	// NotFound: no such object within the caller's account and region.
	NotFound = errors.New("not found")
	// Conflict: the object was moved by someone else since it was read.
	Conflict = errors.New("conflict")
	// Invalid: the input breaks a rule that Detail names.
	Invalid = errors.New("invalid")
	// InvalidArgs: arguments that do not go together (ACM's InvalidArgsException).
	InvalidArgs = errors.New("invalid arguments")
	// InvalidArn: an ARN that is not one of ours or of another kind of resource.
	InvalidArn = errors.New("invalid arn")
	// InvalidTag: a tag key or value that may not be used.
	InvalidTag = errors.New("invalid tag")
	// TooManyTags: more than MaxTags tags on one resource.
	TooManyTags = errors.New("too many tags")
	// InvalidState: the object is not in a state that allows the operation.
	InvalidState = errors.New("invalid state")
	// InUse: the object is in use and may not be deleted.
	InUse = errors.New("in use")
	// InProgress: the certificate is not issued yet.
	InProgress = errors.New("in progress")
	// LimitExceeded: a quota is used up.
	LimitExceeded = errors.New("limit exceeded")
	// InvalidDomainOptions: a ValidationDomain that does not fit its name.
	InvalidDomainOptions = errors.New("invalid domain validation options")
	// Denied: the caller is known and may not do this.
	Denied = errors.New("denied")
)

// Kinds lists every error kind above, so that each face can test that it maps all of them.
func Kinds() []error {
	return []error{NotFound, Conflict, Invalid, InvalidArgs, InvalidArn, InvalidTag, TooManyTags,
		InvalidState, InUse, InProgress, LimitExceeded, InvalidDomainOptions, Denied}
}

// Error is a kind with a sentence for the caller. The sentence never holds a
// secret: faces show it as it is.
type Error struct {
	Kind   error
	Detail string
}

func (e *Error) Error() string { return e.Detail }

// Unwrap makes errors.Is(err, core.NotFound) work.
func (e *Error) Unwrap() error { return e.Kind }

// Millis returns t in UTC cut to whole milliseconds: the resolution of every stored time.
func Millis(t time.Time) time.Time { return t.UTC().Truncate(time.Millisecond) }
