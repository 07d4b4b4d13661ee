package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"acmd/core"
)

// openState is the condition of the partial indexes, word for word: only so do
// the engines use them.
const openState = `state IN ('pending', 'ready')`

// Claim asks for due orders.
type Claim struct {
	Holder string    // who claims: unique among all nodes, not empty
	Now    time.Time // orders due by then, and under no lease at that time
	Until  time.Time // end of the lease
	Limit  int       // how many at most
	Except []string  // accounts whose orders are passed over
}

// ClaimOrders leases open orders that are due, the longest due first. No order
// goes to two holders whose leases overlap. Versions stay as they are; a lease
// ends by Save.Release, by the order's end, or by itself at c.Until.
func (s *Store) ClaimOrders(ctx context.Context, c Claim) ([]core.Order, error) {
	var out []core.Order
	err := s.write(ctx, opClaimOrders, func(tx *sql.Tx) error {
		var err error
		args := []any{c.Holder, ms(c.Until), ms(c.Now), c.Limit}
		for _, a := range c.Except {
			args = append(args, a)
		}
		out, err = queryAll(ctx, tx, scanOrder, s.claimSQL(len(c.Except)), args...)
		return err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(out, func(a, b core.Order) int {
		return cmp.Or(a.DueAt.Compare(b.DueAt), cmp.Compare(a.ID, b.ID))
	})
	return out, nil
}

// claimSQL picks in a materialized step: as a plain sub-select PostgreSQL might
// run it more than once and lease more than the limit.
func (s *Store) claimSQL(except int) string {
	others := ""
	if except > 0 {
		others = ` AND account NOT IN (` + placeholders(5, except) + `)`
	}
	return `WITH due AS MATERIALIZED (
			SELECT id FROM orders WHERE ` + openState + ` AND due_at <= $3 AND lease_until <= $3` + others + `
			ORDER BY due_at LIMIT $4` + s.dialect.skipLocked + `)
		UPDATE orders SET lease_holder = $1, lease_until = $2 WHERE id IN (SELECT id FROM due)
		RETURNING ` + orderColumns
}

// NextDue is the earliest due time of all open orders, leased ones included;
// false when no order is open.
func (s *Store) NextDue(ctx context.Context) (time.Time, bool, error) {
	var due sql.NullInt64
	err := s.read(ctx, opNextDue, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT min(due_at) FROM orders WHERE `+openState).Scan(&due)
	})
	return at(due.Int64), due.Valid, err
}

// OpenOrders counts the open orders.
func (s *Store) OpenOrders(ctx context.Context) (int, error) {
	var n int
	err := s.read(ctx, opCountOrders, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM orders WHERE `+openState).Scan(&n)
	})
	return n, err
}

const (
	asleep = `id IN (SELECT order_id FROM order_labels WHERE label = $1) AND ` + openState + ` AND due_at > $2`
	// The look before the write keeps strangers' questions off the writer.
	asleepSQL = `SELECT count(*) FROM orders WHERE ` + asleep
	wakeSQL   = `UPDATE orders SET due_at = $2 WHERE ` + asleep
)

// Wake makes the open orders that wait for the target label due at now, those
// due earlier excepted, and returns how many it moved. Versions and leases stay.
// A label that nobody waits for costs one look-up in an index and no write.
func (s *Store) Wake(ctx context.Context, label string, now time.Time) (int, error) {
	var sleeping int
	err := s.read(ctx, opWakeOrders, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, asleepSQL, label, ms(now)).Scan(&sleeping)
	})
	if err != nil || sleeping == 0 {
		return 0, err
	}
	var woken int64
	err = s.write(ctx, opWakeOrders, func(tx *sql.Tx) error {
		var err error
		woken, err = affected(tx.ExecContext(ctx, wakeSQL, label, ms(now)))
		return err
	})
	return int(woken), err
}

// Save is what goes with an order into one transaction.
type Save struct {
	// Holder, unless empty, must be the holder of the last lease taken on the
	// order: a node whose lease ran out and was taken over saves nothing more.
	Holder  string
	Proofs  []core.Proof // written over what is stored, unless that was checked later
	Leaf    *core.Leaf   // the order's result: together with state issued, and only so
	Records []core.Record
	Release bool // drop the lease
}

// SaveOrder writes the order back and all of v with it, or nothing. It returns
// the order with its new version. Refuses with core.Conflict when the order was
// moved, ended, deleted or taken over since it was read, or when the leaf's
// serial or order has a leaf already; with core.InvalidState when leaf and state
// do not go together.
func (s *Store) SaveOrder(ctx context.Context, o core.Order, v Save) (core.Order, error) {
	if (v.Leaf != nil) != (o.State == core.OrderIssued) || v.Leaf != nil && v.Leaf.Arn != o.Arn {
		return core.Order{}, refusal(core.InvalidState, "order %s: a leaf and the state issued go together", o.ID)
	}
	err := s.write(ctx, opSaveOrder, func(tx *sql.Tx) error {
		if err := updateOrder(ctx, tx, o, v); err != nil {
			return err
		}
		proofs := distinctProofs(v.Proofs)
		if err := insertProofs(ctx, tx, proofs, `ON CONFLICT (account, name, method) DO UPDATE
			SET label = excluded.label, validated_at = excluded.validated_at, checked_at = excluded.checked_at
			WHERE excluded.checked_at >= proofs.checked_at`); err != nil {
			return err
		}
		if err := s.saveLeaf(ctx, tx, o, v.Leaf); err != nil {
			return err
		}
		if err := updateLabels(ctx, tx, o, proofs); err != nil {
			return err
		}
		return insertRecords(ctx, tx, v.Records)
	})
	if err != nil {
		return core.Order{}, err
	}
	o.Version++
	return o, nil
}

