package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"acmd/core"
)

// NewCertificate is all that one request writes.
type NewCertificate struct {
	Certificate core.Certificate // its OrderID and Version are set by the store
	Order       core.Order       // the first order, open
	Proofs      []core.Proof     // one per name; a row that exists already is kept
	Tags        []core.Tag       // at most core.MaxTags, as for PutTags
	Records     []core.Record
	// Token is the idempotency token; empty for none. Until TokenUntil a repeat
	// of token and Digest (of the request's parameters) in the same account and
	// region gives the first one's ARN.
	Token      string
	Digest     string
	TokenUntil time.Time
	// Quota is how many certificates, in whatever state, an account may have in
	// a region; 0 is no limit. It is exact under concurrency.
	Quota int
}

// CreateCertificate writes a request in one transaction and returns the ARN:
// that of n, or, for a repeated token, that of the certificate which the first
// request made, with nothing written. Refuses with core.Invalid (the token
// stands for other parameters), core.LimitExceeded, core.TooManyTags and
// core.Conflict (the ARN or the order's id is taken).
func (s *Store) CreateCertificate(ctx context.Context, n NewCertificate, now time.Time) (string, error) {
	var arn string
	err := s.write(ctx, opCreateCertificate, func(tx *sql.Tx) error {
		var err error
		if arn, err = claimToken(ctx, tx, n, now); err != nil || arn != "" {
			return err
		}
		arn = n.Certificate.Arn
		if err := insertCertificate(ctx, tx, n); err != nil {
			if s.dialect.unique(err) {
				return refusal(core.Conflict, "certificate %s exists already", arn)
			}
			return err
		}
		if err := checkTagCount(n.Tags); err != nil {
			return err
		}
		if err := insertTags(ctx, tx, arn, n.Tags); err != nil {
			return err
		}
		if err := insertRecords(ctx, tx, n.Records); err != nil {
			return err
		}
		return hold(ctx, tx, n)
	})
	if err != nil {
		return "", err
	}
	return arn, nil
}

// claimToken takes the token for n and returns "", or returns the ARN of the
// certificate that it stands for already. Of two callers at once one waits at
// the INSERT until the other has committed.
func claimToken(ctx context.Context, tx *sql.Tx, n NewCertificate, now time.Time) (string, error) {
	if n.Token == "" {
		return "", nil
	}
	c := n.Certificate
	// No sub-select in here: PostgreSQL would answer it from before the wait.
	res, err := tx.ExecContext(ctx, `INSERT INTO tokens (account, region, token, digest, arn, until)
		VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (account, region, token) DO UPDATE
		SET digest = excluded.digest, arn = excluded.arn, until = excluded.until
		WHERE tokens.until <= $7`,
		c.Account, c.Region, n.Token, n.Digest, c.Arn, ms(n.TokenUntil), ms(now))
	if taken, err := affected(res, err); err != nil || taken > 0 {
		return "", err
	}
	var digest, arn string
	err = tx.QueryRowContext(ctx, `SELECT digest, arn FROM tokens WHERE account = $1 AND region = $2 AND token = $3`,
		c.Account, c.Region, n.Token).Scan(&digest, &arn)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return "", errAgain // its certificate was deleted this moment
	case err != nil:
		return "", err
	case digest != n.Digest:
		return "", refusal(core.Invalid, "the idempotency token was used before with other parameters")
	}
	return arn, nil
}

