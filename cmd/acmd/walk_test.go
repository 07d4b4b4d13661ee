package main

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"
	"github.com/miekg/dns"
)

// TestDevEnvironment: dev.env has the documented variables, and what they name
// answers by the time that `ready` is printed (design, fixed interfaces).
func TestDevEnvironment(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(shortDir(t), "it's new") // made by acmd, and quoted for the shell
	d := startDev(t, dir)
	got := slices.Sorted(maps.Keys(d.env))
	want := []string{"ACMD_DNS", "ACMD_HTTP", "ACMD_METRICS", "ACMD_PLAYGROUND_DNS", "ACMD_ROOT_CA", "ACMD_STATE", "ACMD_ZONE",
		"AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL_ACM", "AWS_ENDPOINT_URL_ACM_PCA", "AWS_ENDPOINT_URL_STS", "AWS_SECRET_ACCESS_KEY"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dev.env (-want +got):\n%s", diff)
	}
	if d.env["ACMD_STATE"] != dir || d.env["AWS_DEFAULT_REGION"] != devRegion {
		t.Errorf("state %q, region %q", d.env["ACMD_STATE"], d.env["AWS_DEFAULT_REGION"])
	}
	for _, v := range []string{"AWS_ENDPOINT_URL_ACM", "AWS_ENDPOINT_URL_ACM_PCA", "AWS_ENDPOINT_URL_STS", "ACMD_HTTP"} {
		if status, _ := get(t, d.env[v]); status < 400 || status > 499 {
			t.Errorf("%s: a bare GET is answered %d", v, status)
		}
	}
	for _, v := range []string{"ACMD_DNS", "ACMD_PLAYGROUND_DNS"} {
		for _, network := range []string{"udp", "tcp"} {
			m := new(dns.Msg).SetQuestion(dns.Fqdn(d.env["ACMD_ZONE"]), dns.TypeSOA)
			if r := ask(t, network, d.env[v], m); len(r.Answer) != 1 {
				t.Errorf("%s over %s: the zone's SOA is answered by\n%s", v, network, r)
			}
		}
	}
	pool(t, d.env["ACMD_ROOT_CA"])
	if summaries := list(t, d.client()); len(summaries) != 0 {
		t.Errorf("a new account has %d certificates", len(summaries))
	}
	checkVitals(t, d.env["ACMD_METRICS"])
	d.acmd(t, "dev", "clock", "now") // the control socket, too
	d.stop(t)
}

// ask puts a question to a DNS server.
func ask(t *testing.T, network, addr string, m *dns.Msg) *dns.Msg {
	t.Helper()
	c := dns.Client{Net: network, Timeout: 10 * time.Second}
	r, _, err := c.ExchangeContext(t.Context(), m, addr)
	fatal(t, err)
	return r
}

// checkVitals looks at the three pages for machines.
func checkVitals(t *testing.T, metrics string) {
	t.Helper()
	status, page := get(t, metrics)
	if v := metric(page, "acmd_validator_diagnoses_total{code=\"TIMEOUT\"}"); status != 200 || v != "0" {
		t.Errorf("%s: %d, with a pre-created series at %q", metrics, status, v)
	}
	u, err := url.Parse(metrics)
	fatal(t, err)
	for _, path := range []string{"/livez", "/readyz"} {
		u.Path = path
		if status, page := get(t, u.String()); status != 200 {
			t.Errorf("%s: %d %s", path, status, page)
		}
	}
}

// TestDevWalk is the way of a certificate with the real SDK: requested, proved,
// issued, a second one by the standing record, served, verified, deleted.
func TestDevWalk(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	for alg, domain := range map[types.KeyAlgorithm]string{p256: "p256.example.com", p384: "p384.example.com", rsa2: "rsa.example.com"} {
		t.Run(string(alg), func(t *testing.T) {
			t.Parallel()
			c := d.client()
			arn := request(t, c, alg, domain, "*."+domain)
			pending := describe(t, c, arn)
			checkPending(t, pending)
			began := time.Now()
			r := pending.DomainValidationOptions[0].ResourceRecord
			d.acmd(t, "dev", "record", "set", *r.Name, "CNAME", *r.Value)
			waitStatus(t, c, arn, types.CertificateStatusIssued)
			t.Logf("record set to ISSUED: %s", time.Since(began).Round(time.Millisecond))

			began = time.Now()
			second := request(t, c, alg, domain)
			if name, value := record(t, c, second); name != *r.Name || value != *r.Value {
				t.Errorf("the second request asks for another record: %s CNAME %s", name, value)
			}
			err := acm.NewCertificateValidatedWaiter(c, func(o *acm.CertificateValidatedWaiterOptions) {
				o.MinDelay = 50 * time.Millisecond
				o.MaxDelay = 50 * time.Millisecond
			}).
				Wait(t.Context(), &acm.DescribeCertificateInput{CertificateArn: &second}, issuedWithin)
			fatal(t, err)
			waitStatus(t, c, second, types.CertificateStatusIssued) // the waiter looks at the names only
			t.Logf("request to ISSUED with the record in place: %s", time.Since(began).Round(time.Millisecond))
			checkIssued(t, d, arn, domain, "*."+domain)
			checkIssued(t, d, second, domain)
			checkDeletion(t, c, arn)
		})
	}
}

