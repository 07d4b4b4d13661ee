package manager

import (
	"context"
	"fmt"
	"strings"
	"time"

	"acmd/core"
	"acmd/store"
	"acmd/token"
)

// Explanation says, for each name of a certificate, what to create, what was
// seen, what is wrong and when the next look is.
type Explanation struct {
	Arn           string
	Status        core.Status
	FailureReason core.FailureReason `json:",omitempty"`
	Domains       []DomainExplanation
}

// DomainExplanation is about one name.
type DomainExplanation struct {
	Domain    string
	Method    core.Method
	Status    core.ValidationStatus
	Create    Creation
	Diagnosis *core.Diagnosis `json:",omitempty"` // absent where nothing is wrong
	CheckedAt *time.Time      `json:",omitempty"` // absent before the first check
	NextTry   *time.Time      `json:",omitempty"` // absent where no try will come
}

// Creation is the record to create for a name.
type Creation struct {
	Name  string // fully qualified, with a trailing dot
	Type  string // CNAME
	Value string // fully qualified, with a trailing dot
}

// Explain reads what there is to say about an ARN, or about every certificate
// that holds a name (newest first, at most 100). It is the operator's view,
// across accounts, and needs no running daemon. Nothing found is NotFound.
func Explain(ctx context.Context, s *store.Store, t *token.Deriver, arnOrDomain string, now time.Time) ([]Explanation, error) {
	arns := []string{arnOrDomain}
	if !strings.HasPrefix(arnOrDomain, "arn:") {
		var err error
		if arns, err = s.ArnsByDomain(ctx, strings.ToLower(strings.TrimSuffix(arnOrDomain, "."))); err != nil {
			return nil, fmt.Errorf("find certificates: %w", err)
		}
		if len(arns) == 0 {
			return nil, &core.Error{Kind: core.NotFound, Detail: fmt.Sprintf("no certificate holds the name %s", arnOrDomain)}
		}
	}
	var out []Explanation
	for _, arn := range arns {
		snap, err := s.SnapshotByArn(ctx, arn)
		if err != nil {
			return nil, fmt.Errorf("read certificate: %w", err)
		}
		out = append(out, explain(snap, t, core.Millis(now)))
	}
	return out, nil
}

func explain(s core.Snapshot, t *token.Deriver, now time.Time) Explanation {
	e := Explanation{Arn: s.Certificate.Arn, Status: s.Status(now)}
	if s.Order != nil && s.Leaf == nil {
		e.FailureReason = s.Order.Reason
	}
	for _, n := range s.Certificate.Names {
		rec := t.Record(s.Certificate.Account, core.BaseName(n))
		d := DomainExplanation{Domain: n, Method: s.Certificate.Method, Status: s.ValidationStatus(n),
			Create: Creation{Name: rec.Name, Type: "CNAME", Value: rec.Target}}
		if s.Order != nil {
			if st := s.Order.Name(n); st != nil {
				d.Diagnosis = st.Diagnosis
				if !st.CheckedAt.IsZero() {
					d.CheckedAt = &st.CheckedAt
				}
			}
			if s.Order.State.Open() {
				d.NextTry = &s.Order.DueAt
			}
		}
		e.Domains = append(e.Domains, d)
	}
	return e
}
