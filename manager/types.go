package manager

import (
	"time"

	"acmd/core"
	"acmd/token"
)

// Caller is who asks, and from where. Every object is looked up within its
// account and region.
type Caller struct {
	Account   string // twelve digits
	Region    string // from the request's SigV4 scope
	Principal string // ARN
	SourceIP  string // for the audit record; may be empty
	RequestID string // for the audit record; may be empty
}

// Request is what RequestCertificate asks for.
type Request struct {
	Domain       string
	SANs         []string
	Method       core.Method
	KeyAlgorithm core.KeyAlgorithm
	CTLogging    bool
	Export       bool
	Token        string // idempotency token; empty for none
	Tags         []core.Tag
	Options      []DomainOption
}

// DomainOption is a DomainValidationOption of a request.
type DomainOption struct {
	Domain           string
	ValidationDomain string
}

// View is a certificate as a face shows it: what is stored, and what is derived.
type View struct {
	core.Snapshot
	Records            map[string]token.Record // the CNAME of each name, by the certificate's names
	Issuer             string                  // the CA's name
	SignatureAlgorithm string                  // in AWS's spelling, such as SHA256WITHECDSA
	At                 time.Time               // the instant to compute statuses for
}

// Query chooses the certificates of a list. Empty filters choose all.
type Query struct {
	Statuses      []core.Status
	KeyAlgorithms []core.KeyAlgorithm
	Export        *bool
	Descending    bool   // newest first; oldest first otherwise
	After         string // the cursor that the page before ended with
	Limit         int    // 1 to 1000
}
