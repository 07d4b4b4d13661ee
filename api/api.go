// Package api speaks AWS Certificate Manager's JSON 1.1 protocol: it checks the
// SigV4 signature, the shape and the constraints of a request, hands it to the
// manager, and writes the answer as ACM would.
//
// It trusts nobody who connects: everything before the signature check is
// bounded in size and depth, and a caller acts only within the account of its
// access key and the region of its credential scope. It trusts the manager's
// errors to hold nothing but what the caller may read. It never decides: names,
// quotas, states and idempotency are the manager's. It never writes a secret, a
// signature or a request body to a log, an error or a metric.
package api

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"acmd/core"
	"acmd/manager"
)

// Service is what the API asks of the manager. Its errors are core.Error where
// the caller may know the reason; any other error is answered with a bare 500.
type Service interface {
	// Credential finds the owner and the secret access key of an access key id.
	// Unknown and disabled are both core.NotFound.
	Credential(ctx context.Context, accessKeyID string) (core.Principal, string, error)
	Request(ctx context.Context, c manager.Caller, r manager.Request) (arn string, err error)
	Describe(ctx context.Context, c manager.Caller, arn string) (manager.View, error)
	List(ctx context.Context, c manager.Caller, q manager.Query) (views []manager.View, next string, err error)
	Certificate(ctx context.Context, c manager.Caller, arn string) (core.Leaf, error)
	Delete(ctx context.Context, c manager.Caller, arn string) error
	Tags(ctx context.Context, c manager.Caller, arn string) ([]core.Tag, error)
	AddTags(ctx context.Context, c manager.Caller, arn string, tags []core.Tag) error
	RemoveTags(ctx context.Context, c manager.Caller, arn string, tags []core.Tag) error
}

// Bounds and defaults of Config.
const (
	defaultSkew    = 5 * time.Minute
	minSkew        = time.Minute
	maxSkew        = 15 * time.Minute
	defaultMaxBody = 1 << 20
	// callBudget bounds one call of the manager. The work goes on when the
	// client has left, so that a request is never half done.
	callBudget = 10 * time.Second
)

// Config is what an API is made of.
type Config struct {
	Service Service
	// Now is the machine's clock: it judges signatures and fills the Date
	// header, which SDKs correct their clocks by. Not the movable clock of dev.
	Now func() time.Time
	// Skew is how far a request's date may be off, 1 to 15 minutes; 0 means 5
	// (standards 6.12).
	Skew time.Duration
	// MaxBody is the largest request body in bytes; 0 means 1 MiB.
	MaxBody int64
	Log     *zap.Logger           // nil: no log
	Reg     prometheus.Registerer // nil: metrics are not registered
}

// API answers ACM's operations over HTTP. It is an http.Handler and safe for
// concurrent use.
type API struct {
	service Service
	auth    verifier
	now     func() time.Time
	maxBody int64
	log     *zap.Logger
	metrics *metrics
}

// New makes an API. It errs on a missing Service or Now, on a Skew or MaxBody
// out of bounds, and when its metrics are registered already.
func New(cfg Config) (*API, error) {
	if cfg.Service == nil || cfg.Now == nil {
		return nil, errors.New("api: Service and Now are required")
	}
	if cfg.Skew == 0 {
		cfg.Skew = defaultSkew
	}
	if cfg.Skew < minSkew || cfg.Skew > maxSkew {
		return nil, fmt.Errorf("api: Skew %s is not between %s and %s", cfg.Skew, minSkew, maxSkew)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.MaxBody < 0 {
		return nil, fmt.Errorf("api: MaxBody %d is negative", cfg.MaxBody)
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	m, err := newMetrics(cfg.Reg)
	if err != nil {
		return nil, err
	}
	return &API{
		service: cfg.Service,
		auth:    verifier{service: "acm", skew: cfg.Skew, now: cfg.Now, credential: cfg.Service.Credential},
		now:     cfg.Now,
		maxBody: cfg.MaxBody,
		log:     cfg.Log,
		metrics: m,
	}, nil
}

// call is what is known of one request; it becomes the log line.
type call struct {
	id        string
	start     time.Time
	operation string // one of Operations, or unknownOperation
	sourceIP  string
	identity  identity
}

// ServeHTTP answers one request. Only POST / with the JSON 1.1 content type is
// served (standards 6.1).
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c := &call{id: uuid.NewString(), start: a.now(), operation: unknownOperation, sourceIP: sourceIP(r)}
	// AWS's spelling, which net/http would change.
	w.Header()["x-amzn-RequestId"] = []string{c.id}
	w.Header().Set("Date", c.start.UTC().Format(http.TimeFormat))
	if !routed(r) {
		writeNotFound(w)
		a.record(c, codeUnknownOperation, http.StatusNotFound, nil)
		return
	}
	out, err := a.guard(w, r, c)
	if err != nil {
		f := faultOf(err)
		writeFault(w, f)
		a.record(c, f.code, f.status, err)
		return
	}
	if err := writeOutput(w, out); err != nil {
		f := faultOf(err)
		writeFault(w, f)
		a.record(c, f.code, f.status, err)
		return
	}
	a.record(c, outcomeOK, http.StatusOK, nil)
}

// guard runs the request and turns a panic into an error, so that one bad
// request cannot take the daemon down.
func (a *API) guard(w http.ResponseWriter, r *http.Request, c *call) (out any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return a.dispatch(w, r, c)
}

// record writes the one line and the metrics of a request. A client's mistake
// is told by its code only: the message may repeat what the client sent.
func (a *API) record(c *call, code string, status int, err error) {
	took := a.now().Sub(c.start)
	a.metrics.observe(c.operation, outcomeClass(code, status), took)
	fields := []zap.Field{
		zap.String("request_id", c.id),
		zap.String("operation", c.operation),
		zap.String("account", c.identity.principal.Account),
		zap.String("principal", c.identity.principal.Arn),
		zap.String("access_key_id", c.identity.accessKeyID),
		zap.String("region", c.identity.region),
		zap.String("source_ip", c.sourceIP),
		zap.String("outcome", code),
		zap.Int("status", status),
		zap.Duration("duration", took),
	}
	if status >= http.StatusInternalServerError {
		a.log.Error("request", append(fields, zap.Error(err))...)
		return
	}
	a.log.Info("request", fields...)
}

// sourceIP is the peer's address. Forwarding headers are not believed: anyone can send them.
func sourceIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
