// Package bench measures the whole product on loopback, on a durable SQLite
// database, and prints each figure beside its budget. `make bench` runs it;
// README.md says what is measured and what is not.
//
// A benchmark never fails for being slow: it fails when an answer is wrong. It
// listens on loopback only, and every load is bounded in time and in number.
package bench

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What the programs under test are told by their environment: this test binary
// plays several parts, each in a process of its own.
const (
	partVariable = "ACMD_BENCH_PART"
	dirVariable  = "ACMD_BENCH_DIR"
)

// TestMain is the main of every part.
func TestMain(m *testing.M) {
	var err error
	switch part, dir := os.Getenv(partVariable), os.Getenv(dirVariable); part {
	case "":
		os.Exit(m.Run())
	case partDaemon:
		err = runDaemon(dir)
	case partZone:
		err = runZone(dir)
	case partMap:
		err = runMap(dir)
	default:
		err = fmt.Errorf("no part %q", part)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// long reports whether the benchmarks at a million certificates run too.
func long() bool { return os.Getenv("BENCH_LONG") == "1" }

// budget is what a figure should be.
type budget struct {
	what  string
	limit float64
	least bool // the figure should be at least the limit; else at most
}

// report adds the figure to the benchmark's line and prints the budget beside it.
func (t budget) report(b *testing.B, figure float64, unit string) {
	b.Helper()
	b.ReportMetric(figure, unit)
	sign, met := "<=", figure <= t.limit
	if t.least {
		sign, met = ">=", figure >= t.limit
	}
	verdict := "met"
	if !met {
		verdict = "NOT MET"
	}
	b.Logf("budget: %s %s %g %s; measured %.4g: %s", t.what, sign, t.limit, unit, figure, verdict)
}

// BenchmarkMachine is what the machine itself gives at this moment, for the
// figures to be read by: one P-256 signature (39 us on the idle machine that the
// budgets were set on) and one durable write of 4 kB (0.25 to 0.40 ms there). On
// a tmpfs the durable figures mean nothing.
func BenchmarkMachine(b *testing.B) {
	b.Run("cpu", func(b *testing.B) {
		if load, err := os.ReadFile("/proc/loadavg"); err == nil {
			b.Logf("load average %s, %d CPUs, %s", strings.TrimSpace(string(load)), runtime.NumCPU(), runtime.Version())
		}
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		digest := make([]byte, 32)
		for b.Loop() {
			if _, err := key.Sign(rand.Reader, digest, crypto.SHA256); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("disk", func(b *testing.B) {
		f, err := os.Create(filepath.Join(b.TempDir(), "file"))
		if err != nil {
			b.Fatal(err)
		}
		defer f.Close()
		page := make([]byte, 4096)
		var took durations
		for b.Loop() {
			start := time.Now()
			if _, err := f.Write(page); err != nil {
				b.Fatal(err)
			}
			if err := f.Sync(); err != nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(start))
		}
		took.report(b)
	})
}
