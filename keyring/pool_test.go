package keyring

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"acmd/core"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startPool runs a pool and returns what ends it and waits for its goroutine.
func startPool(t *testing.T, p *Pool) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("the pool ended with %v", err)
		}
	}
}

// warm waits until the pool has taken all its slots and filled them.
func warm(t *testing.T, p *Pool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for len(p.keys) < cap(p.keys) {
		select {
		case <-t.Context().Done():
			t.Fatal("the pool did not fill")
		case <-tick.C:
		}
	}
}

func TestPoolIsWarmAndBounded(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	p := NewPool(2, reg)
	stop := startPool(t, p)
	warm(t, p)
	stop()
	if len(p.keys) != 2 || len(p.slots) != 2 {
		t.Fatalf("%d keys, %d slots, want 2 of each and no key in the making", len(p.keys), len(p.slots))
	}
	seen := map[string]bool{}
	for range 3 {
		k, err := p.Key(t.Context(), core.RSA2048)
		if err != nil {
			t.Fatal(err)
		}
		seen[k.(*rsa.PrivateKey).N.String()] = true
	}
	if len(seen) != 3 {
		t.Errorf("%d different keys of 3", len(seen))
	}
	if len(p.slots) != 0 {
		t.Errorf("%d slots still taken", len(p.slots))
	}
	want := `
# HELP acmd_keyring_keys_total Private keys handed out, by algorithm and whether they were ready in the pool.
# TYPE acmd_keyring_keys_total counter
acmd_keyring_keys_total{algorithm="EC_prime256v1",source="fresh"} 0
acmd_keyring_keys_total{algorithm="EC_secp384r1",source="fresh"} 0
acmd_keyring_keys_total{algorithm="RSA_2048",source="fresh"} 1
acmd_keyring_keys_total{algorithm="RSA_2048",source="pool"} 2
# HELP acmd_keyring_pool_keys RSA-2048 keys that are ready in the pool.
# TYPE acmd_keyring_pool_keys gauge
acmd_keyring_pool_keys 0
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestPoolRefills(t *testing.T) {
	t.Parallel()
	p := NewPool(1, nil)
	defer startPool(t, p)()
	for range 3 {
		warm(t, p)
		if _, err := p.Key(t.Context(), core.RSA2048); err != nil {
			t.Fatal(err)
		}
	}
}

func TestPoolRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, size := range []int{-1, 0, 1} {
		p := NewPool(size, nil)
		if err := p.Run(ctx); err != nil || len(p.keys) != 0 {
			t.Errorf("size %d: %v, %d keys", size, err, len(p.keys))
		}
	}
	// One that waits for a free slot ends too; goleak sees if it does not.
	startPool(t, NewPool(0, nil))()
}

func TestKeyAlgorithms(t *testing.T) {
	t.Parallel()
	p := NewPool(0, nil)
	bits := map[core.KeyAlgorithm]func(crypto.Signer) int{
		core.RSA2048: func(k crypto.Signer) int { return k.(*rsa.PrivateKey).N.BitLen() },
		core.ECP256:  func(k crypto.Signer) int { return k.(*ecdsa.PrivateKey).Curve.Params().BitSize },
		core.ECP384:  func(k crypto.Signer) int { return k.(*ecdsa.PrivateKey).Curve.Params().BitSize },
	}
	for alg, want := range map[core.KeyAlgorithm]int{core.RSA2048: 2048, core.ECP256: 256, core.ECP384: 384} {
		if got := bits[alg](makeTestKey(t, alg)); got != want {
			t.Errorf("%s: %d bits", alg, got)
		}
	}
	for _, alg := range []core.KeyAlgorithm{core.RSA1024, core.RSA3072, core.RSA4096, core.ECP521, "", "ED25519"} {
		if k, err := p.Key(t.Context(), alg); !errors.Is(err, core.Invalid) || k != nil {
			t.Errorf("%q: %v", alg, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Key(ctx, core.ECP256); !errors.Is(err, context.Canceled) {
		t.Errorf("ended context: %v", err)
	}
}
