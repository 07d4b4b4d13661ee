package bench

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"
)

// durations are what single operations took.
type durations []time.Duration

// at is the quantile q, 0 to 1, in milliseconds.
func (d durations) at(q float64) float64 {
	if len(d) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(d))
	return float64(s[int(q*float64(len(s)-1))]) / float64(time.Millisecond)
}

// report adds median and 99th percentile to the benchmark's line.
func (d durations) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(d.at(0.5), "p50-ms")
	b.ReportMetric(d.at(0.99), "p99-ms")
}

// drive has so many callers do the operation, each the next as soon as its last
// is done, for the benchmark's time. It returns what each took and the rate per
// second. i counts the operations. The first error ends the benchmark.
func drive(b *testing.B, callers int, op func(i int) error) (durations, float64) {
	b.Helper()
	tickets := make(chan int)
	took, errs := make([]durations, callers), make([]error, callers)
	var wg sync.WaitGroup
	for c := range callers {
		wg.Go(func() {
			for i := range tickets {
				start := time.Now()
				if err := op(i); err != nil && errs[c] == nil {
					errs[c] = err
				}
				took[c] = append(took[c], time.Since(start))
			}
		})
	}
	n, start := 0, time.Now()
	for b.Loop() {
		tickets <- n
		n++
	}
	close(tickets)
	wg.Wait()
	rate := float64(n) / time.Since(start).Seconds()
	if err := errors.Join(errs...); err != nil {
		b.Fatal(err)
	}
	all := slices.Concat(took...)
	all.report(b)
	return all, rate
}
