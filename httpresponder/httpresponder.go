// Package httpresponder answers strangers over plain HTTP: issuer certificates
// (AIA caIssuers) and CRLs, at the URLs that certificates name.
//
// What it serves is public and signed, so it needs no TLS, and must not have it
// (standards 1.56). It trusts nobody who asks: only GET and HEAD, only the exact
// paths it has, everything out of memory, and an asker can make it sign no more
// than one CRL per shard and hour. It never shows a reason to a stranger, never
// reads the store, and knows no route of the API.
package httpresponder

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const (
	// issuerMaxAge is short beside an issuer's life: its certificate may be
	// renewed at the same URL.
	issuerMaxAge = 24 * time.Hour
	maxShards    = 256
)

// Config is what a Responder is made of.
type Config struct {
	Issuers  map[string][]byte               // URL path, as /ca/<id>.cer, to the DER of the issuer's certificate
	IssuerID string                          // <id> in /crl/<id>/<shard>.crl: lower-case hex
	Shards   int                             // CRLs there are: shards 0 to Shards-1; 0 for none, at most 256
	CRL      func(shard int) ([]byte, error) // signs the shard's CRL as of now; called at most hourly for each
	Now      func() time.Time                // the clock of object lives, required
	Log      *zap.Logger                     // nil: no log
	Reg      prometheus.Registerer           // nil: no metrics
}

// Responder is an http.Handler. It is safe for concurrent use and owns no goroutine.
type Responder struct {
	issuers map[string]object
	prefix  string // of the CRLs' paths
	shards  []*shard
	now     func() time.Time
	log     *zap.Logger
	metrics metrics
}

// object is one answer, ready to be sent.
type object struct {
	body     []byte
	kind     string // its media type
	etag     string
	modified time.Time
}

func newObject(body []byte, kind string, modified time.Time) object {
	sum := sha256.Sum256(body)
	return object{body: body, kind: kind, etag: `"` + hex.EncodeToString(sum[:16]) + `"`, modified: modified}
}

// New checks the configuration and makes a Responder. No CRL is made before the
// first is asked for.
func New(c Config) (*Responder, error) {
	if c.Now == nil {
		return nil, errors.New("responder: no clock")
	}
	if c.Shards < 0 || c.Shards > maxShards || c.Shards > 0 && c.CRL == nil {
		return nil, fmt.Errorf("responder: %d CRLs: want 0 to %d and what signs them", c.Shards, maxShards)
	}
	if _, err := hex.DecodeString(c.IssuerID); err != nil || c.IssuerID == "" && c.Shards > 0 {
		return nil, fmt.Errorf("responder: issuer id %q: want hex digits", c.IssuerID)
	}
	r := &Responder{issuers: make(map[string]object, len(c.Issuers)), prefix: "/crl/" + c.IssuerID + "/", now: c.Now, log: c.Log, metrics: newMetrics(c.Reg)}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	for path, der := range c.Issuers {
		cert, err := x509.ParseCertificate(der)
		if err != nil || !strings.HasPrefix(path, "/ca/") || !strings.HasSuffix(path, ".cer") {
			return nil, fmt.Errorf("responder: issuer at %q: want a certificate at /ca/<id>.cer", path)
		}
		r.issuers[path] = newObject(bytes.Clone(der), "application/pkix-cert", cert.NotBefore)
	}
	for i := range c.Shards {
		r.shards = append(r.shards, &shard{make: func() ([]byte, error) { return c.CRL(i) }})
	}
	return r, nil
}

// ServeHTTP answers one request. Paths are compared as they come: there is one
// spelling of each.
func (r *Responder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		r.refuse(w, req, kindOther, http.StatusMethodNotAllowed)
		return
	}
	path := req.URL.EscapedPath()
	if o, ok := r.issuers[path]; ok {
		r.send(w, req, kindIssuer, o, issuerMaxAge)
		return
	}
	s := r.shard(path)
	if s == nil {
		r.refuse(w, req, kindOther, http.StatusNotFound)
		return
	}
	o, ok := s.current(r.now(), r.made)
	if !ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(crlRetry/time.Second)))
		r.refuse(w, req, kindCRL, http.StatusServiceUnavailable)
		return
	}
	r.send(w, req, kindCRL, o, crlEvery)
}

// shard finds the shard of a path; nil if the path is none's.
func (r *Responder) shard(path string) *shard {
	name, ok := strings.CutPrefix(path, r.prefix)
	if !ok {
		return nil
	}
	digits, ok := strings.CutSuffix(name, ".crl")
	n, err := strconv.Atoi(digits)
	if !ok || err != nil || n < 0 || n >= len(r.shards) || strconv.Itoa(n) != digits {
		return nil
	}
	return r.shards[n]
}

// send answers with the object, or 304, or a part of it, as the request asks.
func (r *Responder) send(w http.ResponseWriter, req *http.Request, kind string, o object, maxAge time.Duration) {
	h := w.Header()
	h.Set("Content-Type", o.kind)
	h.Set("ETag", o.etag)
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d, no-transform", int(maxAge/time.Second)))
	sw := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	http.ServeContent(sw, req, "", o.modified, bytes.NewReader(o.body))
	r.done(req, kind, sw.status)
}

// refuse answers with the bare words of the status.
func (r *Responder) refuse(w http.ResponseWriter, req *http.Request, kind string, status int) {
	w.Header().Set("Cache-Control", "no-store")
	http.Error(w, http.StatusText(status), status)
	r.done(req, kind, status)
}

// done counts the request. Strangers can send as many as they like, so a line
// is written at debug level only, and the path is cut.
func (r *Responder) done(req *http.Request, kind string, status int) {
	r.metrics.served(kind, status)
	if e := r.log.Check(zap.DebugLevel, "request"); e != nil {
		path := req.URL.EscapedPath()
		e.Write(zap.String("remote", req.RemoteAddr), zap.String("method", req.Method[:min(len(req.Method), 16)]),
			zap.String("path", path[:min(len(path), 128)]), zap.Int("status", status))
	}
}

// statusWriter remembers the status for the metrics.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}
