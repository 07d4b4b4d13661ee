package httpresponder

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
)

// What was asked for.
const (
	kindIssuer = "issuer"
	kindCRL    = "crl"
	kindOther  = "other"
)

type metrics struct {
	requests *prometheus.CounterVec
	crls     *prometheus.CounterVec
}

// newMetrics registers the responder's metrics; reg may be nil.
func newMetrics(reg prometheus.Registerer) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_httpresponder_requests_total",
			Help: "Requests of strangers, by what they asked for and how it was answered.",
		}, []string{"object", "outcome"}),
		crls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_httpresponder_crls_total",
			Help: "Attempts to make a CRL, by outcome.",
		}, []string{"outcome"}),
	}
	for object, outcomes := range map[string][]string{
		kindIssuer: {"ok", "not_modified", "refused"},
		kindCRL:    {"ok", "not_modified", "refused", "unavailable"},
		kindOther:  {"refused"},
	} {
		for _, o := range outcomes {
			m.requests.WithLabelValues(object, o)
		}
	}
	for _, o := range []string{"ok", "error"} {
		m.crls.WithLabelValues(o)
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.crls)
	}
	return m
}

func (m metrics) served(kind string, status int) {
	outcome := "refused"
	switch status {
	case http.StatusOK, http.StatusPartialContent:
		outcome = "ok"
	case http.StatusNotModified:
		outcome = "not_modified"
	case http.StatusServiceUnavailable:
		outcome = "unavailable"
	}
	m.requests.WithLabelValues(kind, outcome).Inc()
}

func (m metrics) made(err error) {
	outcome := "ok"
	if err != nil {
		outcome = "error"
	}
	m.crls.WithLabelValues(outcome).Inc()
}