func insertCertificate(ctx context.Context, tx *sql.Tx, n NewCertificate) error {
	c := n.Certificate
	names, err := json.Marshal(c.Names)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO certificates (arn, account, region, created_at, type, method,
		key_algorithm, ct_logging, export, order_id, serial, version, names)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, '', 1, $11)`,
		c.Arn, c.Account, c.Region, ms(c.CreatedAt), c.Type, c.Method, c.KeyAlgorithm, c.CTLogging, c.Export,
		n.Order.ID, string(names)); err != nil {
		return err
	}
	var rows [][]any
	for _, name := range c.Names {
		rows = append(rows, []any{c.Arn, name, ms(c.CreatedAt)})
	}
	if err := insertRows(ctx, tx, insertion{into: `certificate_names (arn, name, created_at)`, rows: rows}); err != nil {
		return err
	}
	if err := insertOrder(ctx, tx, n.Order); err != nil {
		return err
	}
	proofs := distinctProofs(n.Proofs)
	if err := insertProofs(ctx, tx, proofs, `ON CONFLICT (account, name, method) DO NOTHING`); err != nil {
		return err
	}
	return insertLabels(ctx, tx, n.Order.ID, proofs)
}

// hold counts the certificate among its account's. The count is kept, so that a
// request costs the same however many there are; it is taken last, since its row
// is held until the commit.
func hold(ctx context.Context, tx *sql.Tx, n NewCertificate) error {
	var held int
	if err := tx.QueryRowContext(ctx, `INSERT INTO holdings (account, region, certificates) VALUES ($1, $2, 1)
		ON CONFLICT (account, region) DO UPDATE SET certificates = holdings.certificates + 1 RETURNING certificates`,
		n.Certificate.Account, n.Certificate.Region).Scan(&held); err != nil {
		return err
	}
	if n.Quota > 0 && held > n.Quota {
		return refusal(core.LimitExceeded, "the account has %d certificates in this region, which is its quota", n.Quota)
	}
	return nil
}

// Snapshot reads a certificate of the account in the region, with its newest
// order, its newest leaf and the proofs of its names by its own method.
// Anything else than that is core.NotFound.
func (s *Store) Snapshot(ctx context.Context, account, region, arn string) (core.Snapshot, error) {
	return s.snapshot(ctx, arn, ` AND account = $2 AND region = $3`, account, region)
}

// SnapshotByArn is Snapshot whatever the account: for the sweep and the command line.
func (s *Store) SnapshotByArn(ctx context.Context, arn string) (core.Snapshot, error) {
	return s.snapshot(ctx, arn, "")
}

func (s *Store) snapshot(ctx context.Context, arn, where string, args ...any) (core.Snapshot, error) {
	var out core.Snapshot
	err := s.read(ctx, opReadCertificate, func(tx *sql.Tx) error {
		out = core.Snapshot{}
		c, err := scanCertificate(tx.QueryRowContext(ctx, `SELECT `+certificateColumns+
			` FROM certificates c WHERE arn = $1`+where, append([]any{arn}, args...)...))
		if errors.Is(err, sql.ErrNoRows) {
			return noCertificate(arn)
		}
		if err != nil {
			return err
		}
		out.Certificate = c
		if out.Order, err = readOrder(ctx, tx, c.OrderID); err != nil {
			return err
		}
		if out.Leaf, err = readLeaf(ctx, tx, c.Serial); err != nil {
			return err
		}
		out.Proofs, err = readProofs(ctx, tx, c)
		return err
	})
	if err != nil {
		return core.Snapshot{}, err
	}
	return out, nil
}

// maxByDomain bounds the answer of ArnsByDomain.
const maxByDomain = 100

const byDomainSQL = `SELECT arn FROM certificate_names WHERE name = $1 ORDER BY created_at DESC, arn DESC LIMIT $2`

// ArnsByDomain lists the certificates that hold the name, exactly and at any
// position, in every account: the newest first, at most 100.
func (s *Store) ArnsByDomain(ctx context.Context, domain string) ([]string, error) {
	var out []string
	err := s.read(ctx, opFindDomain, func(tx *sql.Tx) error {
		var err error
		out, err = queryAll(ctx, tx, scanText, byDomainSQL, strings.ToLower(domain), maxByDomain)
		return err
	})
	return out, err
}

// DeleteCertificate removes the certificate with its orders, tags and
// idempotency token, and writes rec. Rows of its leaves stay without their keys:
// a serial once used stays known. core.NotFound as for Snapshot.
func (s *Store) DeleteCertificate(ctx context.Context, account, region, arn string, rec core.Record) error {
	return s.write(ctx, opDeleteCertificate, func(tx *sql.Tx) error {
		// First of all a look whether it is the caller's; the DELETE decides.
		var one int
		err := tx.QueryRowContext(ctx, `SELECT 1 FROM certificates WHERE arn = $1 AND account = $2 AND region = $3`,
			arn, account, region).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return noCertificate(arn)
		}
		if err != nil {
			return err
		}
		// Rows are locked in the order in which SaveOrder locks them: orders,
		// leaves, certificate, labels; else the two would block each other. A leaf
		// that lands before the first DELETE is seen by the UPDATE; after it, none
		// can land.
		orders, err := queryAll(ctx, tx, scanText, `DELETE FROM orders WHERE arn = $1 RETURNING id`, arn)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE leaves SET sealed_key = NULL WHERE arn = $1`, arn); err != nil {
			return err
		}
		gone, err := affected(tx.ExecContext(ctx, `DELETE FROM certificates WHERE arn = $1`, arn))
		if err != nil {
			return err
		}
		if gone == 0 {
			return noCertificate(arn) // by another caller, this moment
		}
		for _, id := range orders {
			if err := deleteLabels(ctx, tx, id); err != nil {
				return err
			}
		}
		for _, q := range []string{
			`DELETE FROM certificate_names WHERE arn = $1`,
			`DELETE FROM tags WHERE arn = $1`,
			`DELETE FROM tokens WHERE arn = $1`,
		} {
			if _, err := tx.ExecContext(ctx, q, arn); err != nil {
				return err
			}
		}
		if err := insertRecords(ctx, tx, []core.Record{rec}); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE holdings SET certificates = certificates - 1 WHERE account = $1 AND region = $2`, account, region)
		return err
	})
}

const certificateColumns = `c.arn, c.account, c.region, c.created_at, c.type, c.method, c.key_algorithm,
	c.ct_logging, c.export, c.order_id, c.serial, c.version, c.names`

func scanCertificate(row scanner, more ...any) (core.Certificate, error) {
	var c core.Certificate
	var names string
	err := row.Scan(append([]any{&c.Arn, &c.Account, &c.Region, msScan{&c.CreatedAt}, &c.Type, &c.Method,
		&c.KeyAlgorithm, &c.CTLogging, &c.Export, &c.OrderID, &c.Serial, &c.Version, &names}, more...)...)
	if err != nil {
		return core.Certificate{}, err
	}
	if err := json.Unmarshal([]byte(names), &c.Names); err != nil {
		return core.Certificate{}, err
	}
	return c, nil
}

// distinctProofs returns the proofs once each, the latest check of each, sorted:
// every transaction then locks their rows in the same order.
func distinctProofs(in []core.Proof) []core.Proof {
	key := func(a, b core.Proof) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Method, b.Method))
	}
	out := slices.Clone(in)
	slices.SortStableFunc(out, func(a, b core.Proof) int { return cmp.Or(key(a, b), b.CheckedAt.Compare(a.CheckedAt)) })
	return slices.CompactFunc(out, func(a, b core.Proof) bool { return key(a, b) == 0 })
}

func insertProofs(ctx context.Context, tx *sql.Tx, proofs []core.Proof, conflict string) error {
	var rows [][]any
	for _, p := range proofs {
		rows = append(rows, []any{p.Account, p.Name, p.Method, p.Label, ms(p.ValidatedAt), ms(p.CheckedAt)})
	}
	return insertRows(ctx, tx, insertion{`proofs (account, name, method, label, validated_at, checked_at)`, rows, conflict})
}

func readProofs(ctx context.Context, tx *sql.Tx, c core.Certificate) ([]core.Proof, error) {
	args := []any{c.Account, c.Method}
	for _, n := range c.Names {
		if base := core.BaseName(n); !slices.Contains(args, any(base)) {
			args = append(args, base)
		}
	}
	if len(args) == 2 {
		return nil, nil
	}
	out, err := queryAll(ctx, tx, scanProof, `SELECT account, name, method, label, validated_at, checked_at FROM proofs
		WHERE account = $1 AND method = $2 AND name IN (`+placeholders(3, len(args)-2)+`)`, args...)
	slices.SortFunc(out, func(a, b core.Proof) int { return cmp.Compare(a.Name, b.Name) })
	return out, err
}

func scanProof(row scanner) (core.Proof, error) {
	var p core.Proof
	err := row.Scan(&p.Account, &p.Name, &p.Method, &p.Label, msScan{&p.ValidatedAt}, msScan{&p.CheckedAt})
	return p, err
}
