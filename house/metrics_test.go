package house

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"acmd/api"
	"acmd/ca"
	"acmd/core"
	"acmd/dnsserver"
	"acmd/httpresponder"
	"acmd/keyring"
	"acmd/manager"
	"acmd/metrics"
	"acmd/store"
	"acmd/token"
	"acmd/validator"
)

// metric is what the document says of one, and what the registry shows of it.
type metric struct {
	Type   string
	Labels map[string][]string // the label's values, sorted; "any" where they are no closed set
}

// freeLabels tell what is running. All others have closed sets of values.
var freeLabels = []string{"version", "goversion"}

// registered has the metrics of all components, made as cmd/acmd makes them.
// None of them runs.
func registered(t *testing.T) *prometheus.Registry {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now
	config := metrics.Config{Version: "v0"}
	for _, name := range readinessChecks(t) {
		config.Ready = append(config.Ready, metrics.Check{Name: name, Run: func(context.Context) error { return nil }})
	}
	monitor, err := metrics.New(config)
	must(err)
	reg := monitor.Registry()
	m := manager.Config{Keys: keyring.NewPool(1, reg), Limits: manager.Limits{NamesPerCertificate: 1}, Now: now, Wall: now, Reg: reg}
	m.Store, err = store.Open(t.Context(), store.Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "acmd.db"), Create: true, Reg: reg})
	must(err)
	t.Cleanup(func() { must(m.Store.Close()) })
	master, err := keyring.NewMaster(rand.Reader)
	must(err)
	m.Ring, err = keyring.New(master)
	must(err)
	keys, err := token.NewKeys(rand.Reader, now())
	must(err)
	m.Tokens, err = token.New("validations.test", keys)
	must(err)
	files, err := ca.Create(rand.Reader, "Test", now())
	must(err)
	m.CA, err = ca.New(ca.Config{Chain: []*x509.Certificate{files.Intermediate, files.Root}, Key: files.IntermediateKey})
	must(err)
	m.Prover, err = validator.New(validator.Config{Resolvers: []string{"127.0.0.1:53"}, Issuers: []string{"validations.test"}, Reg: reg})
	must(err)
	brain, err := manager.New(m)
	must(err)
	_, err = api.New(api.Config{Service: brain, Now: now, Reg: reg})
	must(err)
	_, err = dnsserver.New(dnsserver.Config{Tokens: m.Tokens, Now: now, Reg: reg,
		NameServers: []dnsserver.NameServer{{Host: "ns1.validations.test", Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}})
	must(err)
	_, err = httpresponder.New(httpresponder.Config{Issuers: m.CA.Issuers(), IssuerID: m.CA.IssuerID(), Shards: ca.Shards, Now: now, Reg: reg,
		CRL: func(shard int) ([]byte, error) { return m.CA.CRL(shard, nil, now()) }})
	must(err)
	return reg
}

// readinessChecks are the names that cmd/acmd gives its readiness checks.
func readinessChecks(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "cmd/acmd/vitals.go"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range regexp.MustCompile(`\{Name: "(\w+)", Run:`).FindAllStringSubmatch(string(text), -1) {
		out = append(out, m[1])
	}
	if len(out) == 0 {
		t.Fatal("no readiness check in cmd/acmd/vitals.go")
	}
	return out
}

// gathered is what the registry shows of acmd's own metrics.
func gathered(t *testing.T, reg *prometheus.Registry) map[string]metric {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]metric{}
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "acmd_") {
			continue
		}
		m := metric{strings.ToLower(f.GetType().String()), map[string][]string{}}
		for _, each := range f.GetMetric() {
			for _, l := range each.GetLabel() {
				value := l.GetValue()
				if slices.Contains(freeLabels, l.GetName()) {
					value = "any"
				}
				m.Labels[l.GetName()] = append(m.Labels[l.GetName()], value)
			}
		}
		for name, values := range m.Labels {
			m.Labels[name] = slices.Compact(slices.Sorted(slices.Values(values)))
		}
		out[f.GetName()] = m
	}
	return out
}

