package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/miekg/dns"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/net/netutil"
	"golang.org/x/sync/errgroup"

	"acmd/api"
	"acmd/ca"
	"acmd/core"
	"acmd/dnsserver"
	"acmd/httpresponder"
	"acmd/keyring"
	"acmd/manager"
	"acmd/validator"
)

// grace is how long requests and orders in hand may take to end after a stop.
const grace = 10 * time.Second

// plan is everything the daemon needs, decided: sockets bound, values checked.
// serve and dev make one each; from here on they are the same program.
type plan struct {
	home      *home
	vitals    *vitals
	sockets   *sockets
	ca        ca.Config
	dns       dnsserver.Config // Tokens, Now, Seen, Log and Reg are filled in
	validator validator.Config // Log and Reg are filled in
	names     core.NamePolicy
	limits    manager.Limits
	skew      time.Duration
	keypair   *keypair         // the API's certificate; nil in dev, which answers plain HTTP on loopback
	rsaPool   int              // warm RSA keys
	now       func() time.Time // of object lives
	log       *zap.Logger
	// beside runs next to the faces: the playground, in dev.
	beside func(ctx context.Context, m *manager.Manager) error
	// ready is called once every face answers.
	ready func() error
}

// serveUntilDone builds the daemon and runs it until ctx ends or a part fails. The
// store is closed last.
func (p *plan) serveUntilDone(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, p.home.store.Close()) }()
	defer p.sockets.close() // what the servers closed already does no harm
	reg := p.vitals.monitor.Registry()
	authority, err := p.home.authority(p.ca)
	if err != nil {
		return err
	}
	p.validator.Log, p.validator.Reg = p.log.Named("validator"), reg
	prover, err := validator.New(p.validator)
	if err != nil {
		return err
	}
	pool := keyring.NewPool(p.rsaPool, reg)
	m, err := manager.New(manager.Config{Store: p.home.store, Tokens: p.home.tokens, Ring: p.home.ring, Keys: pool, CA: authority,
		Prover: prover, Names: p.names, Limits: p.limits, Now: p.now, Wall: time.Now, Log: p.log, Reg: reg})
	if err != nil {
		return err
	}
	f, err := p.faces(m, authority, reg)
	if err != nil {
		return err
	}
	var renew time.Time
	if p.keypair != nil && len(p.keypair.names) > 0 {
		if renew, err = p.keypair.issue(ctx, m); err != nil {
			return err
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	if !renew.IsZero() {
		g.Go(func() error { return p.keypair.keep(gctx, m, renew, p.log) })
	}
	g.Go(func() error { return pool.Run(gctx) })
	g.Go(func() error { return m.Run(gctx) })
	p.vitals.store, p.vitals.zone = p.home.store, p.sockets.zone[0].packets.LocalAddr().String()
	f.monitor = p.vitals.monitor.Handler()
	f.run(gctx, g, p)
	if p.beside != nil {
		g.Go(func() error { return p.beside(gctx, m) })
	}
	if err := p.ready(); err != nil {
		return err
	}
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		p.log.Warn("notify systemd", zap.Error(err))
	}
	p.log.Info("ready", zap.String("version", versionText()), zap.String("zone", p.home.tokens.Zone()))
	return p.untilDone(ctx, gctx, g)
}

// untilDone waits for the end of ctx, which is that of stop or of a part that
// failed, and then for the work in hand, but not for ever.
func (p *plan) untilDone(stop, ctx context.Context, g *errgroup.Group) (err error) {
	done := make(chan error, 1)
	go func() { done <- g.Wait() }()
	<-ctx.Done()
	_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping) // best effort: we stop in any case
	select {
	case err = <-done:
	case <-time.After(grace + 2*time.Second):
		// Whatever hangs is picked up after the next start: nothing
		// acknowledged lives in memory only.
		p.log.Warn("stop: work in hand took too long and is left to the next start")
		if stop.Err() == nil {
			err = context.Cause(ctx) // a part failed, and whoever restarts us must see it
		}
	}
	p.log.Info("stopped")
	return err
}

// faces are the handlers, ready to be served.
type faces struct {
	api, responder, monitor http.Handler
	zone                    *dnsserver.Server
}

func (p *plan) faces(m *manager.Manager, authority *ca.Authority, reg prometheus.Registerer) (*faces, error) {
	var f faces
	a, err := api.New(api.Config{Service: m, Now: time.Now, Skew: p.skew, Log: p.log.Named("api"), Reg: reg})
	if err != nil {
		return nil, err
	}
	p.dns.Tokens, p.dns.Now, p.dns.Seen, p.dns.Log, p.dns.Reg = p.home.tokens, p.now, m.Seen, p.log.Named("dns"), reg
	if f.zone, err = dnsserver.New(p.dns); err != nil {
		return nil, err
	}
	r, err := httpresponder.New(httpresponder.Config{Issuers: authority.Issuers(), IssuerID: authority.IssuerID(), Shards: ca.Shards,
		CRL: func(shard int) ([]byte, error) { return authority.CRL(shard, nil, p.now()) }, Now: p.now, Log: p.log.Named("http"), Reg: reg})
	if err != nil {
		return nil, err
	}
	f.api, f.responder = a, r
	return &f, nil
}

// run serves every face on its sockets until ctx ends.
func (f *faces) run(ctx context.Context, g *errgroup.Group, p *plan) {
	// Together well below the unit's LimitNOFILE, so that idle strangers never
	// keep the validator or the store from dialling.
	for _, face := range []struct {
		sockets []net.Listener
		handler http.Handler
		conns   int
		idle    time.Duration
		secure  *keypair // nil: in the clear
	}{
		{p.sockets.api, f.api, 4096, 2 * time.Minute, p.keypair},
		{p.sockets.responder, f.responder, 16384, 15 * time.Second, nil},
		{p.sockets.metrics, f.monitor, 64, time.Minute, nil},
	} {
		for _, l := range face.sockets {
			s := &http.Server{Handler: face.handler, IdleTimeout: face.idle}
			l = netutil.LimitListener(l, max(face.conns/len(face.sockets), 1))
			if face.secure != nil {
				l = face.secure.listen(l)
			}
			serveHTTP(ctx, g, s, l, p.log)
		}
	}
	for _, z := range p.sockets.zone {
		for _, s := range f.zone.Listeners(z.packets, z.stream) {
			serveDNS(ctx, g, s)
		}
	}
}

// serveHTTP runs an HTTP server with every limit set, until ctx ends.
func serveHTTP(ctx context.Context, g *errgroup.Group, s *http.Server, l net.Listener, log *zap.Logger) {
	s.ReadHeaderTimeout, s.ReadTimeout, s.WriteTimeout = 5*time.Second, 30*time.Second, 60*time.Second
	s.MaxHeaderBytes, s.ErrorLog = 32<<10, zap.NewStdLog(log.Named("http"))
	g.Go(func() error {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		if s.Shutdown(sctx) != nil {
			return s.Close()
		}
		return nil
	})
}

// serveDNS runs a DNS server until ctx ends.
func serveDNS(ctx context.Context, g *errgroup.Group, s *dns.Server) {
	started := make(chan struct{})
	s.NotifyStartedFunc = func() { close(started) }
	g.Go(func() error {
		if err := s.ActivateAndServe(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("serve DNS: %w", err)
		}
		return nil
	})
	g.Go(func() error {
		<-ctx.Done()
		select {
		case <-started:
		case <-time.After(grace):
			return nil // it never came up, and said so above
		}
		sctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
		defer cancel()
		return s.ShutdownContext(sctx)
	})
}
