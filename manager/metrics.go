package manager

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"acmd/core"
)

// metrics are what the manager counts.
type metrics struct {
	requested   prometheus.Counter
	moves       *prometheus.CounterVec
	faults      prometheus.Counter
	woken       prometheus.Counter
	seenDropped prometheus.Counter
	issuance    prometheus.Histogram
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		requested: f.NewCounter(prometheus.CounterOpts{Name: "acmd_certificates_requested_total", Help: "Certificate requests taken."}),
		moves:     f.NewCounterVec(prometheus.CounterOpts{Name: "acmd_order_moves_total", Help: "Moves of orders, by the state they moved to."}, []string{"to"}),
		faults:    f.NewCounter(prometheus.CounterOpts{Name: "acmd_manager_faults_total", Help: "Faults of our own in the engine: store, signer, panics. Each is in the log."}),
		woken:     f.NewCounter(prometheus.CounterOpts{Name: "acmd_orders_woken_total", Help: "Orders checked at once because their record was looked up from outside."}),
		seenDropped: f.NewCounter(prometheus.CounterOpts{Name: "acmd_lookups_dropped_total",
			Help: "Look-ups from outside that were not matched to orders because too many waited."}),
		issuance: f.NewHistogram(prometheus.HistogramOpts{Name: "acmd_issuance_seconds", Help: "From the request to the issued certificate, the customer's part included.",
			Buckets: []float64{.1, .25, .5, 1, 2, 5, 15, 60, 300, 1800, 7200, 43200, 259200}}),
	}
	for _, s := range core.OrderStates() {
		m.moves.WithLabelValues(string(s))
	}
	return m
}
