package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestHostileInput: whatever comes, the answer is an error in AWS's form and
// never a 5xx, which SDKs would retry.
func TestHostileInput(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, seeded(t), func(c *Config) { c.MaxBody = 8 << 20 })
	million := strings.Repeat("a", 1<<20)
	var tags51 strings.Builder
	for i := range 51 {
		fmt.Fprintf(&tags51, `,{"Key":"k%d"}`, i)
	}
	for _, c := range hostile(million, tags51.String()[1:]) {
		t.Run(c.name+" "+c.operation, func(t *testing.T) {
			t.Parallel()
			w := do(t, a, c.operation, c.body)
			message := fails(t, w, http.StatusBadRequest, c.code)
			if message == "" || len(message) > 16*maxEcho {
				t.Errorf("message of %d bytes: %.100s", len(message), message)
			}
		})
	}
}

type hostileCase struct{ name, operation, body, code string }

// hostile lists inputs with the error that each must give.
func hostile(million, tags51 string) []hostileCase {
	arn := func(s string) string { return `{"CertificateArn":"` + s + `"}` }
	return []hostileCase{
		{"no members", "DescribeCertificate", `{}`, codeValidation},
		{"null arn", "DescribeCertificate", `{"CertificateArn":null}`, codeValidation},
		{"arn in the wrong case", "DescribeCertificate", `{"certificateArn":"` + firstArn + `"}`, codeValidation},
		{"number", "DescribeCertificate", `{"CertificateArn":1}`, codeSerialization},
		{"list", "DescribeCertificate", `{"CertificateArn":["` + firstArn + `"]}`, codeSerialization},
		{"top-level list", "DescribeCertificate", `["` + firstArn + `"]`, codeSerialization},
		{"duplicate", "DescribeCertificate", `{"CertificateArn":"` + firstArn + `","CertificateArn":"` + firstArn + `"}`, codeSerialization},
		{"not json", "DescribeCertificate", `CertificateArn=x`, codeSerialization},
		{"xml", "DescribeCertificate", `<x/>`, codeSerialization},
		{"deep", "ListCertificates", `{"x":` + strings.Repeat("[", 1<<20), codeSerialization},
		{"deep and closed", "ListCertificates", `{"x":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + `}`, codeSerialization},
		{"many values", "ListCertificates", `{"x":[` + strings.Repeat("0,", 1<<20) + `0]}`, codeSerialization},
		{"megabyte arn", "DescribeCertificate", arn(million), codeValidation},
		{"megabyte name", "RequestCertificate", `{"DomainName":"` + million + `","ValidationMethod":"DNS"}`, codeValidation},
		{"megabyte member name", "RequestCertificate", `{"` + million + `":1,"` + million + `":1}`, codeSerialization},
		{"megabyte token", "ListCertificates", `{"NextToken":"` + million + `"}`, codeValidation},
		{"51 tags", "AddTagsToCertificate", `{"CertificateArn":"` + firstArn + `","Tags":[` + tags51 + `]}`, codeValidation},
		{"51 tags in a request", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"DNS","Tags":[` + tags51 + `]}`, codeValidation},
		{"tag without key", "AddTagsToCertificate", `{"CertificateArn":"` + firstArn + `","Tags":[{"Value":"x"}]}`, codeValidation},
		{"101 names", "RequestCertificate", `{"DomainName":"a.example","SubjectAlternativeNames":["x.example"` + strings.Repeat(`,"x.example"`, 100) + `]}`, codeValidation},
		{"foreign account", "DescribeCertificate", arn(foreignArn), codeNotFound},
		{"foreign region", "DescribeCertificate", arn("arn:aws:acm:eu-west-1:111122223333:certificate/00000000-0000-4000-8000-000000000005"), codeNotFound},
		{"foreign partition", "DescribeCertificate", arn("arn:aws-cn:acm:us-east-1:111122223333:certificate/00000000-0000-4000-8000-000000000001"), codeNotFound},
		{"upper-case id", "DescribeCertificate", arn("arn:aws:acm:us-east-1:111122223333:certificate/0000000A-0000-4000-8000-000000000001"), codeNotFound},
		{"no such id", "GetCertificate", arn("arn:aws:acm:us-east-1:111122223333:certificate/nonsense"), codeNotFound},
		{"no such id", "DeleteCertificate", arn(unknownArn), codeNotFound},
		{"no such id", "ListTagsForCertificate", arn(unknownArn), codeNotFound},
		{"no such id", "ListCertificateDomainValidations", arn(unknownArn), codeNotFound},
		{"no such id", "RemoveTagsFromCertificate", `{"CertificateArn":"` + unknownArn + `","Tags":[{"Key":"a"}]}`, codeNotFound},
		{"no such id", "UntagResource", `{"ResourceArn":"` + unknownArn + `","TagKeys":["a"]}`, codeNotFound},
		{"no such id", "TagResource", `{"ResourceArn":"` + unknownArn + `","Tags":[{"Key":"a"}]}`, codeNotFound},
		{"other resource", "DeleteCertificate", arn("arn:aws:acm:us-east-1:111122223333:acme-endpoint/12345678"), "InvalidArnException"},
		{"other service", "DescribeCertificate", arn("arn:aws:iam::111122223333:server-certificate/x"), codeValidation},
		{"token not base64", "ListCertificates", `{"NextToken":"%%%"}`, codeValidation},
		{"token of nothing", "ListCertificates", `{"NextToken":"eHl6"}`, codeValidation},
		{"token with a zero byte", "ListCertificates", `{"NextToken":"AAAA"}`, codeValidation},
		{"token of another list", "ListCertificateDomainValidations", `{"CertificateArn":"` + firstArn + `","NextToken":"eHl6"}`, codeValidation},
		{"token beyond the end", "ListCertificateDomainValidations", `{"CertificateArn":"` + firstArn + `","NextToken":"Mw"}`, codeValidation},
		{"sort order alone", "ListCertificates", `{"SortOrder":"ASCENDING"}`, "InvalidArgsException"},
		{"zero byte in a name", "RequestCertificate", `{"DomainName":"a\u0000.example","ValidationMethod":"DNS"}`, codeValidation},
		{"zero byte in a tag", "AddTagsToCertificate", `{"CertificateArn":"` + firstArn + `","Tags":[{"Key":"a\u0000"}]}`, codeValidation},
		{"email", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"EMAIL"}`, codeInvalidParameter},
		{"http", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"HTTP"}`, codeInvalidParameter},
		{"private", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"DNS","CertificateAuthorityArn":"arn:aws:acm-pca:us-east-1:111122223333:certificate-authority/12345678-1234-1234-1234-123456789012"}`, codeInvalidParameter},
		{"managed", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"DNS","ManagedBy":"CLOUDFRONT"}`, codeInvalidParameter},
		{"import's key type", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"DNS","KeyAlgorithm":"RSA_4096"}`, codeInvalidParameter},
		{"two methods", "RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"DNS","Options":{"ValidationMethod":"EMAIL"}}`, codeInvalidParameter},
	}
}
