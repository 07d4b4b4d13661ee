package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/miekg/dns"
	"go.uber.org/zap"

	"acmd/metrics"
	"acmd/store"
)

// vitals are the daemon's metrics registry and its readiness checks. The checks
// look at what is filled in once it exists.
type vitals struct {
	monitor *metrics.Metrics
	store   *store.Store
	zone    string // where our own zone is served
	name    string // the zone
}

// newVitals makes the registry, first of all: the store registers with it.
func newVitals(zone string, log *zap.Logger) (*vitals, error) {
	v := &vitals{name: zone}
	var err error
	v.monitor, err = metrics.New(metrics.Config{Version: versionText(), Log: log.Named("metrics"), Ready: []metrics.Check{
		{Name: "store", Run: func(ctx context.Context) error { return v.store.Ping(ctx) }},
		{Name: "dns", Run: v.askZone},
	}})
	return v, err
}

// askZone asks our own name server for its SOA, as the world does.
func (v *vitals) askZone(ctx context.Context) error {
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(v.name), dns.TypeSOA)
	r, err := dns.ExchangeContext(ctx, m, v.zone)
	switch {
	case err != nil:
		return errors.New("our own zone does not answer on UDP")
	case r.Rcode != dns.RcodeSuccess || len(r.Answer) != 1:
		return fmt.Errorf("our own zone answers %s to its SOA", dns.RcodeToString[r.Rcode])
	}
	return nil
}
