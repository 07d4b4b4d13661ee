package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"acmd/core"
)

// Records lists the outbox in the order of commit, from behind the record whose
// id is after (from the first if empty), at most limit. Since that order is the
// order in which records become visible, a reader that goes on from the last one
// it saw misses none. An unknown after is core.Invalid.
func (s *Store) Records(ctx context.Context, after string, limit int) ([]core.Record, error) {
	var out []core.Record
	err := s.read(ctx, opListRecords, func(tx *sql.Tx) error {
		var seq int64
		if after != "" {
			err := tx.QueryRowContext(ctx, `SELECT seq FROM records WHERE id = $1`, after).Scan(&seq)
			if errors.Is(err, sql.ErrNoRows) {
				return refusal(core.Invalid, "no record %s", after)
			}
			if err != nil {
				return err
			}
		}
		var err error
		out, err = queryAll(ctx, tx, scanRecord, `SELECT id, kind, type, arn, account, region, actor, at, detail
			FROM records WHERE seq > $1 ORDER BY seq LIMIT $2`, seq, limit)
		return err
	})
	return out, err
}

// insertRecords is the last write of a transaction: from here to the commit it
// holds the counter's lock, which all others wait for.
func insertRecords(ctx context.Context, tx *sql.Tx, records []core.Record) error {
	if len(records) == 0 {
		return nil
	}
	var last int64
	if err := tx.QueryRowContext(ctx, `UPDATE record_counter SET value = value + $1 RETURNING value`,
		len(records)).Scan(&last); err != nil {
		return err
	}
	var rows [][]any
	for i, r := range records {
		detail, err := json.Marshal(r.Detail)
		if err != nil {
			return err
		}
		rows = append(rows, []any{last - int64(len(records)-1-i), r.ID, r.Kind, r.Type, r.Arn, r.Account, r.Region,
			r.Actor, ms(r.At), string(detail)})
	}
	return insertRows(ctx, tx, insertion{into: `records (seq, id, kind, type, arn, account, region, actor, at, detail)`, rows: rows})
}

func scanRecord(row scanner) (core.Record, error) {
	var r core.Record
	var detail string
	err := row.Scan(&r.ID, &r.Kind, &r.Type, &r.Arn, &r.Account, &r.Region, &r.Actor, msScan{&r.At}, &detail)
	if err != nil {
		return core.Record{}, err
	}
	if err := json.Unmarshal([]byte(detail), &r.Detail); err != nil {
		return core.Record{}, err
	}
	return r, nil
}
