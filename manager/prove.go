package manager

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"acmd/core"
	"acmd/store"
	"acmd/validator"
)

// prove checks every name that lacks a fresh proof, all at a time, and commits
// what came of it. The order moves to ready if nothing is missing any more,
// else it waits for the next try.
func (m *Manager) prove(ctx context.Context, j *job) (wait bool, err error) {
	from := j.order.State
	bases := j.order.Unproven(j.proof, core.DefaultReuse, m.now())
	found, err := lookUp(ctx, bases, func(ctx context.Context, base string) core.Diagnosis { return m.check(ctx, j.cert.Account, base) })
	if err != nil {
		return true, err
	}
	now := m.now()
	var hint time.Time
	var proofs []core.Proof
	seen := false
	for i, base := range bases {
		p := m.noteCheck(j, base, found[i], now)
		proofs = append(proofs, p)
		if recordless(found[i].Code) && m.quiet.missed(p.Label) {
			seen = true
		}
		if r := found[i].RetryAt; !r.IsZero() && (hint.IsZero() || r.Before(hint)) {
			hint = r
		}
	}
	missing := j.order.Unproven(j.proof, core.DefaultReuse, now)
	for i := range j.order.Names {
		n := &j.order.Names[i]
		if n.Proven = !slices.Contains(missing, core.BaseName(n.Name)); n.Proven {
			n.Diagnosis = nil
		}
	}
	j.order.Attempts++
	j.order.UpdatedAt = now
	if len(missing) == 0 {
		if from == core.OrderPending {
			if err := j.order.To(core.OrderReady, now); err != nil {
				return true, err
			}
		}
		return false, m.save(ctx, j, from, store.Save{Proofs: proofs})
	}
	if from == core.OrderReady {
		if err := j.order.To(core.OrderPending, now); err != nil {
			return true, err
		}
	}
	j.order.DueAt = core.NextTry(j.order.CreatedAt, now, hint, j.order.Deadline)
	if soon := core.Millis(now.Add(quietStep)); seen && soon.Before(j.order.DueAt) {
		j.order.DueAt = soon
	}
	return true, m.save(ctx, j, from, store.Save{Proofs: proofs, Release: true})
}

// recordless reports whether a check with that outcome cannot have asked our
// own zone anything, because no record led there.
func recordless(c core.Code) bool {
	switch c {
	case core.CodeRecordMissing, core.CodeNameDoubled, core.CodeWrongName, core.CodeWrongType, core.CodeWrongTarget:
		return true
	}
	return false
}

// lookUp runs a look-up for each name, several at a time, each within its
// budget and all within the round's. A panic over what a stranger's name server
// sent becomes a fault of this order alone.
func lookUp(ctx context.Context, names []string, one func(ctx context.Context, name string) core.Diagnosis) ([]core.Diagnosis, error) {
	ctx, cancel := context.WithTimeout(ctx, roundBudget)
	defer cancel()
	found := make([]core.Diagnosis, len(names))
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for i, n := range names {
		g.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic in the look-up of %s: %v\n%s", n, p, debug.Stack())
				}
			}()
			ctx, cancel := context.WithTimeout(ctx, checkBudget)
			defer cancel()
			found[i] = one(ctx, n)
			return nil
		})
	}
	return found, g.Wait()
}

// check looks once whether the account's record for the name is in place.
func (m *Manager) check(ctx context.Context, account, base string) core.Diagnosis {
	rec := m.Tokens.Record(account, base)
	// Our own question reaches our own zone through the resolvers and looks
	// like a stranger's there.
	m.quiet.check(rec.Label, m.Wall())
	return m.Prover.DNS(ctx, validator.DNSProof{Name: base, Record: rec.Name, Target: rec.Target,
		Values: m.Tokens.Accepted(rec.Label, m.now())}, m.now())
}

// noteCheck writes what came of a check into the order and the job's proofs.
func (m *Manager) noteCheck(j *job, base string, d core.Diagnosis, now time.Time) core.Proof {
	for i := range j.order.Names {
		n := &j.order.Names[i]
		if core.BaseName(n.Name) != base {
			continue
		}
		n.CheckedAt, n.Diagnosis = now, nil
		if !d.OK() {
			n.Diagnosis = &d
		}
	}
	k := slices.IndexFunc(j.proof, func(p core.Proof) bool { return p.Name == base })
	if k < 0 {
		j.proof = append(j.proof, core.Proof{Account: j.cert.Account, Name: base, Method: j.cert.Method, Label: m.Tokens.Record(j.cert.Account, base).Label})
		k = len(j.proof) - 1
	}
	j.proof[k] = j.proof[k].Checked(now, d.OK())
	return j.proof[k]
}

// permit asks CAA about every name (standards 1.33: at issuance). A refusal
// fails the order; an answer that could not be had keeps it waiting: fail closed.
func (m *Manager) permit(ctx context.Context, j *job) (wait bool, err error) {
	from, names := j.order.State, j.cert.Names
	found, err := lookUp(ctx, names, func(ctx context.Context, n string) core.Diagnosis { return m.Prover.CAA(ctx, n, m.now()) })
	if err != nil {
		return true, err
	}
	now := m.now()
	var forbidden []string
	open := false
	for i, n := range names {
		s := j.order.Name(n)
		s.CheckedAt, s.Diagnosis = now, nil
		if found[i].OK() {
			continue
		}
		s.Diagnosis = &found[i]
		if found[i].Code == core.CodeCAAForbids {
			forbidden = append(forbidden, n)
		} else {
			open = true
		}
	}
	j.order.UpdatedAt = now
	switch {
	case len(forbidden) > 0:
		if err := j.order.Fail(core.ReasonCAA, now, forbidden...); err != nil {
			return true, err
		}
		return true, m.save(ctx, j, from, store.Save{Release: true})
	case open:
		j.order.Attempts++
		j.order.DueAt = core.NextTry(j.order.CreatedAt, now, time.Time{}, j.order.Deadline)
		return true, m.save(ctx, j, from, store.Save{Release: true})
	}
	j.order.PermitAt = now // saved together with what is prepared next
	return false, nil
}
