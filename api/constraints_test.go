package api

import (
	"errors"
	"strings"
	"testing"
)

// TestConstraintWording holds the recorded texts of wire facts §2.
func TestConstraintWording(t *testing.T) {
	t.Parallel()
	const domain = `(\*\.)?(((?!-)[A-Za-z0-9-]{0,62}[A-Za-z0-9])\.)+((?!-)[A-Za-z0-9-]{1,62}[A-Za-z0-9])`
	const tags = `[\p{L}\p{Z}\p{N}_.:\/=+\-@]*`
	for _, c := range []struct{ operation, body, want string }{
		{"RequestCertificate", `{}`, "1 validation error detected: Value null at 'domainName' failed to satisfy constraint: Member must not be null"},
		{"RequestCertificate", `{"DomainName":"a.example","Tags":[{"Key":"a"},{"Key":"b","Value":"*.dev.mycompany.com"}]}`,
			"1 validation error detected: Value '*.dev.mycompany.com' at 'tags.2.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: " + tags},
		{"RequestCertificate", `{"DomainName":"a.example","SubjectAlternativeNames":[]}`,
			"1 validation error detected: Value '[]' at 'subjectAlternativeNames' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"RequestCertificate", `{"DomainName":"a.example","SubjectAlternativeNames":["b.example","*"]}`,
			"1 validation error detected: Value '*' at 'subjectAlternativeNames.2.member' failed to satisfy constraint: Member must satisfy regular expression pattern: " + domain},
		{"RequestCertificate", `{"DomainName":"a.example","DomainValidationOptions":[{"DomainName":"a.example"}]}`,
			"1 validation error detected: Value null at 'domainValidationOptions.1.member.validationDomain' failed to satisfy constraint: Member must not be null"},
		{"RequestCertificate", `{"DomainName":"a.example","ValidationMethod":"PIGEON"}`,
			"1 validation error detected: Value 'PIGEON' at 'validationMethod' failed to satisfy constraint: Member must satisfy enum value set: [EMAIL, DNS, HTTP]"},
		{"RequestCertificate", `{"DomainName":"a.example","IdempotencyToken":"0123456789012345678901234567890123"}`,
			"1 validation error detected: Value '0123456789012345678901234567890123' at 'idempotencyToken' failed to satisfy constraint: Member must have length less than or equal to 32"},
		{"RequestCertificate", `{"DomainName":"a.example","Options":{"Export":"yes"}}`,
			"1 validation error detected: Value 'yes' at 'options.export' failed to satisfy constraint: Member must satisfy enum value set: [ENABLED, DISABLED]"},
		{"RequestCertificate", `{"Tags":[null],"ManagedBy":null}`,
			"2 validation errors detected: Value null at 'domainName' failed to satisfy constraint: Member must not be null; Value null at 'tags.1.member' failed to satisfy constraint: Member must not be null"},
		{"ListCertificates", `{"MaxItems":0}`, "1 validation error detected: Value '0' at 'maxItems' failed to satisfy constraint: Member must have value greater than or equal to 1"},
		{"ListCertificates", `{"MaxItems":1001}`, "1 validation error detected: Value '1001' at 'maxItems' failed to satisfy constraint: Member must have value less than or equal to 1000"},
		{"ListCertificates", `{"NextToken":""}`, "1 validation error detected: Value '' at 'nextToken' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"ListCertificates", `{"Includes":{"keyTypes":["RSA-2048"]}}`,
			"1 validation error detected: Value 'RSA-2048' at 'includes.keyTypes.1.member' failed to satisfy constraint: Member must satisfy enum value set: [RSA_1024, RSA_2048, RSA_3072, RSA_4096, EC_prime256v1, EC_secp384r1, EC_secp521r1]"},
		{"AddTagsToCertificate", `{"CertificateArn":"` + unknownArn + `","Tags":[]}`,
			"1 validation error detected: Value '[]' at 'tags' failed to satisfy constraint: Member must have length greater than or equal to 1"},
		{"UntagResource", `{"ResourceArn":"` + unknownArn + `","TagKeys":[""]}`,
			"1 validation error detected: Value '' at 'tagKeys.1.member' failed to satisfy constraint: Member must have length greater than or equal to 1"},
	} {
		in, err := parseDocument([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var f *fault
		if err := checkInput(in, operations[c.operation].input); !errors.As(err, &f) || f.code != codeValidation || f.message != c.want {
			t.Errorf("%s %s:\n got %v\nwant %s", c.operation, c.body, err, c.want)
		}
	}
}

func TestWrongTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ operation, body, want string }{
		{"RequestCertificate", `{"DomainName":1}`, "NUMBER_VALUE cannot be converted to String"},
		{"RequestCertificate", `{"DomainName":true}`, "BOOLEAN_VALUE cannot be converted to String"},
		{"RequestCertificate", `{"DomainName":["a"]}`, "Start of list found where not expected"},
		{"RequestCertificate", `{"DomainName":{}}`, "Start of structure or map found where not expected"},
		{"RequestCertificate", `{"Tags":"x"}`, "Expected list or null"},
		{"RequestCertificate", `{"Tags":{"Key":"a"}}`, "Start of structure or map found where not expected"},
		{"RequestCertificate", `{"Tags":["x"]}`, "Expected map or null"},
		{"RequestCertificate", `{"Options":"x"}`, "Expected map or null"},
		{"ListCertificates", `{"MaxItems":"5"}`, "STRING_VALUE cannot be converted to Integer"},
		{"ListCertificates", `{"MaxItems":1.5}`, "NUMBER_VALUE cannot be converted to Integer"},
		{"ListCertificates", `{"MaxItems":99999999999}`, "NUMBER_VALUE cannot be converted to Integer"},
	} {
		in, err := parseDocument([]byte(c.body))
		if err != nil {
			t.Fatal(err)
		}
		var f *fault
		if err := checkInput(in, operations[c.operation].input); !errors.As(err, &f) || f.code != codeSerialization || f.message != c.want {
			t.Errorf("%s: %v, want %s", c.body, err, c.want)
		}
	}
}

