package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"acmd/core"
)

// Error codes that do not come from a core kind.
const (
	codeSerialization        = "SerializationException"
	codeUnknownOperation     = "UnknownOperationException"
	codeMissingToken         = "MissingAuthenticationTokenException"
	codeIncompleteSignature  = "IncompleteSignatureException"
	codeInvalidSignature     = "InvalidSignatureException"
	codeUnrecognizedClient   = "UnrecognizedClientException"
	codeValidation           = "ValidationException"
	codeInvalidParameter     = "InvalidParameterException"
	codeAccessDenied         = "AccessDeniedException"
	codeNotFound             = "ResourceNotFoundException"
	codeTooLarge             = "RequestEntityTooLargeException"
	codeInternal             = "InternalFailure"
	codeUnavailable          = "ServiceUnavailable"
	internalMessage          = "The request processing has failed because of an unknown error, exception or failure."
	unavailableMessage       = "The request has failed due to a temporary failure of the server."
	unrecognizedTokenMessage = "The security token included in the request is invalid."
)

// fault is an error in AWS's form.
type fault struct {
	code    string
	status  int
	message string
}

func (f *fault) Error() string { return f.code + ": " + f.message }

// clientFault is a fault with status 400, which JSON services use for nearly
// everything a client does wrong (standards 6.6).
func clientFault(code, message string) *fault {
	return &fault{code: code, status: http.StatusBadRequest, message: message}
}

// kinds maps every core kind to ACM's error, with the sentence for an error that
// brings none of its own. A test walks core.Kinds through it.
var kinds = []struct {
	kind   error
	code   string
	status int
	text   string
}{
	{core.NotFound, codeNotFound, http.StatusBadRequest, "The resource could not be found."},
	{core.Conflict, "ConflictException", http.StatusBadRequest, "The resource was changed by another request. Try again."},
	{core.Invalid, codeInvalidParameter, http.StatusBadRequest, "An input parameter was invalid."},
	{core.InvalidArgs, "InvalidArgsException", http.StatusBadRequest, "One or more of the request parameters are not valid."},
	{core.InvalidArn, "InvalidArnException", http.StatusBadRequest, "The ARN does not refer to an existing resource."},
	{core.InvalidTag, "InvalidTagException", http.StatusBadRequest, "A tag is not valid."},
	{core.TooManyTags, "TooManyTagsException", http.StatusBadRequest, fmt.Sprintf("A certificate can have at most %d tags.", core.MaxTags)},
	{core.InvalidState, "InvalidStateException", http.StatusBadRequest, "The certificate is not in a state that allows this operation."},
	{core.InUse, "ResourceInUseException", http.StatusBadRequest, "The certificate is in use."},
	{core.InProgress, "RequestInProgressException", http.StatusBadRequest, "The certificate has not been issued yet."},
	{core.LimitExceeded, "LimitExceededException", http.StatusBadRequest, "A quota has been exceeded."},
	{core.InvalidDomainOptions, "InvalidDomainValidationOptionsException", http.StatusBadRequest, "A domain validation option is not valid."},
	{core.Denied, codeAccessDenied, http.StatusForbidden, "The caller is not authorized to perform this operation."},
}

// faultOf translates any error. A core kind shows the sentence of its core.Error
// or the table's, never the text of what wraps it; anything else is a bare 500,
// or 503 when the time was used up (standards 6.18).
func faultOf(err error) *fault {
	var f *fault
	if errors.As(err, &f) {
		return f
	}
	for _, k := range kinds {
		if !errors.Is(err, k.kind) {
			continue
		}
		f = &fault{code: k.code, status: k.status, message: k.text}
		var e *core.Error
		if errors.As(err, &e) && e.Detail != "" {
			f.message = e.Detail
		}
		return f
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &fault{code: codeUnavailable, status: http.StatusServiceUnavailable, message: unavailableMessage}
	}
	return &fault{code: codeInternal, status: http.StatusInternalServerError, message: internalMessage}
}

// writeFault writes an error body: exactly two members, the bare type name first.
func writeFault(w http.ResponseWriter, f *fault) {
	var out any = struct {
		Type    string `json:"__type"`
		Message string `json:"message"`
	}{f.code, f.message}
	if f.code == codeAccessDenied {
		// The one error whose member has a capital (wire facts §1).
		out = struct {
			Type    string `json:"__type"`
			Message string
		}{f.code, f.message}
	}
	// Two strings always encode.
	body, _ := encode(out)
	writeBody(w, f.status, contentType, body)
}
