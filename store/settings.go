package store

import (
	"context"
	"database/sql"
	"errors"
)

// Setting reads one of the small facts an installation keeps about itself, such
// as the development clock's offset; false if it was never put.
func (s *Store) Setting(ctx context.Context, key string) (string, bool, error) {
	var value string
	found := true
	err := s.read(ctx, opReadSetting, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&value)
		if found = !errors.Is(err, sql.ErrNoRows); !found {
			return nil
		}
		return err
	})
	return value, found && err == nil, err
}

// InitSetting writes a setting unless it is there already, and returns what is
// there now: of several writers at once all get the first one's. Never a secret.
func (s *Store) InitSetting(ctx context.Context, key, value string) (string, error) {
	var now string
	err := s.write(ctx, opPutSetting, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING`, key, value); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = $1`, key).Scan(&now)
	})
	return now, err
}

// PutSetting writes a setting over an earlier one. Never a secret.
func (s *Store) PutSetting(ctx context.Context, key, value string) error {
	return s.write(ctx, opPutSetting, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES ($1, $2)
			ON CONFLICT (key) DO UPDATE SET value = excluded.value`, key, value)
		return err
	})
}
