package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"acmd/core"
	"acmd/manager"
)

// unknownOperation labels requests for anything that is not in the model.
const unknownOperation = "unknown"

// operationNames are the 40 operations of the ACM model, sorted.
var operationNames = []string{
	"AddTagsToCertificate", "CreateAcmeDomainValidation", "CreateAcmeEndpoint", "CreateAcmeExternalAccountBinding",
	"DeleteAcmeDomainValidation", "DeleteAcmeEndpoint", "DeleteAcmeExternalAccountBinding", "DeleteCertificate",
	"DescribeAcmeAccount", "DescribeAcmeDomainValidation", "DescribeAcmeEndpoint", "DescribeAcmeExternalAccountBinding",
	"DescribeCertificate", "ExportCertificate", "GetAccountConfiguration", "GetAcmeExternalAccountBindingCredentials",
	"GetCertificate", "ImportCertificate", "ListAcmeAccounts", "ListAcmeDomainValidations", "ListAcmeEndpoints",
	"ListAcmeExternalAccountBindings", "ListCertificateDomainValidations", "ListCertificates", "ListTagsForCertificate",
	"ListTagsForResource", "PutAccountConfiguration", "RemoveTagsFromCertificate", "RenewCertificate", "RequestCertificate",
	"ResendValidationEmail", "RevokeAcmeAccount", "RevokeAcmeExternalAccountBinding", "RevokeCertificate",
	"SearchCertificates", "TagResource", "UntagResource", "UpdateAcmeDomainValidation", "UpdateAcmeEndpoint",
	"UpdateCertificateOptions",
}

// isOperation reports whether the model has an operation of that name.
func isOperation(name string) bool {
	_, ok := slices.BinarySearch(operationNames, name)
	return ok
}

// operation is one that is supported: the shape of its input, and what it does
// with an input that fits. A nil output is an empty body.
type operation struct {
	input *shape
	run   func(ctx context.Context, s Service, c manager.Caller, in *value) (any, error)
}

var operations = map[string]operation{
	"RequestCertificate":               {requestInput, requestCertificate},
	"DescribeCertificate":              {certificateInput, describeCertificate},
	"ListCertificates":                 {listInput, listCertificates},
	"GetCertificate":                   {certificateInput, getCertificate},
	"DeleteCertificate":                {certificateInput, deleteCertificate},
	"ListCertificateDomainValidations": {domainValidationsInput, listDomainValidations},
	"AddTagsToCertificate":             {certificateTagsInput, addTags("CertificateArn")},
	"RemoveTagsFromCertificate":        {certificateTagsInput, removeTags},
	"ListTagsForCertificate":           {certificateInput, listTags("CertificateArn")},
	// The model's documentation sends certificates to the three above; its
	// pattern takes them here too, and there is nothing else yet to be tagged.
	"TagResource":         {resourceTagsInput, addTags("ResourceArn")},
	"UntagResource":       {untagInput, untagResource},
	"ListTagsForResource": {resourceInput, listTags("ResourceArn")},
}

// arnOf reads a member that names a certificate. The constraints have passed
// its form; an ARN of another kind of resource is InvalidArn. Whether there is
// such a certificate is for the manager to say.
func arnOf(in *value, name string) (string, error) {
	arn := in.textOf(name)
	// arn:partition:acm:region:account:certificate/id
	if f := strings.SplitN(arn, ":", 6); len(f) != 6 || !strings.HasPrefix(f[5], "certificate/") {
		return "", &core.Error{Kind: core.InvalidArn, Detail: fmt.Sprintf("The ARN %s is not the ARN of a certificate.", arn)}
	}
	return arn, nil
}

// missing gives every certificate that the caller cannot have the same answer:
// unknown, deleted, of another region or of another account (wire facts §4).
func missing(err error, arn string) error {
	if errors.Is(err, core.NotFound) {
		return clientFault(codeNotFound, fmt.Sprintf("Could not find certificate %s.", arn))
	}
	return err
}
