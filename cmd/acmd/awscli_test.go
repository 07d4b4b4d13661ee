package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

// TestAWSCommandLine is the walk of the README with the real aws.
func TestAWSCommandLine(t *testing.T) {
	t.Parallel()
	program := tool(t, "aws")
	d := startDev(t, shortDir(t))
	aws := func(args ...string) string {
		c := exec.CommandContext(t.Context(), program, append([]string{"--endpoint-url", d.env["AWS_ENDPOINT_URL_ACM"], "acm"}, args...)...)
		c.Env = environment("AWS_EC2_METADATA_DISABLED=true", "AWS_PAGER=", "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null")
		for k, v := range d.env {
			c.Env = append(c.Env, k+"="+v)
		}
		var stderr strings.Builder
		c.Stderr = &stderr
		out, err := c.Output()
		if err != nil {
			t.Fatalf("aws acm %s: %v\n%s", strings.Join(args, " "), err, &stderr)
		}
		return strings.TrimSpace(string(out))
	}
	arn := aws("request-certificate", "--domain-name", "www.example.com", "--subject-alternative-names", "*.www.example.com",
		"--validation-method", "DNS", "--tags", "Key=team,Value=web", "--query", "CertificateArn", "--output", "text")
	var created struct{ Name, Type, Value string }
	fatal(t, json.Unmarshal([]byte(aws("describe-certificate", "--certificate-arn", arn, "--output", "json",
		"--query", "Certificate.DomainValidationOptions[0].ResourceRecord")), &created))
	d.acmd(t, "dev", "record", "set", created.Name, created.Type, created.Value)
	if text := d.acmd(t, "explain", "--watch", arn); !strings.Contains(text, arn+"\nISSUED\n") {
		t.Errorf("explain --watch ends with\n%s", text)
	}
	aws("wait", "certificate-validated", "--certificate-arn", arn)
	leaf := certificates(t, []byte(aws("get-certificate", "--certificate-arn", arn, "--query", "Certificate", "--output", "text")))
	chain := certificates(t, []byte(aws("get-certificate", "--certificate-arn", arn, "--query", "CertificateChain", "--output", "text")))
	checkOpenSSL(t, d.env["ACMD_ROOT_CA"], leaf[0], chain)
	if got := aws("list-tags-for-certificate", "--certificate-arn", arn, "--query", "Tags[0].Value", "--output", "text"); got != "web" {
		t.Errorf("the tag's value is %q", got)
	}
	if got := aws("list-certificates", "--certificate-statuses", "ISSUED", "--query", "CertificateSummaryList[].CertificateArn", "--output", "text"); got != arn {
		t.Errorf("issued: %q, want %s", got, arn)
	}
	aws("delete-certificate", "--certificate-arn", arn)
	if got := aws("list-certificates", "--query", "length(CertificateSummaryList)", "--output", "text"); got != "0" {
		t.Errorf("%s certificates after the only one was deleted", got)
	}
}
