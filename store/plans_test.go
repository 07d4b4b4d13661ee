package store

import (
	"path/filepath"
	"strings"
	"testing"

	"acmd/core"
	"acmd/postgrestest"

	"github.com/pressly/goose/v3"
)

// What the sweep, the lists and the DNS server ask costs what is due or shown,
// not what is stored: each statement goes by its index.
func TestPlans(t *testing.T) {
	t.Parallel()
	page, pageArgs, err := Page{Account: account, Region: region, After: cursorOf(newRequest("a").Certificate), Limit: 10,
		KeyAlgorithms: []core.KeyAlgorithm{core.ECP256}, Statuses: []core.Status{core.StatusIssued}}.query()
	if err != nil {
		t.Fatal(err)
	}
	check := func(t *testing.T, s *Store) {
		for _, tt := range []struct {
			name, query string
			args        []any
			sqlite      string
			postgres    string
		}{
			{"claim", s.claimSQL(0), []any{"h", 1, 1, 1}, "USING INDEX orders_due (due_at<?)", "Index Scan using orders_due on orders"},
			{"next due", `SELECT min(due_at) FROM orders WHERE ` + openState, nil, "USING INDEX orders_due", "using orders_due on orders"},
			{"wake", wakeSQL, []any{"l", 1}, "sqlite_autoindex_order_labels_1 (label=?)", "order_labels_pkey"},
			{"page", page, pageArgs, "certificates_page (account=? AND region=? AND (created_at,arn)>(?,?))",
				"Index Scan using certificates_page on certificates"},
			{"domain", byDomainSQL, []any{"d", 1}, "certificate_names_by_name (name=?)",
				"using certificate_names_by_name on certificate_names"},
		} {
			plan, want := explain(t, s, tt.query, tt.args), tt.sqlite
			if s.dialect.name == goose.DialectPostgres {
				want = tt.postgres
			}
			for _, bad := range []string{"TEMP B-TREE", "Seq Scan", "SCAN orders\n", "SCAN c\n", "SCAN certificate"} {
				if strings.Contains(plan, bad) {
					t.Errorf("%s: %s in\n%s", tt.name, bad, plan)
				}
			}
			if !strings.Contains(plan, want) {
				t.Errorf("%s: want %q in\n%s", tt.name, want, plan)
			}
		}
	}
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		check(t, open(t, "sqlite:"+filepath.Join(t.TempDir(), "acmd.db")))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		// On empty tables a scan would be as good: here it is asked whether the
		// indexes can serve.
		check(t, open(t, postgrestest.DSN(t)+"&enable_seqscan=off&enable_bitmapscan=off&enable_sort=off"))
	})
}

// explain is the plan of a statement, a line a step.
func explain(t *testing.T, s *Store, query string, args []any) string {
	t.Helper()
	verb := `EXPLAIN QUERY PLAN `
	if s.dialect.name == goose.DialectPostgres {
		verb = `EXPLAIN `
	}
	rows, err := s.reader.Query(verb+query, args...)
	if err != nil {
		t.Fatal(query, err)
	}
	var plan strings.Builder
	for rows.Next() {
		var detail string
		fields := []any{new(int), new(int), new(int), &detail}
		if s.dialect.name == goose.DialectPostgres {
			fields = fields[3:]
		}
		if err := rows.Scan(fields...); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return plan.String()
}
