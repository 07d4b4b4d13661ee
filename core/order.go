package core

import (
	"fmt"
	"slices"
	"time"
)

// OrderState is the state of one run of the machine.
type OrderState string

// The order states. Issued, failed and lapsed are ends and never change.
const (
	OrderPending OrderState = "pending" // some proof is missing
	OrderReady   OrderState = "ready"   // every proof is fresh; CAA, key and signature remain
	OrderIssued  OrderState = "issued"  // the leaf is stored
	OrderFailed  OrderState = "failed"  // policy, CAA, denial, or signing refused for good
	OrderLapsed  OrderState = "lapsed"  // the deadline passed
)

// OrderStates lists all states.
func OrderStates() []OrderState {
	return []OrderState{OrderPending, OrderReady, OrderIssued, OrderFailed, OrderLapsed}
}

// legalMoves is the whole machine: what is not in it cannot happen.
var legalMoves = map[OrderState][]OrderState{
	OrderPending: {OrderReady, OrderFailed, OrderLapsed},
	OrderReady:   {OrderIssued, OrderPending, OrderFailed, OrderLapsed},
}

// Open reports whether the order is still under way.
func (s OrderState) Open() bool { return s == OrderPending || s == OrderReady }

// OrderKind says why an order exists.
type OrderKind string

// The kinds of order.
const (
	OrderFirst   OrderKind = "first"
	OrderRenewal OrderKind = "renewal"
)

// RequestLifetime is how long a first order may stay open: 72 hours, as ACM has it.
const RequestLifetime = 72 * time.Hour

// CAALifetime is how long a CAA answer may serve (standards 1.36). An order
// signs within it or looks again.
const CAALifetime = 8 * time.Hour

// IntentLifetime is how old a prepared TBSCertificate may be when it is signed:
// half of what standards 1.51 allows between notBefore and signing. An older one
// was never handed out and is made anew.
const IntentLifetime = 24 * time.Hour

// NameState is what an order knows of one of its certificate's names.
type NameState struct {
	Name      string     // as on the certificate, wildcard included
	Proven    bool       // the proof was fresh when the order last looked
	Failed    bool       // this name made the order fail, or was unproven when it lapsed
	Diagnosis *Diagnosis `json:",omitempty"` // why the last check did not succeed; nil when it did
	CheckedAt time.Time  // zero before the first check
	PermitAt  time.Time  // when CAA last permitted issuance; zero if never
}

// Intent is what is to be signed. It is committed before signing, so that a
// repeat after a crash signs the very same bytes and never a second certificate.
type Intent struct {
	Serial    string // lower-case hex
	NotBefore time.Time
	NotAfter  time.Time
	SealedKey []byte    // keyring envelope bound to the certificate's ARN
	TBS       []byte    // DER of the TBSCertificate
	At        time.Time // when it was prepared
}

// Order is one run of the machine for one certificate.
type Order struct {
	ID        string
	Arn       string
	Account   string
	Kind      OrderKind
	State     OrderState
	Reason    FailureReason // set with OrderFailed
	Names     []NameState
	CreatedAt time.Time
	UpdatedAt time.Time
	Deadline  time.Time // when an open order lapses
	DueAt     time.Time // when to look at it next; meaningless once ended
	Attempts  int       // checks made so far
	Faults    int       // faults of our own in a row: the store, the signer
	Intent    *Intent   // nil until prepared
	Version   int64     // compare-and-swap token, owned by the store
}

// NewOrder is a first order for the certificate, pending and due at once.
func NewOrder(id string, c Certificate, now time.Time) Order {
	o := Order{ID: id, Arn: c.Arn, Account: c.Account, Kind: OrderFirst, State: OrderPending,
		CreatedAt: now, UpdatedAt: now, Deadline: now.Add(RequestLifetime), DueAt: now}
	for _, n := range c.Names {
		o.Names = append(o.Names, NameState{Name: n})
	}
	return o
}

// Name finds the state of one of the order's names; nil if it has no such name.
func (o *Order) Name(name string) *NameState {
	for i := range o.Names {
		if o.Names[i].Name == name {
			return &o.Names[i]
		}
	}
	return nil
}

// To moves the order to another state. An illegal move is InvalidState and
// changes nothing. On a lapse, the names that something was wrong with are marked
// failed; all of them, if that is none: a request that ended without a leaf never
// shows only names that succeeded (wire facts §12).
func (o *Order) To(to OrderState, now time.Time) error {
	if !slices.Contains(legalMoves[o.State], to) {
		return &Error{InvalidState, fmt.Sprintf("order %s cannot move from %s to %s", o.ID, o.State, to)}
	}
	o.State, o.UpdatedAt = to, now
	if to == OrderLapsed {
		wrong := false
		for i := range o.Names {
			n := &o.Names[i]
			n.Failed = !n.Proven || n.Diagnosis != nil
			wrong = wrong || n.Failed
		}
		for i := range o.Names {
			o.Names[i].Failed = o.Names[i].Failed || !wrong
		}
	}
	return nil
}

// Fail moves the order to failed for the given reason and marks the names that caused it.
func (o *Order) Fail(reason FailureReason, now time.Time, names ...string) error {
	if err := o.To(OrderFailed, now); err != nil {
		return err
	}
	o.Reason = reason
	for _, n := range names {
		if s := o.Name(n); s != nil {
			s.Failed, s.Proven = true, false
		}
	}
	return nil
}

// Step is what an open order needs next.
type Step int

// The steps, in the order in which an order takes them.
const (
	StepNone    Step = iota // ended
	StepLapse               // the deadline passed
	StepProve               // look whether the missing proofs are in place
	StepPermit              // ask CAA
	StepPrepare             // make key, serial and the bytes to be signed
	StepSign                // sign what was prepared, store the leaf
)

// Next decides what the order needs at now. The proofs are those of its names;
// reuse bounds the age of a proof (standards 1.24).
func (o *Order) Next(proofs []Proof, reuse time.Duration, now time.Time) Step {
	switch {
	case !o.State.Open():
		return StepNone
	case !now.Before(o.Deadline):
		return StepLapse
	case len(o.Unproven(proofs, reuse, now)) > 0, o.State == OrderPending:
		return StepProve
	case len(o.Unpermitted(now)) > 0:
		return StepPermit
	case o.Intent == nil || now.Sub(o.Intent.At) >= IntentLifetime:
		return StepPrepare
	}
	return StepSign
}

// clockSlack is how far in the future a time may lie that another machine, or
// this one before its clock was set back, took down.
const clockSlack = time.Minute

// recent reports whether t is less than age ago. A time in the future is not:
// nobody knows how long ago it was.
func recent(t time.Time, age time.Duration, now time.Time) bool {
	return now.Sub(t) < age && !t.After(now.Add(clockSlack))
}

// Unpermitted lists the names for which CAA was not asked recently enough to
// sign now (standards 1.36).
func (o *Order) Unpermitted(now time.Time) []string {
	var out []string
	for _, n := range o.Names {
		if n.PermitAt.IsZero() || !recent(n.PermitAt, CAALifetime, now) {
			out = append(out, n.Name)
		}
	}
	return out
}

// Unproven lists the names, each without its wildcard label and once, that
// lack a fresh proof.
func (o *Order) Unproven(proofs []Proof, reuse time.Duration, now time.Time) []string {
	var out []string
	for _, n := range o.Names {
		base := BaseName(n.Name)
		i := slices.IndexFunc(proofs, func(p Proof) bool { return p.Name == base })
		if (i < 0 || !proofs[i].FreshFor(o, reuse, now)) && !slices.Contains(out, base) {
			out = append(out, base)
		}
	}
	return out
}
