package keyring

import (
	"github.com/prometheus/client_golang/prometheus"

	"acmd/core"
)

// Where a key came from.
const (
	sourcePool  = "pool"
	sourceFresh = "fresh"
)

type metrics struct {
	keys *prometheus.CounterVec
}

// newMetrics registers the pool's metrics; reg may be nil. ready says how many
// keys the pool holds.
func newMetrics(reg prometheus.Registerer, ready func() float64) metrics {
	m := metrics{keys: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acmd_keyring_keys_total",
		Help: "Private keys handed out, by algorithm and whether they were ready in the pool.",
	}, []string{"algorithm", "source"})}
	for _, alg := range []core.KeyAlgorithm{core.RSA2048, core.ECP256, core.ECP384} {
		m.keys.WithLabelValues(string(alg), sourceFresh)
	}
	m.keys.WithLabelValues(string(core.RSA2048), sourcePool)
	if reg != nil {
		reg.MustRegister(m.keys, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "acmd_keyring_pool_keys",
			Help: "RSA-2048 keys that are ready in the pool.",
		}, ready))
	}
	return m
}

func (m metrics) made(alg core.KeyAlgorithm, source string) {
	m.keys.WithLabelValues(string(alg), source).Inc()
}
