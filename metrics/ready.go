package metrics

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Check is one condition of readiness.
type Check struct {
	// Name stands in the page and as a metric label: store, dns, ca.
	Name string
	// Run returns nil when the condition holds. It should end when ctx does; one
	// that does not is reported as failed and not started again until it ended.
	// The error is shown to whoever may read the page, so it holds no secret.
	// Requests that come while it runs share its result.
	Run func(ctx context.Context) error
}

// readiness serves /readyz and collects acmd_ready.
type readiness struct {
	checks  []*checker
	timeout time.Duration
	log     *zap.Logger
}

// checker is a check with what is remembered of it.
type checker struct {
	Check

	mu     sync.Mutex
	flight *flight // the run under way; nil if none is
	failed bool    // the last result, so that the log tells changes only
}

// flight is one run of a check.
type flight struct {
	done chan struct{} // closed when err is set
	err  error
}

// readyDesc describes readiness's only metric.
var readyDesc = prometheus.NewDesc("acmd_ready", "Whether the readiness check passes now: 1 it does, 0 it does not.", []string{"check"}, nil)

func newReadiness(c Config) *readiness {
	r := &readiness{timeout: c.Timeout, log: c.Log}
	for _, check := range c.Ready {
		r.checks = append(r.checks, &checker{Check: check})
	}
	return r
}

// results runs all checks at once and returns what came of each, in their
// order, within the timeout.
func (r *readiness) results(ctx context.Context) []error {
	within, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	flights := make([]*flight, len(r.checks))
	for i, c := range r.checks {
		flights[i] = c.start(within, r.timeout)
	}
	errs := make([]error, len(r.checks))
	for i, c := range r.checks {
		errs[i] = flights[i].await(within)
		if ctx.Err() == nil {
			// Of a caller that left, nothing can be learned.
			c.note(errs[i], r.log)
		}
	}
	return errs
}

// Describe implements prometheus.Collector.
func (r *readiness) Describe(out chan<- *prometheus.Desc) { out <- readyDesc }

// Collect implements prometheus.Collector: the checks run for every scrape, so
// that the figure is never older than it.
func (r *readiness) Collect(out chan<- prometheus.Metric) {
	for i, err := range r.results(context.Background()) {
		value := 0.0
		if err == nil {
			value = 1
		}
		out <- prometheus.MustNewConstMetric(readyDesc, prometheus.GaugeValue, value, r.checks[i].Name)
	}
}

// ServeHTTP tells what came of each check, in the order in which they were given.
func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status, text := http.StatusOK, strings.Builder{}
	for i, err := range r.results(req.Context()) {
		if err != nil {
			status = http.StatusServiceUnavailable
			fmt.Fprintf(&text, "[-] %s: %s\n", r.checks[i].Name, oneLine(err))
			continue
		}
		fmt.Fprintf(&text, "[+] %s: ok\n", r.checks[i].Name)
	}
	verdict := "ready\n"
	if status != http.StatusOK {
		verdict = "not ready\n"
	}
	if status == http.StatusOK && !req.URL.Query().Has("verbose") {
		page(w, status, verdict)
		return
	}
	page(w, status, text.String()+verdict)
}

// start begins a run, or joins the one under way. The run has its own deadline:
// it does not end because the caller that began it left.
func (c *checker) start(ctx context.Context, timeout time.Duration) *flight {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.flight != nil {
		return c.flight
	}
	f := &flight{done: make(chan struct{})}
	c.flight = f
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		defer cancel()
		f.err = c.guarded(ctx)
		c.mu.Lock()
		c.flight = nil
		c.mu.Unlock()
		close(f.done)
	}()
	return f
}

// guarded runs the check. A panic is a failure.
func (c *checker) guarded(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return c.Run(ctx)
}

// await takes the result, or the deadline's if that comes first.
func (f *flight) await(ctx context.Context) error {
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
	}
	select {
	case <-f.done: // it was there while we waited for another check
		return f.err
	default:
		return fmt.Errorf("no answer in time: %w", ctx.Err())
	}
}

// note remembers a result and logs a change.
func (c *checker) note(err error, log *zap.Logger) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch failed := err != nil; {
	case failed && !c.failed:
		log.Warn("not ready", zap.String("check", c.Name), zap.Error(err))
	case !failed && c.failed:
		log.Info("ready again", zap.String("check", c.Name))
	}
	c.failed = err != nil
}

// oneLine keeps an error from adding lines to the page.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
