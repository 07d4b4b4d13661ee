package manager

import (
	"context"
	"errors"
	"fmt"
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
	tick := time.NewTicker(poll)
	defer tick.Stop()
	for {
		if _, err := m.start(ctx); err != nil && ctx.Err() == nil {
			m.metrics.faults.Inc()
			m.Log.Error("sweep", zap.Error(err))
		}
		select {
		case <-ctx.Done():
			m.drain()
			return
		case <-m.nudge:
		case <-tick.C:
		}
	}
}

// drain takes every slot, which is to wait until no order is in hand, and gives them back.
func (m *Manager) drain() {
	m.draining.Lock() // two that each hold some slots would wait for each other
	defer m.draining.Unlock()
	for range workers {
		m.slots <- struct{}{}
	}
	for range workers {
		<-m.slots
	}
}

// Settle does all work that is due now, and returns when it is done. The dev
// clock calls it at each stop on its way.
func (m *Manager) Settle(ctx context.Context) error {
	for {
		n, err := m.start(ctx)
		if err != nil {
			return err
		}
		m.drain()
		due, ok, err := m.Store.NextDue(ctx)
		if err != nil {
			return fmt.Errorf("next due: %w", err)
		}
		if n == 0 && (!ok || due.After(m.now())) {
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

// start claims as many due orders as there are free slots and sets a goroutine
// to each. It returns how many it started.
func (m *Manager) start(ctx context.Context) (int, error) {
	started := 0
	for {
		free := 0
		for free < workers {
			select {
			case m.slots <- struct{}{}:
				free++
				continue
			default:
			}
			break
		}
		if free == 0 {
			return started, nil
		}
		now := m.now()
		orders, err := m.Store.ClaimOrders(ctx, store.Claim{Holder: m.holder, Now: now, Until: now.Add(lease), Limit: free})
		for range free - len(orders) {
			<-m.slots
		}
		for _, o := range orders {
			go m.work(ctx, o)
		}
		started += len(orders)
		if err != nil {
			return started, fmt.Errorf("claim orders: %w", err)
		}
		if len(orders) < free {
			return started, nil
		}
	}
}

// work takes one claimed order as far as it goes, and gives its slot back. A
// stop of the daemon lets it finish: what began is bounded by its own deadline.
func (m *Manager) work(ctx context.Context, o core.Order) {
	defer func() { <-m.slots; m.Nudge() }()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lease)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			// The lease runs out and the order is tried again.
			m.metrics.faults.Inc()
			m.Log.Error("panic", zap.String("order", o.ID), zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	last, err := m.advance(ctx, o)
	if err == nil || errors.Is(err, core.Conflict) || errors.Is(err, core.NotFound) {
		return // done, deleted, or someone else's by now
	}
	m.metrics.faults.Inc()
	now := m.now()
	m.Log.Error("order", zap.String("order", o.ID), zap.String("arn", o.Arn), zap.Error(err))
	last.Attempts++
	last.DueAt = core.FaultRetry(last.Attempts, now)
	if _, err := m.Store.SaveOrder(ctx, last, store.Save{Holder: m.holder, Release: true}); err != nil && !errors.Is(err, core.Conflict) {
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
	s, err := m.Store.SnapshotByArn(ctx, o.Arn)
	if err != nil {
		return o, fmt.Errorf("read certificate: %w", err)
	}
	j := &job{order: o, cert: s.Certificate, proof: s.Proofs}
	for {
		before := j.order
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

// step does what the order needs next. wait says that nothing more can be done now.
func (m *Manager) step(ctx context.Context, j *job) (wait bool, err error) {
	switch j.order.Next(j.proof, core.DefaultReuse, m.now()) {
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
// move if there was one.
func (m *Manager) save(ctx context.Context, j *job, from core.OrderState, s store.Save) error {
	s.Holder = m.holder
	now := j.order.UpdatedAt
	if j.order.State != from {
		s.Records = append(s.Records, m.moved(j.cert, j.order, from, now))
	}
	saved, err := m.Store.SaveOrder(ctx, j.order, s)
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
	from, now := j.order.State, m.now()
	if err := j.order.To(core.OrderLapsed, now); err != nil {
		return err
	}
	return m.save(ctx, j, from, store.Save{Release: true})
}
