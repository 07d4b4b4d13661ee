package core

import (
	"strings"
	"time"
)

// DefaultReuse is how long a proof may serve: ten days for every method
// (standards 1.24).
const DefaultReuse = 10 * 24 * time.Hour

// Proof is one account's show of control over one name by one method. It
// belongs to account and name, not to a certificate: it serves every region and
// every later request, as ACM's record does.
type Proof struct {
	Account     string
	Name        string // without a wildcard label
	Method      Method
	Label       string    // the target label, without underscore: the index a look-up arrives by
	ValidatedAt time.Time // last success; zero if never, or once a later check failed
	CheckedAt   time.Time // last check, whatever came of it
}

// FreshFor reports whether the proof serves the order at now: seen in place
// since the order began (a deleted record must not go on issuing), and not
// older than reuse.
func (p Proof) FreshFor(o *Order, reuse time.Duration, now time.Time) bool {
	return !p.ValidatedAt.IsZero() && !p.ValidatedAt.Before(o.CreatedAt) && recent(p.ValidatedAt, reuse, now)
}

// Checked returns the proof after a check at now.
func (p Proof) Checked(now time.Time, proven bool) Proof {
	p.CheckedAt = now
	if p.ValidatedAt = (time.Time{}); proven {
		p.ValidatedAt = now
	}
	return p
}

// Diagnosis explains a check that did not succeed: a stable code, one sentence
// a person can act on, and what was seen. The zero value means nothing is wrong.
type Diagnosis struct {
	Code     Code
	Sentence string
	Evidence []Evidence
	// RetryAt is when looking again first makes sense (a cached negative
	// answer's end); zero when unknown.
	RetryAt time.Time `json:"-"`
}

// Evidence is one question and what came back.
type Evidence struct {
	Asked  string // "CNAME _x.example.com."
	Of     string // the server, as address:port, or "configuration"
	Answer string // "NXDOMAIN", "CNAME a.example.", "timeout after 5s"
}

// OK reports whether nothing is wrong.
func (d Diagnosis) OK() bool { return d.Code == "" }

// Code is a diagnosis's stable code. Metrics are labelled with it, so the set is closed.
type Code string

// The codes. docs/diagnoses.md says what each means and how to mend it; a test
// compares the two lists.
const (
	CodeRecordMissing   Code = "RECORD_MISSING"              // no record at the right name, nor at a likely wrong one
	CodeNegativeCached  Code = "NEGATIVE_CACHED"             // the record is there, the resolver still holds an older "no"
	CodeNameDoubled     Code = "NAME_DOUBLED"                // the DNS provider appended the zone to the full name
	CodeWrongName       Code = "RECORD_AT_WRONG_NAME"        // the right value at a neighbouring name
	CodeWrongType       Code = "WRONG_RECORD_TYPE"           // the right name holds another type than CNAME
	CodeWrongTarget     Code = "WRONG_TARGET"                // the CNAME leads elsewhere
	CodeChainTooLong    Code = "CHAIN_TOO_LONG"              // more than five CNAMEs
	CodeLoop            Code = "CNAME_LOOP"                  // the CNAMEs lead in a circle
	CodeServfail        Code = "SERVFAIL"                    // the resolver could not get an answer
	CodeRefused         Code = "REFUSED"                     // the resolver will not answer us
	CodeTimeout         Code = "TIMEOUT"                     // no answer in time
	CodeBogus           Code = "DNSSEC_BOGUS"                // the answer does not validate
	CodeNoValidation    Code = "RESOLVER_NOT_VALIDATING"     // DNSSEC is asked for and the resolver does not do it
	CodeZoneUnreachable Code = "VALIDATION_ZONE_UNREACHABLE" // the record is right, our own zone is not reachable through the resolver
	CodeTokenMismatch   Code = "TOKEN_MISMATCH"              // our zone answered with a value that is not the current one
	CodeCAAForbids      Code = "CAA_FORBIDS"                 // a CAA record does not name us
	CodeCAAUnavailable  Code = "CAA_UNAVAILABLE"             // CAA could not be looked up
	CodeNameForbidden   Code = "NAME_FORBIDDEN"              // this CA does not issue for the name
	CodeIssuance        Code = "ISSUANCE_FAILED"             // every proof is there, signing failed on our side
)

// Codes lists every code.
func Codes() []Code {
	return []Code{CodeRecordMissing, CodeNegativeCached, CodeNameDoubled, CodeWrongName, CodeWrongType,
		CodeWrongTarget, CodeChainTooLong, CodeLoop, CodeServfail, CodeRefused, CodeTimeout, CodeBogus,
		CodeNoValidation, CodeZoneUnreachable, CodeTokenMismatch, CodeCAAForbids, CodeCAAUnavailable,
		CodeNameForbidden, CodeIssuance}
}

// BaseName is a name without its wildcard label.
func BaseName(name string) string { return strings.TrimPrefix(name, "*.") }
