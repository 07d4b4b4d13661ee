package store

import (
	"context"
	"database/sql"
	"time"
)

// RenewLeases puts off the end of the holder's leases on the orders it has in
// hand. A lease that was taken over meanwhile stays with its new holder.
func (s *Store) RenewLeases(ctx context.Context, holder string, until time.Time, orders []string) error {
	if len(orders) == 0 {
		return nil
	}
	args := []any{ms(until), holder}
	for _, id := range orders {
		args = append(args, id)
	}
	return s.write(ctx, opRenewLeases, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE orders SET lease_until = $1 WHERE lease_holder = $2 AND `+openState+`
			AND id IN (`+placeholders(3, len(orders))+`)`, args...)
		return err
	})
}

// TakeOver ends the leases that a process before this one left behind. On
// SQLite one daemon at a time works on the file, so no lease can be another's;
// should it be one all the same, that one's next save is a Conflict. On
// PostgreSQL others may be at work, and a dead one's leases end by themselves.
func (s *Store) TakeOver(ctx context.Context) error {
	if !s.dialect.solo {
		return nil
	}
	return s.write(ctx, opTakeOver, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE orders SET lease_holder = '', lease_until = 0 WHERE lease_until > 0 AND `+openState)
		return err
	})
}
