package validator

import (
	"acmd/core"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	lookups   *prometheus.CounterVec
	diagnoses *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	auto := promauto.With(reg)
	m := &metrics{
		lookups: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_validator_lookups_total",
			Help: "DNS questions asked of one server each, by what came back.",
		}, []string{"outcome"}),
		diagnoses: auto.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_validator_diagnoses_total",
			Help: "Checks that did not succeed, by the code of their diagnosis (docs/diagnoses.md).",
		}, []string{"code"}),
		seconds: auto.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "acmd_validator_check_seconds",
			Help:    "Duration of one check with all its questions, by kind: dns or caa.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 20, 40},
		}, []string{"kind"}),
	}
	for _, o := range outcomes {
		m.lookups.WithLabelValues(string(o))
	}
	for _, c := range core.Codes() {
		m.diagnoses.WithLabelValues(string(c))
	}
	for _, kind := range []string{"dns", "caa"} {
		m.seconds.WithLabelValues(kind)
	}
	return m
}
