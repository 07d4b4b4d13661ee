package metrics

import (
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func build(t *testing.T, c Config) *Metrics {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// ask sends a request to the handler and returns status, body and header.
func ask(t *testing.T, h http.Handler, method, target string) (int, string, http.Header) {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, target, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(body), w.Result().Header
}

func TestMetricsPage(t *testing.T) {
	t.Parallel()
	m := build(t, Config{Version: "v1.2.3", Ready: []Check{{Name: "store", Run: passes}, {Name: "ca", Run: fails}}})
	m.Registry().MustRegister(prometheus.NewCounter(prometheus.CounterOpts{Name: "acmd_other_package_total", Help: "Of another package."}))
	code, body, _ := ask(t, m.Handler(), "GET", "/metrics")
	if code != http.StatusOK {
		t.Fatal(code, body)
	}
	for _, want := range []string{
		`acmd_build_info{goversion="` + runtime.Version() + `",version="v1.2.3"} 1`,
		`acmd_ready{check="store"} 1`, `acmd_ready{check="ca"} 0`,
		"acmd_other_package_total 0", "go_goroutines ", "process_start_time_seconds ",
		"promhttp_metric_handler_errors_total", // a fault while gathering can be seen
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestMetricNamesLint(t *testing.T) {
	t.Parallel()
	m := build(t, Config{Ready: []Check{{Name: "store", Run: passes}}})
	found, err := testutil.GatherAndLint(m.Registry())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range found {
		// The Go collector's own runtime metrics are not ours to name.
		if strings.HasPrefix(p.Metric, "acmd_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestFaultyCollector: one collector that fails spoils its own figures only,
// and the log says so.
func TestFaultyCollector(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	m := build(t, Config{Version: "v1", Log: zap.New(core)})
	m.Registry().MustRegister(broken{prometheus.NewDesc("acmd_broken", "Cannot be read.", nil, nil)})
	code, body, _ := ask(t, m.Handler(), "GET", "/metrics")
	if code != http.StatusOK || !strings.Contains(body, "acmd_build_info") || logs.FilterMessage("gather metrics").Len() != 1 {
		t.Errorf("%d, %d log lines\n%s", code, logs.Len(), body)
	}
}

// broken is a collector that fails.
type broken struct{ desc *prometheus.Desc }

func (b broken) Describe(c chan<- *prometheus.Desc) { c <- b.desc }
func (b broken) Collect(c chan<- prometheus.Metric) {
	c <- prometheus.NewInvalidMetric(b.desc, io.ErrUnexpectedEOF)
}

func TestLive(t *testing.T) {
	t.Parallel()
	h := build(t, Config{Ready: []Check{{Name: "store", Run: fails}}}).Handler()
	code, body, header := ask(t, h, "GET", "/livez")
	if code != http.StatusOK || body != "ok\n" || header.Get("Cache-Control") != "no-store" || header.Get("Content-Type") != "text/plain; charset=utf-8" {
		t.Errorf("%d %q %v", code, body, header)
	}
}

func TestOtherRequests(t *testing.T) {
	t.Parallel()
	h := build(t, Config{}).Handler()
	for _, tc := range []struct {
		method, target string
		want           int
	}{
		{"HEAD", "/readyz", http.StatusOK},
		{"POST", "/readyz", http.StatusMethodNotAllowed},
		{"DELETE", "/metrics", http.StatusMethodNotAllowed},
		{"GET", "/", http.StatusNotFound},
		{"GET", "/livez/x", http.StatusNotFound},
		{"GET", "/debug/pprof/", http.StatusNotFound},
	} {
		if code, _, _ := ask(t, h, tc.method, tc.target); code != tc.want {
			t.Errorf("%s %s: %d, want %d", tc.method, tc.target, code, tc.want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for name, checks := range map[string][]Check{
		"twice":       {{Name: "store", Run: passes}, {Name: "store", Run: passes}},
		"no name":     {{Run: passes}},
		"no function": {{Name: "store"}},
	} {
		if _, err := New(Config{Ready: checks}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
