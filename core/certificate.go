package core

import "time"

// Method is how control of a name is shown, in AWS's spelling.
type Method string

// The validation methods of the ACM model.
const (
	MethodDNS   Method = "DNS"
	MethodEmail Method = "EMAIL"
	MethodHTTP  Method = "HTTP"
)

// KeyAlgorithm names a key type in the input spelling of the ACM model
// (RSA_2048); answers hyphenate it (wire facts §4).
type KeyAlgorithm string

// The key algorithms of the ACM model. Only the first three may be requested;
// the others occur in imports.
const (
	RSA2048 KeyAlgorithm = "RSA_2048"
	ECP256  KeyAlgorithm = "EC_prime256v1"
	ECP384  KeyAlgorithm = "EC_secp384r1"
	RSA1024 KeyAlgorithm = "RSA_1024"
	RSA3072 KeyAlgorithm = "RSA_3072"
	RSA4096 KeyAlgorithm = "RSA_4096"
	ECP521  KeyAlgorithm = "EC_secp521r1"
)

// CertificateType is AWS's certificate type.
type CertificateType string

// The certificate types of the ACM model.
const (
	AmazonIssued CertificateType = "AMAZON_ISSUED"
	Imported     CertificateType = "IMPORTED"
	Private      CertificateType = "PRIVATE"
)

// Status is the status of a certificate as AWS spells it. It is always
// computed (Snapshot.Status), never stored.
type Status string

// The statuses of the ACM model. Inactive is accepted in filters and never produced.
const (
	StatusPending  Status = "PENDING_VALIDATION"
	StatusIssued   Status = "ISSUED"
	StatusInactive Status = "INACTIVE"
	StatusExpired  Status = "EXPIRED"
	StatusTimedOut Status = "VALIDATION_TIMED_OUT"
	StatusRevoked  Status = "REVOKED"
	StatusFailed   Status = "FAILED"
)

// FailureReason is AWS's reason beside status FAILED.
type FailureReason string

// The failure reasons that acmd gives.
const (
	ReasonInvalidPublicDomain FailureReason = "INVALID_PUBLIC_DOMAIN"
	ReasonCAA                 FailureReason = "CAA_ERROR"
	ReasonOther               FailureReason = "OTHER"
)

// Certificate is what an ARN names. It lives on over many orders and leaves.
type Certificate struct {
	Arn          string
	Account      string
	Region       string
	Names        []string // lower case; the requested DomainName first, no duplicates
	Type         CertificateType
	Method       Method
	KeyAlgorithm KeyAlgorithm
	CTLogging    bool // Options.CertificateTransparencyLoggingPreference
	Export       bool // Options.Export
	CreatedAt    time.Time
	OrderID      string // the newest order; empty for an import
	Serial       string // the newest leaf's serial; empty while there is none
	Version      int64  // compare-and-swap token, owned by the store
}

// Domain is the certificate's DomainName: the first of its names.
func (c Certificate) Domain() string {
	if len(c.Names) == 0 {
		return ""
	}
	return c.Names[0]
}

// Leaf is one signed certificate.
type Leaf struct {
	Serial           string // lower-case hex, two digits an octet, no separators
	Arn              string
	DER              []byte
	Chain            [][]byte // issuers, from the direct one to the root
	SealedKey        []byte   // keyring envelope bound to the ARN; nil once the certificate is deleted
	NotBefore        time.Time
	NotAfter         time.Time // the last second of validity, inclusive (RFC 5280 §4.1.2.5)
	IssuedAt         time.Time
	RevokedAt        time.Time // zero while not revoked
	RevocationReason string
}

// Tag is a tag of a resource. HasValue is false for a tag with a key only,
// which lists without a Value (wire facts §11).
type Tag struct {
	Key      string
	Value    string
	HasValue bool
}

// Principal is who may call the API: a user of one account.
type Principal struct {
	Arn       string // arn:aws:iam::<account>:user/<name>
	Account   string
	Name      string
	CreatedAt time.Time
	Disabled  bool
}

// AccessKey is one key pair of a principal.
type AccessKey struct {
	ID           string // AKIA and sixteen of A-Z2-7
	PrincipalArn string
	SealedSecret []byte // keyring envelope bound to ID
	CreatedAt    time.Time
	Disabled     bool
}

// Snapshot is a certificate together with what its statuses are computed from,
// all read in one transaction.
type Snapshot struct {
	Certificate Certificate
	Order       *Order // the newest order; nil for an import
	Leaf        *Leaf  // the newest leaf; nil while there is none
	Proofs      []Proof
}

// Status computes the certificate's status at now.
func (s Snapshot) Status(now time.Time) Status {
	if s.Leaf != nil {
		switch {
		case !s.Leaf.RevokedAt.IsZero():
			return StatusRevoked
		case now.After(s.Leaf.NotAfter):
			return StatusExpired
		}
		return StatusIssued
	}
	if s.Order == nil {
		return StatusFailed
	}
	switch s.Order.State {
	case OrderFailed:
		return StatusFailed
	case OrderLapsed:
		return StatusTimedOut
	case OrderIssued:
		// Unreachable: a leaf and `issued` land in one transaction.
		return StatusIssued
	}
	return StatusPending
}

// ValidationStatus is the status of one name of a certificate, as AWS spells it.
type ValidationStatus string

// The validation statuses of the ACM model.
const (
	ValidationPending ValidationStatus = "PENDING_VALIDATION"
	ValidationSuccess ValidationStatus = "SUCCESS"
	ValidationFailed  ValidationStatus = "FAILED"
)

// ValidationStatus computes the status of one of the certificate's names. The
// SDK's waiter takes SUCCESS for all names as issued (wire facts §12), so while
// an order is open not all can be that: the names show SUCCESS as they are
// proven, and the last step, from all proven to the leaf, shows as pending. Once
// an order has ended, what it knew of each name then is what stays (NameState),
// whatever the proof does later.
func (s Snapshot) ValidationStatus(name string) ValidationStatus {
	if s.Leaf != nil {
		return ValidationSuccess
	}
	if s.Order == nil {
		return ValidationFailed
	}
	n := s.Order.Name(name)
	switch {
	case n == nil:
		return ValidationPending
	case n.Failed:
		return ValidationFailed
	case s.Order.State == OrderReady, !n.Proven:
		return ValidationPending
	}
	return ValidationSuccess
}

// MaxTags is how many tags a resource may have; keys beginning with "aws:" do not count.
const MaxTags = 50
