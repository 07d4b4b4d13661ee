package api

import (
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The outcome classes of a request, a closed set.
const (
	classSuccess = "success"
	classAuth    = "auth_error"
	classClient  = "client_error"
	classServer  = "server_error"

	// outcomeOK is the log's outcome of a success; else it is the error code.
	outcomeOK = "OK"
)

// metrics are the API's own. Operations are labelled only by names of the
// model, or "unknown".
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_api_requests_total",
			Help: "Requests to the ACM API by operation and outcome class.",
		}, []string{"operation", "outcome"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "acmd_api_request_duration_seconds",
			Help:    "Time to answer a request to the ACM API. Operations that are not supported count as unknown.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"operation"}),
	}
	for _, op := range append([]string{unknownOperation}, operationNames...) {
		for _, class := range []string{classSuccess, classAuth, classClient, classServer} {
			m.requests.WithLabelValues(op, class)
		}
	}
	m.duration.WithLabelValues(unknownOperation)
	for op := range operations {
		m.duration.WithLabelValues(op)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register the api's metrics: %w", err)
		}
	}
	return m, nil
}

func (m *metrics) observe(operation, class string, took time.Duration) {
	m.requests.WithLabelValues(operation, class).Inc()
	if _, supported := operations[operation]; !supported {
		operation = unknownOperation
	}
	m.duration.WithLabelValues(operation).Observe(took.Seconds())
}

// outcomeClass sorts an outcome into one of four classes.
func outcomeClass(code string, status int) string {
	switch {
	case code == outcomeOK:
		return classSuccess
	case status >= http.StatusInternalServerError:
		return classServer
	}
	switch code {
	case codeMissingToken, codeIncompleteSignature, codeInvalidSignature, codeUnrecognizedClient, codeAccessDenied:
		return classAuth
	}
	return classClient
}
