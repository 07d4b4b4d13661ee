package httpresponder

import (
	"crypto/x509"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	// crlEvery is how long a CRL is served before a new one is made: well within
	// the 24 hours after a revocation of standards 1.63.
	crlEvery = time.Hour
	// crlRetry is how long after a failure another attempt is made.
	crlRetry = time.Minute
)

// shard is one CRL, made when it is asked for. One that cannot be renewed is
// served on until it ends: a CRL an hour old is better than none.
type shard struct {
	make func() ([]byte, error)

	mu   sync.Mutex // held while making, so that many askers make one
	crl  object     // empty body: none yet
	ends time.Time  // its nextUpdate
	next time.Time  // when to make another
}

// current is the shard's CRL at now; false if there is none. made is told of
// each attempt to make one, and of its error.
func (s *shard) current(now time.Time, made func(error)) (object, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !now.Before(s.next) {
		err := s.renew(now)
		made(err)
		if s.next = now.Add(crlEvery); err != nil {
			s.next = now.Add(crlRetry)
		}
	}
	return s.crl, len(s.crl.body) > 0 && now.Before(s.ends)
}

func (s *shard) renew(now time.Time) error {
	der, err := s.make()
	if err != nil {
		return err
	}
	list, err := x509.ParseRevocationList(der)
	if err != nil {
		return fmt.Errorf("read CRL: %w", err)
	}
	if !now.Before(list.NextUpdate) {
		return fmt.Errorf("CRL ended at %s", list.NextUpdate.UTC().Format(time.RFC3339))
	}
	s.crl, s.ends = newObject(der, "application/pkix-crl", list.ThisUpdate), list.NextUpdate
	return nil
}

func (r *Responder) made(err error) {
	r.metrics.made(err)
	if err != nil {
		r.log.Warn("CRL not made", zap.Error(err))
	}
}
