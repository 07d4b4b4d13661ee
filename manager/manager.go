// Package manager is the only package that moves an order. It takes requests
// from the faces, finds the work that is due, has the tools do it, and commits
// each move together with its events and audit record in one transaction.
//
// It trusts the store to keep what it acknowledged, the validator's diagnoses
// and the CA's signature; it trusts no input of a caller. It never speaks HTTP,
// DNS, SMTP or JSON, and it never keeps work in memory: whatever is lost in a
// crash is found again by its due time.
package manager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"acmd/ca"
	"acmd/core"
	"acmd/keyring"
	"acmd/store"
	"acmd/token"
	"acmd/validator"
)

// Prover asks the world about a proof. *validator.Validator is one; tests bring their own.
type Prover interface {
	// DNS looks whether the record is in place; the zero diagnosis means it is.
	DNS(ctx context.Context, p validator.DNSProof, now time.Time) core.Diagnosis
	// CAA looks whether issuance for the name is permitted; the zero diagnosis means it is.
	CAA(ctx context.Context, name string, now time.Time) core.Diagnosis
}

// Limits bound what one account may ask for in one region.
type Limits struct {
	Certificates        int // certificates at a time; 0 means no limit
	NamesPerCertificate int // 1 to 100
}

// Config is what a Manager works with. All members are required but Log and Reg.
type Config struct {
	Store  *store.Store
	Tokens *token.Deriver
	Ring   *keyring.Ring
	Keys   *keyring.Pool
	CA     *ca.Authority
	Prover Prover
	Names  core.NamePolicy
	Limits Limits
	Now    func() time.Time // the clock of object lives
	Wall   func() time.Time // the machine's clock, for what concerns other machines
	Log    *zap.Logger
	Reg    prometheus.Registerer
}

// Bounds of the engine. They are about this process, not about what is stored.
const (
	workers      = 256              // orders worked on at a time; nearly all of them wait for somebody's name server
	perAccount   = 64               // of them, one account's: nobody's slow name servers stop the others
	batch        = 32               // orders claimed at a time
	lease        = 20 * time.Second // how long a claimed order belongs to its claimer, who renews it while at work
	renewEvery   = 5 * time.Second  // how often leases are renewed
	workBudget   = 5 * time.Minute  // for one order in hand, whatever it waits for
	storeBudget  = 10 * time.Second // for one answer of the store: a silent database must not hold us
	poll         = time.Second / 2  // how often to look for due work unasked
	checkBudget  = 30 * time.Second // for all look-ups of one name
	roundBudget  = 90 * time.Second // for the look-ups of all names of an order; the rest has its turn in the next round
	checksAtOnce = 10               // names of one order looked up at a time
	seenQueue    = 1024             // look-ups from outside that wait to be matched
)

// Manager moves orders. Make it with New, start it with Run; every method may
// be called from several goroutines.
type Manager struct {
	Config
	holder  string        // this process, in leases
	hand    *hand         // the orders being worked on
	nudge   chan struct{} // there may be due work
	seen    chan string   // target labels that were just looked up
	quiet   *quiet
	metrics *metrics
}

// New checks the configuration and makes a Manager; nothing runs yet.
func New(c Config) (*Manager, error) {
	if c.Store == nil || c.Tokens == nil || c.Ring == nil || c.Keys == nil || c.CA == nil || c.Prover == nil || c.Now == nil || c.Wall == nil {
		return nil, errors.New("manager: a dependency is missing")
	}
	if c.Limits.NamesPerCertificate < 1 || c.Limits.NamesPerCertificate > 100 {
		return nil, fmt.Errorf("manager: names per certificate must be 1 to 100, not %d", c.Limits.NamesPerCertificate)
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	c.Log = c.Log.Named("manager")
	return &Manager{
		Config:  c,
		holder:  uuid.NewString(),
		hand:    newHand(),
		nudge:   make(chan struct{}, 1),
		seen:    make(chan string, seenQueue),
		quiet:   &quiet{},
		metrics: newMetrics(c.Reg),
	}, nil
}

// now is the present of object lives, in the store's resolution.
func (m *Manager) now() time.Time { return core.Millis(m.Now()) }

// Run works until ctx ends, then waits for the orders in hand.
func (m *Manager) Run(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { m.listen(ctx); return nil })
	g.Go(func() error { m.sweep(ctx); return nil })
	g.Go(func() error { m.renew(ctx); return nil })
	return g.Wait()
}

// record makes an outbox row about a certificate.
func (m *Manager) record(kind core.RecordKind, what string, c core.Certificate, now time.Time) core.Record {
	return core.Record{ID: recordID(), Kind: kind, Type: what, Arn: c.Arn, Account: c.Account,
		Region: c.Region, Actor: "acmd", At: now, Detail: map[string]string{}}
}

// recordID makes the id of an outbox row; it grows with time.
func recordID() string { return uuid.Must(uuid.NewV7()).String() }

// audit makes the audit record of a caller's act.
func (m *Manager) audit(what string, by Caller, arn string, now time.Time) core.Record {
	r := m.record(core.RecordAudit, what, core.Certificate{Arn: arn, Account: by.Account, Region: by.Region}, now)
	r.Actor = by.Principal
	if by.SourceIP != "" {
		r.Detail["SourceIP"] = by.SourceIP
	}
	if by.RequestID != "" {
		r.Detail["RequestID"] = by.RequestID
	}
	return r
}
