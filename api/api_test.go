package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"acmd/core"
	"acmd/manager"
)

var testCaller = manager.Caller{Account: testAccount, Region: testRegion}

var _ Service = (*manager.Manager)(nil)

// newTestAPI is an API at instant on a fake.
func newTestAPI(t testing.TB, f *fake, edit ...func(*Config)) *API {
	t.Helper()
	cfg := Config{Service: f, Now: func() time.Time { return instant }}
	for _, e := range edit {
		e(&cfg)
	}
	a, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// post is an unsigned request for an operation.
func post(operation, body string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "http://acm.us-east-1.amazonaws.com/", strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Amz-Target", targetPrefix+operation)
	return r
}

// sign signs with the SDK's own signer, which is not ours.
func sign(t testing.TB, r *http.Request, key, secret string) *http.Request {
	t.Helper()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	if err := v4.NewSigner().SignHTTP(context.Background(), aws.Credentials{AccessKeyID: key, SecretAccessKey: secret},
		r, payloadHash(body), "acm", testRegion, instant); err != nil {
		t.Fatal(err)
	}
	return r
}

// do signs and serves a request for an operation.
func do(t testing.TB, a *API, operation, body string) *httptest.ResponseRecorder {
	t.Helper()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, post(operation, body), testKey, testSecret))
	return w
}

// fails checks that an answer is an error of exactly two members, and gives its message.
func fails(t testing.TB, w *httptest.ResponseRecorder, status int, code string) string {
	t.Helper()
	if w.Code != status {
		t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	var got map[string]string
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatalf("body %q: %v", w.Body, err)
	}
	member := "message"
	if code == codeAccessDenied {
		member = "Message"
	}
	message, ok := got[member]
	if got["__type"] != code || !ok || len(got) != 2 {
		t.Errorf("got %v, want %s with __type and %s", got, code, member)
	}
	if ct := w.Header().Get("Content-Type"); ct != contentType {
		t.Errorf("content type %q", ct)
	}
	checkRequestID(t, w)
	return message
}

func checkRequestID(t testing.TB, w *httptest.ResponseRecorder) {
	t.Helper()
	//lint:ignore SA1008 AWS's spelling, which is set past net/http
	id := w.Header()["x-amzn-RequestId"]
	if len(id) != 1 || uuid.Validate(id[0]) != nil {
		t.Errorf("x-amzn-RequestId %q (standards 6.3)", id)
	}
}

func TestNewChecksItsConfig(t *testing.T) {
	t.Parallel()
	now := func() time.Time { return instant }
	reg := prometheus.NewRegistry()
	if _, err := New(Config{Service: newFake(), Now: now, Reg: reg}); err != nil {
		t.Fatal(err)
	}
	for name, cfg := range map[string]Config{
		"no service": {Now: now},
		"no clock":   {Service: newFake()},
		"skew":       {Service: newFake(), Now: now, Skew: 16 * time.Minute},
		"body":       {Service: newFake(), Now: now, MaxBody: -1},
		"twice":      {Service: newFake(), Now: now, Reg: reg},
	} {
		if _, err := New(cfg); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestOnlyPostOfTheProtocolIsServed(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	for name, edit := range map[string]func(*http.Request){
		"get":             func(r *http.Request) { r.Method = http.MethodGet },
		"put":             func(r *http.Request) { r.Method = http.MethodPut },
		"other path":      func(r *http.Request) { r.URL.Path = "/x" },
		"no content type": func(r *http.Request) { r.Header.Del("Content-Type") },
		"json":            func(r *http.Request) { r.Header.Set("Content-Type", "application/json") },
		"json 1.0":        func(r *http.Request) { r.Header.Set("Content-Type", "application/x-amz-json-1.0") },
		"cbor":            func(r *http.Request) { r.Header.Set("Content-Type", "application/cbor") },
	} {
		r := post("ListCertificates", "{}")
		edit(r)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound || w.Body.String() != "<UnknownOperationException/>" {
			t.Errorf("%s: %d %s (standards 6.1)", name, w.Code, w.Body)
		}
		checkRequestID(t, w)
	}
	r := sign(t, post("ListCertificates", "{}"), testKey, testSecret)
	r.Header.Set("Content-Type", contentType+"; charset=utf-8")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, r, testKey, testSecret))
	if w.Code != http.StatusOK {
		t.Errorf("with a charset: %d %s", w.Code, w.Body)
	}
}

