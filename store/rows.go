package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// scanner is a *sql.Row or *sql.Rows.
type scanner interface{ Scan(...any) error }

// queryAll reads every row of a query.
func queryAll[T any](ctx context.Context, tx *sql.Tx, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	var out []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		out = append(out, v)
	}
	// Rows.Err first: it says why the rows ended.
	return out, errors.Join(rows.Err(), rows.Close())
}

func scanText(row scanner) (string, error) {
	var s string
	err := row.Scan(&s)
	return s, err
}

// insertion is an INSERT of several rows.
type insertion struct {
	into     string // "table (columns)"
	rows     [][]any
	conflict string // the clause after the values
}

// insertRows writes all rows with one statement; no rows is no statement.
func insertRows(ctx context.Context, tx *sql.Tx, in insertion) error {
	if len(in.rows) == 0 {
		return nil
	}
	var b strings.Builder
	var args []any
	b.WriteString("INSERT INTO " + in.into + " VALUES ")
	for i, row := range in.rows {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("(" + placeholders(len(args)+1, len(row)) + ")")
		args = append(args, row...)
	}
	b.WriteString(" " + in.conflict)
	_, err := tx.ExecContext(ctx, b.String(), args...)
	return err
}

// placeholders is "$from, $from+1, …", n of them.
func placeholders(from, n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$" + strconv.Itoa(from+i))
	}
	return b.String()
}

// affected is the number of rows that a statement changed.
func affected(res sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}
