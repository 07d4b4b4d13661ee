package core

import "time"

// RecordKind tells the two uses of the outbox apart.
type RecordKind string

// The kinds of record.
const (
	RecordEvent RecordKind = "event" // for subscribers: what happened to a certificate
	RecordAudit RecordKind = "audit" // for auditors: who or what did it
)

// Record is a row of the outbox. It is committed in the same transaction as
// the move it tells of, and delivered from there. It never holds a secret.
type Record struct {
	ID      string // made by the maker; unique
	Kind    RecordKind
	Type    string // "ACM Certificate Available", "RequestCertificate", "order.ready"
	Arn     string
	Account string
	Region  string
	Actor   string // principal ARN, or "acmd"
	At      time.Time
	Detail  map[string]string
}
