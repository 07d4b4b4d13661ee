package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"

	"github.com/prometheus/client_golang/prometheus"

	"acmd/core"
)

// Pool makes private keys, and keeps a few RSA-2048 keys ready, since one of
// those takes some 60 ms where an EC key takes microseconds. It is safe for
// concurrent use. The keys in it are in memory only; an ended process loses
// nothing, for nobody has seen them.
type Pool struct {
	slots   chan struct{} // one for each key that is ready or being made for the pool
	keys    chan *rsa.PrivateKey
	metrics metrics
}

// NewPool makes a pool that holds at most size RSA keys; size may be 0, and then
// every key is made when it is asked for. reg may be nil. Nothing runs before Run.
func NewPool(size int, reg prometheus.Registerer) *Pool {
	size = max(size, 0)
	p := &Pool{slots: make(chan struct{}, size), keys: make(chan *rsa.PrivateKey, size)}
	p.metrics = newMetrics(reg, func() float64 { return float64(len(p.keys)) })
	return p
}

// Run fills the pool, one key at a time, and refills it until ctx ends; then it
// returns nil. The one goroutine that calls it owns the making.
func (p *Pool) Run(ctx context.Context) error {
	for {
		// Looked at first, for a select takes either when both are ready.
		if ctx.Err() != nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return nil
		case p.slots <- struct{}{}:
		}
		k, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			return fmt.Errorf("make key for the pool: %w", err)
		}
		p.keys <- k // never waits: the slot was taken before
	}
}

// Key makes a private key: RSA_2048 from the pool, or at once when that is
// empty; EC_prime256v1 and EC_secp384r1 at once. Any other algorithm is
// core.Invalid; an ended ctx is its error. No key is ever handed out twice.
func (p *Pool) Key(ctx context.Context, alg core.KeyAlgorithm) (crypto.Signer, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	if alg == core.RSA2048 {
		select {
		case k := <-p.keys:
			<-p.slots
			p.metrics.made(alg, sourcePool)
			return k, nil
		default:
		}
	}
	k, err := makeKey(alg)
	if err != nil {
		return nil, err
	}
	p.metrics.made(alg, sourceFresh)
	return k, nil
}

func makeKey(alg core.KeyAlgorithm) (crypto.Signer, error) {
	var k crypto.Signer
	var err error
	switch alg {
	case core.RSA2048:
		k, err = rsa.GenerateKey(rand.Reader, 2048)
	case core.ECP256:
		k, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case core.ECP384:
		k, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	default:
		return nil, &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("A key of algorithm %q cannot be requested.", alg)}
	}
	if err != nil {
		return nil, fmt.Errorf("make key: %w", err)
	}
	return k, nil
}
