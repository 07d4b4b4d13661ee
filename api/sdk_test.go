package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/manager"
)

// newClient is the real SDK against a server on loopback whose clock is off by
// so much. These tests read the wall clock, because the SDK does.
func newClient(t *testing.T, f *fake, off time.Duration, edit ...func(*acm.Options)) *acm.Client {
	t.Helper()
	a := newTestAPI(t, f, func(c *Config) { c.Now = func() time.Time { return time.Now().Add(off) } })
	srv := httptest.NewServer(a)
	t.Cleanup(srv.Close)
	return acm.New(acm.Options{
		BaseEndpoint: aws.String(srv.URL),
		Region:       testRegion,
		Credentials:  credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
	}, edit...)
}

// code is the error code that the SDK understood.
func code(t *testing.T, err error) string {
	t.Helper()
	var e smithy.APIError
	if !errors.As(err, &e) {
		t.Fatalf("not an API error: %v", err)
	}
	return e.ErrorCode()
}

func TestSDKRequestToDelete(t *testing.T) {
	t.Parallel()
	f := newFake()
	client, ctx := newClient(t, f, 0), t.Context()
	requested, err := client.RequestCertificate(ctx, &acm.RequestCertificateInput{
		DomainName: aws.String("example.com"), SubjectAlternativeNames: []string{"*.example.com"}, ValidationMethod: types.ValidationMethodDns,
		IdempotencyToken: aws.String("tf1234"), KeyAlgorithm: types.KeyAlgorithmEcPrime256v1,
		Options:                 &types.CertificateOptions{Export: types.CertificateExportEnabled},
		DomainValidationOptions: []types.DomainValidationOption{{DomainName: aws.String("*.example.com"), ValidationDomain: aws.String("example.com")}},
		Tags:                    []types.Tag{{Key: aws.String("a"), Value: aws.String("")}, {Key: aws.String("b")}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := manager.Request{Domain: "example.com", SANs: []string{"*.example.com"}, Method: core.MethodDNS, KeyAlgorithm: core.ECP256,
		CTLogging: true, Export: true, Token: "tf1234", Tags: []core.Tag{{Key: "a", HasValue: true}, {Key: "b"}},
		Options: []manager.DomainOption{{Domain: "*.example.com", ValidationDomain: "example.com"}}}
	if diff := cmp.Diff(want, f.request); diff != "" {
		t.Errorf("what the manager got:\n%s", diff)
	}
	arn := requested.CertificateArn
	pending, err := client.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: arn})
	if err != nil {
		t.Fatal(err)
	}
	d := pending.Certificate
	if d.Status != types.CertificateStatusPendingValidation || len(d.DomainValidationOptions) != 2 || d.NotAfter != nil ||
		d.KeyAlgorithm != "EC-prime256v1" || !d.CreatedAt.Equal(instant.Add(1125*time.Millisecond)) {
		t.Errorf("pending: %+v", d)
	}
	if _, err := client.GetCertificate(ctx, &acm.GetCertificateInput{CertificateArn: arn}); code(t, err) != "RequestInProgressException" {
		t.Errorf("get while pending: %v", err)
	}
	f.issue(t, 0)
	waiter := acm.NewCertificateValidatedWaiter(client)
	if err := waiter.Wait(ctx, &acm.DescribeCertificateInput{CertificateArn: arn}, time.Minute); err != nil {
		t.Errorf("waiter (wire facts §12): %v", err)
	}
	got, err := client.GetCertificate(ctx, &acm.GetCertificateInput{CertificateArn: arn})
	if err != nil || *got.Certificate != encodePEM(testChain(t)[0]) || *got.CertificateChain != encodePEM(testChain(t)[1:]...) {
		t.Errorf("get: %v", err)
	}
	if _, err := client.DeleteCertificate(ctx, &acm.DeleteCertificateInput{CertificateArn: arn}); err != nil {
		t.Error(err)
	}
	_, err = client.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: arn})
	var missing *types.ResourceNotFoundException
	if !errors.As(err, &missing) || *missing.Message != "Could not find certificate "+*arn+"." {
		t.Errorf("after delete: %v", err)
	}
}

func TestSDKTags(t *testing.T) {
	t.Parallel()
	f := newFake()
	arn := aws.String(f.put(testCaller, manager.Request{Domain: "example.com", Method: core.MethodDNS, KeyAlgorithm: core.RSA2048}))
	client, ctx := newClient(t, f, 0), t.Context()
	tag := func(key, value string) types.Tag { return types.Tag{Key: &key, Value: &value} }
	_, err1 := client.AddTagsToCertificate(ctx, &acm.AddTagsToCertificateInput{CertificateArn: arn, Tags: []types.Tag{tag("a", "1"), tag("b", "2")}})
	_, err2 := client.TagResource(ctx, &acm.TagResourceInput{ResourceArn: arn, Tags: []types.Tag{tag("c", "3"), tag("d", "4")}})
	_, err3 := client.RemoveTagsFromCertificate(ctx, &acm.RemoveTagsFromCertificateInput{CertificateArn: arn, Tags: []types.Tag{tag("a", "other"), {Key: aws.String("b")}}})
	_, err4 := client.UntagResource(ctx, &acm.UntagResourceInput{ResourceArn: arn, TagKeys: []string{"c"}})
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		t.Fatal(err)
	}
	one, err5 := client.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: arn})
	two, err6 := client.ListTagsForResource(ctx, &acm.ListTagsForResourceInput{ResourceArn: arn})
	if err := errors.Join(err5, err6); err != nil {
		t.Fatal(err)
	}
	for _, tags := range [][]types.Tag{one.Tags, two.Tags} {
		if len(tags) != 2 || *tags[0].Key != "a" || *tags[0].Value != "1" || *tags[1].Key != "d" {
			t.Errorf("%+v", tags)
		}
	}
}

