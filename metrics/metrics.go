// Package metrics owns the process's metrics registry and the three pages for
// machines: /metrics for Prometheus, /livez and /readyz for supervisors.
//
// It trusts whoever can reach its handler to read every figure: there is no
// login, so cmd binds it to loopback unless the configuration says otherwise.
// It knows no other package's metrics and no other package's state: packages
// register their own metrics on Registry, and readiness checks are handed in as
// functions. It never lets a check run past its deadline, and never serves a
// page from a stale result.
package metrics

import (
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// DefaultTimeout bounds all readiness checks of one request together.
const DefaultTimeout = 2 * time.Second

// maxScrapes bounds the /metrics requests served at once; further ones get 503.
const maxScrapes = 4

// Config is what New needs. Every field but Version may be left out.
type Config struct {
	// Version is the program's version, for acmd_build_info.
	Version string
	// Ready are the readiness checks, all run at once for each request of /readyz
	// and of /metrics. Names must be unique and not empty.
	Ready []Check
	// Timeout bounds them together; zero: DefaultTimeout.
	Timeout time.Duration
	// Log is told of a check that fails and of one that recovers, and of faults
	// while gathering. nil: nobody is.
	Log *zap.Logger
}

// Metrics is the registry and its pages.
type Metrics struct {
	registry *prometheus.Registry
	ready    *readiness
	log      *zap.Logger
}

// New makes a registry that holds the Go runtime's, the process's and the
// build's metrics. An error names a check that cannot be used.
func New(c Config) (*Metrics, error) {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	for i, check := range c.Ready {
		if check.Name == "" || check.Run == nil {
			return nil, fmt.Errorf("readiness check %d lacks a name or a function", i)
		}
		if slices.IndexFunc(c.Ready, func(o Check) bool { return o.Name == check.Name }) != i {
			return nil, fmt.Errorf("two readiness checks are named %q", check.Name)
		}
	}
	m := &Metrics{registry: prometheus.NewRegistry(), ready: newReadiness(c), log: c.Log}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "acmd_build_info",
		Help:        "Always 1; the labels say what is running.",
		ConstLabels: prometheus.Labels{"version": c.Version, "goversion": runtime.Version()},
	})
	build.Set(1)
	for _, collector := range []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		build, m.ready,
	} {
		if err := m.registry.Register(collector); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	return m, nil
}

// Registry is where every package registers its own metrics.
func (m *Metrics) Registry() *prometheus.Registry { return m.registry }

// Handler serves GET and HEAD of three pages. /metrics is the registry in the
// Prometheus and OpenMetrics formats. /livez is 200 as long as the process
// answers. /readyz is 200 when every check passes and 503 when one does not;
// it then lists each check, which ?verbose does always.
func (m *Metrics) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            scrapeLog{m.log},
		ErrorHandling:       promhttp.ContinueOnError,
		Registry:            m.registry,
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	}))
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) { page(w, http.StatusOK, "ok\n") })
	mux.Handle("GET /readyz", m.ready)
	return mux
}

// page writes a small text that nobody may keep.
func page(w http.ResponseWriter, status int, text string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// A client that left is nobody's fault.
	_, _ = w.Write([]byte(text))
}

// scrapeLog passes promhttp's complaints to zap.
type scrapeLog struct{ log *zap.Logger }

// Println implements promhttp.Logger.
func (l scrapeLog) Println(v ...any) {
	l.log.Error("gather metrics", zap.String("fault", fmt.Sprint(v...)))
}