// TestPatterns compares Go's form of the model's patterns with what those say.
func TestPatterns(t *testing.T) {
	t.Parallel()
	label63 := strings.Repeat("a", 63)
	for _, c := range []struct {
		shape *shape
		good  []string
		bad   []string
	}{
		{domainShape, []string{"a.bc", "*.example.com", "A-b.Example.com", label63 + "." + label63, "xn--bcher-kva.example", "1.2.3.44"},
			[]string{"com", "a.b", "10.0.0.1", "example.com.", "*", "*.*.com", "a.*.com", "-a.com", "a-.com", "a..com", "a.com-", "a.-com", "a_b.com", "bücher.example", label63 + "a.com", "a.b\n", ".com"}},
		{arnShape, []string{unknownArn, "arn:aws-cn:acm:cn-north-1:1:certificate/x", "arn:aws:acm::1:acme-endpoint/a/b"},
			[]string{"arn:aws:acm:us-east-1:abc:certificate/1", "arn:aws:iam::111122223333:user/alice", unknownArn + "\n", unknownArn + "/", " " + unknownArn}},
		{tokenShape, []string{"tf1", "a_B"}, []string{"", "a-b", "é", "12345678-1234"}},
		{tagKeyShape, []string{"a b", "ключ", "a:b/c=d+e-f@g.h_1"}, []string{"*", "a,b", "a\tb", "a\u0000"}},
		{nextTokenShape, []string{"abc=", "ÿ\t"}, []string{"Ā", "\u0001"}},
	} {
		for _, s := range c.good {
			if !c.shape.pattern.re.MatchString(s) {
				t.Errorf("%q does not match %s", s, c.shape.pattern.text)
			}
		}
		for _, s := range c.bad {
			if c.shape.pattern.re.MatchString(s) {
				t.Errorf("%q matches %s", s, c.shape.pattern.text)
			}
		}
	}
}

func TestLongValuesAreCut(t *testing.T) {
	t.Parallel()
	in, err := parseDocument([]byte(`{"DomainName":"` + strings.Repeat("é", 300000) + `"}`))
	if err != nil {
		t.Fatal(err)
	}
	var f *fault
	if err := checkInput(in, requestInput); !errors.As(err, &f) || len(f.message) > 4*maxEcho || !strings.Contains(f.message, "é...'") {
		t.Errorf("%d bytes", len(f.message))
	}
}
