package ca

import (
	"fmt"
	"slices"
	"strings"

	zx509 "github.com/zmap/zcrypto/x509"
	"github.com/zmap/zlint/v3/lint"
	_ "github.com/zmap/zlint/v3/lints/cabf_br" // the lints register themselves
	_ "github.com/zmap/zlint/v3/lints/rfc"

	"acmd/core"
)

// lintSources are the rules a leaf is held to: the Baseline Requirements and the
// RFCs. The others speak of other kinds of certificate or of one root store.
var lintSources = lint.SourceList{
	lint.CABFBaselineRequirements, lint.RFC3279, lint.RFC5280, lint.RFC5480, lint.RFC5891, lint.RFC6960, lint.RFC6962, lint.RFC8813,
}

// exception is a lint that a private CA may break, and why.
type exception struct {
	lint   string
	reason string
	holds  func(Config) bool // nil: always
}

// exceptions is the whole list; a test shows that each is needed.
var exceptions = []exception{
	{"e_dnsname_not_valid_tld",
		"names below private top-level domains are what a private CA is for; core.NamePolicy decides which (standards 1.44 [relax])", nil},
	{"e_sub_cert_aia_missing",
		"without a base URL nothing can be named; a SHOULD since 2026-10-04, which the lint does not know (standards 1.54)", noURL},
	{"e_missing_crl_distrib_point",
		"without a base URL nobody is known to serve CRLs to strangers", noURL},
	{"e_server_cert_valid_time_longer_than_200_days",
		"the operator lifted the limit for private trust", longValidity},
	{"e_server_cert_valid_time_longer_than_100_days",
		"the same, for leafs that begin on 2027-03-15 or later", longValidity},
	{"e_server_cert_valid_time_longer_than_47_days",
		"the same, for leafs that begin on 2029-03-15 or later", longValidity},
}

func noURL(c Config) bool        { return c.BaseURL == "" }
func longValidity(c Config) bool { return c.LongValidity }

// linter is the lints to be asked, chosen once: all of the library's would take
// thirty times as long, and its own loop sorts their names each time.
type linter struct {
	certificates []*lint.CertificateLint
	crls         []*lint.RevocationListLint
	config       lint.Configuration
}

func newLinter(c Config, table []exception) (linter, error) {
	f := lint.FilterOptions{IncludeSources: lintSources}
	for _, e := range table {
		if e.holds == nil || e.holds(c) {
			f.ExcludeNames = append(f.ExcludeNames, e.lint)
		}
	}
	r, err := lint.GlobalRegistry().Filter(f)
	if err != nil {
		return linter{}, fmt.Errorf("choose lints: %w", err)
	}
	return linter{r.CertificateLints().Lints(), r.RevocationListLints().Lints(), r.GetConfiguration()}, nil
}

// certificate is core.Invalid, naming them, if the certificate breaks any lints.
func (l linter) certificate(der []byte) error {
	c, err := zx509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("lint certificate: %w", err)
	}
	var broken []string
	for _, rule := range l.certificates {
		broken = note(broken, rule.LintMetadata, rule.Execute(c, l.config))
	}
	return verdict("certificate", broken)
}

// crl does the same for a CRL (standards 1.59).
func (l linter) crl(der []byte) error {
	c, err := zx509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("lint CRL: %w", err)
	}
	var broken []string
	for _, rule := range l.crls {
		broken = note(broken, rule.LintMetadata, rule.Execute(c, l.config))
	}
	return verdict("CRL", broken)
}

// note adds a rule that was broken: Error and Fatal count, warnings do not.
func note(broken []string, rule lint.LintMetadata, r *lint.LintResult) []string {
	if r.Status >= lint.Error {
		broken = append(broken, fmt.Sprintf("%s (%s)", rule.Name, rule.Citation))
	}
	return broken
}

func verdict(what string, broken []string) error {
	if len(broken) == 0 {
		return nil
	}
	slices.Sort(broken)
	return &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf("The %s would break %s.", what, strings.Join(broken, ", "))}
}
