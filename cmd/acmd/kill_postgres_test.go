package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the tests read what the daemons left

	"acmd/postgrestest"
)

// beside is a second daemon of the same deployment: the same keys, CA and
// database, its own address. The validation zone is served by the first.
func (d *deployment) beside(t *testing.T) *deployment {
	t.Helper()
	b := newDeployment(t)
	b.dsn, b.id, b.secret, b.resolver = d.dsn, d.id, d.secret, d.resolver
	for file := range tree(t, d.state()) {
		text, err := os.ReadFile(file)
		fatal(t, err)
		to := filepath.Join(b.state(), strings.TrimPrefix(file, d.state()))
		fatal(t, os.MkdirAll(filepath.Dir(to), 0o700))
		fatal(t, os.WriteFile(to, text, 0o600))
	}
	return b
}

// TestKillPostgres: two daemons share a database and one of them is killed
// again and again, while certificates are requested from both.
func TestKillPostgres(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.DSN(t)
	a, chance, l := newDeployment(t), fate(t), &ledger{arns: map[string]string{}}
	a.dsn = dsn
	a.init(t)
	b := a.beside(t)
	stays, dies := a.serve(t), b.serve(t)
	for _, name := range standing {
		a.prove(t, request(t, a.client(t), p256, name))
	}
	rounds := min(kills(t, 10), 10)
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		one, other := l.hammer(ctx, t, a.client(t), fmt.Sprintf("a%d", round)), l.hammer(ctx, t, b.client(t), fmt.Sprintf("b%d", round))
		killAfter(t, dies, time.Duration(50+chance.IntN(300))*time.Millisecond)
		one.Wait()
		cancel()
		other.Wait()
		dies = b.serve(t)
	}
	t.Logf("%d kills; %d requests, %d of them acknowledged before it", rounds, len(l.arns), l.acknowledged())
	db, err := sql.Open("pgx", dsn)
	fatal(t, err)
	t.Cleanup(func() { fatal(t, db.Close()) })
	l.repeat(t, b.client(t))
	l.allIssued(t, a.client(t))
	l.allIssued(t, b.client(t))
	stays.stop(t)
	dies.stop(t)
	checkLeaves(t, db, statePaths(a.state()).Master, len(l.arns)+len(standing))
}
