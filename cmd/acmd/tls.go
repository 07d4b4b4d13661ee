package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"acmd/manager"
)

// keypair is the API's own certificate: read from files, or issued by acmd to
// itself, so that a fresh deployment has TLS before it has a certificate.
type keypair struct {
	names             []string // for one that acmd issues to itself
	certFile, keyFile string   // for one that is given
	now               atomic.Pointer[tls.Certificate]
}

// load reads the files anew.
func (k *keypair) load() error {
	c, err := tls.LoadX509KeyPair(k.certFile, k.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate %s and its key: %w", k.certFile, err)
	}
	k.now.Store(&c)
	return nil
}

// get is tls.Config's GetCertificate.
func (k *keypair) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	if c := k.now.Load(); c != nil {
		return c, nil
	}
	return nil, errors.New("no certificate yet")
}

// listen speaks TLS on what l accepts. It comes last around a listener: the
// HTTP server speaks HTTP/2 only where it sees the TLS connection itself.
func (k *keypair) listen(l net.Listener) net.Listener {
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: k.get, NextProtos: []string{"h2", "http/1.1"}})
}

// issue has acmd issue itself a certificate. The machine's clock counts here:
// it is what the callers go by (design decision 12).
func (k *keypair) issue(ctx context.Context, m *manager.Manager) (renew time.Time, err error) {
	own, err := m.OwnCertificate(ctx, k.names, time.Now())
	if err != nil {
		return time.Time{}, err
	}
	k.now.Store(&tls.Certificate{Certificate: own.Chain, PrivateKey: own.Key})
	return own.NotBefore.Add(own.NotAfter.Sub(own.NotBefore) * 2 / 3), nil
}

// keep renews the certificate that acmd issued to itself at two thirds of its
// life, until ctx ends.
func (k *keypair) keep(ctx context.Context, m *manager.Manager, renew time.Time, log *zap.Logger) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(min(max(time.Until(renew), time.Minute), time.Hour)):
		}
		if time.Now().Before(renew) {
			continue
		}
		next, err := k.issue(ctx, m)
		if err != nil {
			log.Error("renew the API's own certificate; the old one goes on", zap.Error(err))
			continue
		}
		renew = next
	}
}
