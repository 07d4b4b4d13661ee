package manager

import (
	"context"
	"errors"
	"fmt"

	"go.uber.org/zap"

	"acmd/ca"
	"acmd/core"
	"acmd/keyring"
	"acmd/store"
)

// prepare makes the key, the serial and the bytes to be signed, and commits
// them. A crash before the commit loses a key nobody saw; a crash after it finds
// the same bytes again (sign).
func (m *Manager) prepare(ctx context.Context, j *job) (wait bool, err error) {
	key, err := m.Keys.Key(ctx, j.cert.KeyAlgorithm)
	if err != nil {
		return true, fmt.Errorf("make key: %w", err)
	}
	csr, err := keyring.Request(key, j.cert.Names)
	if err != nil {
		return true, fmt.Errorf("make certificate request: %w", err)
	}
	now := m.nowFor(j)
	intent, err := m.CA.Prepare(ca.Request{CSR: csr, Names: j.cert.Names, Now: now})
	if errors.Is(err, core.Invalid) {
		return true, m.abandon(ctx, j, err)
	}
	if err != nil {
		return true, fmt.Errorf("prepare certificate: %w", err)
	}
	if intent.SealedKey, err = m.Ring.SealKey(j.cert.Arn, key); err != nil {
		return true, fmt.Errorf("seal key: %w", err)
	}
	j.order.Intent, j.order.UpdatedAt = &intent, now
	return false, m.save(ctx, j, j.order.State, store.Save{})
}

// sign signs what was prepared and commits leaf and `issued` together. Nothing
// leaves before that commit, so a repeat after a crash signs the same bytes
// again and still only one certificate exists.
func (m *Manager) sign(ctx context.Context, j *job) error {
	from, intent := j.order.State, j.order.Intent
	der, err := m.CA.Sign(intent.TBS)
	if errors.Is(err, core.Invalid) {
		return m.discard(ctx, j, err)
	}
	if err != nil {
		return fmt.Errorf("sign certificate: %w", err)
	}
	now := m.nowFor(j)
	if err := j.order.To(core.OrderIssued, now); err != nil {
		return err
	}
	leaf := core.Leaf{Serial: intent.Serial, Arn: j.cert.Arn, DER: der, Chain: m.CA.Chain(), SealedKey: intent.SealedKey,
		NotBefore: intent.NotBefore, NotAfter: intent.NotAfter, IssuedAt: now}
	j.order.Intent = nil // the leaf has it all
	event := m.record(core.RecordEvent, "ACM Certificate Available", j.cert, now)
	event.Detail["Action"] = "ISSUANCE"
	event.Detail["CommonName"] = j.cert.Domain()
	if err := m.save(ctx, j, from, store.Save{Leaf: &leaf, Records: []core.Record{event}, Release: true}); err != nil {
		return err
	}
	m.metrics.issuance.Observe(now.Sub(j.order.CreatedAt).Seconds())
	return nil
}

// discard drops prepared bytes that the CA does not sign any more: it was
// replaced since, or its rules changed. They never left, so others take their place.
func (m *Manager) discard(ctx context.Context, j *job, cause error) error {
	m.Log.Warn("prepared certificate is not signed any more and is prepared anew", zap.String("order", j.order.ID), zap.Error(cause))
	now := m.nowFor(j)
	j.order.Intent, j.order.UpdatedAt = nil, now
	j.order.Faults++
	j.order.DueAt = core.FaultRetry(j.order.Faults, now)
	return m.save(ctx, j, j.order.State, store.Save{Release: true})
}

// abandon fails the order because our own CA refuses to sign: a rule of the
// profile is broken, and trying again cannot help.
func (m *Manager) abandon(ctx context.Context, j *job, cause error) error {
	from, now := j.order.State, m.nowFor(j)
	for i := range j.order.Names {
		j.order.Names[i].Diagnosis = &core.Diagnosis{Code: core.CodeIssuance,
			Sentence: fmt.Sprintf("The CA refuses to sign: %s.", cause),
			Evidence: []core.Evidence{{Asked: "pre-issuance check", Of: "ca", Answer: cause.Error()}}}
	}
	if err := j.order.Fail(core.ReasonOther, now, j.cert.Names...); err != nil {
		return err
	}
	return m.save(ctx, j, from, store.Save{Release: true})
}
