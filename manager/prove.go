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

// prove checks the names that lack a fresh proof, several at a time, and commits
// what came of it. The order moves to ready if nothing is missing any more,
// else it waits for the next try.
func (m *Manager) prove(ctx context.Context, j *job) (wait bool, err error) {
	from := j.order.State
	bases := j.order.Unproven(j.proof, core.DefaultReuse, m.nowFor(j))
	m.hand.expect(j.order.ID, m.labels(j, bases))
	looks, err := m.lookUp(ctx, j, j.leastRecent(bases), func(ctx context.Context, base string) core.Diagnosis { return m.check(ctx, j.cert.Account, base) })
	if err != nil {
		return true, err
	}
	now := m.nowFor(j)
	next := core.NextTry(j.order.CreatedAt, now, earliest(looks), j.order.Deadline)
	next = j.turns(looks, now, next)
	var proofs []core.Proof
	for _, l := range looks {
		if !l.asked {
			continue
		}
		proofs = append(proofs, m.noteCheck(j, l))
		if !recordless(l.found.Code) {
			continue
		}
		m.quiet.missed(m.label(j, l.name))
		if soon := core.Millis(now.Add(quietStep)); soon.Before(next) && m.hand.seen(j.order.ID, m.label(j, l.name)) {
			next = soon // somebody saw the record while we looked in vain
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
	j.order.UpdatedAt, j.order.Faults = now, 0
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
	j.order.DueAt = next
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

// look is one name's look-up in a round.
type look struct {
	name  string
	at    time.Time // when it began: what it found was so then, and perhaps not later
	asked bool      // false: the round ended before its turn
	found core.Diagnosis
}

// lookUp runs a look-up for each name in turn, several at a time, each within
// its budget and all within the round's. An error means that nothing that came
// back counts: the daemon stops, or a look-up panicked over what a stranger's
// name server sent.
func (m *Manager) lookUp(ctx context.Context, j *job, names []string, one func(ctx context.Context, name string) core.Diagnosis) ([]look, error) {
	round, cancel := context.WithTimeout(ctx, roundBudget)
	defer cancel()
	looks := make([]look, len(names))
	var g errgroup.Group
	g.SetLimit(checksAtOnce)
	for i, n := range names {
		looks[i].name = n
		g.Go(func() (err error) {
			defer func() {
				if p := recover(); p != nil {
					err = fmt.Errorf("panic in the look-up of %s: %v\n%s", n, p, debug.Stack())
				}
			}()
			if round.Err() != nil {
				return nil
			}
			ctx, cancel := context.WithTimeout(round, checkBudget)
			defer cancel()
			looks[i].at = m.nowFor(j)
			looks[i].found = one(ctx, n)
			// What the end of the round broke off says nothing of the name, but
			// for the first ones, which had all the time there is.
			looks[i].asked = round.Err() == nil || i < checksAtOnce
			return nil
		})
	}
	err := g.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return looks, err
}

// earliest is the first moment at which looking again makes sense, by what the looks found; zero if unknown.
func earliest(looks []look) time.Time {
	var hint time.Time
	for _, l := range looks {
		if r := l.found.RetryAt; !r.IsZero() && (hint.IsZero() || r.Before(hint)) {
			hint = r
		}
	}
	return hint
}

// turns says when the next look is, where the round was too short for some
// names: at once for those never asked, for the others when theirs is due again.
func (j *job) turns(looks []look, now, next time.Time) time.Time {
	wait := next.Sub(now)
	for _, l := range looks {
		if l.asked {
			continue
		}
		due := now
		if at := j.checkedAt(l.name); !at.IsZero() && at.Add(wait).After(now) {
			due = at.Add(wait)
		}
		if due.Before(next) {
			next = due
		}
	}
	return next
}

// checkedAt is when the name, given with or without its wildcard label, was last asked about.
func (j *job) checkedAt(name string) time.Time {
	for _, n := range j.order.Names {
		if n.Name == name || core.BaseName(n.Name) == name {
			return n.CheckedAt
		}
	}
	return time.Time{}
}

// leastRecent sorts names so that the ones not looked at for the longest come
// first: in an order of many slow names each gets its turn.
func (j *job) leastRecent(names []string) []string {
	slices.SortStableFunc(names, func(a, b string) int { return j.checkedAt(a).Compare(j.checkedAt(b)) })
	return names
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

// label is the target label of one of the job's names.
func (m *Manager) label(j *job, base string) string {
	return m.Tokens.Record(j.cert.Account, base).Label
}

// labels are the target labels of several of the job's names.
func (m *Manager) labels(j *job, bases []string) []string {
	var out []string
	for _, b := range bases {
		out = append(out, m.label(j, b))
	}
	return out
}

// noteCheck writes what came of a check into the order and the job's proofs, as
// of the moment when the check began.
func (m *Manager) noteCheck(j *job, l look) core.Proof {
	for i := range j.order.Names {
		n := &j.order.Names[i]
		if core.BaseName(n.Name) != l.name {
			continue
		}
		n.CheckedAt, n.Diagnosis = l.at, nil
		if !l.found.OK() {
			n.Diagnosis = &l.found
		}
	}
	k := slices.IndexFunc(j.proof, func(p core.Proof) bool { return p.Name == l.name })
	if k < 0 {
		j.proof = append(j.proof, core.Proof{Account: j.cert.Account, Name: l.name, Method: j.cert.Method, Label: m.label(j, l.name)})
		k = len(j.proof) - 1
	}
	j.proof[k] = j.proof[k].Checked(l.at, l.found.OK())
	return j.proof[k]
}

// permit asks CAA about the names not asked about recently (standards 1.33,
// 1.36: at issuance). A refusal fails the order; an answer that could not be had
// keeps it waiting: fail closed.
func (m *Manager) permit(ctx context.Context, j *job) (wait bool, err error) {
	from := j.order.State
	names := j.leastRecent(j.order.Unpermitted(m.nowFor(j)))
	looks, err := m.lookUp(ctx, j, names, func(ctx context.Context, n string) core.Diagnosis { return m.Prover.CAA(ctx, n, m.now()) })
	if err != nil {
		return true, err
	}
	now := m.nowFor(j)
	next := j.turns(looks, now, core.NextTry(j.order.CreatedAt, now, time.Time{}, j.order.Deadline))
	var forbidden []string
	for _, l := range looks {
		if !l.asked {
			continue
		}
		s := j.order.Name(l.name)
		s.CheckedAt, s.Diagnosis = l.at, nil
		switch {
		case l.found.OK():
			s.PermitAt = l.at
			continue
		case l.found.Code == core.CodeCAAForbids:
			forbidden = append(forbidden, l.name)
		}
		s.Diagnosis = &l.found
	}
	j.order.UpdatedAt = now
	if len(forbidden) > 0 {
		if err := j.order.Fail(core.ReasonCAA, now, forbidden...); err != nil {
			return true, err
		}
		return true, m.save(ctx, j, from, store.Save{Release: true})
	}
	if len(j.order.Unpermitted(now)) > 0 {
		j.order.Attempts++
		j.order.DueAt = next
		return true, m.save(ctx, j, from, store.Save{Release: true})
	}
	return false, nil // saved together with what is prepared next
}
