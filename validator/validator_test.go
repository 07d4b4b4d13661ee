package validator

import (
	"net/netip"
	"strings"
	"testing"

	"acmd/core"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// Every mistake of a configuration is in the one error.
func TestNewRefuses(t *testing.T) {
	t.Parallel()
	_, err := New(Config{})
	for _, part := range []string{"resolvers: name at least one", "issuers: name at least one"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
	_, err = New(Config{Resolvers: []string{"resolver.example:53", "127.0.0.1", "127.0.0.1:0", "[::1]:53"},
		Issuers: []string{"ca.example.", "ca.example"}, Timeout: -1, Allow: []netip.Prefix{{}}})
	for _, part := range []string{`"resolver.example:53"`, `"127.0.0.1" `, `"127.0.0.1:0"`, `"ca.example."`, "timeout", "allow"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v lacks %q", err, part)
		}
	}
	if strings.Contains(err.Error(), "::1") {
		t.Errorf("a right resolver is complained of: %v", err)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	s := newServer(t, rightZone)
	v := newValidator(t, s, func(c *Config) { c.Reg = reg })
	if n := testutil.CollectAndCount(v.metrics.diagnoses); n != len(core.Codes()) {
		t.Errorf("%d codes are there from the start, want %d", n, len(core.Codes()))
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
	if got := testutil.ToFloat64(v.metrics.lookups.WithLabelValues("answer")); got != 2 {
		t.Errorf("%v answers, want 2", got)
	}
	p := testProof()
	p.Target = "_other.validations.acmd.net."
	expect(t, v.DNS(t.Context(), p, testNow), core.CodeWrongTarget)
	if got := testutil.ToFloat64(v.metrics.diagnoses.WithLabelValues("WRONG_TARGET")); got != 1 {
		t.Errorf("%v diagnoses, want 1", got)
	}
}

// Standards 1.42: what proves that validation was on is kept, the value is not.
func TestLog(t *testing.T) {
	t.Parallel()
	logs, seen := observer.New(zapcore.DebugLevel)
	s := newServer(t, rightZone)
	s.ad = true
	v := newValidator(t, s, func(c *Config) { c.Log = zap.New(logs) })
	expect(t, v.DNS(t.Context(), testProof(), testNow), "")
	lines := seen.All()
	if len(lines) != 1 {
		t.Fatalf("%d lines", len(lines))
	}
	fields := lines[0].ContextMap()
	if fields["resolver"] != s.address || fields["authenticated"] != true || fields["name"] != "www.example.com" {
		t.Errorf("%v", fields)
	}
	for k, f := range fields {
		if text, ok := f.(string); ok && strings.Contains(text, testValue) {
			t.Errorf("%s has the value", k)
		}
	}
}
