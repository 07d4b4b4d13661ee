package store

import (
	"context"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"acmd/postgrestest"
)

// eachBench runs the benchmark on each engine. For durable commits on PostgreSQL
// run it with ACMD_TEST_POSTGRES_FSYNC=on scripts/postgres-test.
func eachBench(b *testing.B, bench func(b *testing.B, s *Store)) {
	b.Helper()
	b.Run("sqlite", func(b *testing.B) { bench(b, open(b, "sqlite:"+filepath.Join(b.TempDir(), "acmd.db"))) })
	b.Run("postgres", func(b *testing.B) { bench(b, open(b, postgrestest.DSN(b))) })
}

// BenchmarkCreateCertificate is the durable write of one request, from many callers.
func BenchmarkCreateCertificate(b *testing.B) {
	eachBench(b, func(b *testing.B, s *Store) {
		var n atomic.Int64
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				id := fmt.Sprintf("%08d", n.Add(1))
				r := newRequest(id, id+".example", "*."+id+".example")
				r.Token, r.Digest, r.TokenUntil, r.Quota = "tok"+id, "d", t0.Add(time.Hour), 2500
				r.Certificate.Account = fmt.Sprintf("%012d", n.Load()/2000)
				if _, err := s.CreateCertificate(context.Background(), r, t0); err != nil {
					b.Error(err)
					return
				}
			}
		})
		b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "certificates/s")
	})
}

// BenchmarkClaimOrders claims batches of 100 out of 5,000 orders that are all due.
func BenchmarkClaimOrders(b *testing.B) {
	eachBench(b, func(b *testing.B, s *Store) {
		const stored, batch = 5000, 100
		for i := range stored {
			id := fmt.Sprintf("%08d", i)
			create(b, s, newRequest(id, id+".example"))
		}
		claimed, round := 0, 0
		for b.Loop() {
			now := t0.Add(time.Duration(round) * time.Minute)
			got, err := s.ClaimOrders(context.Background(), Claim{Holder: "h", Now: now, Until: now.Add(time.Minute), Limit: batch})
			if err != nil {
				b.Fatal(err)
			}
			if claimed += len(got); len(got) == 0 {
				round++ // all are leased: the next round's leases follow
			}
		}
		b.ReportMetric(float64(claimed)/b.Elapsed().Seconds(), "orders/s")
	})
}
