package metrics

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

func passes(context.Context) error { return nil }
func fails(context.Context) error  { return errors.New("no such table:\n[+] dns: ok") }

func TestReady(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, target string
		checks       []Check
		code         int
		body         string
	}{
		{"no checks", "/readyz", nil, http.StatusOK, "ready\n"},
		{"short", "/readyz", []Check{{"store", passes}}, http.StatusOK, "ready\n"},
		{"verbose", "/readyz?verbose", []Check{{"store", passes}, {"ca", passes}}, http.StatusOK, "[+] store: ok\n[+] ca: ok\nready\n"},
		{"one fails, told on one line", "/readyz", []Check{{"ca", passes}, {"store", fails}}, http.StatusServiceUnavailable,
			"[+] ca: ok\n[-] store: no such table: [+] dns: ok\nnot ready\n"},
		{"panic", "/readyz", []Check{{"ca", func(context.Context) error { panic("nil key") }}}, http.StatusServiceUnavailable,
			"[-] ca: panic: nil key\nnot ready\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			m := build(t, Config{Ready: tc.checks})
			code, body, header := ask(t, m.Handler(), "GET", tc.target)
			if code != tc.code || body != tc.body || header.Get("Cache-Control") != "no-store" {
				t.Errorf("%d %q %v", code, body, header)
			}
		})
	}
}

// TestDeadline: a check that hangs costs the page its timeout, not more, is
// told as failed, and is not run a second time beside itself.
func TestDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, runs := make(chan struct{}), atomic.Int32{}
		hangs := func(context.Context) error { runs.Add(1); <-release; return nil }
		m := build(t, Config{Timeout: 3 * time.Second, Ready: []Check{{"dns", hangs}, {"store", passes}}})
		began := time.Now()
		code, body, _ := ask(t, m.Handler(), "GET", "/readyz")
		if took := time.Since(began); took != 3*time.Second {
			t.Errorf("took %s", took)
		}
		if code != http.StatusServiceUnavailable || body != "[-] dns: no answer in time: context deadline exceeded\n[+] store: ok\nnot ready\n" {
			t.Errorf("%d %q", code, body)
		}
		_, body, _ = ask(t, m.Handler(), "GET", "/readyz")
		synctest.Wait()
		if runs.Load() != 1 || !strings.Contains(body, "[-] dns: no answer in time") {
			t.Errorf("%d runs, %q", runs.Load(), body)
		}
		close(release)
		synctest.Wait()
		if code, body, _ := ask(t, m.Handler(), "GET", "/readyz"); code != http.StatusOK {
			t.Errorf("%d %q", code, body)
		}
	})
}

// TestDeadlineReachesTheCheck: a check that heeds its context ends with it.
func TestDeadlineReachesTheCheck(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		heeds := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
		code, _, _ := ask(t, build(t, Config{Ready: []Check{{"store", heeds}}}).Handler(), "GET", "/readyz")
		synctest.Wait()
		if code != http.StatusServiceUnavailable {
			t.Error(code)
		}
	})
}

// TestCallersShareARun: two that ask at once see one run's result; neither makes
// the other fail.
func TestCallersShareARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release, runs := make(chan struct{}), atomic.Int32{}
		slow := func(context.Context) error { runs.Add(1); <-release; return nil }
		m := build(t, Config{Ready: []Check{{"store", slow}}})
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				if code, body, _ := ask(t, m.Handler(), "GET", "/readyz"); code != http.StatusOK {
					t.Errorf("%d %q", code, body)
				}
			})
		}
		synctest.Wait()
		close(release)
		callers.Wait()
		if runs.Load() != 1 {
			t.Errorf("%d runs", runs.Load())
		}
	})
}

// TestChangesAreLogged: the log tells when readiness is lost and regained, once
// each, however often it is asked; the gauge follows.
func TestChangesAreLogged(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	var result error
	m := build(t, Config{Log: zap.New(core), Ready: []Check{{"store", func(context.Context) error { return result }}}})
	for _, step := range []struct {
		result error
		gauge  float64
		lines  int
	}{{nil, 1, 0}, {errors.New("gone"), 0, 1}, {errors.New("gone"), 0, 1}, {nil, 1, 2}, {nil, 1, 2}} {
		result = step.result
		ask(t, m.Handler(), "GET", "/readyz")
		gauge := testutil.ToFloat64(m.ready)
		if gauge != step.gauge || logs.Len() != step.lines {
			t.Errorf("after %v: gauge %v, %d lines", step.result, gauge, logs.Len())
		}
	}
	if first := logs.All()[0]; first.Message != "not ready" || first.ContextMap()["check"] != "store" {
		t.Errorf("%v", first)
	}
}

// TestCallerLeft: a caller that goes away does not make us look unready.
func TestCallerLeft(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.InfoLevel)
	m := build(t, Config{Log: zap.New(core), Ready: []Check{{"store", func(ctx context.Context) error { return ctx.Err() }}}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, "GET", "/readyz", nil))
	if logs.Len() != 0 {
		t.Errorf("%v", logs.All())
	}
}
