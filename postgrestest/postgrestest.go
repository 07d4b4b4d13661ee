// Package postgrestest gives each test a PostgreSQL schema of its own. Only
// tests import it. It trusts the database that scripts/postgres-test started and
// named in the environment, and touches nothing outside the schemas it makes.
package postgrestest

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

// Variable names the environment variable with the DSN of a PostgreSQL that
// tests may use.
const Variable = "ACMD_TEST_POSTGRES"

// DSN makes an empty schema for this test alone and returns the DSN that leads
// to it; the schema goes with the test. Without a database the test is skipped,
// with what it lacks.
func DSN(tb testing.TB) string {
	tb.Helper()
	base := os.Getenv(Variable)
	if base == "" {
		tb.Skipf("%s is not set: scripts/postgres-test runs a command with one", Variable)
	}
	u, err := url.Parse(base)
	if err != nil {
		tb.Fatal(err)
	}
	admin, err := sql.Open("pgx", base)
	if err != nil {
		tb.Fatal(err)
	}
	schema := "acmd_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(`CREATE SCHEMA ` + schema); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_, err := admin.Exec(`DROP SCHEMA ` + schema + ` CASCADE`)
		if err := errors.Join(err, admin.Close()); err != nil {
			tb.Error(err)
		}
	})
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
