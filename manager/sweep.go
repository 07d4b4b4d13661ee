package manager

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"acmd/core"
	"acmd/store"
)

// Nudge says that there may be due work, so that it is looked for at once. It never blocks.
func (m *Manager) Nudge() {
	select {
	case m.nudge <- struct{}{}:
	default: // one is waiting already, and one look finds all
	}
}

// sweep starts due work until ctx ends, then waits for what it started.
func (m *Manager) sweep(ctx context.Context) {
	m.fault(ctx, "take over", m.within(ctx, m.Store.TakeOver))
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		_, err := m.start(ctx)
		m.fault(ctx, "sweep", err)
		select {
		case <-ctx.Done():
			<-m.hand.wait()
			return
		case <-m.nudge:
		case <-tick.C:
		}
	}
}

// renew keeps the leases of the orders in hand until ctx ends; what is in hand
// then is handed back well within its lease.
func (m *Manager) renew(ctx context.Context) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		m.fault(ctx, "renew leases", m.within(ctx, func(ctx context.Context) error {
			return m.Store.RenewLeases(ctx, m.holder, m.now().Add(lease), m.hand.ids())
		}))
	}
}

// within asks the store something that must not take for ever.
func (m *Manager) within(ctx context.Context, ask func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, storeBudget)
	defer cancel()
	return ask(ctx)
}

// fault counts and logs an error of our own; that we are stopping is none.
func (m *Manager) fault(ctx context.Context, what string, err error) {
	if err == nil || ctx.Err() != nil {
		return
	}
	m.metrics.faults.Inc()
	m.Log.Error(what, zap.Error(err))
}