func TestCallerComesFromKeyAndScope(t *testing.T) {
	t.Parallel()
	f := newFake()
	w := do(t, newTestAPI(t, f), "ListCertificates", "")
	want := manager.Caller{Account: testAccount, Region: testRegion, Principal: testUser, SourceIP: "192.0.2.1",
		//lint:ignore SA1008 AWS's spelling, which is set past net/http
		RequestID: w.Header()["x-amzn-RequestId"][0]}
	if w.Code != http.StatusOK || f.caller != want {
		t.Errorf("%d, caller %+v, want %+v", w.Code, f.caller, want)
	}
	if got := w.Header().Get("Date"); got != "Sun, 22 Nov 2026 00:00:00 GMT" {
		t.Errorf("Date %q (standards 6.3)", got)
	}
}

// TestWorkOutlivesTheClient: what has begun is done, within a budget of its own.
func TestWorkOutlivesTheClient(t *testing.T) {
	t.Parallel()
	f := newFake()
	a := newTestAPI(t, f)
	gone, leave := context.WithCancel(t.Context())
	leave()
	w := httptest.NewRecorder()
	a.ServeHTTP(w, sign(t, post("ListCertificates", "{}"), testKey, testSecret).WithContext(gone))
	if _, bounded := f.ctx.Deadline(); w.Code != http.StatusOK || !bounded {
		t.Errorf("%d, deadline: %v", w.Code, bounded)
	}
}

func TestUnsupportedAndUnknownOperations(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake())
	if len(operationNames) != 40 || len(operations) != 12 {
		t.Fatalf("%d operations, %d supported", len(operationNames), len(operations))
	}
	for _, name := range append([]string{"", "Nonsense", "describecertificate"}, operationNames...) {
		if _, supported := operations[name]; !supported {
			fails(t, do(t, a, name, "{}"), http.StatusBadRequest, codeUnknownOperation)
		}
	}
	r := post("", "{}")
	r.Header.Set("X-Amz-Target", "CertificateManager_20151208.ListCertificates")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	fails(t, w, http.StatusBadRequest, codeUnknownOperation)
}

func TestBodyIsBounded(t *testing.T) {
	t.Parallel()
	a := newTestAPI(t, newFake(), func(c *Config) { c.MaxBody = 100 })
	long := `{"x":"` + strings.Repeat("a", 200) + `"}`
	fails(t, do(t, a, "ListCertificates", long), http.StatusRequestEntityTooLarge, codeTooLarge)
	r := post("ListCertificates", long)
	r.ContentLength = -1
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	fails(t, w, http.StatusRequestEntityTooLarge, codeTooLarge)
}

func TestFaultsAreBareAndLogged(t *testing.T) {
	t.Parallel()
	for name, set := range map[string]func(*fake){
		"error": func(f *fake) { f.fail = errors.New("secret detail") },
		"panic": func(f *fake) { f.panics = true },
	} {
		f := newFake()
		set(f)
		zc, logs := observer.New(zapcore.InfoLevel)
		a := newTestAPI(t, f, func(c *Config) { c.Log = zap.New(zc) })
		w := do(t, a, "ListCertificates", "{}")
		if m := fails(t, w, http.StatusInternalServerError, codeInternal); m != internalMessage {
			t.Errorf("%s: message %q (standards 6.18)", name, m)
		}
		if logs.Len() != 1 || logs.All()[0].Level != zapcore.ErrorLevel {
			t.Fatalf("%s: log %v", name, logs.All())
		}
		fields := logs.All()[0].ContextMap()
		//lint:ignore SA1008 AWS's spelling, which is set past net/http
		if fields["request_id"] != w.Header()["x-amzn-RequestId"][0] || fields["error"] == nil {
			t.Errorf("%s: fields %v", name, fields)
		}
	}
}

