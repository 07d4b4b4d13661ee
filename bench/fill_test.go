package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// copied are the tables that hold a row or more of one certificate: by which
// column, and what is new in a copy. All other columns, whatever they are, are
// the original's. c is the copy's row in copies, t the original's in the table,
// t.nth its number there.
var copied = []struct {
	table, key string
	changed    map[string]string
}{
	{"certificates", "arn", map[string]string{"arn": "c.arn", "order_id": "c.order_id", "created_at": "t.created_at - c.i",
		"serial": "CASE WHEN t.serial = '' THEN '' ELSE c.serial END", "names": "json_array(c.name)"}},
	{"certificate_names", "arn", map[string]string{"arn": "c.arn", "name": "c.name", "created_at": "t.created_at - c.i"}},
	{"orders", "arn", map[string]string{"id": "c.order_id", "arn": "c.arn", "due_at": "t.due_at - c.i",
		"names": "json_set(t.names, '$[0].Name', c.name)"}},
	{"leaves", "arn", map[string]string{"serial": "c.serial", "order_id": "c.order_id", "arn": "c.arn"}},
	{"records", "arn", map[string]string{"seq": "(SELECT value FROM record_counter) + c.i * 10 + t.nth",
		"id": "lower(hex(randomblob(16)))", "arn": "c.arn"}},
	{"proofs", "name", map[string]string{"name": "c.name", "label": "lower(hex(randomblob(16)))"}},
	{"order_labels", "order_id", map[string]string{"order_id": "c.order_id", "label": "lower(hex(randomblob(16)))"}},
}

// original is the certificate that is copied: it went the whole way through the
// product, so that rows are as long as real ones.
type original struct{ arn, order, name string }

// key is what names the original in a table by the given column.
func (o original) key(column string) string {
	return map[string]string{"arn": o.arn, "order_id": o.order, "name": o.name}[column]
}

// chunk is how many copies go into one transaction.
const chunk = 50_000

// fill puts n copies of a certificate into the database in dir. The store has no
// way to write in bulk, and 100,000 certificates request by request would take
// minutes, so this writes SQL. Keys are random, as the product's are.
func fill(ctx context.Context, dir string, o original, n int) (err error) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "acmd.db")+"?_pragma=busy_timeout(10000)&_pragma=synchronous(OFF)&_pragma=cache_size(-262144)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1) // the temporary table belongs to one connection
	for from := 1; from <= n; from += chunk {
		if err := fillChunk(ctx, db, o, [2]int{from, min(n, from+chunk-1)}); err != nil {
			return fmt.Errorf("fill: %w", err)
		}
	}
	_, err = db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

func fillChunk(ctx context.Context, db *sql.DB, o original, span [2]int) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // does nothing after the commit
	uuid := `lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))`
	if _, err := tx.ExecContext(ctx, `CREATE TEMP TABLE copies AS
		WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
		SELECT i, substr($3, 1, instr($3, '/')) || `+uuid+` AS arn, `+uuid+` AS order_id,
			lower(hex(randomblob(16))) AS serial, 'copy' || i || '.' || $4 AS name FROM n`, span[0], span[1], o.arn, o.name); err != nil {
		return err
	}
	for _, c := range copied {
		columns, err := columnsOf(ctx, tx, c.table)
		if err != nil {
			return err
		}
		values := slices.Clone(columns)
		for i, column := range columns {
			if values[i] = "t." + column; c.changed[column] != "" {
				values[i] = c.changed[column]
			}
		}
		// The original's rows are looked up once, not once a copy.
		if _, err := tx.ExecContext(ctx, `WITH t AS MATERIALIZED (SELECT *, row_number() OVER () AS nth FROM `+c.table+` WHERE `+c.key+` = $1)
			INSERT INTO `+c.table+` (`+strings.Join(columns, ", ")+`) SELECT `+strings.Join(values, ", ")+` FROM copies c CROSS JOIN t`, o.key(c.key)); err != nil {
			return fmt.Errorf("%s: %w", c.table, err)
		}
	}
	for _, q := range []string{`UPDATE record_counter SET value = (SELECT max(seq) FROM records)`, `DROP TABLE copies`} {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func columnsOf(ctx context.Context, tx *sql.Tx, table string) ([]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name FROM pragma_table_info($1)`, table)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		out = append(out, name)
	}
	return out, rows.Err()
}
