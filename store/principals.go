package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"

	"acmd/core"
)

// CreatePrincipal stores a principal with its first access key, and writes rec.
// A name that the account has already is core.Invalid.
func (s *Store) CreatePrincipal(ctx context.Context, p core.Principal, k core.AccessKey, rec core.Record) error {
	return s.write(ctx, opCreatePrincipal, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO principals (arn, account, name, created_at, disabled)
			VALUES ($1, $2, $3, $4, $5)`, p.Arn, p.Account, p.Name, ms(p.CreatedAt), p.Disabled)
		if s.dialect.unique(err) {
			return refusal(core.Invalid, "account %s has a principal %s already", p.Account, p.Name)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO access_keys (id, principal_arn, created_at, disabled, sealed_secret)
			VALUES ($1, $2, $3, $4, $5)`, k.ID, k.PrincipalArn, ms(k.CreatedAt), k.Disabled, k.SealedSecret)
		if s.dialect.unique(err) {
			return refusal(core.Conflict, "access key %s exists already", k.ID)
		}
		if err != nil {
			return err
		}
		return insertRecords(ctx, tx, []core.Record{rec})
	})
}

// Principals lists all principals by account and name, and all access keys by age.
func (s *Store) Principals(ctx context.Context) ([]core.Principal, []core.AccessKey, error) {
	var principals []core.Principal
	var keys []core.AccessKey
	err := s.read(ctx, opListPrincipals, func(tx *sql.Tx) error {
		var err error
		principals, err = queryAll(ctx, tx, func(row scanner) (core.Principal, error) {
			var p core.Principal
			return p, row.Scan(principalFields(&p)...)
		}, `SELECT `+principalColumns+` FROM principals p`)
		if err != nil {
			return err
		}
		keys, err = queryAll(ctx, tx, func(row scanner) (core.AccessKey, error) {
			var k core.AccessKey
			return k, row.Scan(keyFields(&k)...)
		}, `SELECT `+keyColumns+` FROM access_keys k`)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(principals, func(a, b core.Principal) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(keys, func(a, b core.AccessKey) int {
		return cmp.Or(a.CreatedAt.Compare(b.CreatedAt), cmp.Compare(a.ID, b.ID))
	})
	return principals, keys, nil
}

// AccessKey reads an access key and its principal, disabled or not. An unknown
// id is core.NotFound.
func (s *Store) AccessKey(ctx context.Context, id string) (core.AccessKey, core.Principal, error) {
	var k core.AccessKey
	var p core.Principal
	err := s.read(ctx, opReadAccessKey, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT `+keyColumns+`, `+principalColumns+`
			FROM access_keys k JOIN principals p ON p.arn = k.principal_arn WHERE k.id = $1`, id).
			Scan(append(keyFields(&k), principalFields(&p)...)...)
		if errors.Is(err, sql.ErrNoRows) {
			return refusal(core.NotFound, "no access key %s", id)
		}
		return err
	})
	return k, p, err
}

// DisablePrincipal disables a principal and all its access keys, and writes rec.
// core.NotFound if the account has none of that name.
func (s *Store) DisablePrincipal(ctx context.Context, account, name string, rec core.Record) error {
	return s.write(ctx, opDisablePrincipal, func(tx *sql.Tx) error {
		n, err := affected(tx.ExecContext(ctx,
			`UPDATE principals SET disabled = TRUE WHERE account = $1 AND name = $2`, account, name))
		if err != nil {
			return err
		}
		if n == 0 {
			return refusal(core.NotFound, "account %s has no principal %s", account, name)
		}
		if _, err := tx.ExecContext(ctx, `UPDATE access_keys SET disabled = TRUE WHERE principal_arn IN
			(SELECT arn FROM principals WHERE account = $1 AND name = $2)`, account, name); err != nil {
			return err
		}
		return insertRecords(ctx, tx, []core.Record{rec})
	})
}

const (
	principalColumns = `p.arn, p.account, p.name, p.created_at, p.disabled`
	keyColumns       = `k.id, k.principal_arn, k.created_at, k.disabled, k.sealed_secret`
)

func principalFields(p *core.Principal) []any {
	return []any{&p.Arn, &p.Account, &p.Name, msScan{&p.CreatedAt}, &p.Disabled}
}

func keyFields(k *core.AccessKey) []any {
	return []any{&k.ID, &k.PrincipalArn, msScan{&k.CreatedAt}, &k.Disabled, &k.SealedSecret}
}
