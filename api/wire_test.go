package api

import (
	"flag"
	"fmt"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/manager"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	firstArn  = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000001"
	secondArn = "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000002"
)

// seeded is a fake with one pending, one issued and one failed certificate,
// then an EC one, and one of another region.
func seeded(t testing.TB) *fake {
	t.Helper()
	f := newFake()
	tags := []core.Tag{{Key: "empty", HasValue: true}, {Key: "key-only"}, {Key: "stack", Value: "<a&b>", HasValue: true}}
	f.put(testCaller, manager.Request{Domain: "www.example.com", SANs: []string{"example.com", "*.example.com", "www.example.com"},
		Method: core.MethodDNS, KeyAlgorithm: core.RSA2048, CTLogging: true, Tags: tags})
	f.put(testCaller, manager.Request{Domain: "example.com", SANs: []string{"*.example.com"}, Method: core.MethodDNS,
		KeyAlgorithm: core.RSA2048, CTLogging: true, Export: true})
	f.issue(t, 1)
	f.put(testCaller, manager.Request{Domain: "refused.example.com", Method: core.MethodDNS, KeyAlgorithm: core.RSA2048})
	if err := f.views[2].Order.Fail(core.ReasonCAA, instant, "refused.example.com"); err != nil {
		t.Fatal(err)
	}
	f.put(testCaller, manager.Request{Domain: "ec.example.com", Method: core.MethodDNS, KeyAlgorithm: core.ECP256})
	f.put(manager.Caller{Account: testAccount, Region: "eu-west-1"}, manager.Request{Domain: "eu.example.com", Method: core.MethodDNS, KeyAlgorithm: core.RSA2048})
	return f
}

// wireCases are the golden request and response pairs, by file name.
var wireCases = map[string]struct{ operation, body string }{
	"request":                   {"RequestCertificate", `{"DomainName":"new.example.com","ValidationMethod":"DNS"}`},
	"request-full":              {"RequestCertificate", `{"DomainName":"new.example.com","SubjectAlternativeNames":["*.new.example.com"],"ValidationMethod":"DNS","IdempotencyToken":"tf1234","KeyAlgorithm":"EC_secp384r1","Options":{"CertificateTransparencyLoggingPreference":"DISABLED","Export":"ENABLED"},"DomainValidationOptions":[{"DomainName":"new.example.com","ValidationDomain":"example.com"}],"Tags":[{"Key":"a"},{"Key":"b","Value":""}],"Unknown":{"x":[1]}}`},
	"request-email":             {"RequestCertificate", `{"DomainName":"new.example.com"}`},
	"request-constraint":        {"RequestCertificate", `{"DomainName":"a..b","SubjectAlternativeNames":[],"Tags":[{"Key":"ok"},{"Key":"k","Value":"*.dev"}],"DomainValidationOptions":[{"DomainName":"new.example.com"}]}`},
	"describe-pending":          {"DescribeCertificate", `{"CertificateArn":"` + firstArn + `"}`},
	"describe-issued":           {"DescribeCertificate", `{"CertificateArn":"` + secondArn + `"}`},
	"describe-failed":           {"DescribeCertificate", `{"CertificateArn":"arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000003"}`},
	"describe-unknown":          {"DescribeCertificate", `{"CertificateArn":"` + unknownArn + `"}`},
	"describe-malformed":        {"DescribeCertificate", `{"CertificateArn":"certificate/1"}`},
	"list":                      {"ListCertificates", `{}`},
	"list-filtered":             {"ListCertificates", `{"CertificateStatuses":["PENDING_VALIDATION"],"Includes":{"keyTypes":["EC_prime256v1","RSA_2048"],"exportOption":"DISABLED"},"SortBy":"CREATED_AT","SortOrder":"DESCENDING","MaxItems":1}`},
	"list-sort-alone":           {"ListCertificates", `{"SortBy":"CREATED_AT"}`},
	"get":                       {"GetCertificate", `{"CertificateArn":"` + secondArn + `"}`},
	"get-pending":               {"GetCertificate", `{"CertificateArn":"` + firstArn + `"}`},
	"delete":                    {"DeleteCertificate", `{"CertificateArn":"` + firstArn + `"}`},
	"add-tags":                  {"AddTagsToCertificate", `{"CertificateArn":"` + firstArn + `","Tags":[{"Key":"website","Value":"example.com"}]}`},
	"remove-tags":               {"RemoveTagsFromCertificate", `{"CertificateArn":"` + firstArn + `","Tags":[{"Key":"stack"}]}`},
	"list-tags":                 {"ListTagsForCertificate", `{"CertificateArn":"` + firstArn + `"}`},
	"list-tags-none":            {"ListTagsForCertificate", `{"CertificateArn":"` + secondArn + `"}`},
	"tag-resource":              {"TagResource", `{"ResourceArn":"` + firstArn + `","Tags":[{"Key":"website","Value":"example.com"}]}`},
	"untag-resource":            {"UntagResource", `{"ResourceArn":"` + firstArn + `","TagKeys":["stack","absent"]}`},
	"list-tags-for-resource":    {"ListTagsForResource", `{"ResourceArn":"` + firstArn + `"}`},
	"tag-other-resource":        {"ListTagsForResource", `{"ResourceArn":"arn:aws:acm:us-east-1:111122223333:acme-endpoint/12345678"}`},
	"domain-validations":        {"ListCertificateDomainValidations", `{"CertificateArn":"` + firstArn + `","MaxItems":2}`},
	"domain-validations-issued": {"ListCertificateDomainValidations", `{"CertificateArn":"` + secondArn + `"}`},
	"unsupported":               {"SearchCertificates", `{}`},
	"serialization":             {"DescribeCertificate", `{"CertificateArn":12}`},
}

// TestWire compares whole answers with those on file: go test ./api -update
// writes them anew, for a person to read.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, name := range slices.Sorted(maps.Keys(wireCases)) {
		c := wireCases[name]
		w := do(t, newTestAPI(t, seeded(t)), c.operation, c.body)
		checkRequestID(t, w)
		if len(w.Body.String()) != 0 && strings.ContainsAny(strings.NewReplacer("\\n", "").Replace(w.Body.String()), "\n\r\t") {
			t.Errorf("%s: the body is not compact", name)
		}
		got := fmt.Sprintf("POST / HTTP/1.1\nContent-Type: %s\nX-Amz-Target: %s\n\n%s\n\n%s", contentType, targetPrefix+c.operation, c.body, response(w))
		file := filepath.Join("testdata", "wire", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// response is an answer as text, with the request id, which is random, masked.
func response(w *httptest.ResponseRecorder) string {
	var b strings.Builder
	fmt.Fprintf(&b, "HTTP/1.1 %d\n", w.Code)
	for _, name := range slices.Sorted(maps.Keys(w.Header())) {
		value := strings.Join(w.Header()[name], ", ")
		if name == "x-amzn-RequestId" {
			value = "<uuid>"
		}
		fmt.Fprintf(&b, "%s: %s\n", name, value)
	}
	fmt.Fprintf(&b, "\n%s\n", w.Body)
	return b.String()
}
