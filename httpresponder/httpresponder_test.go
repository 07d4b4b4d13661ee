package httpresponder

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

var start = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// world is a responder with its clock and what signs for it.
type world struct {
	*Responder
	reg *prometheus.Registry
	der []byte // the issuer

	mu    sync.Mutex
	now   time.Time
	calls map[int]int
	fail  error
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
}

const issuerURL, crlURL = "/ca/ab12.cer", "/crl/ab12/3.crl"

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{now: start, calls: map[int]int{}, reg: prometheus.NewPedanticRegistry()}
	w.key = must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: start.Add(-time.Hour), NotAfter: start.Add(1000 * time.Hour), KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	w.der = must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, w.key.Public(), w.key))
	w.cert = must(x509.ParseCertificate(w.der))
	r, err := New(Config{Issuers: map[string][]byte{issuerURL: w.der}, IssuerID: "ab12", Shards: 16, CRL: w.sign, Now: w.clock, Reg: w.reg})
	if err != nil {
		t.Fatal(err)
	}
	w.Responder = r
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// sign makes a CRL for two days.
func (w *world) sign(shard int) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls[shard]++
	if w.fail != nil {
		return nil, w.fail
	}
	return x509.CreateRevocationList(rand.Reader, &x509.RevocationList{Number: big.NewInt(w.now.Unix()), ThisUpdate: w.now, NextUpdate: w.now.Add(48 * time.Hour)}, w.cert, w.key)
}

func (w *world) do(method, path string, header ...string) *http.Response {
	req := httptest.NewRequest(method, "http://pki.example.net"+path, nil)
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	rec := httptest.NewRecorder()
	w.ServeHTTP(rec, req)
	return rec.Result()
}

func body(t *testing.T, r *http.Response) []byte {
	t.Helper()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func number(t *testing.T, r *http.Response) int64 {
	t.Helper()
	l, err := x509.ParseRevocationList(body(t, r))
	if err != nil {
		t.Fatalf("status %d: %v", r.StatusCode, err)
	}
	return l.Number.Int64()
}

func TestIssuer(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	r := w.do("GET", issuerURL)
	if got := body(t, r); r.StatusCode != 200 || !bytes.Equal(got, w.der) {
		t.Fatalf("status %d, %d octets", r.StatusCode, len(got))
	}
	for k, want := range map[string]string{
		"Content-Type": "application/pkix-cert", "X-Content-Type-Options": "nosniff",
		"Cache-Control": "public, max-age=86400, no-transform", "Last-Modified": "Sun, 22 Nov 2026 11:00:00 GMT",
	} {
		if got := r.Header.Get(k); got != want {
			t.Errorf("%s: %q, want %q", k, got, want)
		}
	}
	head := w.do("HEAD", issuerURL)
	if head.StatusCode != 200 || len(body(t, head)) != 0 || head.ContentLength != int64(len(w.der)) || head.Header.Get("ETag") != r.Header.Get("ETag") {
		t.Errorf("HEAD: %d, length %d", head.StatusCode, head.ContentLength)
	}
	for _, h := range [][]string{{"If-None-Match", r.Header.Get("ETag")}, {"If-Modified-Since", r.Header.Get("Last-Modified")}} {
		if got := w.do("GET", issuerURL, h...); got.StatusCode != 304 || len(body(t, got)) != 0 {
			t.Errorf("%s: %d", h[0], got.StatusCode)
		}
	}
}

// A CRL is made at most hourly for each shard, however many ask.
func TestCRLIsMadeHourly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	first := w.do("GET", crlURL)
	if first.Header.Get("Content-Type") != "application/pkix-crl" || first.Header.Get("Cache-Control") != "public, max-age=3600, no-transform" ||
		first.Header.Get("Last-Modified") != "Sun, 22 Nov 2026 12:00:00 GMT" || first.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", first.Header)
	}
	tag := first.Header.Get("ETag")
	if got := number(t, first); got != start.Unix() {
		t.Errorf("number %d", got)
	}
	w.advance(time.Hour - time.Second)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if r := w.do("GET", crlURL, "If-None-Match", tag); r.StatusCode != 304 {
				t.Errorf("within the hour: %d", r.StatusCode)
			}
		})
	}
	wg.Wait()
	if w.calls[3] != 1 || len(w.calls) != 1 {
		t.Errorf("made %v", w.calls)
	}
	w.advance(time.Second)
	if r := w.do("GET", crlURL, "If-None-Match", tag); r.StatusCode != 200 || number(t, r) != start.Add(time.Hour).Unix() || r.Header.Get("ETag") == tag {
		t.Errorf("after an hour: %d", r.StatusCode)
	}
	w.do("GET", "/crl/ab12/15.crl")
	if w.calls[3] != 2 || w.calls[15] != 1 {
		t.Errorf("made %v", w.calls)
	}
}

