package api

import (
	"context"
	"strings"

	"acmd/core"
	"acmd/manager"
)

// Members that have the same value for every certificate of this version:
// none is in use or exported, and the daemon holds every key.
const (
	ineligible = "INELIGIBLE"
	awsManaged = "AWS_MANAGED"
	enabled    = "ENABLED"
	disabled   = "DISABLED"
)

// certificateDetail is the answer of DescribeCertificate. Which members exist
// when is wire facts §4; absent ones are left out, never null.
type certificateDetail struct {
	CertificateArn           string
	DomainName               string             `json:",omitempty"`
	SubjectAlternativeNames  []string           `json:",omitempty"`
	DomainValidationOptions  []domainValidation `json:",omitempty"`
	Serial                   string             `json:",omitempty"`
	Subject                  string
	Issuer                   string
	CreatedAt                timestamp
	IssuedAt                 *timestamp `json:",omitempty"`
	ImportedAt               *timestamp `json:",omitempty"`
	Status                   core.Status
	RevokedAt                *timestamp `json:",omitempty"`
	RevocationReason         string     `json:",omitempty"`
	NotBefore                *timestamp `json:",omitempty"`
	NotAfter                 *timestamp `json:",omitempty"`
	KeyAlgorithm             string
	SignatureAlgorithm       string
	InUseBy                  []string
	FailureReason            core.FailureReason `json:",omitempty"`
	Type                     core.CertificateType
	KeyUsages                []keyUsage
	ExtendedKeyUsages        []extendedKeyUsage
	RenewalEligibility       string
	Options                  certificateOptions
	CertificateKeyPairOrigin string `json:",omitempty"`
}

type certificateOptions struct {
	CertificateTransparencyLoggingPreference string
	Export                                   string
}

type domainValidation struct {
	DomainName       string
	ValidationDomain string                `json:",omitempty"`
	ValidationStatus core.ValidationStatus `json:",omitempty"`
	ResourceRecord   *resourceRecord       `json:",omitempty"`
	ValidationMethod core.Method           `json:",omitempty"`
}

type resourceRecord struct {
	Name  string
	Type  string
	Value string
}

type describeOutput struct {
	Certificate certificateDetail
}

// describeCertificate answers with all that is known of one certificate.
func describeCertificate(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "CertificateArn")
	if err != nil {
		return nil, err
	}
	v, err := s.Describe(ctx, c, arn)
	if err != nil {
		return nil, missing(err, arn)
	}
	return describeOutput{detail(v)}, nil
}

// detail shows a certificate; every status is computed for the view's instant.
func detail(v manager.View) certificateDetail {
	c := v.Certificate
	u := leafUsages(v.Leaf)
	d := certificateDetail{
		CertificateArn: c.Arn, DomainName: c.Domain(), SubjectAlternativeNames: c.Names,
		DomainValidationOptions: validations(v),
		Subject:                 "CN=" + c.Domain(), Issuer: v.Issuer, CreatedAt: timestamp(c.CreatedAt),
		Status: v.Status(v.At), KeyAlgorithm: hyphenated(c.KeyAlgorithm), SignatureAlgorithm: v.SignatureAlgorithm,
		InUseBy: []string{}, Type: c.Type, KeyUsages: u.key, ExtendedKeyUsages: u.extended, RenewalEligibility: ineligible,
		Options:                  certificateOptions{onOff(c.CTLogging), onOff(c.Export)},
		CertificateKeyPairOrigin: origin(c),
	}
	if d.Status == core.StatusFailed && v.Order != nil {
		d.FailureReason = v.Order.Reason
	}
	if l := v.Leaf; l != nil {
		d.Serial = coloned(l.Serial)
		d.NotBefore, d.NotAfter = stamp(l.NotBefore), stamp(l.NotAfter)
		d.RevokedAt, d.RevocationReason = stamp(l.RevokedAt), l.RevocationReason
		d.IssuedAt, d.ImportedAt = arrival(c, l)
	}
	return d
}

// arrival is when a leaf came: issued here, or imported.
func arrival(c core.Certificate, l *core.Leaf) (issued, imported *timestamp) {
	if c.Type == core.Imported {
		return nil, stamp(l.IssuedAt)
	}
	return stamp(l.IssuedAt), nil
}

// validations lists the certificate's names with their status and the record to
// create. Imported ones have names only (wire facts §4).
func validations(v manager.View) []domainValidation {
	out := make([]domainValidation, len(v.Certificate.Names))
	for i, name := range v.Certificate.Names {
		out[i].DomainName = name
		if v.Certificate.Type == core.Imported {
			continue
		}
		out[i].ValidationDomain = name
		out[i].ValidationStatus = v.ValidationStatus(name)
		out[i].ResourceRecord = recordOf(v, name)
		out[i].ValidationMethod = v.Certificate.Method
	}
	return out
}

// recordOf is the CNAME of one of the certificate's names; nil where the method has none.
func recordOf(v manager.View, name string) *resourceRecord {
	r, ok := v.Records[name]
	if !ok || v.Certificate.Method != core.MethodDNS {
		return nil
	}
	return &resourceRecord{Name: r.Name, Type: "CNAME", Value: r.Target}
}

func leafUsages(l *core.Leaf) usages {
	if l == nil {
		return usages{key: []keyUsage{}, extended: []extendedKeyUsage{}}
	}
	return readUsages(l.DER)
}

// hyphenated is a key algorithm as answers spell it: RSA-2048 (wire facts §4).
func hyphenated(a core.KeyAlgorithm) string { return strings.ReplaceAll(string(a), "_", "-") }

func onOff(on bool) string {
	if on {
		return enabled
	}
	return disabled
}

// origin says who made the key pair; the model knows it of issued certificates.
func origin(c core.Certificate) string {
	if c.Type == core.Imported {
		return "CUSTOMER_PROVIDED"
	}
	return awsManaged
}

// coloned is a serial as ACM writes it: pairs of hex digits joined by colons.
func coloned(serial string) string {
	if len(serial)%2 == 1 {
		serial = "0" + serial
	}
	var b strings.Builder
	for i := 0; i < len(serial); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(serial[i : i+2])
	}
	return b.String()
}
