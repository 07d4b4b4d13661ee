package configs

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestRules has promtool check the alerting rules and run their own tests.
func TestRules(t *testing.T) {
	t.Parallel()
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("promtool is not installed")
	}
	for _, args := range [][]string{{"check", "rules", "acmd.rules.yml"}, {"test", "rules", "acmd.rules_test.yml"}} {
		cmd := exec.CommandContext(t.Context(), promtool, args...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
		}
	}
}

// rules reads the alerts: name to expression.
func rules(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("prometheus/acmd.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Rules []struct{ Alert, Expr string }
		}
	}
	if err := yaml.Load(text, &file); err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, g := range file.Groups {
		for _, r := range g.Rules {
			out[r.Alert] = r.Expr
		}
	}
	if len(out) < 10 {
		t.Fatalf("only %d alerts", len(out))
	}
	return out
}

// TestRulesUseMetricsThatExist: every acmd_ metric in an alert is named in some
// package's source, and every alert is seen to fire in the rules' own test.
func TestRulesUseMetricsThatExist(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var code strings.Builder
	for _, file := range sources {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		code.Write(text)
	}
	tests, err := os.ReadFile("prometheus/acmd.rules_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	for alert, expr := range rules(t) {
		for _, metric := range regexp.MustCompile(`acmd_[a-z_]+`).FindAllString(expr, -1) {
			if !strings.Contains(code.String(), `"`+strings.TrimSuffix(metric, "_bucket")+`"`) {
				t.Errorf("%s: no package has a metric %s", alert, metric)
			}
		}
		if !strings.Contains(string(tests), alert) {
			t.Errorf("%s is not tested", alert)
		}
	}
}
