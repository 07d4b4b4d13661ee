package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"acmd/ca"
	"acmd/configs"
	"acmd/core"
	"acmd/dnsserver"
	"acmd/manager"
	"acmd/store"
	"acmd/validator"
)

func newServe() *cobra.Command {
	var config string
	c := &cobra.Command{
		Use: "serve", Short: "Run the daemon",
		Long: `Runs the daemon as the configuration file says. It makes nothing: keys, CA and database
must be there (acmd init). SIGTERM and SIGINT end it within ten seconds; SIGHUP reads the log
level and the API's certificate files again.`,
		Example: "  acmd serve --config /etc/acmd/acmd.yaml",
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return runServe(c.Context(), config, c.ErrOrStderr()) },
	}
	c.Flags().StringVar(&config, "config", "", "configuration file (required)")
	return c
}

func runServe(ctx context.Context, file string, stderr io.Writer) error {
	if file == "" {
		return usagef("serve needs --config FILE; see acmd config example")
	}
	c, err := loadConfig(file)
	if err != nil {
		return err
	}
	level := zap.NewAtomicLevel()
	if err := level.UnmarshalText([]byte(c.Log.Level)); err != nil {
		return usageError{err}
	}
	log := newLogger(stderr, level, c.Log.Format)
	where, err := configPaths(*c)
	if err != nil {
		return err
	}
	s, err := serveSockets(*c)
	if err != nil {
		return err
	}
	v, err := newVitals(c.DNS.Zone, log)
	if err != nil {
		s.close()
		return err
	}
	h, err := openHome(ctx, where, c.DNS.Zone, store.Config{Log: log.Named("store"), Reg: v.monitor.Registry()})
	if err != nil {
		s.close()
		return err
	}
	unlock, err := lockDatabase(where.DSN)
	if err != nil {
		s.close()
		return errors.Join(err, h.store.Close())
	}
	defer unlock()
	p, err := servePlan(*c, h, s, log)
	if err != nil {
		s.close()
		return errors.Join(err, h.store.Close())
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	go reload(ctx, hangup, func() { again(file, level, p.keypair, log) })
	p.vitals = v
	return p.serveUntilDone(ctx)
}

// reload calls f at every signal until ctx ends.
func reload(ctx context.Context, on <-chan os.Signal, f func()) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-on:
			f()
		}
	}
}

// again takes from the configuration what may change while running: the log
// level, and what the API's certificate files hold now.
func again(file string, level zap.AtomicLevel, k *keypair, log *zap.Logger) {
	c, err := configs.Load(file)
	if err == nil {
		err = level.UnmarshalText([]byte(c.Log.Level))
	}
	if err == nil && k != nil && k.certFile != "" {
		err = k.load()
	}
	if err != nil {
		log.Error("reload; what ran before goes on", zap.Error(err))
		return
	}
	log.Info("reloaded the log level and the certificate files")
}

// serveSockets binds what the configuration names.
func serveSockets(c configs.Config) (_ *sockets, err error) {
	s := &sockets{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.api, err = listenAll(c.API.Listen); err != nil {
		return nil, err
	}
	if s.responder, err = listenAll(c.HTTP.Listen); err != nil {
		return nil, err
	}
	if s.metrics, err = listenAll(c.Metrics.Listen); err != nil {
		return nil, err
	}
	for _, a := range c.DNS.Listen {
		z, err := listenDNS(a)
		if err != nil {
			return nil, err
		}
		s.zone = append(s.zone, z)
	}
	return s, nil
}

// servePlan translates the configuration for the packages, which do not know it.
func servePlan(c configs.Config, h *home, s *sockets, log *zap.Logger) (*plan, error) {
	p := &plan{
		home: h, sockets: s,
		ca:  ca.Config{Validity: time.Duration(c.CA.Validity), LongValidity: time.Duration(c.CA.Validity) > publicValidity, BaseURL: c.CA.BaseURL, PolicyOID: c.CA.PolicyOID},
		dns: dnsserver.Config{CAA: c.CA.CAAIssuers, Hostmaster: c.DNS.Hostmaster},
		validator: validator.Config{Resolvers: c.Validator.Resolvers, Timeout: time.Duration(c.Validator.Timeout), Issuers: c.CA.CAAIssuers,
			RequireDNSSEC: c.Validator.RequireDNSSEC, TrustRemoteAD: c.Validator.InsecureTrustRemoteAD, Allow: c.Validator.Allow},
		names:   core.NamePolicy{AllowAny: c.Names.InsecureAllowAny, Allow: c.Names.Allow},
		limits:  manager.Limits{Certificates: c.Limits.Certificates, NamesPerCertificate: c.Limits.NamesPerCertificate},
		skew:    time.Duration(c.API.Skew),
		rsaPool: 16,
		now:     time.Now,
		log:     log,
		ready:   func() error { return nil },
	}
	for _, n := range c.DNS.NameServers {
		p.dns.NameServers = append(p.dns.NameServers, dnsserver.NameServer{Host: n.Host, Addrs: n.Addresses})
	}
	p.keypair = &keypair{names: c.API.TLS.Names}
	if len(c.API.TLS.Names) == 0 {
		credentials := os.Getenv("CREDENTIALS_DIRECTORY")
		var err, err2 error
		p.keypair.certFile, err = c.API.TLS.Certificate.Resolve(credentials)
		p.keypair.keyFile, err2 = c.API.TLS.Key.Resolve(credentials)
		if err := errors.Join(err, err2); err != nil {
			return nil, usageError{err}
		}
		if err := p.keypair.load(); err != nil {
			return nil, fmt.Errorf("api.tls: %w", err)
		}
	}
	warnRelaxed(c, log)
	return p, nil
}

// publicValidity is the longest validity that public CAs may give (standards
// 1.52). More is for private trust, and is warned of.
const publicValidity = 200 * 24 * time.Hour

// warnRelaxed says at every start which protections were given up.
func warnRelaxed(c configs.Config, log *zap.Logger) {
	for _, r := range []struct {
		key string
		on  bool
	}{
		{"names.insecure_allow_any", c.Names.InsecureAllowAny}, {"validator.insecure_trust_remote_ad", c.Validator.InsecureTrustRemoteAD},
		{"store.insecure_transport", c.Store.InsecureTransport}, {"metrics.insecure_remote", c.Metrics.InsecureRemote},
		{"ca.validity", time.Duration(c.CA.Validity) > publicValidity}, {"validator.require_dnssec: false", !c.Validator.RequireDNSSEC}, {"names.allow", len(c.Names.Allow) > 0},
	} {
		if r.on {
			log.Warn("a protection is relaxed by configuration", zap.String("key", r.key))
		}
	}
}

// dsnWithPassword puts the password from its file into a PostgreSQL URL. The
// result is never shown.
func dsnWithPassword(c configs.Config, credentials string) (string, error) {
	if c.Store.PasswordFile == "" {
		return c.Store.DSN, nil
	}
	file, err := c.Store.PasswordFile.Resolve(credentials)
	if err != nil {
		return "", usageError{err}
	}
	password, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("store.password_file: %w", err)
	}
	u, err := url.Parse(c.Store.DSN)
	if err != nil {
		return "", usagef("store.dsn: not a URL")
	}
	u.User = url.UserPassword(u.User.Username(), strings.TrimSuffix(string(password), "\n"))
	return u.String(), nil
}