// checkPending: every name has its record at once, wildcard and base the same.
func checkPending(t *testing.T, d *types.CertificateDetail) {
	t.Helper()
	if d.Status != types.CertificateStatusPendingValidation || len(d.DomainValidationOptions) != 2 {
		t.Fatalf("after the request: %s with %d names", d.Status, len(d.DomainValidationOptions))
	}
	var records []types.ResourceRecord
	for _, o := range d.DomainValidationOptions {
		if o.ResourceRecord == nil || o.ValidationStatus != types.DomainStatusPendingValidation {
			t.Fatalf("%s: %s, record %+v", *o.DomainName, o.ValidationStatus, o.ResourceRecord)
		}
		records = append(records, *o.ResourceRecord)
	}
	if *records[0].Name != *records[1].Name || *records[0].Value != *records[1].Value {
		t.Errorf("wildcard and base have two records: %v", records)
	}
	if !strings.HasSuffix(*records[0].Name, "."+*d.DomainName+".") || !strings.HasSuffix(*records[0].Value, "."+devZone+".") {
		t.Errorf("record %s CNAME %s", *records[0].Name, *records[0].Value)
	}
}

// checkIssued verifies an issued certificate with x509 and OpenSSL, and what
// it points to.
func checkIssued(t *testing.T, d *devServer, arn string, names ...string) {
	t.Helper()
	c := d.client()
	leaf, chain := bundle(t, c, arn)
	detail := describe(t, c, arn)
	if detail.NotAfter == nil || !detail.NotAfter.Equal(leaf.NotAfter) || len(detail.FailureReason) > 0 {
		t.Errorf("described until %v, failure reason %q; the leaf ends %s", detail.NotAfter, detail.FailureReason, leaf.NotAfter)
	}
	got, want := slices.Sorted(slices.Values(leaf.DNSNames)), slices.Sorted(slices.Values(names))
	if diff := cmp.Diff(want, got); diff != "" || leaf.Subject.CommonName != names[0] {
		t.Errorf("common name %s, names (-want +got):\n%s", leaf.Subject.CommonName, diff)
	}
	for _, n := range names {
		verify(t, leaf, chain, x509.VerifyOptions{Roots: pool(t, d.env["ACMD_ROOT_CA"]), DNSName: strings.Replace(n, "*", "any", 1)})
	}
	checkPointers(t, leaf, chain[0])
	checkOpenSSL(t, d.env["ACMD_ROOT_CA"], leaf, chain)
}

// checkPointers: the leaf's CRL and issuer URLs answer, and with the right things.
func checkPointers(t *testing.T, leaf, issuer *x509.Certificate) {
	t.Helper()
	if len(leaf.CRLDistributionPoints) != 1 || len(leaf.IssuingCertificateURL) != 1 {
		t.Fatalf("points to CRLs %v, issuers %v", leaf.CRLDistributionPoints, leaf.IssuingCertificateURL)
	}
	status, der := get(t, leaf.CRLDistributionPoints[0])
	crl, err := x509.ParseRevocationList(der)
	if status != 200 || err != nil {
		t.Fatalf("%s: %d, %v", leaf.CRLDistributionPoints[0], status, err)
	}
	if err := crl.CheckSignatureFrom(issuer); err != nil || !crl.NextUpdate.After(time.Now()) || crl.ThisUpdate.After(time.Now()) {
		t.Errorf("CRL: %v, from %s to %s", err, crl.ThisUpdate, crl.NextUpdate)
	}
	status, der = get(t, leaf.IssuingCertificateURL[0])
	if status != 200 || !slices.Equal(der, issuer.Raw) {
		t.Errorf("%s: %d, %d octets that are not the issuer's", leaf.IssuingCertificateURL[0], status, len(der))
	}
}

// checkOpenSSL has OpenSSL verify the chain, strictly and with the CRL.
func checkOpenSSL(t *testing.T, root string, leaf *x509.Certificate, chain []*x509.Certificate) {
	t.Helper()
	dir := t.TempDir()
	write := func(name, typ string, ders ...[]byte) string {
		var text []byte
		for _, der := range ders {
			text = append(text, pem.EncodeToMemory(&pem.Block{Type: typ, Bytes: der})...)
		}
		path := filepath.Join(dir, name)
		fatal(t, os.WriteFile(path, text, 0o600))
		return path
	}
	_, crl := get(t, leaf.CRLDistributionPoints[0])
	out, err := exec.Command(tool(t, "openssl"), "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", leaf.DNSNames[0], "-crl_check",
		"-CRLfile", write("crl.pem", "X509 CRL", crl), "-CAfile", root, "-untrusted", write("chain.pem", "CERTIFICATE", chain[0].Raw),
		write("leaf.pem", "CERTIFICATE", leaf.Raw)).CombinedOutput()
	if err != nil || !strings.HasSuffix(string(out), "leaf.pem: OK\n") {
		t.Errorf("openssl verify: %v\n%s", err, out)
	}
}

// checkDeletion: what is deleted is gone for every operation.
func checkDeletion(t *testing.T, c *acm.Client, arn string) {
	t.Helper()
	_, err := c.DeleteCertificate(t.Context(), &acm.DeleteCertificateInput{CertificateArn: &arn})
	fatal(t, err)
	var missing *types.ResourceNotFoundException
	if _, err := c.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: &arn}); !errors.As(err, &missing) {
		t.Errorf("describe after delete: %v", err)
	}
	if _, err := c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn}); !errors.As(err, &missing) {
		t.Errorf("get after delete: %v", err)
	}
	for _, s := range list(t, c) {
		if *s.CertificateArn == arn {
			t.Error("listed after delete")
		}
	}
}
