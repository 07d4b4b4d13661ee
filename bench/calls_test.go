package bench

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"acmd/core"
	"acmd/manager"
)

// accounts is over how many accounts the load is spread, so that each stays
// below the quota that the configuration has by default.
const accounts = 64

// BenchmarkRequestCertificate asks for P-256 certificates over HTTP, signature
// checked, each durable when it is answered. At rest, the orders are left lying;
// at work, the engine takes them to ISSUED on the same two cores meanwhile.
func BenchmarkRequestCertificate(b *testing.B) {
	for _, c := range []struct {
		name    string
		callers int
		engine  bool
	}{{"callers=1/engine=rest", 1, false}, {"callers=64/engine=rest", 64, false}, {"callers=64/engine=work", 64, true}} {
		b.Run(c.name, func(b *testing.B) {
			d := newDeployment(b, setting{accounts: accounts, quota: defaultQuota, engine: c.engine})
			_, rate := drive(b, c.callers, func(i int) error {
				_, err := d.asked(i%accounts, i, core.ECP256)
				return err
			})
			if c.callers == 1 {
				b.ReportMetric(rate, "req/s")
				return
			}
			budget{"RequestCertificate, 64 callers, durable", 1000, true}.report(b, rate, "req/s")
		})
	}
}

// BenchmarkRequestCertificateAtQuota asks on behalf of one account that has so
// many certificates already, under a quota just above.
func BenchmarkRequestCertificateAtQuota(b *testing.B) {
	for _, stored := range []int{0, 2_000, 20_000, 100_000} {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			d := newFilled(b, setting{accounts: 1, quota: 10_000_000}, stored)
			_, rate := drive(b, 16, func(i int) error {
				_, err := d.asked(0, 1+i, core.ECP256)
				return err
			})
			b.ReportMetric(rate, "req/s")
		})
	}
}

// BenchmarkDescribeCertificate reads issued certificates among 10,000.
func BenchmarkDescribeCertificate(b *testing.B) {
	d := newFilled(b, setting{accounts: 1, quota: 10_000_000}, 10_000)
	views, _, err := d.List(b.Context(), manager.Caller{Account: accountOf(0), Region: benchRegion}, manager.Query{Limit: 1000})
	if err != nil || len(views) != 1000 {
		b.Fatal(len(views), err)
	}
	b.Run("callers=16", func(b *testing.B) {
		_, rate := drive(b, 16, func(i int) error {
			return d.call(d.callers[0], "DescribeCertificate", map[string]any{"CertificateArn": views[i%len(views)].Certificate.Arn}, nil)
		})
		budget{"DescribeCertificate, 16 callers", 3000, true}.report(b, rate, "req/s")
	})
}

// BenchmarkListCertificates reads a page of a thousand: the first, the one that
// follows it, and one by a filter that nothing stored passes, which is what a
// caller meets who has P-256 certificates only and lists without keyTypes.
func BenchmarkListCertificates(b *testing.B) {
	sizes := []int{10_000, 100_000}
	if long() {
		sizes = append(sizes, 1_000_000)
	}
	for _, stored := range sizes {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			d := newFilled(b, setting{accounts: 1, quota: 10_000_000}, stored)
			p256, rsa := []core.KeyAlgorithm{core.ECP256}, []core.KeyAlgorithm{core.RSA2048}
			_, next, err := d.page(p256, "")
			if err != nil || next == "" {
				b.Fatal(next, err)
			}
			for _, c := range []struct {
				name  string
				algs  []core.KeyAlgorithm
				after string
				want  int
			}{{"page=first", p256, "", 1000}, {"page=second", p256, next, 1000}, {"page=none", rsa, "", 0}} {
				b.Run(c.name, func(b *testing.B) {
					took, _ := drive(b, 1, func(int) error {
						n, _, err := d.page(c.algs, c.after)
						if err == nil && n != c.want {
							err = fmt.Errorf("%d items, want %d", n, c.want)
						}
						return err
					})
					budget{"ListCertificates, a page of 1000, the same at every size", 10, false}.report(b, took.at(0.5), "p50-ms")
				})
			}
		})
	}
}

// BenchmarkIssue goes from the request to the answer ISSUED, one caller, the
// record in place: manager, validator, our own zone, CAA, key, lint, signature.
// Statuses are asked for every 2 ms, as often as a caller could want.
func BenchmarkIssue(b *testing.B) {
	for _, alg := range []core.KeyAlgorithm{core.ECP256, core.RSA2048} {
		b.Run("key="+string(alg), func(b *testing.B) {
			d := newDeployment(b, setting{accounts: accounts, quota: defaultQuota, engine: true})
			took, rate := drive(b, 1, func(i int) error {
				arn, err := d.asked(i%accounts, i, alg)
				if err != nil {
					return err
				}
				return d.issued(i%accounts, arn)
			})
			b.ReportMetric(rate, "certs/s")
			if alg == core.ECP256 {
				budget{"request to ISSUED, p99, our own time", 100, false}.report(b, took.at(0.99), "p99-ms")
				return
			}
			budget{"request to ISSUED, p99", 1000, false}.report(b, took.at(0.99), "p99-ms")
		})
	}
}

// BenchmarkDueAtOnce has a thousand orders due at the same instant, every record
// in place, and works them off.
func BenchmarkDueAtOnce(b *testing.B) {
	const orders = 1000
	d := newDeployment(b, setting{accounts: accounts, quota: defaultQuota})
	var spent time.Duration
	rounds := 0
	for b.Loop() {
		b.StopTimer()
		if err := d.requests(orders, rounds*orders); err != nil {
			b.Fatal(err)
		}
		rounds++
		b.StartTimer()
		start := time.Now()
		if err := d.workOff(b.Context()); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(start)
	}
	budget{"renewals due at once, P-256, checked again in DNS", 300, true}.report(b, float64(rounds*orders)/spent.Seconds(), "certs/s")
}

// workOff runs the engine until no order is open.
func (d *deployment) workOff(ctx context.Context) error {
	ctx, stop := context.WithTimeout(ctx, 4*patience)
	defer stop()
	ran := make(chan error, 1)
	go func() { ran <- d.Run(ctx) }()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		<-tick.C
		if open, err := d.Store.OpenOrders(ctx); err != nil || open == 0 {
			stop()
			return errors.Join(err, <-ran)
		}
	}
}

// requests asks for n certificates past the API, numbered from first.
func (d *deployment) requests(n, first int) error {
	var g errgroup.Group
	g.SetLimit(8)
	for i := first; i < first+n; i++ {
		g.Go(func() error {
			account := i % len(d.callers)
			_, err := d.Request(context.Background(), manager.Caller{Account: accountOf(account), Region: benchRegion, Principal: d.callers[account].Arn},
				manager.Request{Domain: nameOf(account, i), Method: core.MethodDNS, KeyAlgorithm: core.ECP256})
			return err
		})
	}
	return g.Wait()
}
