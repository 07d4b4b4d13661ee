package manager

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"acmd/ca"
	"acmd/core"
	"acmd/keyring"
	"acmd/postgrestest"
	"acmd/store"
	"acmd/token"
	"acmd/validator"
)

// testClock is a clock that stands still until it is moved.
type testClock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *testClock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *testClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// world is a Prover whose records the test sets. What is not set is missing.
type world struct {
	mu         sync.Mutex
	proven     map[string]bool
	caa        map[string]core.Diagnosis
	asked      int
	during     func() // called in each look-up, if set; the lock is held
	permitting func() // called in each CAA look-up, if set; the lock is held
}

func (w *world) DNS(_ context.Context, p validator.DNSProof, now time.Time) core.Diagnosis {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++ // and unlocked again also if during panics
	if w.during != nil {
		w.during()
	}
	if w.proven[p.Name] {
		return core.Diagnosis{}
	}
	return core.Diagnosis{Code: core.CodeRecordMissing, Sentence: p.Record + " does not exist."}
}

func (w *world) CAA(_ context.Context, name string, _ time.Time) core.Diagnosis {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.permitting != nil {
		w.permitting()
	}
	return w.caa[name]
}

func (w *world) set(name string, there bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.proven[name] = there
}

func (w *world) forbid(name string, d core.Diagnosis) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.caa[name] = d
}

// bench is a manager with its tools on a real store.
type bench struct {
	*Manager
	clock *testClock
	world *world
	by    Caller
	dsn   string
}

var testStart = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// newBench makes a deployment on the engine that dsn names.
func newBench(t *testing.T, dsn string) *bench {
	t.Helper()
	b := &bench{clock: &testClock{t: testStart}, world: &world{proven: map[string]bool{}, caa: map[string]core.Diagnosis{}}, dsn: dsn,
		by: Caller{Account: "111122223333", Region: "eu-central-1", Principal: "arn:aws:iam::111122223333:user/test"}}
	master, err := keyring.NewMaster(rand.Reader)
	fatal(t, err)
	ring, err := keyring.New(master)
	fatal(t, err)
	keys, err := token.NewKeys(rand.Reader, testStart)
	fatal(t, err)
	tokens, err := token.New("validations.test", keys)
	fatal(t, err)
	files, err := ca.Create(rand.Reader, "Test", testStart)
	fatal(t, err)
	authority, err := ca.New(ca.Config{Chain: []*x509.Certificate{files.Intermediate, files.Root}, Key: files.IntermediateKey, Validity: 198 * 24 * time.Hour})
	fatal(t, err)
	b.Manager, err = New(Config{Store: openStore(t, dsn, true), Tokens: tokens, Ring: ring, Keys: keyring.NewPool(1, nil), CA: authority, Prover: b.world,
		Names: core.NamePolicy{}, Limits: Limits{Certificates: 100, NamesPerCertificate: 10}, Now: b.clock.now, Wall: b.clock.now})
	fatal(t, err)
	return b
}

// second is another process on the same deployment.
func (b *bench) second(t *testing.T) *bench {
	t.Helper()
	c := b.Config
	c.Store, c.Reg = openStore(t, b.dsn, false), nil
	m, err := New(c)
	fatal(t, err)
	return &bench{Manager: m, clock: b.clock, world: b.world, by: b.by, dsn: b.dsn}
}

func openStore(t *testing.T, dsn string, create bool) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Config{DSN: dsn, Create: create})
	fatal(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// eachEngine runs the test on every engine there is.
func eachEngine(t *testing.T, test func(t *testing.T, b *bench)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, newBench(t, "sqlite:"+filepath.Join(t.TempDir(), "acmd.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, newBench(t, postgrestest.DSN(t)))
	})
}

func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// request asks for a P-256 certificate by DNS.
func (b *bench) request(t *testing.T, names ...string) string {
	t.Helper()
	arn, err := b.Request(t.Context(), b.by, Request{Domain: names[0], SANs: names[1:], Method: core.MethodDNS, KeyAlgorithm: core.ECP256})
	fatal(t, err)
	return arn
}

// settle does what is due now.
func (b *bench) settle(t *testing.T) {
	t.Helper()
	fatal(t, b.Settle(t.Context()))
}

// view describes the certificate.
func (b *bench) view(t *testing.T, arn string) View {
	t.Helper()
	v, err := b.Describe(t.Context(), b.by, arn)
	fatal(t, err)
	return v
}

// want checks the certificate's status.
func (b *bench) want(t *testing.T, arn string, status core.Status) View {
	t.Helper()
	v := b.view(t, arn)
	if got := v.Status(b.now()); got != status {
		t.Fatalf("status is %s, want %s; order %+v", got, status, v.Order)
	}
	return v
}

// wantKind checks an error's kind.
func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("error is %v, want kind %v", err, kind)
	}
}
