package manager

import (
	"crypto/rand"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
)

// postgresSchema makes a schema for this test alone in the database that
// scripts/postgres-test started, and returns its DSN.
func postgresSchema(t *testing.T) string {
	t.Helper()
	base := os.Getenv("ACMD_TEST_POSTGRES")
	if base == "" {
		t.Skip("ACMD_TEST_POSTGRES is not set: scripts/postgres-test runs a command with one")
	}
	admin, err := sql.Open("pgx", base)
	fatal(t, err)
	schema := "acmd_" + strings.ToLower(rand.Text())
	_, err = admin.ExecContext(t.Context(), `CREATE SCHEMA `+schema)
	fatal(t, err)
	t.Cleanup(func() {
		_, err := admin.Exec(`DROP SCHEMA ` + schema + ` CASCADE`)
		if err := errors.Join(err, admin.Close()); err != nil {
			t.Error(err)
		}
	})
	u, err := url.Parse(base)
	fatal(t, err)
	q := u.Query()
	q.Set("search_path", schema)
	u.RawQuery = q.Encode()
	return u.String()
}