func TestSDKPaging(t *testing.T) {
	t.Parallel()
	f := newFake()
	var names []string
	for i := range 7 {
		names = append(names, fmt.Sprintf("n%d.example.com", i))
		f.put(testCaller, manager.Request{Domain: names[i], SANs: names[:i], Method: core.MethodDNS, KeyAlgorithm: core.RSA2048})
	}
	client, ctx := newClient(t, f, 0), t.Context()
	var got []string
	pages := acm.NewListCertificatesPaginator(client, &acm.ListCertificatesInput{MaxItems: aws.Int32(3)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.CertificateSummaryList {
			got = append(got, *s.DomainName)
		}
	}
	if !slices.Equal(got, names) {
		t.Errorf("list: %v", got)
	}
	got = nil
	domains := acm.NewListCertificateDomainValidationsPaginator(client, &acm.ListCertificateDomainValidationsInput{
		CertificateArn: &f.views[6].Certificate.Arn, MaxItems: aws.Int32(2)})
	for domains.HasMorePages() {
		page, err := domains.NextPage(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range page.DomainValidationSummaryList {
			got = append(got, *s.DomainName)
			challenge := s.ActiveValidationConfiguration.ValidationChallenge.(*types.ValidationChallengeMemberDnsValidationChallenge)
			if *challenge.Value.ResourceRecord.Name != f.views[6].Records[*s.DomainName].Name {
				t.Errorf("%s: %+v", *s.DomainName, challenge.Value.ResourceRecord)
			}
		}
	}
	if !slices.Equal(got, f.views[6].Certificate.Names) {
		t.Errorf("domains: %v", got)
	}
}

// TestSDKSeesEachRefusal sends the refusals of standards 6.5 through the SDK.
func TestSDKSeesEachRefusal(t *testing.T) {
	t.Parallel()
	key := func(id, secret, session string) func(*acm.Options) {
		return func(o *acm.Options) { o.Credentials = credentials.NewStaticCredentialsProvider(id, secret, session) }
	}
	once := func(o *acm.Options) { o.RetryMaxAttempts = 1 }
	spoil := func(edit func(*http.Request)) func(*acm.Options) {
		return func(o *acm.Options) { o.HTTPClient = &http.Client{Transport: spoiler(edit)} }
	}
	for _, c := range []struct {
		name, code string
		edit       func(*acm.Options)
	}{
		{"wrong secret", codeInvalidSignature, key(testKey, "wrong", "")},
		{"unknown key", codeUnrecognizedClient, key("AKIANOSUCHKEY0000000", testSecret, "")},
		{"session token", codeUnrecognizedClient, key(testKey, testSecret, "token")},
		{"anonymous", codeMissingToken, func(o *acm.Options) { o.Credentials = aws.AnonymousCredentials{} }},
		{"region", codeInvalidSignature, func(o *acm.Options) { o.Region = "moon" }},
		{"no date", codeIncompleteSignature, spoil(func(r *http.Request) { r.Header.Del("X-Amz-Date") })},
		{"algorithm", codeIncompleteSignature, spoil(swap("AWS4-HMAC-SHA256", "AWS4-X"))},
		{"host rewritten by a proxy", codeInvalidSignature, spoil(func(r *http.Request) { r.Host = "inner.example" })},
		{"target", codeUnknownOperation, spoil(set("X-Amz-Target", "CertificateManager.Nonsense"))},
	} {
		client := newClient(t, newFake(), 0, once, c.edit)
		_, err := client.ListCertificates(t.Context(), &acm.ListCertificatesInput{})
		if got := code(t, err); got != c.code {
			t.Errorf("%s: %s, want %s", c.name, got, c.code)
		}
	}
	client := newClient(t, newFake(), 0, once)
	_, err := client.SearchCertificates(t.Context(), &acm.SearchCertificatesInput{})
	if got := code(t, err); got != codeUnknownOperation {
		t.Errorf("unsupported: %s", got)
	}
	_, err = client.DescribeCertificate(t.Context(), &acm.DescribeCertificateInput{CertificateArn: aws.String("x")})
	var invalid *types.ValidationException
	if !errors.As(err, &invalid) {
		t.Errorf("constraint: %v", err)
	}
	f := newFake()
	f.fail = &core.Error{Kind: core.Denied, Detail: "User is not authorized."}
	_, err = newClient(t, f, 0, once).ListCertificates(t.Context(), &acm.ListCertificatesInput{})
	var denied *types.AccessDeniedException
	if !errors.As(err, &denied) || *denied.Message != "User is not authorized." {
		t.Errorf("denied: %v", err)
	}
}

// spoiler changes a signed request on its way.
type spoiler func(*http.Request)

func (s spoiler) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(context.WithoutCancel(r.Context()))
	s(r)
	return http.DefaultTransport.RoundTrip(r)
}

// TestSDKCorrectsItsClock: ten minutes off either way, the first try is refused
// and the second is right (standards 6.20).
func TestSDKCorrectsItsClock(t *testing.T) {
	t.Parallel()
	for _, off := range []time.Duration{10 * time.Minute, -10 * time.Minute} {
		f := newFake()
		if _, err := newClient(t, f, off).ListCertificates(t.Context(), &acm.ListCertificatesInput{}); err != nil {
			t.Errorf("off by %s: %v", off, err)
		}
		_, err := newClient(t, f, off, func(o *acm.Options) { o.RetryMaxAttempts = 1 }).ListCertificates(t.Context(), &acm.ListCertificatesInput{})
		if got := code(t, err); got != codeInvalidSignature {
			t.Errorf("off by %s, one try: %s", off, got)
		}
	}
}
