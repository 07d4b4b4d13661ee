package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// TestVectors are those of standards 6.14.
func TestVectors(t *testing.T) {
	t.Parallel()
	get := httptest.NewRequest(http.MethodGet, "http://example.amazonaws.com/", nil)
	get.Header.Set("X-Amz-Date", "20150830T123600Z")
	list := post("ListCertificates", "{}")
	list.Header.Set("X-Amz-Date", "20261122T000000Z")
	for _, c := range []struct {
		name      string
		r         *http.Request
		body      string
		signed    []string
		scope     scope
		canonical string
		signature string
	}{
		{"GET vanilla", get, "", []string{"host", "x-amz-date"}, scope{"AKIDEXAMPLE", "20150830", "us-east-1", "service", terminator},
			"", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{"ListCertificates", list, "{}", []string{"content-type", "host", "x-amz-date", "x-amz-target"},
			scope{"AKIDEXAMPLE", "20261122", "us-east-1", "acm", terminator},
			"1adaba6320739d684fd86b078694aa61a40049af1719e5acbd7849aa12bb3595",
			"49a8fcee29807a246e91eaccb7ec3440b95c6adb86bb33efa7482cfc1c0318a8"},
	} {
		canonical := canonicalRequest(c.r, c.signed, payloadHash([]byte(c.body)))
		sum := sha256.Sum256([]byte(canonical))
		if got := hex.EncodeToString(sum[:]); c.canonical != "" && got != c.canonical {
			t.Errorf("%s: canonical hash %s of\n%s", c.name, got, canonical)
		}
		if got := c.scope.sign(testSecret, c.r.Header.Get("X-Amz-Date"), canonical); got != c.signature {
			t.Errorf("%s: signature %s, want %s (standards 6.14)", c.name, got, c.signature)
		}
	}
}

// TestVectorThroughTheVerifier sends the second vector as a client would.
func TestVectorThroughTheVerifier(t *testing.T) {
	t.Parallel()
	r := post("ListCertificates", "{}")
	r.Header.Set("X-Amz-Date", "20261122T000000Z")
	r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261122/us-east-1/acm/aws4_request, "+
		"SignedHeaders=content-type;host;x-amz-date;x-amz-target, "+
		"Signature=49a8fcee29807a246e91eaccb7ec3440b95c6adb86bb33efa7482cfc1c0318a8")
	w := httptest.NewRecorder()
	newTestAPI(t, newFake()).ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.String() != `{"CertificateSummaryList":[]}` {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

const mismatch = "The request signature we calculated does not match the signature you provided. " +
	"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// swap changes a part of the Authorization header.
func swap(old, new string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
	}
}

func set(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

// refusals are the errors of standards 6.5 in their order. Each edits a request
// that was rightly signed.
var refusals = []struct {
	name, code, message string
	edit                func(*http.Request)
}{
	{"no authorization", codeMissingToken, "Request is missing Authentication Token", func(r *http.Request) { r.Header.Del("Authorization") }},
	{"basic", codeMissingToken, "Request is missing Authentication Token", set("Authorization", "Basic YTpi")},
	{"presigned query", codeMissingToken, "Request is missing Authentication Token", func(r *http.Request) {
		r.Header.Del("Authorization")
		r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=00"
	}},
	{"everything missing", codeIncompleteSignature, "Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. " +
		"Authorization header requires 'SignedHeaders' parameter. Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. " +
		"(Hashed with SHA-256 and encoded with Base64) Authorization=YI2YWea8FSxnksZL2ETHbs5elHm9HQufxTLK0W0ffV0=",
		func(r *http.Request) {
			r.Header.Set("Authorization", "AWS4-HMAC-SHA256")
			r.Header.Del("X-Amz-Date")
		}},
	{"date form", codeIncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '2026-11-22T00:00:00Z'. See http://en.wikipedia.org/wiki/ISO_8601", set("X-Amz-Date", "2026-11-22T00:00:00Z")},
	{"date with fraction", codeIncompleteSignature, "Date must be in ISO-8601 'basic format'. Got '20261122T000000.5Z'. See http://en.wikipedia.org/wiki/ISO_8601", set("X-Amz-Date", "20261122T000000.5Z")},
	{"expired", codeInvalidSignature, "Signature expired: 20261121T235459Z is now earlier than 20261121T235500Z (20261122T000000Z - 5 min.)", set("X-Amz-Date", "20261121T235459Z")},
	{"not yet current", codeInvalidSignature, "Signature not yet current: 20261122T000501Z is still later than 20261122T000500Z (20261122T000000Z + 5 min.)", set("X-Amz-Date", "20261122T000501Z")},
	{"host unsigned", codeInvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", swap(";host;", ";")},
	{"target unsigned", codeInvalidSignature, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization.", swap(";x-amz-target", "")},
	{"date unsigned", codeInvalidSignature, "'x-amz-date' must be a 'SignedHeader' in the AWS Authorization.", swap(";x-amz-date", "")},
	{"extra header unsigned", codeInvalidSignature, "'x-amz-meta' must be a 'SignedHeader' in the AWS Authorization.", set("X-Amz-Meta", "x")},
	{"algorithm", codeIncompleteSignature, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.", swap("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256")},
	{"four parts", codeIncompleteSignature, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '" + testKey + "/20261122/acm/aws4_request'", swap("/us-east-1", "")},
	{"scope", codeInvalidSignature, "Credential should be scoped to a valid region, not 'moon'. Credential should be scoped to correct service: 'acm'. " +
		"Credential should be scoped with a valid terminator: 'aws4_request', not 'x'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20261121' != '20261122', from '20261122T000000Z'.",
		swap("20261122/us-east-1/acm/aws4_request", "20261121/moon/s3/x")},
	{"service", codeInvalidSignature, "Credential should be scoped to correct service: 'acm'.", swap("/acm/", "/s3/")},
	{"unknown key", codeUnrecognizedClient, unrecognizedTokenMessage, swap(testKey, "AKIANOSUCHKEY0000000")},
	{"key of strange bytes", codeUnrecognizedClient, unrecognizedTokenMessage, swap(testKey, "AKIA\xff\x00")},
	{"signature", codeInvalidSignature, mismatch, swap("Signature=", "Signature=0")},
	{"another region", codeInvalidSignature, mismatch, swap("us-east-1", "eu-west-1")},
	{"another target", codeInvalidSignature, mismatch, set("X-Amz-Target", targetPrefix+"GetCertificate")},
	{"another host", codeInvalidSignature, mismatch, func(r *http.Request) { r.Host = "evil.example" }},
	{"another query", codeInvalidSignature, mismatch, func(r *http.Request) { r.URL.RawQuery = "a=b" }},
	{"a second value", codeInvalidSignature, mismatch, func(r *http.Request) { r.Header.Add("X-Amz-Target", "x") }},
	{"signed header not sent", codeInvalidSignature, mismatch, swap(";host;", ";host;x-other;")},
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	for _, c := range refusals {
		r := sign(t, post("ListCertificates", "{}"), testKey, testSecret)
		c.edit(r)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if got := fails(t, w, http.StatusBadRequest, c.code); got != c.message {
			t.Errorf("%s (standards 6.5):\n got %s\nwant %s", c.name, got, c.message)
		}
	}
}

func TestBodyIsPartOfTheSignature(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	for name, hash := range map[string]string{"none": "", "unsigned": "UNSIGNED-PAYLOAD", "stream": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "other": payloadHash([]byte("x"))} {
		r := post("ListCertificates", "{}")
		if hash != "" {
			r.Header.Set("X-Amz-Content-Sha256", hash)
		}
		// Signed over what the header says, as a client that leaves the body out would.
		credentials := aws.Credentials{AccessKeyID: testKey, SecretAccessKey: testSecret}
		if err := v4.NewSigner().SignHTTP(context.Background(), credentials, r, max(hash, payloadHash([]byte("y"))), "acm", testRegion, instant); err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if got := fails(t, w, http.StatusBadRequest, codeInvalidSignature); got != mismatch {
			t.Errorf("%s: %s (standards 6.9)", name, got)
		}
	}
	// Rightly signed over the body's hash, while the header says something else.
	r := post("ListCertificates", "{}")
	r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, r, testKey, testSecret))
	fails(t, w, http.StatusBadRequest, codeInvalidSignature)
	r = post("ListCertificates", "{}")
	r.Header.Set("X-Amz-Content-Sha256", payloadHash([]byte("{}")))
	w = httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, r, testKey, testSecret))
	if w.Code != http.StatusOK {
		t.Errorf("right hash: %s", w.Body)
	}
}

func TestSessionTokenIsRefusedAfterTheSignature(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	r := post("ListCertificates", "{}")
	r.Header.Set("X-Amz-Security-Token", "token")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, r, testKey, testSecret))
	fails(t, w, http.StatusBadRequest, codeUnrecognizedClient)
	r = post("ListCertificates", "{}")
	r.Header.Set("X-Amz-Security-Token", "token")
	w = httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, r, testKey, "wrong"))
	fails(t, w, http.StatusBadRequest, codeInvalidSignature)
}

