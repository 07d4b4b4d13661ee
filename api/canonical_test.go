package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCanonicalQuery(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"":                  "",
		"k":                 "k=",
		"b=2&a=1":           "a=1&b=2",
		"a=2&a=1":           "a=1&a=2",
		"a-b=x&a=y":         "a=y&a-b=x",
		"a=%7e%2f%41 b":     "a=~%2FA%20b",
		"a=b+c":             "a=b%20c",
		"&&a=":              "a=",
		"a=%zz":             "a=%25zz",
		"a=b=c":             "a=b%3Dc",
		"Param1=v&param1=w": "Param1=v&param1=w",
	} {
		if got := canonicalQuery(raw); got != want {
			t.Errorf("%q: %q, want %q (standards 6.7)", raw, got, want)
		}
	}
}

func TestHeaderValues(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest(http.MethodPost, "http://h.example:8420/", strings.NewReader("body"))
	r.Header.Add("X-A", "  one   two  ")
	r.Header.Add("X-A", "\"a   b\"")
	r.Header.Add("X-A", "")
	for name, want := range map[string]string{"host": "h.example:8420", "content-length": "4", "x-a": "one two,\"a b\",", "x-none": ""} {
		if got := headerValue(r, name); got != want {
			t.Errorf("%s: %q, want %q (standards 6.8)", name, got, want)
		}
	}
	r.ContentLength = -1
	if got := headerValue(r, "content-length"); got != "" {
		t.Errorf("unknown length: %q", got)
	}
}

// FuzzCanonical: whatever the SDK signs, we verify; and no input of a stranger
// makes the verifier do anything but refuse.
func FuzzCanonical(f *testing.F) {
	f.Add("a=1&b=2", "one  two", "Credential=a/b/c/d/e, SignedHeaders=host, Signature=0", "{}")
	f.Add("a=%7e+b&a", "", "", "")
	f.Add("%zz", " \t", "Credential=,,,=", `{"a":1}`)
	f.Add("k", "x", "SignedHeaders=;;;x-amz-date;;host;x-amz-target", "[")
	a := newTestAPI(f, newFake())
	f.Fuzz(func(t *testing.T, query, header, authorization, body string) {
		r := post("ListCertificates", body)
		r.URL.RawQuery = query
		r.Header.Set("X-Amz-Date", "20261122T000000Z")
		r.Header.Set("X-Amz-Fuzz", header)
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 "+authorization)
		if id, err := a.auth.verify(t.Context(), r, []byte(body)); err == nil {
			t.Fatalf("accepted as %v", id)
		} else if faultOf(err).status != http.StatusBadRequest {
			t.Fatalf("not a refusal: %v", err)
		}
		if c := collapse(header); collapse(c) != c || strings.Contains(c, "  ") {
			t.Fatalf("collapse of %q is %q", header, c)
		}
		if strings.ContainsFunc(header+query, func(c rune) bool { return c < ' ' || c > '~' || c == ';' || c == '%' }) {
			return // not a header or query that a client could send unchanged
		}
		r.Header.Del("Authorization")
		sign(t, r, testKey, testSecret)
		if _, err := a.auth.verify(t.Context(), r, []byte(body)); err != nil {
			t.Fatalf("query %q header %q: %v", r.URL.RawQuery, header, err)
		}
	})
}