// A failing signer: the last CRL is served until it ends, and a minute lies
// between attempts.
func TestCRLFailure(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.fail = errors.New("secret reason")
	r := w.do("GET", crlURL)
	if got := string(body(t, r)); r.StatusCode != 503 || got != "Service Unavailable\n" || r.Header.Get("Retry-After") != "60" || r.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("none yet: %d %q %v", r.StatusCode, got, r.Header)
	}
	w.advance(59 * time.Second)
	w.fail = nil
	if r := w.do("GET", crlURL); r.StatusCode != 503 || w.calls[3] != 1 {
		t.Errorf("within the minute: %d after %d attempts", r.StatusCode, w.calls[3])
	}
	w.advance(time.Second)
	born := w.clock()
	if r := w.do("GET", crlURL); r.StatusCode != 200 || number(t, r) != born.Unix() {
		t.Errorf("after a minute: %d", r.StatusCode)
	}
	w.fail = errors.New("again")
	w.advance(48*time.Hour - time.Second)
	if r := w.do("GET", crlURL); r.StatusCode != 200 || number(t, r) != born.Unix() {
		t.Errorf("in its last second: %d", r.StatusCode)
	}
	w.advance(time.Second)
	if r := w.do("GET", crlURL); r.StatusCode != 503 {
		t.Errorf("after its end: %d", r.StatusCode)
	}
	for what, der := range map[string][]byte{"garbage": []byte("x"), "one that ended": must(x509.CreateRevocationList(rand.Reader,
		&x509.RevocationList{Number: big.NewInt(1), ThisUpdate: start.Add(-48 * time.Hour), NextUpdate: start}, w.cert, w.key))} {
		r := must(New(Config{IssuerID: "ab12", Shards: 16, CRL: func(int) ([]byte, error) { return der, nil }, Now: w.clock}))
		rec := httptest.NewRecorder()
		r.ServeHTTP(rec, httptest.NewRequest("GET", crlURL, nil))
		if rec.Code != 503 {
			t.Errorf("%s: %d", what, rec.Code)
		}
	}
}

func TestEverythingElseIsNotFound(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, path := range []string{
		"/", "/ca/", "/ca/ab12", "/ca/AB12.cer", "/ca/ab12.cer/", "//ca/ab12.cer", "/ca/../ca/ab12.cer", "/ca/%61b12.cer",
		"/crl/ab12/", "/crl/ab12/16.crl", "/crl/ab12/-1.crl", "/crl/ab12/03.crl", "/crl/ab12/+3.crl", "/crl/ab12/3", "/crl/ab12/3.crl/",
		"/crl/cd34/3.crl", "/crl/ab12/99999999999999999999.crl", "/crl/ab12/3.crl.crl", "/debug/pprof/", "/metrics", "/.well-known/acme-challenge/x",
	} {
		r := w.do("GET", path)
		if got := string(body(t, r)); r.StatusCode != 404 || got != "Not Found\n" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %q", path, r.StatusCode, got)
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "FOO"} {
		for _, path := range []string{issuerURL, crlURL, "/none"} {
			if r := w.do(method, path); r.StatusCode != 405 || r.Header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q", method, path, r.StatusCode, r.Header.Get("Allow"))
			}
		}
	}
	if len(w.calls) != 0 {
		t.Errorf("CRLs were made: %v", w.calls)
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.do("GET", issuerURL)
	tag := w.do("GET", crlURL).Header.Get("ETag")
	w.do("GET", crlURL, "If-None-Match", tag)
	w.do("GET", crlURL, "Range", "bytes=999999-")
	w.do("GET", "/x")
	w.do("POST", issuerURL)
	w.fail = errors.New("no")
	w.do("GET", "/crl/ab12/0.crl")
	want := `
# HELP acmd_httpresponder_crls_total Attempts to make a CRL, by outcome.
# TYPE acmd_httpresponder_crls_total counter
acmd_httpresponder_crls_total{outcome="error"} 1
acmd_httpresponder_crls_total{outcome="ok"} 1
# HELP acmd_httpresponder_requests_total Requests of strangers, by what they asked for and how it was answered.
# TYPE acmd_httpresponder_requests_total counter
acmd_httpresponder_requests_total{object="crl",outcome="not_modified"} 1
acmd_httpresponder_requests_total{object="crl",outcome="ok"} 1
acmd_httpresponder_requests_total{object="crl",outcome="refused"} 1
acmd_httpresponder_requests_total{object="crl",outcome="unavailable"} 1
acmd_httpresponder_requests_total{object="issuer",outcome="not_modified"} 0
acmd_httpresponder_requests_total{object="issuer",outcome="ok"} 1
acmd_httpresponder_requests_total{object="issuer",outcome="refused"} 0
acmd_httpresponder_requests_total{object="other",outcome="refused"} 2
`
	if err := testutil.GatherAndCompare(w.reg, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
	if problems, err := testutil.GatherAndLint(w.reg); err != nil || len(problems) > 0 {
		t.Errorf("%v, %v", problems, err)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	good := Config{Issuers: map[string][]byte{issuerURL: w.der}, IssuerID: "ab12", Shards: 16, CRL: w.sign, Now: w.clock}
	cases := []struct {
		name string
		edit func(*Config)
		ok   bool
	}{
		{"good", func(*Config) {}, true},
		{"no CRLs", func(c *Config) { c.Shards, c.CRL, c.IssuerID = 0, nil, "" }, true},
		{"no clock", func(c *Config) { c.Now = nil }, false},
		{"no signer", func(c *Config) { c.CRL = nil }, false},
		{"no id", func(c *Config) { c.IssuerID = "" }, false},
		{"bad id", func(c *Config) { c.IssuerID = "../x" }, false},
		{"too many shards", func(c *Config) { c.Shards = 257 }, false},
		{"fewer than none", func(c *Config) { c.Shards = -1 }, false},
		{"no certificate", func(c *Config) { c.Issuers = map[string][]byte{issuerURL: []byte("x")} }, false},
		{"another path", func(c *Config) { c.Issuers = map[string][]byte{"/x.cer": w.der} }, false},
	}
	for _, c := range cases {
		cfg := good
		c.edit(&cfg)
		if _, err := New(cfg); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