var (
	metricRow = regexp.MustCompile("(?m)^\\| `(acmd_[a-z_]+)` \\| (counter|gauge|histogram) \\| [^|]*\\S \\| [^|]*\\S \\|$")
	labelRow  = regexp.MustCompile("(?m)^\\| `(acmd_[a-z_]+)` \\| `([a-z]+)` \\| ([^|]+) \\|$")
	quoted    = regexp.MustCompile("`([^`]+)`")
)

// documented reads docs/metrics.md: a row for each metric, and a row for each of
// its labels.
func documented(t *testing.T) map[string]metric {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]metric{}
	for _, row := range metricRow.FindAllStringSubmatch(string(text), -1) {
		if _, twice := out[row[1]]; twice {
			t.Errorf("docs/metrics.md has %s twice", row[1])
		}
		out[row[1]] = metric{row[2], map[string][]string{}}
	}
	for _, row := range labelRow.FindAllStringSubmatch(string(text), -1) {
		m, ok := out[row[1]]
		if !ok {
			t.Errorf("docs/metrics.md has labels of %s, which it does not describe", row[1])
			continue
		}
		for _, v := range quoted.FindAllStringSubmatch(row[3], -1) {
			m.Labels[row[2]] = append(m.Labels[row[2]], v[1])
		}
		if slices.Sort(m.Labels[row[2]]); len(m.Labels[row[2]]) == 0 {
			m.Labels[row[2]] = []string{"any"}
		}
	}
	return out
}

// TestMetricsDocument compares docs/metrics.md with what the components register:
// the same names, types, labels and values, both ways.
func TestMetricsDocument(t *testing.T) {
	t.Parallel()
	reg := registered(t)
	got := gathered(t, reg)
	if len(got) < 10 {
		t.Fatalf("only %d metrics", len(got))
	}
	if diff := cmp.Diff(got, documented(t)); diff != "" {
		t.Errorf("docs/metrics.md (+) differs from what is registered (-):\n%s", diff)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		if strings.HasPrefix(p.Metric, "acmd_") {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestMetricsAreAllRegistered: no package names a metric that registered misses.
func TestMetricsAreAllRegistered(t *testing.T) {
	t.Parallel()
	got := gathered(t, registered(t))
	literal := regexp.MustCompile(`"(acmd_[a-z_]+)"`)
	walk(t, ".go", func(path string) {
		if strings.HasSuffix(path, "_test.go") {
			return
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range literal.FindAllStringSubmatch(string(text), -1) {
			if _, ok := got[m[1]]; !ok {
				t.Errorf("%s names %s, which is not registered: add its component to registered()", path, m[1])
			}
		}
	})
}

// TestDiagnosisCodesAreLabels: the diagnoses that are counted are the ones that exist.
func TestDiagnosisCodesAreLabels(t *testing.T) {
	t.Parallel()
	var want []string
	for _, c := range core.Codes() {
		want = append(want, string(c))
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, gathered(t, registered(t))["acmd_validator_diagnoses_total"].Labels["code"]); diff != "" {
		t.Error(diff)
	}
}

// TestMetricsDocumentNamesAlerts: the alerts that docs/metrics.md refers to exist.
func TestMetricsDocumentNamesAlerts(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join(root, "docs/metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile(filepath.Join(root, "configs/prometheus/acmd.rules.yml"))
	if err != nil {
		t.Fatal(err)
	}
	alerts := regexp.MustCompile("`(Acmd[A-Za-z]+)`").FindAllStringSubmatch(string(text), -1)
	if len(alerts) < 5 {
		t.Errorf("only %d alerts are named", len(alerts))
	}
	for _, a := range alerts {
		if !strings.Contains(string(rules), "- alert: "+a[1]+"\n") {
			t.Errorf("docs/metrics.md names the alert %s, which is not in the rules", a[1])
		}
	}
}
