package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

// The key algorithms that may be requested.
const (
	p256 = types.KeyAlgorithmEcPrime256v1
	p384 = types.KeyAlgorithmEcSecp384r1
	rsa2 = types.KeyAlgorithmRsa2048
)

// issuedWithin is how long these tests wait for an issuance. It is generous:
// how fast it is, is measured and not tested.
const issuedWithin = 30 * time.Second

// client is the real SDK, without retries, which would hide what goes wrong.
func client(endpoint, id, secret string, edit ...func(*acm.Options)) *acm.Client {
	return acm.New(acm.Options{BaseEndpoint: &endpoint, Region: devRegion, RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")}, edit...)
}

// client is the SDK as dev.env says.
func (d *devServer) client() *acm.Client {
	return client(d.env["AWS_ENDPOINT_URL_ACM"], d.env["AWS_ACCESS_KEY_ID"], d.env["AWS_SECRET_ACCESS_KEY"])
}

// request requests a certificate and returns its ARN.
func request(t *testing.T, c *acm.Client, alg types.KeyAlgorithm, names ...string) string {
	t.Helper()
	in := acm.RequestCertificateInput{DomainName: &names[0], ValidationMethod: types.ValidationMethodDns, KeyAlgorithm: alg}
	if len(names) > 1 {
		in.SubjectAlternativeNames = names[1:]
	}
	out, err := c.RequestCertificate(t.Context(), &in)
	fatal(t, err)
	return *out.CertificateArn
}

// describe is DescribeCertificate.
func describe(t *testing.T, c *acm.Client, arn string) *types.CertificateDetail {
	t.Helper()
	out, err := c.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: &arn})
	fatal(t, err)
	return out.Certificate
}

// record is the CNAME of a certificate's first name.
func record(t *testing.T, c *acm.Client, arn string) (name, value string) {
	t.Helper()
	r := describe(t, c, arn).DomainValidationOptions[0].ResourceRecord
	if r == nil || r.Type != types.RecordTypeCname {
		t.Fatalf("%s has no CNAME to create: %+v", arn, r)
	}
	return *r.Name, *r.Value
}

// prove sets the record of a certificate's first name.
func (d *devServer) prove(t *testing.T, arn string) {
	t.Helper()
	name, value := record(t, d.client(), arn)
	d.set(t, name, "CNAME", value)
}

// waitStatus waits until the certificate has the status.
func waitStatus(t *testing.T, c *acm.Client, arn string, want types.CertificateStatus) *types.CertificateDetail {
	t.Helper()
	var d *types.CertificateDetail
	eventually(t, issuedWithin, arn+" is "+string(want), func() bool {
		if d = describe(t, c, arn); d.Status != want && d.Status != types.CertificateStatusPendingValidation {
			t.Fatalf("%s is %s, want %s", arn, d.Status, want)
		}
		return d.Status == want
	})
	return d
}

// bundle is what GetCertificate gives: leaf and issuers.
func bundle(t *testing.T, c *acm.Client, arn string) (leaf *x509.Certificate, chain []*x509.Certificate) {
	t.Helper()
	out, err := c.GetCertificate(t.Context(), &acm.GetCertificateInput{CertificateArn: &arn})
	fatal(t, err)
	leaves := certificates(t, []byte(*out.Certificate))
	if len(leaves) != 1 {
		t.Fatalf("%d certificates where the leaf is", len(leaves))
	}
	return leaves[0], certificates(t, []byte(*out.CertificateChain))
}

// certificates reads PEM.
func certificates(t *testing.T, text []byte) []*x509.Certificate {
	t.Helper()
	var out []*x509.Certificate
	for {
		var b *pem.Block
		if b, text = pem.Decode(text); b == nil {
			break
		}
		c, err := x509.ParseCertificate(b.Bytes)
		fatal(t, err)
		out = append(out, c)
	}
	if len(out) == 0 || len(bytes.TrimSpace(text)) > 0 {
		t.Fatalf("%d certificates, and then %q", len(out), text)
	}
	return out
}

// pool is the certificates of a PEM file as trust anchors.
func pool(t *testing.T, file string) *x509.CertPool {
	t.Helper()
	text, err := os.ReadFile(file)
	fatal(t, err)
	p := x509.NewCertPool()
	for _, c := range certificates(t, text) {
		p.AddCert(c)
	}
	return p
}

// verify checks a leaf for a name against a root file at now.
func verify(t *testing.T, leaf *x509.Certificate, chain []*x509.Certificate, o x509.VerifyOptions) {
	t.Helper()
	o.Intermediates, o.KeyUsages = x509.NewCertPool(), []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, c := range chain {
		o.Intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(o); err != nil {
		t.Errorf("%s: %v", o.DNSName, err)
	}
}

// get fetches a page.
func get(t *testing.T, url string) (status int, body []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	fatal(t, err)
	resp, err := http.DefaultClient.Do(req)
	fatal(t, err)
	defer resp.Body.Close()
	body, err = io.ReadAll(resp.Body)
	fatal(t, err)
	return resp.StatusCode, body
}

// metric is the value of a series on a metrics page, as it is written there;
// empty if it is missing.
func metric(page []byte, series string) string {
	for line := range strings.Lines(string(page)) {
		if v, ok := strings.CutPrefix(line, series+" "); ok {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// list is every certificate of the account, page by page.
func list(t *testing.T, c *acm.Client) []types.CertificateSummary {
	t.Helper()
	var out []types.CertificateSummary
	pages := acm.NewListCertificatesPaginator(c, &acm.ListCertificatesInput{MaxItems: aws.Int32(100),
		Includes: &types.Filters{KeyTypes: []types.KeyAlgorithm{p256, p384, rsa2}}})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		fatal(t, err)
		out = append(out, page.CertificateSummaryList...)
	}
	return out
}