// Settle does all work that is due now, and returns when it is done. The dev
// clock calls it at each stop on its way.
func (m *Manager) Settle(ctx context.Context) error {
	for {
		n, err := m.start(ctx)
		if err != nil {
			return err
		}
		select {
		case <-m.hand.wait():
		case <-ctx.Done():
			return ctx.Err()
		}
		var due time.Time
		var open bool
		err = m.within(ctx, func(ctx context.Context) (err error) { due, open, err = m.Store.NextDue(ctx); return err })
		if err != nil {
			return fmt.Errorf("next due: %w", err)
		}
		if n == 0 && (!open || due.After(m.now())) {
			return nil
		}
		if n == 0 {
			// Somebody else holds what is due; its lease is not ours to break.
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
}

// start claims due orders as long as there are some and a hand is free, and
// sets a goroutine to each. It returns how many it started.
func (m *Manager) start(ctx context.Context) (started int, err error) {
	for {
		free, except := m.hand.free()
		limit := min(free, batch)
		if limit <= 0 {
			return started, nil
		}
		var orders []core.Order
		now := m.now()
		err = m.within(ctx, func(ctx context.Context) (err error) {
			orders, err = m.Store.ClaimOrders(ctx, store.Claim{Holder: m.holder, Now: now, Until: now.Add(lease), Limit: limit, Except: except})
			return err
		})
		if err != nil {
			return started, fmt.Errorf("claim orders: %w", err)
		}
		for _, o := range orders {
			if m.hand.take(o) {
				started++
				go m.work(ctx, o)
			}
		}
		if len(orders) < limit {
			return started, nil
		}
	}
}

// work takes one claimed order as far as it goes. When the daemon stops, the
// look-ups under way are given up and the order is handed back at once; a
// commit that has begun is not.
func (m *Manager) work(ctx context.Context, o core.Order) {
	defer m.Nudge()
	defer m.hand.drop(o)
	defer func() {
		if p := recover(); p != nil {
			// The lease runs out and the order is tried again.
			m.metrics.faults.Inc()
			m.Log.Error("panic", zap.String("order", o.ID), zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	wctx, cancel := context.WithTimeout(ctx, workBudget)
	defer cancel()
	last, err := m.advance(wctx, o)
	if err == nil || errors.Is(err, core.Conflict) || errors.Is(err, core.NotFound) {
		return // done, deleted, or someone else's by now
	}
	if ctx.Err() == nil {
		m.fault(ctx, "order "+o.ID+" of "+o.Arn, err)
		last.Faults++
		last.DueAt = core.FaultRetry(last.Faults, m.now())
	}
	err = m.within(context.WithoutCancel(ctx), func(ctx context.Context) error {
		_, err := m.Store.SaveOrder(ctx, last, store.Save{Holder: m.holder, Release: true})
		return err
	})
	if err != nil && !errors.Is(err, core.Conflict) {
		m.Log.Error("put off order", zap.String("order", o.ID), zap.Error(err))
	}
}

// job is an order in hand, with what it is about.
type job struct {
	order core.Order
	cert  core.Certificate
	proof []core.Proof
}

// advance takes steps until the order ends or must wait. It returns the order as last saved.
func (m *Manager) advance(ctx context.Context, o core.Order) (core.Order, error) {
	var s core.Snapshot
	err := m.within(ctx, func(ctx context.Context) (err error) { s, err = m.Store.SnapshotByArn(ctx, o.Arn); return err })
	if err != nil {
		return o, fmt.Errorf("read certificate: %w", err)
	}
	j := &job{order: o, cert: s.Certificate, proof: s.Proofs}
	for {
		before := j.order
		before.Names = slices.Clone(j.order.Names) // the step writes into them
		wait, err := m.step(ctx, j)
		if err != nil {
			before.Version = j.order.Version
			return before, err
		}
		if wait || !j.order.State.Open() {
			return j.order, nil
		}
	}
}

// nowFor is the present as the order sees it: never before its own birth, should
// the machine's clock be set back.
func (m *Manager) nowFor(j *job) time.Time {
	now := m.now()
	if now.Before(j.order.CreatedAt) {
		return j.order.CreatedAt
	}
	return now
}

// step does what the order needs next. wait says that nothing more can be done now.
func (m *Manager) step(ctx context.Context, j *job) (wait bool, err error) {
	switch j.order.Next(j.proof, core.DefaultReuse, m.nowFor(j)) {
	case core.StepLapse:
		return true, m.lapse(ctx, j)
	case core.StepProve:
		return m.prove(ctx, j)
	case core.StepPermit:
		return m.permit(ctx, j)
	case core.StepPrepare:
		return m.prepare(ctx, j)
	case core.StepSign:
		return true, m.sign(ctx, j)
	}
	return true, nil
}

// save commits the order as it is now, with what belongs to it, and logs the
// move if there was one. A stop of the daemon does not break it off.
func (m *Manager) save(ctx context.Context, j *job, from core.OrderState, s store.Save) error {
	s.Holder = m.holder
	now := j.order.UpdatedAt
	if j.order.State != from {
		s.Records = append(s.Records, m.moved(j.cert, j.order, from, now))
	}
	var saved core.Order
	err := m.within(context.WithoutCancel(ctx), func(ctx context.Context) (err error) { saved, err = m.Store.SaveOrder(ctx, j.order, s); return err })
	if err != nil {
		return fmt.Errorf("save order: %w", err)
	}
	j.order = saved
	if saved.State != from {
		m.logMove(saved, from)
	}
	return nil
}

// logMove counts a move and writes its one line of log.
func (m *Manager) logMove(o core.Order, from core.OrderState) {
	m.metrics.moves.WithLabelValues(string(o.State)).Inc()
	m.Log.Info("move", zap.String("order", o.ID), zap.String("arn", o.Arn), zap.String("from", string(from)),
		zap.String("to", string(o.State)), zap.String("why", why(o)), zap.Int("attempts", o.Attempts))
}

// moved is the audit record of a move.
func (m *Manager) moved(c core.Certificate, o core.Order, from core.OrderState, now time.Time) core.Record {
	r := m.record(core.RecordAudit, "order."+string(o.State), c, now)
	r.Detail["Order"], r.Detail["From"] = o.ID, string(from)
	if w := why(o); w != "" {
		r.Detail["Why"] = w
	}
	return r
}

// why gives the codes that explain the order's state.
func why(o core.Order) string {
	if o.State == core.OrderIssued || o.State == core.OrderReady {
		return ""
	}
	out := string(o.Reason)
	for _, n := range o.Names {
		if n.Diagnosis != nil {
			out += " " + n.Name + "=" + string(n.Diagnosis.Code)
		}
	}
	return out
}

// lapse ends an order whose deadline passed.
func (m *Manager) lapse(ctx context.Context, j *job) error {
	from, now := j.order.State, m.nowFor(j)
	if err := j.order.To(core.OrderLapsed, now); err != nil {
		return err
	}
	return m.save(ctx, j, from, store.Save{Release: true})
}