func TestOneWideLineWithoutSecrets(t *testing.T) {
	t.Parallel()
	zc, logs := observer.New(zapcore.DebugLevel)
	a := newTestAPI(t, newFake(), func(c *Config) { c.Log = zap.New(zc) })
	r := sign(t, post("RequestCertificate", `{"DomainName":"example.com","ValidationMethod":"DNS","IdempotencyToken":"bad-token"}`), testKey, testSecret)
	w := httptest.NewRecorder()
	a.ServeHTTP(w, r)
	if logs.Len() != 1 {
		t.Fatalf("%d lines", logs.Len())
	}
	got := logs.All()[0].ContextMap()
	for key, want := range map[string]any{"operation": "RequestCertificate", "account": testAccount, "principal": testUser,
		"access_key_id": testKey, "region": testRegion, "source_ip": "192.0.2.1", "outcome": codeValidation, "status": int64(400)} {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	line, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	for _, secret := range []string{testSecret, "bad-token", signature} {
		if strings.Contains(string(line), secret) {
			t.Errorf("the log holds %q: %s", secret, line)
		}
	}
}

func TestMetricsCountByOperationAndOutcome(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	f := newFake()
	a := newTestAPI(t, f, func(c *Config) { c.Reg = reg })
	if n, err := testutil.GatherAndCount(reg, "acmd_api_requests_total"); err != nil || n != 41*4 {
		t.Fatalf("%d series before the first request, %v", n, err)
	}
	do(t, a, "ListCertificates", "{}")
	do(t, a, "ListCertificates", `{"MaxItems":0}`)
	do(t, a, "SearchCertificates", "{}")
	do(t, a, "Nonsense", "{}")
	w := httptest.NewRecorder()
	a.ServeHTTP(w, post("ListCertificates", "{}"))
	f.fail = errors.New("x")
	do(t, a, "ListCertificates", "{}")
	for _, c := range []struct {
		operation, class string
	}{{"ListCertificates", classSuccess}, {"ListCertificates", classClient}, {"ListCertificates", classAuth},
		{"ListCertificates", classServer}, {"SearchCertificates", classClient}, {unknownOperation, classClient}} {
		if got := testutil.ToFloat64(a.metrics.requests.WithLabelValues(c.operation, c.class)); got != 1 {
			t.Errorf("%v: %v", c, got)
		}
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestEveryKindHasAnError(t *testing.T) {
	t.Parallel()
	codes := map[string]bool{}
	for _, kind := range core.Kinds() {
		for _, err := range []error{kind, &core.Error{Kind: kind, Detail: "a sentence"}} {
			f := faultOf(errors.Join(errors.New("wrapped"), err))
			status := http.StatusBadRequest
			if kind == core.Denied {
				status = http.StatusForbidden
			}
			if f.status != status || !strings.HasSuffix(f.code, "Exception") || f.message == "" || strings.Contains(f.message, "wrapped") {
				t.Errorf("%v: %+v", kind, f)
			}
			codes[f.code] = true
		}
	}
	if len(codes) != len(core.Kinds()) {
		t.Errorf("%d codes for %d kinds", len(codes), len(core.Kinds()))
	}
	if f := faultOf(context.DeadlineExceeded); f.status != http.StatusServiceUnavailable {
		t.Errorf("deadline: %+v", f)
	}
}

func TestAccessDeniedSpellsMessageWithACapital(t *testing.T) {
	t.Parallel()
	f := newFake()
	f.fail = &core.Error{Kind: core.Denied, Detail: "no"}
	if m := fails(t, do(t, newTestAPI(t, f), "ListCertificates", "{}"), http.StatusForbidden, codeAccessDenied); m != "no" {
		t.Errorf("message %q", m)
	}
}
