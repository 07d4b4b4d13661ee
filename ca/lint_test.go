package ca

import (
	"crypto/elliptic"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"acmd/core"
)

// Every exception holds where it should, and without it the linter refuses.
func TestExceptionsAreNeeded(t *testing.T) {
	t.Parallel()
	key := ecKey(elliptic.P256())
	bare := func(c *Config) { c.BaseURL = "" }
	long := func(c *Config) { c.LongValidity, c.Validity = true, 398*day }
	cases := map[string]struct {
		edit func(*Config)
		name string
		at   time.Time
	}{
		"e_dnsname_not_valid_tld":                       {nil, "host.corp", now},
		"e_sub_cert_aia_missing":                        {bare, "example.org", now},
		"e_missing_crl_distrib_point":                   {bare, "example.org", now},
		"e_server_cert_valid_time_longer_than_200_days": {long, "example.org", now},
		"e_server_cert_valid_time_longer_than_100_days": {long, "example.org", validityLimits[1].from.Add(day)},
		"e_server_cert_valid_time_longer_than_47_days":  {long, "example.org", validityLimits[2].from.Add(day)},
	}
	for i, e := range exceptions {
		c, ok := cases[e.lint]
		if !ok || len(e.reason) < 20 {
			t.Errorf("%s: no case here, or no reason there", e.lint)
			continue
		}
		cfg := config()
		if c.edit != nil {
			c.edit(&cfg)
		}
		a := newAuthority(t, cfg)
		r := request(t, key, c.name)
		r.Now = c.at
		if _, err := a.Prepare(r); err != nil {
			t.Errorf("%s: refused with its exception: %v", e.lint, err)
		}
		a.lints = must(newLinter(cfg, slices.Delete(slices.Clone(exceptions), i, i+1)))
		if _, err := a.Prepare(r); !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), e.lint+" (") {
			t.Errorf("%s: without its exception: %v", e.lint, err)
		}
	}
	if len(cases) != len(exceptions) {
		t.Errorf("%d cases, %d exceptions", len(cases), len(exceptions))
	}
}

// An exception does not hold where its reason does not.
func TestExceptionsAreConditional(t *testing.T) {
	t.Parallel()
	l := must(newLinter(config(), exceptions))
	names := map[string]bool{}
	for _, rule := range l.certificates {
		names[rule.Name] = true
		if !slices.Contains(lintSources, rule.Source) {
			t.Errorf("%s is of another source, %s", rule.Name, rule.Source)
		}
	}
	for _, e := range exceptions {
		if e.holds != nil && !names[e.lint] {
			t.Errorf("%s is not asked although its reason does not hold", e.lint)
		}
	}
	if len(names) < 250 || len(l.crls) < 10 {
		t.Errorf("only %d lints for certificates and %d for CRLs are left", len(names), len(l.crls))
	}
}

func TestUnknownExceptionIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := newLinter(config(), []exception{{lint: "e_no_such_lint"}}); err == nil {
		t.Error("a misspelt exception was taken")
	}
}

func BenchmarkLint(b *testing.B) {
	a := newAuthority(b, config())
	_, c := issue(b, a, request(b, ecKey(elliptic.P256()), "example.org"))
	for b.Loop() {
		if err := a.lints.certificate(c.Raw); err != nil {
			b.Fatal(err)
		}
	}
}
