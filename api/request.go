package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"acmd/manager"
)

const (
	contentType  = "application/x-amz-json-1.1"
	targetPrefix = "CertificateManager."
	likelyBody   = 16 << 10
)

// routed reports whether the request is one for this protocol at all.
func routed(r *http.Request) bool {
	if r.Method != http.MethodPost || (r.URL.Path != "/" && r.URL.Path != "") {
		return false
	}
	got := r.Header.Get("Content-Type")
	if got == contentType {
		return true
	}
	media, _, err := mime.ParseMediaType(got)
	return err == nil && media == contentType
}

// dispatch checks the request in the order that AWS's JSON services use
// (standards 6.5): size, JSON, target, signature, input; then runs the operation.
func (a *API) dispatch(w http.ResponseWriter, r *http.Request, c *call) (any, error) {
	body, err := a.readBody(w, r)
	if err != nil {
		return nil, err
	}
	in, err := parseDocument(body)
	if err != nil {
		return nil, err
	}
	name, known := strings.CutPrefix(r.Header.Get("X-Amz-Target"), targetPrefix)
	if known = known && isOperation(name); known {
		c.operation = name
	}
	op, supported := operations[name]
	switch {
	case !known:
		return nil, clientFault(codeUnknownOperation, "The requested operation is not known.")
	case !supported:
		return nil, clientFault(codeUnknownOperation, fmt.Sprintf("The operation %s is not supported yet.", name))
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), callBudget)
	defer cancel()
	if c.identity, err = a.auth.verify(ctx, r, body); err != nil {
		return nil, err
	}
	if err := checkInput(in, op.input); err != nil {
		return nil, err
	}
	caller := manager.Caller{
		Account:   c.identity.principal.Account,
		Region:    c.identity.region,
		Principal: c.identity.principal.Arn,
		SourceIP:  c.sourceIP,
		RequestID: c.id,
	}
	return op.run(ctx, a.service, caller, in)
}

// readBody reads the whole body, which must not exceed MaxBody.
func (a *API) readBody(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	tooLarge := &fault{code: codeTooLarge, status: http.StatusRequestEntityTooLarge,
		message: fmt.Sprintf("The request body must not be larger than %d bytes.", a.maxBody)}
	if r.ContentLength > a.maxBody {
		w.Header().Set("Connection", "close")
		return nil, tooLarge
	}
	var buf bytes.Buffer
	if r.ContentLength > 0 {
		// Not more than a likely body before a byte of it has come.
		buf.Grow(int(min(r.ContentLength, likelyBody)) + bytes.MinRead)
	}
	_, err := buf.ReadFrom(http.MaxBytesReader(w, r.Body, a.maxBody))
	var over *http.MaxBytesError
	switch {
	case errors.As(err, &over):
		return nil, tooLarge
	case err != nil:
		return nil, clientFault(codeSerialization, "The request body could not be read.")
	}
	return buf.Bytes(), nil
}

// writeOutput writes a successful answer as compact JSON; nil is an operation
// without output, whose body is empty.
func writeOutput(w http.ResponseWriter, out any) error {
	var body []byte
	if out != nil {
		var err error
		if body, err = encode(out); err != nil {
			return fmt.Errorf("encode the answer: %w", err)
		}
	}
	writeBody(w, http.StatusOK, contentType, body)
	return nil
}

// encode is compact JSON without the escapes that encoding/json adds for HTML.
func encode(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// writeNotFound is what AWS's JSON services answer to anything that is not a
// POST / of their content type (standards 6.1).
func writeNotFound(w http.ResponseWriter) {
	writeBody(w, http.StatusNotFound, "application/xml", []byte("<UnknownOperationException/>"))
}

func writeBody(w http.ResponseWriter, status int, media string, body []byte) {
	w.Header().Set("Content-Type", media)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	// A client that has left is no one's error.
	_, _ = w.Write(body)
}
