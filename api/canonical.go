package api

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// canonicalRequest is the request in the form that is signed (standards 6.7).
// The URI is always "/", the only path that is served.
func canonicalRequest(r *http.Request, signed []string, hash string) string {
	var b strings.Builder
	b.WriteString(r.Method)
	b.WriteString("\n/\n")
	b.WriteString(canonicalQuery(r.URL.RawQuery))
	b.WriteByte('\n')
	for _, name := range signed {
		b.WriteString(name)
		b.WriteByte(':')
		b.WriteString(headerValue(r, name))
		b.WriteByte('\n')
	}
	b.WriteByte('\n')
	b.WriteString(strings.Join(signed, ";"))
	b.WriteByte('\n')
	b.WriteString(hash)
	return b.String()
}

// headerValue is a header's canonical value: spaces trimmed and collapsed,
// repeated headers joined in the order of arrival (standards 6.8). net/http
// keeps Host and Content-Length apart from the others.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return collapse(r.Host)
	case "content-length":
		if r.ContentLength < 0 {
			return ""
		}
		return strconv.FormatInt(r.ContentLength, 10)
	}
	values := r.Header.Values(name)
	if len(values) == 1 {
		return collapse(values[0])
	}
	var out []string
	for _, v := range values {
		out = append(out, collapse(v))
	}
	return strings.Join(out, ",")
}

// collapse trims spaces and makes each run of them one.
func collapse(s string) string {
	s = strings.Trim(s, " \t")
	if !strings.Contains(s, "  ") {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		if s[i] != ' ' || s[i-1] != ' ' {
			b.WriteByte(s[i])
		}
	}
	return b.String()
}

// canonicalQuery sorts the encoded parameters by name, then by value. What does
// not decode is taken as it stands.
func canonicalQuery(raw string) string {
	if raw == "" {
		return ""
	}
	type pair struct{ name, value string }
	var pairs []pair
	for part := range strings.SplitSeq(raw, "&") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(part, "=")
		pairs = append(pairs, pair{encodeQuery(name), encodeQuery(value)})
	}
	slices.SortFunc(pairs, func(a, b pair) int {
		if c := strings.Compare(a.name, b.name); c != 0 {
			return c
		}
		return strings.Compare(a.value, b.value)
	})
	var b strings.Builder
	for i, p := range pairs {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(p.name + "=" + p.value)
	}
	return b.String()
}

// encodeQuery brings a part of a query to the one encoding that SigV4 knows:
// all but A-Z a-z 0-9 - . _ ~ as upper-case hex.
func encodeQuery(s string) string {
	plain, err := url.QueryUnescape(s)
	if err != nil {
		plain = s
	}
	return strings.ReplaceAll(url.QueryEscape(plain), "+", "%20")
}

// payloadHash is the body's SHA-256 in lower-case hex.
func payloadHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// payloadMatches reports whether an X-Amz-Content-Sha256, if there is one, is
// the body's hash. Unsigned and streamed payloads are so refused (standards 6.9).
func payloadMatches(r *http.Request, body []byte) bool {
	for _, v := range r.Header.Values("X-Amz-Content-Sha256") {
		if v != payloadHash(body) {
			return false
		}
	}
	return true
}
