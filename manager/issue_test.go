package manager

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/x509"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"acmd/core"
	"acmd/store"
)

// TestIssue walks a request to its leaf: pending with a diagnosis, issued once
// every record stands, the sealed key fitting the leaf, event and audit written.
func TestIssue(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		arn := b.request(t, "example.de", "*.example.de", "www.example.de")
		v := b.want(t, arn, core.StatusPending)
		if v.Records["example.de"] != v.Records["*.example.de"] || v.Records["example.de"] == v.Records["www.example.de"] {
			t.Errorf("records %+v: wildcard and base share theirs, other names have their own", v.Records)
		}
		b.world.set("example.de", true)
		b.settle(t)
		v = b.want(t, arn, core.StatusPending)
		for name, want := range map[string]core.ValidationStatus{"example.de": core.ValidationSuccess, "*.example.de": core.ValidationSuccess, "www.example.de": core.ValidationPending} {
			if got := v.ValidationStatus(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		if d := v.Order.Name("www.example.de").Diagnosis; d == nil || d.Code != core.CodeRecordMissing {
			t.Errorf("diagnosis %+v, want RECORD_MISSING", d)
		}
		_, err := b.Certificate(t.Context(), b.by, arn)
		wantKind(t, err, core.InProgress)
		b.world.set("www.example.de", true)
		b.settle(t) // not due yet
		b.want(t, arn, core.StatusPending)
		b.clock.advance(5 * time.Second)
		b.settle(t)
		b.want(t, arn, core.StatusIssued)
		b.checkLeaf(t, arn, "example.de", "*.example.de", "www.example.de")
		var types []string
		records, err := b.Store.Records(t.Context(), "", 100)
		fatal(t, err)
		for _, r := range records {
			types = append(types, r.Type)
		}
		if want := []string{"RequestCertificate", "order.ready", "ACM Certificate Available", "order.issued"}; !slices.Equal(types, want) {
			t.Errorf("records %v, want %v", types, want)
		}
	})
}

// checkLeaf checks that the leaf verifies, holds exactly the names, and fits its sealed key.
func (b *bench) checkLeaf(t *testing.T, arn string, names ...string) *x509.Certificate {
	t.Helper()
	leaf, err := b.Certificate(t.Context(), b.by, arn)
	fatal(t, err)
	c, err := x509.ParseCertificate(leaf.DER)
	fatal(t, err)
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	for i, der := range leaf.Chain {
		issuer, err := x509.ParseCertificate(der)
		fatal(t, err)
		if i == len(leaf.Chain)-1 {
			roots.AddCert(issuer)
		} else {
			between.AddCert(issuer)
		}
	}
	if _, err := c.Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: b.now()}); err != nil {
		t.Error(err)
	}
	if !slices.Equal(c.DNSNames, names) {
		t.Errorf("names %v, want %v", c.DNSNames, names)
	}
	key, err := b.Ring.OpenKey(arn, leaf.SealedKey)
	fatal(t, err)
	if !key.Public().(*ecdsa.PublicKey).Equal(c.PublicKey) {
		t.Error("the sealed key is not the leaf's")
	}
	return c
}

// TestStandingRecord: while the record stands a new request issues at once; once
// it is gone a new request waits, however young the last proof is (design decision 11).
func TestStandingRecord(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		b.world.set("www.example.de", true)
		first := b.request(t, "www.example.de")
		b.settle(t)
		b.want(t, first, core.StatusIssued)
		b.clock.advance(time.Second)
		second := b.request(t, "www.example.de")
		b.settle(t)
		b.want(t, second, core.StatusIssued)
		if a, z := b.view(t, first), b.view(t, second); a.Records["www.example.de"] != z.Records["www.example.de"] {
			t.Error("the same account and name have two records")
		}
		b.world.set("www.example.de", false)
		b.clock.advance(time.Second)
		third := b.request(t, "www.example.de")
		b.settle(t)
		b.want(t, third, core.StatusPending)
	})
}

// TestCAA: a refusal fails the request (CAA_ERROR); an answer that cannot be had
// keeps it waiting (standards 1E: fail closed).
func TestCAA(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		b.world.set("a.example.de", true)
		b.world.forbid("a.example.de", core.Diagnosis{Code: core.CodeCAAUnavailable, Sentence: "CAA cannot be looked up."})
		arn := b.request(t, "a.example.de")
		b.settle(t)
		v := b.want(t, arn, core.StatusPending)
		if v.Order.State != core.OrderReady || v.Order.Intent != nil {
			t.Errorf("order %+v: ready, and nothing prepared before CAA permits", v.Order)
		}
		b.world.forbid("a.example.de", core.Diagnosis{})
		b.clock.advance(time.Minute)
		b.settle(t)
		b.want(t, arn, core.StatusIssued)

		b.world.forbid("a.example.de", core.Diagnosis{Code: core.CodeCAAForbids, Sentence: "CAA at example.de names others."})
		b.clock.advance(time.Minute)
		arn = b.request(t, "a.example.de")
		b.settle(t)
		v = b.want(t, arn, core.StatusFailed)
		if v.Order.Reason != core.ReasonCAA || v.ValidationStatus("a.example.de") != core.ValidationFailed {
			t.Errorf("reason %s, name %s", v.Order.Reason, v.ValidationStatus("a.example.de"))
		}
	})
}

