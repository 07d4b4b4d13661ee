// Package store keeps core's values, with compare-and-swap and leases, on
// SQLite or PostgreSQL: one SQL text, one schema history for both.
//
// It trusts the manager to hand it legal values, and the database to keep what
// it has committed. It never decides a state, never uses SQL's own clock (every
// time comes from the caller) and never sees a secret that is not sealed.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"acmd/core"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Config says which database to open.
type Config struct {
	// DSN is "sqlite:" and a file path, or a postgres:// URL.
	DSN string
	// Create allows to begin with nothing: a missing file on SQLite, a schema
	// without our tables on PostgreSQL. Without it both are refused, so that a
	// mistyped path never starts an empty store (design decision 13).
	Create bool
	// Log may be nil.
	Log *zap.Logger
	// Reg may be nil.
	Reg prometheus.Registerer
}

// Store is an open database. Its methods may be used by many goroutines at once;
// several Stores, in one process or on several machines, may share a database.
//
// Errors that are a *core.Error are meant for the caller; all others are faults
// of the database and are wrapped with the action.
type Store struct {
	dialect dialect
	writer  *sql.DB // SQLite: one connection, every transaction immediate
	reader  *sql.DB // SQLite: read-only connections; PostgreSQL: the writer
	log     *zap.Logger
	metrics *metrics
}

// Open opens the database and brings its schema up to date. A schema newer than
// this program's is refused, and so is a missing one unless c.Create is set.
func Open(ctx context.Context, c Config) (*Store, error) {
	log := c.Log
	if log == nil {
		log = zap.NewNop()
	}
	s, err := connect(c)
	if err != nil {
		return nil, err
	}
	s.log = log
	if s.metrics, err = newMetrics(c.Reg); err == nil {
		err = s.migrate(ctx, c.Create)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close closes the database. Transactions under way fail.
func (s *Store) Close() error {
	var err error
	if s.reader != s.writer {
		err = s.reader.Close() // the writer last: only it can fold SQLite's log into the file
	}
	err = errors.Join(err, s.writer.Close())
	if err != nil {
		return fmt.Errorf("close store: %w", err)
	}
	return nil
}

// Ping reports whether the database answers, for reads and for writes.
func (s *Store) Ping(ctx context.Context) error {
	for _, db := range []*sql.DB{s.reader, s.writer} {
		if err := db.PingContext(ctx); err != nil {
			return fmt.Errorf("ping store: %w", err)
		}
	}
	return nil
}

// maxTries is how often a transaction that lost against another is begun.
const maxTries = 10

// errAgain asks write for another try: what the transaction stood on moved.
var errAgain = errors.New("transaction lost a race")

// write runs fn in one transaction that changes something. Where the database
// refuses it because of a concurrent one, fn runs again from the start: it must
// set what it returns anew each time. A commit of unknown fate is never repeated.
func (s *Store) write(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	timer := s.metrics.start(op)
	var err error
	for range maxTries {
		if err = transact(ctx, s.writer, nil, fn); !errors.Is(err, errAgain) && !s.dialect.again(err) {
			break
		}
		s.metrics.retries.Inc()
	}
	return timer.end(err)
}

// read runs fn in one transaction that sees one state of the database.
func (s *Store) read(ctx context.Context, op string, fn func(*sql.Tx) error) error {
	timer := s.metrics.start(op)
	var err error
	for range maxTries {
		if err = transact(ctx, s.reader, s.dialect.readTx, fn); !s.dialect.again(err) {
			break
		}
		s.metrics.retries.Inc()
	}
	return timer.end(err)
}

func transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, fn func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	// After a commit this does nothing; before one it frees the connection even
	// when fn panics. Its own error adds nothing to the one that led here.
	defer func() { _ = tx.Rollback() }()
	if err := fn(tx); err != nil {
		return err
	}
	return tx.Commit()
}

// ms is a time as it is stored: unix milliseconds, 0 for the zero time.
func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// at is the time of a stored number.
func at(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// msScan reads a stored number straight into a time.
type msScan struct{ t *time.Time }

// Scan implements sql.Scanner.
func (m msScan) Scan(v any) error {
	n, ok := v.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", v)
	}
	*m.t = at(n)
	return nil
}

// blob makes an empty slice NULL, on both engines alike.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// refusal is an error for the caller.
func refusal(kind error, format string, args ...any) error {
	return &core.Error{Kind: kind, Detail: fmt.Sprintf(format, args...)}
}

// noCertificate is one answer for an unknown ARN, a foreign account's and another region's.
func noCertificate(arn string) error {
	return refusal(core.NotFound, "no certificate %s", arn)
}
