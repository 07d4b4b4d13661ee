package manager

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"acmd/core"
	"acmd/keyring"
	"acmd/store"
)

// secretBinding is what the sealed secret of an access key is bound to.
func secretBinding(keyID string) string { return "access-key:" + keyID }

// Credential finds who holds an access key, and its secret. An unknown or
// disabled key is NotFound.
func (m *Manager) Credential(ctx context.Context, accessKeyID string) (core.Principal, string, error) {
	return Principals{Store: m.Store, Ring: m.Ring}.credential(ctx, accessKeyID)
}

// NewKey is a principal's fresh key pair. The secret is shown this once.
type NewKey struct {
	Arn             string
	AccessKeyID     string
	SecretAccessKey string
}

// Principals makes and disables principals. It needs no running daemon.
type Principals struct {
	Store *store.Store
	Ring  *keyring.Ring
	Rand  io.Reader // nil means crypto/rand
}

var principalName = regexp.MustCompile(`^[\w+=,.@-]{1,64}$`)

// Add makes a principal with one access key. A name that the account has
// already, or that is not 1 to 64 of IAM's characters, is Invalid.
func (p Principals) Add(ctx context.Context, account, name string, now time.Time) (NewKey, error) {
	if !core.ValidAccount(account) {
		return NewKey{}, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("%q is not an account id: it has twelve digits.", account)}
	}
	if !principalName.MatchString(name) {
		return NewKey{}, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("%q is not a name for a principal: use 1 to 64 letters, digits and +=,.@_-.", name)}
	}
	k, err := newKey(p.Rand)
	if err != nil {
		return NewKey{}, err
	}
	k.Arn = fmt.Sprintf("arn:aws:iam::%s:user/%s", account, name)
	sealed, err := p.Ring.Seal(secretBinding(k.AccessKeyID), []byte(k.SecretAccessKey))
	if err != nil {
		return NewKey{}, fmt.Errorf("seal secret: %w", err)
	}
	now = core.Millis(now)
	err = p.Store.CreatePrincipal(ctx, core.Principal{Arn: k.Arn, Account: account, Name: name, CreatedAt: now},
		core.AccessKey{ID: k.AccessKeyID, PrincipalArn: k.Arn, SealedSecret: sealed, CreatedAt: now},
		operatorRecord("CreatePrincipal", account, k.Arn, now))
	if errors.Is(err, core.Invalid) {
		return NewKey{}, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("The account %s has a principal named %s already.", account, name)}
	}
	if err != nil {
		return NewKey{}, fmt.Errorf("create principal: %w", err)
	}
	return k, nil
}

// Disable stops a principal and all its keys. An unknown one is NotFound.
func (p Principals) Disable(ctx context.Context, account, name string, now time.Time) error {
	arn := fmt.Sprintf("arn:aws:iam::%s:user/%s", account, name)
	if err := p.Store.DisablePrincipal(ctx, account, name, operatorRecord("DisablePrincipal", account, arn, core.Millis(now))); err != nil {
		return fmt.Errorf("disable principal: %w", err)
	}
	return nil
}

// operatorRecord is the audit record of an act on the command line.
func operatorRecord(what, account, about string, now time.Time) core.Record {
	return core.Record{ID: recordID(), Kind: core.RecordAudit, Type: what, Account: account, Actor: "operator", At: now,
		Detail: map[string]string{"Principal": about}}
}

// newKey makes an access key pair of AWS's form: AKIA and 16 of A-Z2-7 (80
// bits), and 40 characters of base64 (240 bits).
func newKey(random io.Reader) (NewKey, error) {
	if random == nil {
		random = rand.Reader
	}
	raw := make([]byte, 40)
	if _, err := io.ReadFull(random, raw); err != nil {
		return NewKey{}, fmt.Errorf("make access key: %w", err)
	}
	return NewKey{AccessKeyID: "AKIA" + base32.StdEncoding.EncodeToString(raw[:10]), SecretAccessKey: base64.StdEncoding.EncodeToString(raw[10:])}, nil
}

// Find reads an access key back, secret included: for acmd dev, which writes it
// to dev.env at every start. An unknown or disabled key is NotFound.
func (p Principals) Find(ctx context.Context, accessKeyID string) (NewKey, error) {
	owner, secret, err := p.credential(ctx, accessKeyID)
	return NewKey{Arn: owner.Arn, AccessKeyID: accessKeyID, SecretAccessKey: secret}, err
}

// credential finds who holds a live access key, and its secret.
func (p Principals) credential(ctx context.Context, accessKeyID string) (core.Principal, string, error) {
	k, owner, err := p.Store.AccessKey(ctx, accessKeyID)
	if err != nil {
		return core.Principal{}, "", fmt.Errorf("find access key: %w", err)
	}
	if k.Disabled || owner.Disabled {
		return core.Principal{}, "", &core.Error{Kind: core.NotFound, Detail: "The access key is disabled."}
	}
	secret, err := p.Ring.Open(secretBinding(k.ID), k.SealedSecret)
	if err != nil {
		return core.Principal{}, "", fmt.Errorf("open secret of access key: %w", err)
	}
	return owner, string(secret), nil
}