func updateOrder(ctx context.Context, tx *sql.Tx, o core.Order, v Save) error {
	names, err := json.Marshal(o.Names)
	if err != nil {
		return err
	}
	release := v.Release || !o.State.Open()
	i := intentOf(o)
	changed, err := affected(tx.ExecContext(ctx, `UPDATE orders SET state = $1, reason = $2, updated_at = $3,
		deadline = $4, due_at = $5, attempts = $6, faults = $7, names = $8, intent_serial = $9,
		intent_not_before = $10, intent_not_after = $11, intent_at = $12, intent_sealed_key = $13, intent_tbs = $14,
		lease_holder = CASE WHEN $15 THEN '' ELSE lease_holder END,
		lease_until = CASE WHEN $15 THEN 0 ELSE lease_until END, version = version + 1
		WHERE id = $16 AND version = $17 AND `+openState+` AND ($18 = '' OR lease_holder = $18)`,
		o.State, o.Reason, ms(o.UpdatedAt), ms(o.Deadline), ms(o.DueAt), o.Attempts, o.Faults, string(names),
		i.Serial, ms(i.NotBefore), ms(i.NotAfter), ms(i.At), blob(i.SealedKey), blob(i.TBS),
		release, o.ID, o.Version, v.Holder))
	if err != nil {
		return err
	}
	if changed == 0 {
		return refusal(core.Conflict, "order %s was moved since it was read", o.ID)
	}
	return nil
}

// updateLabels keeps the labels of an open order and drops those of an ended one.
func updateLabels(ctx context.Context, tx *sql.Tx, o core.Order, proofs []core.Proof) error {
	if o.State.Open() {
		return insertLabels(ctx, tx, o.ID, proofs)
	}
	return deleteLabels(ctx, tx, o.ID)
}

func deleteLabels(ctx context.Context, tx *sql.Tx, order string) error {
	_, err := tx.ExecContext(ctx, `DELETE FROM order_labels WHERE order_id = $1`, order)
	return err
}

func insertLabels(ctx context.Context, tx *sql.Tx, id string, proofs []core.Proof) error {
	var rows [][]any
	for _, p := range proofs {
		if p.Label != "" {
			rows = append(rows, []any{p.Label, id})
		}
	}
	return insertRows(ctx, tx, insertion{`order_labels (label, order_id)`, rows, `ON CONFLICT (label, order_id) DO NOTHING`})
}

func insertOrder(ctx context.Context, tx *sql.Tx, o core.Order) error {
	names, err := json.Marshal(o.Names)
	if err != nil {
		return err
	}
	i := intentOf(o)
	return insertRows(ctx, tx, insertion{into: `orders (` + orderColumns + `, lease_holder, lease_until)`, rows: [][]any{{
		o.ID, o.Arn, o.Account, o.Kind, o.State, o.Reason, ms(o.CreatedAt), ms(o.UpdatedAt), ms(o.Deadline),
		ms(o.DueAt), o.Attempts, o.Faults, 1, i.Serial, ms(i.NotBefore), ms(i.NotAfter), ms(i.At),
		string(names), blob(i.SealedKey), blob(i.TBS), "", 0,
	}}})
}

// intentOf is the order's intent, or an empty one: stored with serial ”.
func intentOf(o core.Order) core.Intent {
	if o.Intent == nil {
		return core.Intent{}
	}
	return *o.Intent
}

const orderColumns = `id, arn, account, kind, state, reason, created_at, updated_at, deadline, due_at, attempts,
	faults, version, intent_serial, intent_not_before, intent_not_after, intent_at, names,
	intent_sealed_key, intent_tbs`

func scanOrder(row scanner) (core.Order, error) {
	var o core.Order
	var i core.Intent
	var names string
	err := row.Scan(&o.ID, &o.Arn, &o.Account, &o.Kind, &o.State, &o.Reason, msScan{&o.CreatedAt},
		msScan{&o.UpdatedAt}, msScan{&o.Deadline}, msScan{&o.DueAt}, &o.Attempts, &o.Faults, &o.Version,
		&i.Serial, msScan{&i.NotBefore}, msScan{&i.NotAfter}, msScan{&i.At}, &names, &i.SealedKey, &i.TBS)
	if err != nil {
		return core.Order{}, err
	}
	if i.Serial != "" {
		o.Intent = &i
	}
	if err := json.Unmarshal([]byte(names), &o.Names); err != nil {
		return core.Order{}, err
	}
	return o, nil
}

// readOrder reads one order; nil if there is none of that id.
func readOrder(ctx context.Context, tx *sql.Tx, id string) (*core.Order, error) {
	if id == "" {
		return nil, nil
	}
	o, err := scanOrder(tx.QueryRowContext(ctx, `SELECT `+orderColumns+` FROM orders WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return &o, nil
}
