// Package validator asks the world whether a proof is in place (DNS) and
// whether CAA permits to issue. What it finds wrong comes back as a
// core.Diagnosis: a code, one sentence to act on, and the evidence.
//
// It trusts the configured resolvers, and their AD bit only where the way to
// them is loopback or the operator says so. It trusts nothing a zone's own name
// servers say: they are asked for an explanation after the resolvers have said
// no, never for a yes. It never changes state, never retries on its own beyond
// the tries of one question, and dials no address of a special range that the
// configuration has not opened.
package validator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

const defaultTimeout = 5 * time.Second

// Config says whom the validator asks and what it believes.
type Config struct {
	Resolvers     []string       // recursive resolvers as address:port, at least one, asked in this order
	Timeout       time.Duration  // for one question to one server, its turn to TCP included; 0 means 5 s
	Issuers       []string       // the CAA issuer domain names that mean this CA, at least one (standards 1.40)
	RequireDNSSEC bool           // ask only resolvers seen to validate from the root (standards 1.41)
	TrustRemoteAD bool           // believe the AD bit of a resolver that is not on loopback
	Allow         []netip.Prefix // special ranges that a zone's name servers may lie in (standards 5.4)
	// Dial opens every connection, to resolvers and name servers, "udp" or
	// "tcp", to exactly the address that was checked. nil means net.Dialer.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	Log  *zap.Logger           // nil discards
	Reg  prometheus.Registerer // nil keeps the metrics unregistered
}

// Validator looks proofs and permissions up. It is safe for concurrent use.
type Validator struct {
	resolvers []*resolver
	preferred atomic.Pointer[resolver] // to begin with: the last that answered after another was silent; nil at first
	timeout   time.Duration
	issuers   []string
	dnssec    bool
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	addresses *addressPolicy
	log       *zap.Logger
	metrics   *metrics

	mu   sync.Mutex    // guards what is known of the resolvers
	news chan struct{} // closed, and made anew, when a resolver has been asked for the root
}

// New checks the configuration and builds a validator; it dials nothing. Every
// mistake is in the error.
func New(cfg Config) (*Validator, error) {
	v := &Validator{timeout: cfg.Timeout, dnssec: cfg.RequireDNSSEC, dial: cfg.Dial, log: cfg.Log, news: make(chan struct{})}
	var errs []error
	if len(cfg.Resolvers) == 0 {
		errs = append(errs, errors.New("resolvers: name at least one"))
	}
	for _, s := range cfg.Resolvers {
		r, err := newResolver(s, cfg.TrustRemoteAD)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		v.resolvers = append(v.resolvers, r)
	}
	if len(cfg.Issuers) == 0 {
		errs = append(errs, errors.New("issuers: name at least one CAA issuer domain name"))
	}
	for _, s := range cfg.Issuers {
		if !isIssuerName(s) {
			errs = append(errs, fmt.Errorf("issuers: %q is not a domain name without a final dot", s))
		}
		v.issuers = append(v.issuers, strings.ToLower(s))
	}
	if cfg.Timeout < 0 {
		errs = append(errs, errors.New("timeout: must not be negative"))
	}
	policy, err := newAddressPolicy(cfg.Allow)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("validator configuration: %w", err)
	}
	v.addresses = policy
	if v.timeout == 0 {
		v.timeout = defaultTimeout
	}
	if v.dial == nil {
		v.dial = new(net.Dialer).DialContext
	}
	if v.log == nil {
		v.log = zap.NewNop()
	}
	v.metrics = newMetrics(cfg.Reg)
	return v, nil
}

// DNSProof is what must be in the DNS for a proof by method DNS: a CNAME at
// Record that leads to Target, where our own zone serves one of Values.
type DNSProof struct {
	Name   string   // the domain, without wildcard and final dot
	Record string   // "_x1.<name>."
	Target string   // "_x2.<zone>."; also right without the underscore
	Values []string // what the TXT at Target may say; the current value first
}

// DNS looks whether the proof is in place, through the resolvers, along at most
// five CNAMEs (standards 1.4, 1.10, 1.15). The zero Diagnosis means it is. now
// serves for stating absolute times only; deadlines come from ctx and
// Config.Timeout.
func (v *Validator) DNS(ctx context.Context, p DNSProof, now time.Time) core.Diagnosis {
	p.Name = strings.ToLower(p.Name)
	p.Record, p.Target = dns.CanonicalName(p.Record), dns.CanonicalName(p.Target)
	return v.run("dns", p.Name, now, func(c *check) core.Diagnosis { return c.proof(ctx, p) })
}

// CAA looks whether the CAA records permit this CA to issue for the name, which
// may begin with a wildcard label (standards 1E, RFC 8659, RFC 8657). The zero
// Diagnosis means they do, CAA_FORBIDS that they do not; every other code means
// that no answer was had, which never permits. now as for DNS.
func (v *Validator) CAA(ctx context.Context, name string, now time.Time) core.Diagnosis {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return v.run("caa", name, now, func(c *check) core.Diagnosis { return c.permission(ctx, name) })
}

// run times, counts and logs one check. The success line keeps what proves that
// validation was on (standards 1.42).
func (v *Validator) run(kind, name string, now time.Time, do func(*check) core.Diagnosis) core.Diagnosis {
	timer := prometheus.NewTimer(v.metrics.seconds.WithLabelValues(kind))
	defer timer.ObserveDuration()
	c := &check{v: v, now: now}
	d := do(c)
	if d.OK() {
		v.log.Info("check passed", zap.String("kind", kind), zap.String("name", name),
			zap.String("resolver", c.answeredBy), zap.Bool("authenticated", c.authenticated),
			zap.Bool("dnssec_required", v.dnssec))
		return core.Diagnosis{}
	}
	d.Evidence = c.evidence()
	v.metrics.diagnoses.WithLabelValues(string(d.Code)).Inc()
	v.log.Debug("check failed", zap.String("kind", kind), zap.String("name", name), zap.String("code", string(d.Code)))
	return d
}
