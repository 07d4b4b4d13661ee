package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"acmd/core"
)

// maxPage is the longest page.
const maxPage = 1000

// Page says which certificates to list. Values inside one filter are
// alternatives, filters narrow each other, an empty filter lets all pass.
type Page struct {
	Account       string
	Region        string
	Statuses      []core.Status // as core.Snapshot.Status computes them at Now
	KeyAlgorithms []core.KeyAlgorithm
	Types         []core.CertificateType
	ExportOption  *bool     // Certificate.Export
	Descending    bool      // newest first; otherwise oldest first
	After         string    // what the page before returned; empty for the first
	Limit         int       // 1 to 1000; anything else is 1000
	Now           time.Time // for Statuses
}

// ListCertificates reads one page in the order of creation (then of the ARN),
// and what Page.After has to be for the next; empty after the last. The
// snapshots are made for lists: no proofs, the order without names and intent,
// the leaf without chain and key. A cursor that is not ours is core.Invalid.
func (s *Store) ListCertificates(ctx context.Context, p Page) ([]core.Snapshot, string, error) {
	if p.Limit < 1 || p.Limit > maxPage {
		p.Limit = maxPage
	}
	query, args, err := p.query()
	if err != nil {
		return nil, "", err
	}
	var items []core.Snapshot
	err = s.read(ctx, opListCertificates, func(tx *sql.Tx) error {
		var err error
		items, err = queryAll(ctx, tx, scanItem, query, args...)
		return err
	})
	if err != nil || len(items) <= p.Limit {
		return items, "", err
	}
	items = items[:p.Limit]
	return items, cursorOf(items[p.Limit-1].Certificate), nil
}

// statusSQL is core.Snapshot.Status in SQL: same cases, same order. $3 is now.
const statusSQL = `CASE
	WHEN l.revoked_at <> 0 THEN 'REVOKED'
	WHEN l.not_after < $3 THEN 'EXPIRED'
	WHEN l.serial IS NOT NULL THEN 'ISSUED'
	WHEN o.id IS NULL OR o.state = 'failed' THEN 'FAILED'
	WHEN o.state = 'lapsed' THEN 'VALIDATION_TIMED_OUT'
	WHEN o.state = 'issued' THEN 'ISSUED'
	ELSE 'PENDING_VALIDATION' END`

// query builds the statement: one row more than the limit shows whether a page
// follows. Account, region, creation and ARN are one index, walked from where the
// last page ended.
func (p Page) query() (string, []any, error) {
	order, beyond := "ASC", ">"
	if p.Descending {
		order, beyond = "DESC", "<"
	}
	args := []any{p.Account, p.Region}
	var b strings.Builder
	b.WriteString(`SELECT ` + certificateColumns + `, ` + itemColumns + ` FROM certificates c
		LEFT JOIN orders o ON o.id = c.order_id LEFT JOIN leaves l ON l.serial = c.serial
		WHERE c.account = $1 AND c.region = $2`)
	// Statuses come first: their $3 is written out.
	if len(p.Statuses) > 0 {
		args = append(args, ms(p.Now))
		b.WriteString(` AND ` + statusSQL)
		args = oneOf(&b, args, p.Statuses)
	}
	if p.After != "" {
		created, arn, err := parseCursor(p.After)
		if err != nil {
			return "", nil, err
		}
		fmt.Fprintf(&b, ` AND (c.created_at, c.arn) %s ($%d, $%d)`, beyond, len(args)+1, len(args)+2)
		args = append(args, created, arn)
	}
	if len(p.KeyAlgorithms) > 0 {
		b.WriteString(` AND c.key_algorithm`)
		args = oneOf(&b, args, p.KeyAlgorithms)
	}
	if len(p.Types) > 0 {
		b.WriteString(` AND c.type`)
		args = oneOf(&b, args, p.Types)
	}
	if p.ExportOption != nil {
		args = append(args, *p.ExportOption)
		fmt.Fprintf(&b, ` AND c.export = $%d`, len(args))
	}
	args = append(args, p.Limit+1)
	fmt.Fprintf(&b, ` ORDER BY c.created_at %s, c.arn %s LIMIT $%d`, order, order, len(args))
	return b.String(), args, nil
}

// oneOf writes " IN (…)" with the distinct values.
func oneOf[T ~string](b *strings.Builder, args []any, values []T) []any {
	distinct := slices.Compact(slices.Sorted(slices.Values(values)))
	b.WriteString(` IN (` + placeholders(len(args)+1, len(distinct)) + `)`)
	for _, v := range distinct {
		args = append(args, string(v))
	}
	return args
}

// cursorOf is the position of a certificate in its list.
func cursorOf(c core.Certificate) string {
	return base64.RawURLEncoding.EncodeToString([]byte("1 " + strconv.FormatInt(ms(c.CreatedAt), 10) + " " + c.Arn))
}

func parseCursor(s string) (int64, string, error) {
	raw, err := base64.RawURLEncoding.DecodeString(s)
	if parts := strings.SplitN(string(raw), " ", 3); err == nil && len(parts) == 3 && parts[0] == "1" && parts[2] != "" {
		if created, err := strconv.ParseInt(parts[1], 10, 64); err == nil {
			return created, parts[2], nil
		}
	}
	return 0, "", refusal(core.Invalid, "the next token is not one that was given out")
}

const itemColumns = `COALESCE(o.id, ''), COALESCE(o.kind, ''), COALESCE(o.state, ''), COALESCE(o.reason, ''),
	COALESCE(o.created_at, 0), COALESCE(o.updated_at, 0), COALESCE(o.deadline, 0), COALESCE(o.due_at, 0),
	COALESCE(o.attempts, 0), COALESCE(o.faults, 0), COALESCE(o.version, 0),
	COALESCE(l.serial, ''), COALESCE(l.not_before, 0), COALESCE(l.not_after, 0), COALESCE(l.issued_at, 0),
	COALESCE(l.revoked_at, 0), COALESCE(l.revocation_reason, ''), l.der`

func scanItem(row scanner) (core.Snapshot, error) {
	var o core.Order
	var l core.Leaf
	c, err := scanCertificate(row, &o.ID, &o.Kind, &o.State, &o.Reason, msScan{&o.CreatedAt}, msScan{&o.UpdatedAt},
		msScan{&o.Deadline}, msScan{&o.DueAt}, &o.Attempts, &o.Faults, &o.Version,
		&l.Serial, msScan{&l.NotBefore}, msScan{&l.NotAfter}, msScan{&l.IssuedAt}, msScan{&l.RevokedAt}, &l.RevocationReason, &l.DER)
	if err != nil {
		return core.Snapshot{}, err
	}
	out := core.Snapshot{Certificate: c}
	if o.ID != "" {
		o.Arn, o.Account = c.Arn, c.Account
		out.Order = &o
	}
	if l.Serial != "" {
		l.Arn = c.Arn
		out.Leaf = &l
	}
	return out, nil
}
