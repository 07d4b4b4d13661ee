package bench

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"acmd/core"
	"acmd/manager"
	"acmd/store"
)

// sizes are how many certificates are stored.
func sizes() []int {
	if long() {
		return []int{100_000, 1_000_000}
	}
	return []int{100_000}
}

// BenchmarkSweep is what the sweep, which looks every second, costs when
// nothing is due; and a claim of 32 orders out of 10,000 that are, with the
// release of the leases left to their end.
func BenchmarkSweep(b *testing.B) {
	for _, stored := range sizes() {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			s := setting{accounts: 1, quota: 10_000_000, dir: b.TempDir()}
			d := newDeployment(b, s)
			o, err := d.oneIssued()
			if err == nil {
				err = fill(b.Context(), s.dir, o, stored-1)
			}
			if err != nil {
				b.Fatal(err)
			}
			b.Run("idle", func(b *testing.B) {
				var took durations
				for b.Loop() {
					start := time.Now()
					if err := d.Settle(b.Context()); err != nil {
						b.Fatal(err)
					}
					took = append(took, time.Since(start))
				}
				took.report(b)
				budget{"idle sweep", 10, false}.report(b, took.at(0.5), "p50-ms")
			})
			b.Run("claim32of10000", func(b *testing.B) { d.claim(b, s.dir) })
		})
	}
}

// claim leases batches of due orders. Each lease ends at once, so that the next
// claim meets the same orders again.
func (d *deployment) claim(b *testing.B, dir string) {
	const due, batch = 10_000, 32
	if n, err := d.Store.OpenOrders(b.Context()); err != nil {
		b.Fatal(err)
	} else if n < due {
		arn, err := d.asked(0, 1, core.ECP256)
		if err != nil {
			b.Fatal(err)
		}
		o, err := d.originalOf(arn)
		if err == nil {
			err = fill(b.Context(), dir, o, due-1)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	var took durations
	for b.Loop() {
		now, start := time.Now(), time.Now()
		orders, err := d.Store.ClaimOrders(b.Context(), store.Claim{Holder: "bench", Now: now, Until: now, Limit: batch})
		if err != nil || len(orders) != batch {
			b.Fatal(len(orders), err)
		}
		took = append(took, time.Since(start))
	}
	took.report(b)
	b.ReportMetric(float64(len(took)*batch)/b.Elapsed().Seconds(), "orders/s")
}

// BenchmarkDaemon is a process of its own on a database of so many
// certificates: from its start until the first DescribeCertificate is answered,
// and its memory at rest and after reading pages.
func BenchmarkDaemon(b *testing.B) {
	for _, stored := range sizes() {
		b.Run(fmt.Sprintf("stored=%d", stored), func(b *testing.B) {
			s := setting{accounts: 1, quota: 10_000_000, dir: b.TempDir()}
			if err := filled(b.Context(), s, stored); err != nil {
				b.Fatal(err)
			}
			var took durations
			var rest, peak float64
			for b.Loop() {
				begin := time.Now()
				p, line := startPart(b, partDaemon, s.dir)
				if _, err := fmt.Sscanf(line(), "ready %f", &rest); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
				if _, err := fmt.Sscanf(line(), "read %f", &peak); err != nil {
					b.Fatal(err)
				}
				p.stop()
			}
			b.ReportMetric(0, "ns/op")
			budget{"start, until DescribeCertificate answers", 2000, false}.report(b, took.at(0.5), "start-ms")
			budget{"resident memory at rest", 200, false}.report(b, rest, "rest-MB")
			budget{"resident memory, highest while 20 pages of 1000 were read", 200, false}.report(b, peak, "peak-MB")
		})
	}
}

// filled makes a database of so many certificates and closes it.
func filled(ctx context.Context, s setting, stored int) error {
	d, err := deploy(ctx, s)
	if err != nil {
		return err
	}
	o, err := d.oneIssued()
	if err == nil {
		err = fill(ctx, s.dir, o, stored-1)
	}
	if err != nil {
		return err
	}
	return d.close()
}

const partDaemon = "daemon"

// runDaemon is the process of BenchmarkDaemon.
func runDaemon(dir string) error {
	d, err := deploy(context.Background(), setting{dir: dir, accounts: 1, quota: 10_000_000, engine: true})
	if err != nil {
		return err
	}
	by := manager.Caller{Account: accountOf(0), Region: benchRegion}
	views, after, err := d.List(context.Background(), by, manager.Query{Limit: 1})
	if err != nil || len(views) != 1 {
		return fmt.Errorf("%d certificates: %w", len(views), err)
	}
	if err := d.issued(0, views[0].Certificate.Arn); err != nil {
		return err
	}
	rest, err := resident("VmRSS")
	if err != nil {
		return err
	}
	fmt.Printf("ready %.1f\n", rest)
	for range 20 {
		if _, after, err = d.List(context.Background(), by, manager.Query{Limit: 1000, After: after}); err != nil {
			return err
		}
	}
	peak, err := resident("VmHWM")
	if err != nil {
		return err
	}
	fmt.Printf("read %.1f\n", peak)
	return d.close()
}

// resident reads a figure of this process's memory in MB (proc(5)).
func resident(field string) (float64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), field+":"); ok {
			var kb float64
			_, err := fmt.Sscanf(rest, "%f", &kb)
			return kb * 1024 / 1e6, err
		}
	}
	return 0, fmt.Errorf("no %s in /proc/self/status", field)
}