// TestLapse: 72 hours without the record end the request, and nothing is left to do.
func TestLapse(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		arn := b.request(t, "example.de", "www.example.de")
		b.world.set("www.example.de", true)
		b.settle(t)
		for due, ok, err := b.Store.NextDue(t.Context()); ok; due, ok, err = b.Store.NextDue(t.Context()) {
			fatal(t, err)
			b.clock.advance(due.Sub(b.clock.now()))
			b.settle(t)
		}
		v := b.want(t, arn, core.StatusTimedOut)
		if got := b.clock.now().Sub(testStart); got != core.RequestLifetime {
			t.Errorf("ended after %s, want %s", got, core.RequestLifetime)
		}
		if v.ValidationStatus("example.de") != core.ValidationFailed || v.ValidationStatus("www.example.de") != core.ValidationSuccess {
			t.Errorf("names are %s and %s", v.ValidationStatus("example.de"), v.ValidationStatus("www.example.de"))
		}
		if b.world.asked > 1000 {
			t.Errorf("%d look-ups in 72 hours", b.world.asked)
		}
	})
}

// TestDeleteUnderWay: what is deleted while its order is in hand stays deleted.
func TestDeleteUnderWay(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		b.world.set("www.example.de", true)
		arn := b.request(t, "www.example.de")
		j := b.claim(t, arn)
		fatal(t, b.Delete(t.Context(), b.by, arn))
		_, err := b.advance(t.Context(), j)
		if !errors.Is(err, core.NotFound) && !errors.Is(err, core.Conflict) {
			t.Errorf("advance says %v", err)
		}
		_, err = b.Describe(t.Context(), b.by, arn)
		wantKind(t, err, core.NotFound)
		b.settle(t)
	})
}

// claim takes the certificate's order as the sweep would.
func (b *bench) claim(t *testing.T, arn string) core.Order {
	t.Helper()
	orders, err := b.Store.ClaimOrders(t.Context(), store.Claim{Holder: b.holder, Now: b.now(), Until: b.now().Add(lease), Limit: 100})
	fatal(t, err)
	i := slices.IndexFunc(orders, func(o core.Order) bool { return o.Arn == arn })
	if i < 0 {
		t.Fatalf("no order of %s is due", arn)
	}
	return orders[i]
}

// TestCrash stops a process after each number of steps, without a goodbye, and
// lets another one finish: one leaf, and once bytes were prepared, those bytes.
func TestCrash(t *testing.T) {
	t.Parallel()
	for steps := range 5 { // prove, permit, prepare, and the signature made but not stored
		eachEngine(t, func(t *testing.T, b *bench) {
			b.world.set("www.example.de", true)
			arn := b.request(t, "www.example.de")
			o := b.claim(t, arn)
			s, err := b.Store.SnapshotByArn(t.Context(), arn)
			fatal(t, err)
			j := &job{order: o, cert: s.Certificate, proof: s.Proofs}
			for range min(steps, 3) {
				_, err := b.step(t.Context(), j)
				fatal(t, err)
			}
			var prepared []byte
			if j.order.Intent != nil {
				prepared = j.order.Intent.TBS
				_, err := b.CA.Sign(prepared)
				fatal(t, err)
			}
			if (steps >= 3) != (prepared != nil) {
				t.Fatalf("after %d steps prepared is %v", steps, prepared != nil)
			}
			other := b.second(t)
			other.settleAfter(t, lease)
			other.want(t, arn, core.StatusIssued)
			c := other.checkLeaf(t, arn, "www.example.de")
			if prepared != nil && !bytes.Equal(c.RawTBSCertificate, prepared) {
				t.Error("other bytes were signed than were prepared")
			}
			// The first process wakes up again and goes on where it was.
			for err = nil; err == nil && j.order.State.Open(); {
				_, err = b.step(t.Context(), j)
			}
			if !errors.Is(err, core.Conflict) {
				t.Errorf("a process that lost its lease saves: %v", err)
			}
			if again := other.checkLeaf(t, arn, "www.example.de"); !bytes.Equal(again.Raw, c.Raw) {
				t.Error("the leaf changed after issuance")
			}
		})
	}
}

// settleAfter moves the clock and does what is due then.
func (b *bench) settleAfter(t *testing.T, d time.Duration) {
	t.Helper()
	b.clock.advance(d)
	b.settle(t)
}

// TestTwoNodes: two processes on one store share the work, and each order gets one leaf.
func TestTwoNodes(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		b.world.set("www.example.de", true)
		const n = 40
		var arns []string
		for range n {
			arns = append(arns, b.request(t, "www.example.de"))
		}
		nodes := []*bench{b, b.second(t)}
		var wg sync.WaitGroup
		for _, node := range nodes {
			wg.Go(func() {
				if err := node.Settle(context.WithoutCancel(t.Context())); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		serials := map[string]bool{}
		for _, arn := range arns {
			b.want(t, arn, core.StatusIssued)
			leaf, err := b.Certificate(t.Context(), b.by, arn)
			fatal(t, err)
			serials[leaf.Serial] = true
		}
		if len(serials) != n {
			t.Errorf("%d serials for %d certificates", len(serials), n)
		}
	})
}

// TestPanic: a look-up that panics costs its order a retry and nothing else.
func TestPanic(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	b.world.set("www.example.de", true)
	b.world.during = func() { panic("a stranger's packet") }
	arn := b.request(t, "www.example.de")
	b.settle(t)
	v := b.want(t, arn, core.StatusPending)
	if !v.Order.DueAt.After(b.now()) || v.Order.Faults != 1 {
		t.Errorf("due at %s after %d faults", v.Order.DueAt, v.Order.Faults)
	}
	b.world.during = nil
	b.settleAfter(t, 5*time.Minute)
	b.want(t, arn, core.StatusIssued)
}
