package manager

import (
	"context"
	"crypto"
	"fmt"
	"time"

	"acmd/ca"
	"acmd/core"
	"acmd/keyring"
)

// Own is a certificate of the daemon's own listeners. Its key lives in this
// process only.
type Own struct {
	Chain     [][]byte // DER, leaf first, without the root
	Key       crypto.Signer
	NotBefore time.Time
	NotAfter  time.Time
}

// ownArn stands for the daemon in the leaves' table: no caller's ARN looks like it.
const ownArn = "acmd:listener"

// OwnCertificate issues a certificate for the daemon's own API, valid around
// the machine's time now. No proof is asked for: the operator, who owns the CA,
// names the names. The leaf is stored before it is used, so that no serial is
// ever unknown.
func (m *Manager) OwnCertificate(ctx context.Context, names []string, now time.Time) (Own, error) {
	key, err := m.Keys.Key(ctx, core.ECP256)
	if err != nil {
		return Own{}, fmt.Errorf("make key: %w", err)
	}
	csr, err := keyring.Request(key, names)
	if err != nil {
		return Own{}, fmt.Errorf("make certificate request: %w", err)
	}
	intent, err := m.CA.Prepare(ca.Request{CSR: csr, Names: names, Now: core.Millis(now)})
	if err != nil {
		return Own{}, fmt.Errorf("prepare the API's own certificate: %w", err)
	}
	der, err := m.CA.Sign(intent.TBS)
	if err != nil {
		return Own{}, fmt.Errorf("sign the API's own certificate: %w", err)
	}
	chain := m.CA.Chain()
	leaf := core.Leaf{Serial: intent.Serial, Arn: ownArn, DER: der, Chain: chain,
		NotBefore: intent.NotBefore, NotAfter: intent.NotAfter, IssuedAt: core.Millis(now)}
	record := m.record(core.RecordAudit, "IssueOwnCertificate", core.Certificate{Arn: ownArn}, core.Millis(now))
	record.Detail["Serial"] = intent.Serial
	if err := m.Store.SaveLeaf(ctx, leaf, record); err != nil {
		return Own{}, fmt.Errorf("store the API's own certificate: %w", err)
	}
	own := Own{Chain: [][]byte{der}, Key: key, NotBefore: intent.NotBefore, NotAfter: intent.NotAfter}
	if len(chain) > 1 {
		own.Chain = append(own.Chain, chain[:len(chain)-1]...)
	}
	return own, nil
}
