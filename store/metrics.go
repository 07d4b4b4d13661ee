package store

import (
	"errors"
	"fmt"

	"acmd/core"

	"github.com/prometheus/client_golang/prometheus"
)

// The operations, as metric label and as the action that wraps an error.
const (
	opCreateCertificate = "create certificate"
	opReadCertificate   = "read certificate"
	opFindDomain        = "find domain"
	opListCertificates  = "list certificates"
	opDeleteCertificate = "delete certificate"
	opReadTags          = "read tags"
	opPutTags           = "put tags"
	opDeleteTags        = "delete tags"
	opClaimOrders       = "claim orders"
	opNextDue           = "find next due order"
	opSaveOrder         = "save order"
	opWakeOrders        = "wake orders"
	opCountOrders       = "count orders"
	opCreatePrincipal   = "create principal"
	opListPrincipals    = "list principals"
	opReadAccessKey     = "read access key"
	opDisablePrincipal  = "disable principal"
	opReadSetting       = "read setting"
	opPutSetting        = "put setting"
	opListRecords       = "list records"
	opSaveLeaf          = "save leaf"
	opRenewLeases       = "renew leases"
	opTakeOver          = "take over leases"
)

var operations = []string{opCreateCertificate, opReadCertificate, opFindDomain, opListCertificates,
	opDeleteCertificate, opReadTags, opPutTags, opDeleteTags, opClaimOrders, opNextDue, opSaveOrder,
	opWakeOrders, opCountOrders, opCreatePrincipal, opListPrincipals, opReadAccessKey,
	opDisablePrincipal, opReadSetting, opPutSetting, opListRecords, opSaveLeaf, opRenewLeases, opTakeOver}

type metrics struct {
	seconds *prometheus.HistogramVec
	faults  *prometheus.CounterVec
	retries prometheus.Counter
}

// newMetrics makes the metrics and, where there is a registerer, registers them.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "acmd_store_seconds",
			Help:    "Time of one operation on the store, waiting and commit included.",
			Buckets: prometheus.ExponentialBuckets(0.0001, 2.5, 11),
		}, []string{"operation"}),
		faults: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "acmd_store_faults_total",
			Help: "Operations on the store that failed for another reason than the caller's.",
		}, []string{"operation"}),
		retries: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "acmd_store_retries_total",
			Help: "Transactions begun anew because they lost against a concurrent one.",
		}),
	}
	for _, op := range operations {
		m.seconds.WithLabelValues(op)
		m.faults.WithLabelValues(op)
	}
	if reg == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.seconds, m.faults, m.retries} {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register store metrics: %w", err)
		}
	}
	return m, nil
}

// span is one operation under way.
type span struct {
	metrics *metrics
	op      string
	timer   *prometheus.Timer
}

func (m *metrics) start(op string) span {
	return span{m, op, prometheus.NewTimer(m.seconds.WithLabelValues(op))}
}

// end counts the operation and wraps a fault with it; what is meant for the
// caller passes as it is.
func (s span) end(err error) error {
	s.timer.ObserveDuration()
	var refused *core.Error
	if err == nil || errors.As(err, &refused) {
		return err
	}
	s.metrics.faults.WithLabelValues(s.op).Inc()
	return fmt.Errorf("%s: %w", s.op, err)
}
