package dnsserver

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

// transport is how a question came.
type transport int

const (
	udp transport = iota
	tcp
)

var transports = [...]string{udp: "udp", tcp: "tcp"}

// outcome is what became of a question.
type outcome int

const (
	answered outcome = iota
	emptied
	denied
	refused
	malformed
	notImplemented
	badVersion
	dropped
)

var outcomes = [...]string{
	answered: "answer", emptied: "nodata", denied: "nxdomain", refused: "refused",
	malformed: "formerr", notImplemented: "notimp", badVersion: "badvers", dropped: "dropped",
}

// metrics holds the counters ready, one look-up in an array away.
type metrics struct {
	queries [len(transports)][len(outcomes)]prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	vec := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "acmd_dns_queries_total",
		Help: "Questions to the validation zone's name server, by transport and by what became of them.",
	}, []string{"transport", "outcome"})
	m := &metrics{}
	for t, transport := range transports {
		for o, outcome := range outcomes {
			m.queries[t][o] = vec.WithLabelValues(transport, outcome)
		}
	}
	if reg == nil {
		return m, nil
	}
	if err := reg.Register(vec); err != nil {
		return nil, fmt.Errorf("register dns metrics: %w", err)
	}
	return m, nil
}

func (m *metrics) count(t transport, o outcome) { m.queries[t][o].Inc() }
