package api

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"

	"acmd/core"
	"acmd/manager"
)

const (
	// maxPage is the largest page, and the one that is given when none is asked for.
	maxPage = 1000
	// maxSummaryNames is how many names a summary shows.
	maxSummaryNames = 100
)

// certificateSummary is one item of ListCertificates (wire facts §7). Here the
// usages are plain strings.
type certificateSummary struct {
	CertificateArn                       string
	DomainName                           string   `json:",omitempty"`
	SubjectAlternativeNameSummaries      []string `json:",omitempty"`
	HasAdditionalSubjectAlternativeNames bool
	Status                               core.Status
	Type                                 core.CertificateType
	KeyAlgorithm                         string
	KeyUsages                            []string
	ExtendedKeyUsages                    []string
	InUse                                bool
	Exported                             *bool `json:",omitempty"`
	RenewalEligibility                   string
	NotBefore                            *timestamp `json:",omitempty"`
	NotAfter                             *timestamp `json:",omitempty"`
	CreatedAt                            timestamp
	IssuedAt                             *timestamp `json:",omitempty"`
	ImportedAt                           *timestamp `json:",omitempty"`
	RevokedAt                            *timestamp `json:",omitempty"`
	ExportOption                         string
	CertificateKeyPairOrigin             string
}

type listOutput struct {
	CertificateSummaryList []certificateSummary
	NextToken              string `json:",omitempty"`
}

// listCertificates answers with one page of the caller's certificates. A page
// may hold fewer than MaxItems where usages are filtered; only a missing
// NextToken says that it is the last.
func listCertificates(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	if (in.child("SortBy") == nil) != (in.child("SortOrder") == nil) {
		return nil, &core.Error{Kind: core.InvalidArgs, Detail: "SortBy and SortOrder must be specified together."}
	}
	after, err := openToken(in.textOf("NextToken"))
	if err != nil {
		return nil, err
	}
	out := listOutput{CertificateSummaryList: []certificateSummary{}}
	includes := in.child("Includes")
	origins := in.textsOf("CertificateKeyPairOrigins")
	if includes.child("managedBy") != nil || (len(origins) > 0 && !slices.Contains(origins, awsManaged)) {
		return out, nil // no service manages certificates here, and the daemon makes every key
	}
	views, next, err := s.List(ctx, c, query(in, after))
	if errors.Is(err, core.Invalid) {
		return nil, badToken() // all else was checked above; the cursor is the manager's own
	}
	if err != nil {
		return nil, err
	}
	keep := usageFilter{includes.textsOf("keyUsage"), includes.textsOf("extendedKeyUsage")}
	for _, v := range views {
		if s := summary(v); keep.match(s) {
			out.CertificateSummaryList = append(out.CertificateSummaryList, s)
		}
	}
	out.NextToken = sealToken(next)
	return out, nil
}

// query translates the filters. With no keyTypes only RSA of up to 2048 bits is
// listed (wire facts §7).
func query(in *value, after string) manager.Query {
	includes := in.child("Includes")
	q := manager.Query{
		Descending: in.textOf("SortOrder") == "DESCENDING",
		After:      after,
		Limit:      in.intOf("MaxItems", maxPage),
	}
	for _, s := range in.textsOf("CertificateStatuses") {
		q.Statuses = append(q.Statuses, core.Status(s))
	}
	for _, a := range includes.textsOf("keyTypes") {
		q.KeyAlgorithms = append(q.KeyAlgorithms, core.KeyAlgorithm(a))
	}
	if len(q.KeyAlgorithms) == 0 {
		q.KeyAlgorithms = []core.KeyAlgorithm{core.RSA1024, core.RSA2048}
	}
	if e := includes.textOf("exportOption"); e != "" {
		on := e == enabled
		q.Export = &on
	}
	return q
}

func summary(v manager.View) certificateSummary {
	c := v.Certificate
	s := certificateSummary{
		CertificateArn: c.Arn, DomainName: c.Domain(),
		SubjectAlternativeNameSummaries:      c.Names[:min(len(c.Names), maxSummaryNames)],
		HasAdditionalSubjectAlternativeNames: len(c.Names) > maxSummaryNames,
		Status:                               v.Status(v.At), Type: c.Type, KeyAlgorithm: hyphenated(c.KeyAlgorithm),
		KeyUsages: []string{}, ExtendedKeyUsages: []string{}, RenewalEligibility: ineligible,
		CreatedAt: timestamp(c.CreatedAt), ExportOption: onOff(c.Export), CertificateKeyPairOrigin: origin(c),
	}
	if c.Type != core.Imported {
		s.Exported = new(bool)
	}
	u := leafUsages(v.Leaf)
	for _, k := range u.key {
		s.KeyUsages = append(s.KeyUsages, k.Name)
	}
	for _, k := range u.extended {
		s.ExtendedKeyUsages = append(s.ExtendedKeyUsages, k.Name)
	}
	if l := v.Leaf; l != nil {
		s.NotBefore, s.NotAfter, s.RevokedAt = stamp(l.NotBefore), stamp(l.NotAfter), stamp(l.RevokedAt)
		s.IssuedAt, s.ImportedAt = arrival(c, l)
	}
	return s
}

// usageFilter keeps certificates that have one of the named usages of each
// kind; an empty list keeps all.
type usageFilter struct{ key, extended []string }

func (f usageFilter) match(s certificateSummary) bool {
	overlap := func(want, have []string) bool {
		return len(want) == 0 || slices.ContainsFunc(want, func(w string) bool { return slices.Contains(have, w) })
	}
	return overlap(f.key, s.KeyUsages) && overlap(f.extended, s.ExtendedKeyUsages)
}

// sealToken makes a NextToken of a cursor; "" stays "".
func sealToken(cursor string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(cursor))
}

// openToken is the cursor of a NextToken. The cursor itself is checked by whoever made it.
func openToken(token string) (string, error) {
	cursor, err := base64.RawURLEncoding.DecodeString(token)
	// Every cursor is printable; what is not would upset the store's text.
	if err != nil || slices.ContainsFunc(cursor, func(c byte) bool { return c < ' ' || c > '~' }) {
		return "", badToken()
	}
	return string(cursor), nil
}

func badToken() error {
	return clientFault(codeValidation, "The NextToken is not one that this operation returned.")
}