func TestOrderOfChecks(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	serve := func(r *http.Request) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		return w
	}
	fails(t, serve(post("Nonsense", "{")), http.StatusBadRequest, codeSerialization)
	fails(t, serve(post("Nonsense", "{}")), http.StatusBadRequest, codeUnknownOperation)
	fails(t, serve(post("DescribeCertificate", "{}")), http.StatusBadRequest, codeMissingToken)
	fails(t, serve(sign(t, post("DescribeCertificate", "{}"), testKey, "wrong")), http.StatusBadRequest, codeInvalidSignature)
	fails(t, serve(sign(t, post("DescribeCertificate", "{}"), testKey, testSecret)), http.StatusBadRequest, codeValidation)
	fails(t, serve(sign(t, post("DescribeCertificate", "{}"), "AKIABROKENSTORE00000", testSecret)), http.StatusInternalServerError, codeInternal)
}

func TestSkewIsConfigurable(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		skew, off time.Duration
		ok        bool
	}{{0, 5 * time.Minute, true}, {0, -5 * time.Minute, true}, {0, 5*time.Minute + time.Second, false},
		{15 * time.Minute, 15 * time.Minute, true}, {15 * time.Minute, -15*time.Minute - time.Second, false}} {
		a := newTestAPI(t, newFake(), func(cfg *Config) {
			cfg.Skew = c.skew
			cfg.Now = func() time.Time { return instant.Add(c.off).Add(300 * time.Millisecond) }
		})
		if w := do(t, a, "ListCertificates", "{}"); (w.Code == http.StatusOK) != c.ok {
			t.Errorf("skew %s, off by %s: %s (standards 6.12)", c.skew, c.off, w.Body)
		}
	}
}
