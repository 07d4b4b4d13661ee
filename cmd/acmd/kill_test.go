package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// kills is how often a test kills the daemon: ACMD_TEST_KILLS, or so many.
func kills(t *testing.T, otherwise int) int {
	t.Helper()
	if s := os.Getenv("ACMD_TEST_KILLS"); s != "" {
		n, err := strconv.Atoi(s)
		fatal(t, err)
		return n
	}
	return otherwise
}

// fate is a source of chance that can be repeated: ACMD_TEST_SEED.
func fate(t *testing.T) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if s := os.Getenv("ACMD_TEST_SEED"); s != "" {
		var err error
		seed, err = strconv.ParseUint(s, 10, 64)
		fatal(t, err)
	}
	t.Logf("ACMD_TEST_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// standing are the names whose records stand while certificates are requested.
var standing = []string{"a.example.com", "b.example.com", "c.example.com"}

// ledger is what a client knows of its requests: every token it used, with the
// ARN where the daemon acknowledged one.
type ledger struct {
	mu   sync.Mutex
	arns map[string]string
}

// ask requests the certificate of a token, and again when repeated. An answer
// that differs from an earlier one is reported.
func (l *ledger) ask(ctx context.Context, t *testing.T, c *acm.Client, token string) error {
	name := standing[int(token[len(token)-1])%len(standing)] // the same for the same token
	l.mu.Lock()
	before := l.arns[token]
	l.arns[token] = before
	l.mu.Unlock()
	out, err := c.RequestCertificate(ctx, &acm.RequestCertificateInput{DomainName: &name, ValidationMethod: types.ValidationMethodDns,
		KeyAlgorithm: p256, IdempotencyToken: &token})
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before != "" && *out.CertificateArn != before {
		t.Errorf("token %s: acknowledged as %s, now it is %s", token, before, *out.CertificateArn)
	}
	l.arns[token] = *out.CertificateArn
	return nil
}

// acknowledged counts the tokens with an ARN.
func (l *ledger) acknowledged() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, arn := range l.arns {
		if arn != "" {
			n++
		}
	}
	return n
}

// hammer requests certificates from several goroutines until ctx ends. Errors
// are what the kill brings.
func (l *ledger) hammer(ctx context.Context, t *testing.T, c *acm.Client, prefix string) *sync.WaitGroup {
	var wg sync.WaitGroup
	for w := range 3 {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil && i < 4; i++ {
				token := fmt.Sprintf("%s_%d_%d", prefix, w, i)
				if l.ask(ctx, t, c, token) != nil {
					return
				}
			}
		})
	}
	return &wg
}

// repeat sends every request once more: what was acknowledged keeps its ARN,
// what was not gets one.
func (l *ledger) repeat(t *testing.T, c *acm.Client) {
	t.Helper()
	for token := range l.arns {
		fatal(t, l.ask(t.Context(), t, c, token))
	}
}

// allIssued waits until every certificate is issued, for which the leases of
// the killed may have to end, and compares them with
// the requests.
func (l *ledger) allIssued(t *testing.T, c *acm.Client) {
	t.Helper()
	issued, want := map[string]bool{}, len(l.arns)+len(standing)
	eventually(t, 2*issuedWithin, "all are issued", func() bool {
		clear(issued)
		all := list(t, c)
		if len(all) != want {
			t.Fatalf("%d certificates for %d requests", len(all), want)
		}
		for _, s := range all {
			if s.Status == types.CertificateStatusIssued {
				issued[*s.CertificateArn] = true
			} else if s.Status != types.CertificateStatusPendingValidation {
				t.Fatalf("%s is %s", *s.CertificateArn, s.Status)
			}
		}
		return len(issued) == want
	})
	for token, arn := range l.arns {
		if !issued[arn] {
			t.Errorf("token %s: %s is not there", token, arn)
		}
	}
}

// TestKill kills acmd dev with kill -9 at random moments, of its start and of
// issuance, and starts it again on the same state. At the end nothing that was
// acknowledged is lost, and nothing is doubled (design decision 2).
func TestKill(t *testing.T) {
	t.Parallel()
	dir, chance, l := shortDir(t), fate(t), &ledger{arns: map[string]string{}}
	for range 5 { // while the state itself is made
		p := start(t, nil, "dev", "--state", dir, "--ports", "auto")
		killAfter(t, p, time.Duration(chance.IntN(250))*time.Millisecond)
	}
	d := startDev(t, dir)
	for _, name := range standing {
		d.prove(t, request(t, d.client(), p256, name))
	}
	rounds, began := kills(t, 50), time.Now()
	for round := range rounds {
		ctx, cancel := context.WithCancel(t.Context())
		done := l.hammer(ctx, t, d.client(), fmt.Sprintf("r%d", round))
		if enough := l.acknowledged() + 1 + chance.IntN(6); round%2 == 0 { // else at the start, or in the first request
			eventually(t, issuedWithin, "requests are acknowledged", func() bool { return l.acknowledged() >= enough })
		}
		killAfter(t, d.process, time.Duration(chance.IntN(100))*time.Millisecond)
		cancel()
		done.Wait()
		d = startDev(t, dir)
	}
	t.Logf("%d kills in %s; %d requests, %d of them acknowledged before", rounds, time.Since(began).Round(time.Second), len(l.arns), l.acknowledged())
	d.acmd(t, "dev", "clock", "advance", "1s") // does not wait for the dead
	l.repeat(t, d.client())
	l.allIssued(t, d.client())
	d.stop(t)
	checkLeaves(t, openSQLite(t, dir), statePaths(dir).Master, len(l.arns)+len(standing))
}

// killAfter kills after so long, or finds that the process ended by itself,
// which it must not.
func killAfter(t *testing.T, p *process, after time.Duration) {
	t.Helper()
	select {
	case <-p.ended:
		t.Fatalf("ended by itself\n%s", p.stderr.String())
	case <-time.After(after):
		p.kill()
	}
}
