package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"time"

	"acmd/core"
)

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"
	// dateForm is the one form of X-Amz-Date (standards 6.11).
	dateForm = "20060102T150405Z"
)

// keyIDPattern is what an access key id may consist of. No other text
// reaches the store or the log.
var keyIDPattern = regexp.MustCompile(`^\w{1,128}$`)

// verifier checks AWS Signature Version 4 in the Authorization header.
type verifier struct {
	service    string // signing name
	skew       time.Duration
	now        func() time.Time
	credential func(ctx context.Context, accessKeyID string) (core.Principal, string, error)
}

// identity is who signed a request. On a refusal it holds what the request
// claimed, for the log, and no principal.
type identity struct {
	principal   core.Principal
	region      string
	accessKeyID string
}

// authorization is an Authorization header taken apart.
type authorization struct {
	algorithm     string
	credential    string
	signedHeaders []string // lower case, sorted
	signature     string
}

// scope is the credential's five parts.
type scope struct{ accessKeyID, date, region, service, terminator string }

// verify checks the request's signature over its headers and body. The checks
// and their order are those of AWS's JSON services (standards 6.5), so that a
// client sees the same error for the same mistake.
func (v *verifier) verify(ctx context.Context, r *http.Request, body []byte) (identity, error) {
	header := r.Header.Get("Authorization")
	if !strings.HasPrefix(strings.TrimSpace(header), "AWS4-") {
		return identity{}, clientFault(codeMissingToken, "Request is missing Authentication Token")
	}
	date := r.Header.Get("X-Amz-Date")
	auth, f := parseAuthorization(header, date)
	if f != nil {
		return identity{}, f
	}
	if f := v.checkDate(date); f != nil {
		return identity{}, f
	}
	if f := checkSigned(r, auth.signedHeaders); f != nil {
		return identity{}, f
	}
	if auth.algorithm != algorithm {
		return identity{}, clientFault(codeIncompleteSignature, fmt.Sprintf("Unsupported AWS 'algorithm': '%s'.", clip(auth.algorithm)))
	}
	sc, f := v.parseScope(auth.credential, date)
	if f != nil {
		return identity{}, f
	}
	id := identity{region: sc.region}
	if !keyIDPattern.MatchString(sc.accessKeyID) {
		return id, clientFault(codeUnrecognizedClient, unrecognizedTokenMessage)
	}
	id.accessKeyID = sc.accessKeyID
	principal, secret, err := v.credential(ctx, sc.accessKeyID)
	if errors.Is(err, core.NotFound) {
		return id, clientFault(codeUnrecognizedClient, unrecognizedTokenMessage)
	}
	if err != nil {
		return id, fmt.Errorf("find credential: %w", err)
	}
	want := sc.sign(secret, date, canonicalRequest(r, auth.signedHeaders, payloadHash(body)))
	if !payloadMatches(r, body) || !hmac.Equal([]byte(want), []byte(auth.signature)) {
		return id, clientFault(codeInvalidSignature, "The request signature we calculated does not match the signature you provided. "+
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	// All our keys are long-term ones, to which no session token belongs (standards 6.15).
	if len(r.Header.Values("X-Amz-Security-Token")) > 0 {
		return id, clientFault(codeUnrecognizedClient, unrecognizedTokenMessage)
	}
	id.principal = principal
	return id, nil
}

// parseAuthorization takes the header apart and reports everything that is
// missing at once. Of the header itself only a hash goes back.
func parseAuthorization(header, date string) (authorization, *fault) {
	var a authorization
	var signed, missing string
	alg, rest, _ := strings.Cut(strings.TrimSpace(header), " ")
	a.algorithm = alg
	for part := range strings.FieldsFuncSeq(rest, func(c rune) bool { return c == ',' || c == ' ' }) {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "Credential":
			a.credential = value
		case "SignedHeaders":
			signed = value
		case "Signature":
			a.signature = value
		}
	}
	for _, p := range []struct{ name, value string }{{"Credential", a.credential}, {"Signature", a.signature}, {"SignedHeaders", signed}} {
		if p.value == "" {
			missing += fmt.Sprintf("Authorization header requires '%s' parameter. ", p.name)
		}
	}
	// Date alone would do at AWS; here the signed X-Amz-Date is required (standards 6.11).
	if date == "" {
		missing += "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. "
	}
	if missing != "" {
		sum := sha256.Sum256([]byte(header))
		return a, clientFault(codeIncompleteSignature, missing+
			"(Hashed with SHA-256 and encoded with Base64) Authorization="+base64.StdEncoding.EncodeToString(sum[:]))
	}
	a.signedHeaders = strings.Split(strings.ToLower(signed), ";")
	slices.Sort(a.signedHeaders)
	return a, nil
}

// checkDate checks the form of the date and that it is within the skew
// (standards 6.12).
func (v *verifier) checkDate(date string) *fault {
	t, err := time.Parse(dateForm, date)
	if err != nil || len(date) != len(dateForm) {
		return clientFault(codeIncompleteSignature, fmt.Sprintf(
			"Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", clip(date)))
	}
	// Whole seconds, since that is what the request's date has.
	now, minutes := v.now().UTC().Truncate(time.Second), int(v.skew/time.Minute)
	if limit := now.Add(-v.skew); t.Before(limit) {
		return clientFault(codeInvalidSignature, fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %d min.)",
			date, limit.Format(dateForm), now.Format(dateForm), minutes))
	}
	if limit := now.Add(v.skew); t.After(limit) {
		return clientFault(codeInvalidSignature, fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %d min.)",
			date, limit.Format(dateForm), now.Format(dateForm), minutes))
	}
	return nil
}

