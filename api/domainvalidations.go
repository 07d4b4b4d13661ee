package api

import (
	"context"
	"strconv"

	"acmd/core"
	"acmd/manager"
)

// domainSummary is one item of ListCertificateDomainValidations.
type domainSummary struct {
	DomainName                    string
	ActiveValidationConfiguration *validationConfiguration `json:",omitempty"`
}

type validationConfiguration struct {
	ValidationMethod    core.Method
	ValidationStatus    core.ValidationStatus
	ValidationChallenge *validationChallenge `json:",omitempty"`
}

type validationChallenge struct {
	DnsValidationChallenge dnsChallenge
}

type dnsChallenge struct {
	ResourceRecord resourceRecord
}

type domainValidationsOutput struct {
	DomainValidationSummaryList []domainSummary
	NextToken                   string `json:",omitempty"`
}

// listDomainValidations answers with one page of a certificate's names and how
// each is validated. The names of a certificate never change, so a position in
// them is a cursor.
func listDomainValidations(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	arn, err := arnOf(in, "CertificateArn")
	if err != nil {
		return nil, err
	}
	v, err := s.Describe(ctx, c, arn)
	if err != nil {
		return nil, missing(err, arn)
	}
	all := validations(v)
	from, err := position(in.textOf("NextToken"), len(all))
	if err != nil {
		return nil, err
	}
	to := min(from+in.intOf("MaxItems", maxPage), len(all))
	out := domainValidationsOutput{DomainValidationSummaryList: []domainSummary{}}
	for _, d := range all[from:to] {
		out.DomainValidationSummaryList = append(out.DomainValidationSummaryList, domainSummary{d.DomainName, configuration(d)})
	}
	if to < len(all) {
		out.NextToken = sealToken(strconv.Itoa(to))
	}
	return out, nil
}

// configuration is how a name is validated; nil for an import's names.
func configuration(d domainValidation) *validationConfiguration {
	if d.ValidationMethod == "" {
		return nil
	}
	out := &validationConfiguration{ValidationMethod: d.ValidationMethod, ValidationStatus: d.ValidationStatus}
	if d.ResourceRecord != nil {
		out.ValidationChallenge = &validationChallenge{dnsChallenge{*d.ResourceRecord}}
	}
	return out
}

// position reads a NextToken: where in a list of so many names the page begins.
func position(token string, names int) (int, error) {
	if token == "" {
		return 0, nil
	}
	cursor, err := openToken(token)
	if err != nil {
		return 0, err
	}
	n, err := strconv.Atoi(cursor)
	if err != nil || n < 1 || n >= names {
		return 0, badToken()
	}
	return n, nil
}
