package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"acmd/core"
)

// Tags lists the certificate's tags by key, in the order of bytes. core.NotFound
// as for Snapshot.
func (s *Store) Tags(ctx context.Context, account, region, arn string) ([]core.Tag, error) {
	var out []core.Tag
	err := s.read(ctx, opReadTags, func(tx *sql.Tx) error {
		var one int
		err := tx.QueryRowContext(ctx, `SELECT 1 FROM certificates WHERE arn = $1 AND account = $2 AND region = $3`,
			arn, account, region).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return noCertificate(arn)
		}
		if err != nil {
			return err
		}
		out, err = queryAll(ctx, tx, scanTag, `SELECT key, value, has_value FROM tags WHERE arn = $1`, arn)
		return err
	})
	if err != nil {
		return nil, err
	}
	// Sorted here: the engines' collations differ.
	slices.SortFunc(out, func(a, b core.Tag) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

// PutTags sets tags, over those of the same keys, and writes rec. When the
// certificate would have more than core.MaxTags then, keys beginning with "aws:"
// not counted, nothing changes: core.TooManyTags. core.NotFound as for Snapshot.
func (s *Store) PutTags(ctx context.Context, account, region, arn string, tags []core.Tag, rec core.Record) error {
	return s.write(ctx, opPutTags, func(tx *sql.Tx) error {
		if err := touchCertificate(ctx, tx, account, region, arn); err != nil {
			return err
		}
		if err := insertTags(ctx, tx, arn, tags); err != nil {
			return err
		}
		all, err := queryAll(ctx, tx, scanTag, `SELECT key, value, has_value FROM tags WHERE arn = $1`, arn)
		if err != nil {
			return err
		}
		if err := checkTagCount(all); err != nil {
			return err
		}
		return insertRecords(ctx, tx, []core.Record{rec})
	})
}

// DeleteTags removes tags and writes rec. A tag without a value takes the stored
// one of that key whatever its value, a tag with a value only the very same;
// unknown ones are passed over. core.NotFound as for Snapshot.
func (s *Store) DeleteTags(ctx context.Context, account, region, arn string, tags []core.Tag, rec core.Record) error {
	return s.write(ctx, opDeleteTags, func(tx *sql.Tx) error {
		if err := touchCertificate(ctx, tx, account, region, arn); err != nil {
			return err
		}
		for _, t := range tags {
			query, args := `DELETE FROM tags WHERE arn = $1 AND key = $2`, []any{arn, t.Key}
			if t.HasValue {
				query, args = query+` AND has_value AND value = $3`, append(args, t.Value)
			}
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return err
			}
		}
		return insertRecords(ctx, tx, []core.Record{rec})
	})
}

// touchCertificate bumps the certificate's version. Its row is locked by that:
// changes of its tags come one after the other, and none outlives it.
func touchCertificate(ctx context.Context, tx *sql.Tx, account, region, arn string) error {
	n, err := affected(tx.ExecContext(ctx, `UPDATE certificates SET version = version + 1
		WHERE arn = $1 AND account = $2 AND region = $3`, arn, account, region))
	if err == nil && n == 0 {
		err = noCertificate(arn)
	}
	return err
}

// insertTags writes tags over existing ones; of one key the last wins.
func insertTags(ctx context.Context, tx *sql.Tx, arn string, tags []core.Tag) error {
	last := map[string]core.Tag{}
	for _, t := range tags {
		last[t.Key] = t
	}
	var rows [][]any
	for _, t := range last {
		rows = append(rows, []any{arn, t.Key, t.Value, t.HasValue})
	}
	return insertRows(ctx, tx, insertion{`tags (arn, key, value, has_value)`, rows,
		`ON CONFLICT (arn, key) DO UPDATE SET value = excluded.value, has_value = excluded.has_value`})
}

// checkTagCount refuses too many tags of the customer's own.
func checkTagCount(tags []core.Tag) error {
	own := map[string]bool{}
	for _, t := range tags {
		if !strings.HasPrefix(t.Key, "aws:") {
			own[t.Key] = true
		}
	}
	if len(own) > core.MaxTags {
		return refusal(core.TooManyTags, "%d tags on one certificate, %d are allowed", len(own), core.MaxTags)
	}
	return nil
}

func scanTag(row scanner) (core.Tag, error) {
	var t core.Tag
	err := row.Scan(&t.Key, &t.Value, &t.HasValue)
	return t, err
}
