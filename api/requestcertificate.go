package api

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"acmd/core"
	"acmd/manager"
)

// requestable are the key algorithms that a request may ask for; the model's
// others occur in imports only (wire facts §3).
var requestable = []string{string(core.RSA2048), string(core.ECP256), string(core.ECP384)}

type requestOutput struct {
	CertificateArn string
}

// requestCertificate starts the issuance of a certificate.
func requestCertificate(ctx context.Context, s Service, c manager.Caller, in *value) (any, error) {
	if err := checkSupported(in); err != nil {
		return nil, err
	}
	options := in.child("Options")
	r := manager.Request{
		Domain:       in.textOf("DomainName"),
		SANs:         in.textsOf("SubjectAlternativeNames"),
		Method:       core.Method(in.textOf("ValidationMethod")),
		KeyAlgorithm: core.RSA2048,
		CTLogging:    options.textOf("CertificateTransparencyLoggingPreference") != "DISABLED",
		Export:       options.textOf("Export") == "ENABLED",
		Token:        in.textOf("IdempotencyToken"),
		Tags:         tagsOf(in),
	}
	if a := in.textOf("KeyAlgorithm"); a != "" {
		r.KeyAlgorithm = core.KeyAlgorithm(a)
	}
	for _, o := range in.itemsOf("DomainValidationOptions") {
		r.Options = append(r.Options, manager.DomainOption{Domain: o.textOf("DomainName"), ValidationDomain: o.textOf("ValidationDomain")})
	}
	if len(r.Domain) > core.MaxCommonName {
		return nil, clientFault(codeValidation, fmt.Sprintf(
			"The DomainName may have at most %d characters, because it becomes the common name. Put a shorter name first and this one among the SubjectAlternativeNames.", core.MaxCommonName))
	}
	arn, err := s.Request(ctx, c, r)
	if err != nil {
		return nil, err
	}
	return requestOutput{arn}, nil
}

// checkSupported refuses what ACM can do and this deployment cannot. A request
// without ValidationMethod means EMAIL (wire facts §3).
func checkSupported(in *value) error {
	invalid := func(text string) error { return clientFault(codeInvalidParameter, text) }
	method := in.textOf("ValidationMethod")
	switch {
	case in.child("CertificateAuthorityArn") != nil:
		return invalid("CertificateAuthorityArn is not supported yet: this deployment issues from its own certificate authority.")
	case in.child("ManagedBy") != nil:
		return invalid("ManagedBy is not supported yet: no service manages certificates of this deployment.")
	case method == "":
		return invalid("This deployment validates by DNS. Set ValidationMethod to DNS; a request without it means EMAIL.")
	case method != string(core.MethodDNS):
		return invalid(fmt.Sprintf("This deployment validates by DNS. Set ValidationMethod to DNS instead of %s.", method))
	}
	if m := in.child("Options").textOf("ValidationMethod"); m != "" && m != method {
		return invalid("Options.ValidationMethod must equal ValidationMethod in a request.")
	}
	if a := in.textOf("KeyAlgorithm"); a != "" && !slices.Contains(requestable, a) {
		return invalid(fmt.Sprintf("The key algorithm %s can be imported but not requested. Request one of %s.", a, strings.Join(requestable, ", ")))
	}
	return nil
}