// checkSigned refuses a request whose host or any of whose x-amz-* headers is
// outside the signature (standards 6.11).
func checkSigned(r *http.Request, signed []string) *fault {
	if !slices.Contains(signed, "host") {
		return clientFault(codeInvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	}
	var unsigned []string
	for name := range r.Header {
		lower := strings.ToLower(name)
		if strings.HasPrefix(lower, "x-amz-") && !slices.Contains(signed, lower) {
			unsigned = append(unsigned, lower)
		}
	}
	if len(unsigned) == 0 {
		return nil
	}
	return clientFault(codeInvalidSignature, fmt.Sprintf("'%s' must be a 'SignedHeader' in the AWS Authorization.", clip(slices.Min(unsigned))))
}

// parseScope checks the credential scope: region, service, terminator and date,
// all mistakes reported together.
func (v *verifier) parseScope(credential, date string) (scope, *fault) {
	p := strings.Split(credential, "/")
	if len(p) != 5 {
		return scope{}, clientFault(codeIncompleteSignature, fmt.Sprintf(
			"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", clip(credential)))
	}
	sc := scope{p[0], p[1], p[2], p[3], p[4]}
	var wrong strings.Builder
	if !core.ValidRegion(sc.region) {
		fmt.Fprintf(&wrong, "Credential should be scoped to a valid region, not '%s'. ", clip(sc.region))
	}
	if sc.service != v.service {
		fmt.Fprintf(&wrong, "Credential should be scoped to correct service: '%s'. ", v.service)
	}
	if sc.terminator != terminator {
		fmt.Fprintf(&wrong, "Credential should be scoped with a valid terminator: '%s', not '%s'. ", terminator, clip(sc.terminator))
	}
	if day := date[:8]; sc.date != day {
		fmt.Fprintf(&wrong, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '%s' != '%s', from '%s'.", clip(sc.date), day, date)
	}
	if wrong.Len() > 0 {
		return sc, clientFault(codeInvalidSignature, strings.TrimSpace(wrong.String()))
	}
	return sc, nil
}

// sign is the signature, in hex, that the canonical request must carry
// (standards 6.10).
func (s scope) sign(secret, date, canonical string) string {
	sum := sha256.Sum256([]byte(canonical))
	key := []byte("AWS4" + secret)
	for _, part := range []string{s.date, s.region, s.service, s.terminator} {
		key = mac(key, part)
	}
	return hex.EncodeToString(mac(key, algorithm+"\n"+date+"\n"+
		s.date+"/"+s.region+"/"+s.service+"/"+s.terminator+"\n"+hex.EncodeToString(sum[:])))
}

func mac(key []byte, message string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(message))
	return h.Sum(nil)
}

// clip bounds what an answer or a log line repeats of a caller's text.
func clip(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "..."
}
