package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"acmd/core"
)

// SaveLeaf stores a leaf that no order made: one of the daemon's own. A serial
// that is known already is core.Conflict.
func (s *Store) SaveLeaf(ctx context.Context, l core.Leaf, rec core.Record) error {
	return s.write(ctx, opSaveLeaf, func(tx *sql.Tx) error {
		if err := s.insertLeaf(ctx, tx, "own:"+l.Serial, l); err != nil {
			return err
		}
		return insertRecords(ctx, tx, []core.Record{rec})
	})
}

// insertLeaf stores a leaf under the order that made it: one leaf an order.
func (s *Store) insertLeaf(ctx context.Context, tx *sql.Tx, order string, l core.Leaf) error {
	chain, err := json.Marshal(l.Chain)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO leaves (serial, order_id, arn, not_before, not_after, issued_at,
		revoked_at, revocation_reason, sealed_key, der, chain) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		l.Serial, order, l.Arn, ms(l.NotBefore), ms(l.NotAfter), ms(l.IssuedAt), ms(l.RevokedAt), l.RevocationReason,
		blob(l.SealedKey), l.DER, string(chain))
	if s.dialect.unique(err) {
		return refusal(core.Conflict, "order %s has a leaf already, or serial %s is used", order, l.Serial)
	}
	return err
}

// saveLeaf stores the order's leaf and makes it the certificate's newest.
func (s *Store) saveLeaf(ctx context.Context, tx *sql.Tx, o core.Order, l *core.Leaf) error {
	if l == nil {
		return nil
	}
	if err := s.insertLeaf(ctx, tx, o.ID, *l); err != nil {
		return err
	}
	changed, err := affected(tx.ExecContext(ctx,
		`UPDATE certificates SET serial = $1, version = version + 1 WHERE arn = $2`, l.Serial, o.Arn))
	if err == nil && changed == 0 {
		err = refusal(core.Conflict, "certificate %s is gone", o.Arn)
	}
	return err
}

// readLeaf reads one leaf; nil if there is none of that serial.
func readLeaf(ctx context.Context, tx *sql.Tx, serial string) (*core.Leaf, error) {
	if serial == "" {
		return nil, nil
	}
	var l core.Leaf
	var chain string
	err := tx.QueryRowContext(ctx, `SELECT serial, arn, not_before, not_after, issued_at, revoked_at,
		revocation_reason, sealed_key, der, chain FROM leaves WHERE serial = $1`, serial).
		Scan(&l.Serial, &l.Arn, msScan{&l.NotBefore}, msScan{&l.NotAfter}, msScan{&l.IssuedAt},
			msScan{&l.RevokedAt}, &l.RevocationReason, &l.SealedKey, &l.DER, &chain)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal([]byte(chain), &l.Chain); err != nil {
		return nil, err
	}
	return &l, nil
}
