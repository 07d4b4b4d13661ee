package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/manager"
)

// listed are the domains of a list's answer.
func listed(t *testing.T, f *fake, body string) []string {
	t.Helper()
	w := do(t, newTestAPI(t, f), "ListCertificates", body)
	if w.Code != http.StatusOK {
		t.Fatalf("%s: %s", body, w.Body)
	}
	var out listOutputNames
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	got := []string{}
	for _, s := range out.CertificateSummaryList {
		got = append(got, s.DomainName)
	}
	return got
}

type listOutputNames struct {
	CertificateSummaryList []struct{ DomainName string }
}

func TestListFilters(t *testing.T) {
	t.Parallel()
	const www, apex, refused, ec = "www.example.com", "example.com", "refused.example.com", "ec.example.com"
	for body, want := range map[string][]string{
		`{}`:                           {www, apex, refused},
		`{"CertificateStatuses":[]}`:   {www, apex, refused},
		`{"Includes":{"keyTypes":[]}}`: {www, apex, refused},
		`{"Includes":{"keyTypes":["EC_prime256v1"]}}`:                                         {ec},
		`{"Includes":{"keyTypes":["RSA_2048","EC_prime256v1","EC_secp521r1"]}}`:               {www, apex, refused, ec},
		`{"CertificateStatuses":["ISSUED","FAILED","INACTIVE"]}`:                              {apex, refused},
		`{"CertificateStatuses":["REVOKED"]}`:                                                 {},
		`{"Includes":{"exportOption":"ENABLED"}}`:                                             {apex},
		`{"Includes":{"exportOption":"ENABLED"},"CertificateStatuses":["FAILED"]}`:            {},
		`{"Includes":{"keyUsage":["CRL_SIGNING","KEY_ENCIPHERMENT"]}}`:                        {apex},
		`{"Includes":{"keyUsage":["CRL_SIGNING"]}}`:                                           {},
		`{"Includes":{"extendedKeyUsage":["TLS_WEB_SERVER_AUTHENTICATION"]}}`:                 {apex},
		`{"Includes":{"extendedKeyUsage":["CODE_SIGNING"],"keyUsage":["DIGITAL_SIGNATURE"]}}`: {},
		`{"Includes":{"managedBy":"CLOUDFRONT"}}`:                                             {},
		`{"CertificateKeyPairOrigins":["ACME"]}`:                                              {},
		`{"CertificateKeyPairOrigins":["ACME","AWS_MANAGED"]}`:                                {www, apex, refused},
		`{"SortBy":"CREATED_AT","SortOrder":"DESCENDING"}`:                                    {refused, apex, www},
	} {
		if got := listed(t, seeded(t), body); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v (wire facts §7)", body, got, want)
		}
	}
}

func TestListQuery(t *testing.T) {
	t.Parallel()
	f := newFake()
	listed(t, f, `{"MaxItems":7,"NextToken":"`+sealToken("arn:x")+`","CertificateStatuses":["ISSUED"],"Includes":{"exportOption":"DISABLED","keyTypes":["RSA_4096"]},"SortBy":"CREATED_AT","SortOrder":"DESCENDING"}`)
	off := false
	want := manager.Query{Statuses: []core.Status{core.StatusIssued}, KeyAlgorithms: []core.KeyAlgorithm{core.RSA4096}, Export: &off, Descending: true, After: "arn:x", Limit: 7}
	if diff := cmp.Diff(want, f.query); diff != "" {
		t.Error(diff)
	}
	listed(t, f, ``)
	want = manager.Query{KeyAlgorithms: []core.KeyAlgorithm{core.RSA1024, core.RSA2048}, Limit: 1000}
	if diff := cmp.Diff(want, f.query); diff != "" {
		t.Error(diff)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	for _, cursor := range []string{"", "1795305601125|arn:x"} {
		if got, err := openToken(sealToken(cursor)); err != nil || got != cursor {
			t.Errorf("%q: %q %v", cursor, got, err)
		}
	}
	for _, cursor := range []string{"\x00", "a\nb", "\xff", "é"} {
		if got, err := openToken(sealToken(cursor)); err == nil {
			t.Errorf("%q: opened as %q", cursor, got)
		}
	}
}

func TestSummaryShowsAHundredNames(t *testing.T) {
	t.Parallel()
	f := newFake()
	var names []string
	for i := range 101 {
		names = append(names, fmt.Sprintf("n%d.example.com", i))
	}
	f.put(testCaller, manager.Request{Domain: names[0], SANs: names[1:], Method: core.MethodDNS})
	s := summary(f.views[0])
	if len(s.SubjectAlternativeNameSummaries) != 100 || !s.HasAdditionalSubjectAlternativeNames {
		t.Errorf("%d names, more: %v", len(s.SubjectAlternativeNameSummaries), s.HasAdditionalSubjectAlternativeNames)
	}
}
