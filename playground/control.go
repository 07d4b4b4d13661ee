package playground

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"

	"acmd/core"
)

// maxBody bounds the body of a control request in octets.
const maxBody = 1 << 20

// ControlConfig is what NewControl needs.
type ControlConfig struct {
	Playground *Playground
	Clock      *Clock
	// NextDue and Settle are what Clock.Advance walks by.
	NextDue func(ctx context.Context) (time.Time, bool, error)
	Settle  func(ctx context.Context) error
	// Log may be nil.
	Log *zap.Logger
}

// control serves the commands that move the playground.
type control struct{ ControlConfig }

// The messages of the control socket.
type (
	clockReading   struct{ Now time.Time }
	advanceRequest struct{ By string }
	controlError   struct{ Error string }
)

// NewControl is the HTTP handler behind `acmd dev record` and `acmd dev clock`.
// All its paths begin with /playground/. It asks nobody who they are: it
// belongs on a unix socket that only the state folder's owner can open.
func NewControl(c ControlConfig) http.Handler {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	k := &control{c}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /playground/records", k.listRecords)
	mux.HandleFunc("PUT /playground/records", k.setRecord)
	mux.HandleFunc("DELETE /playground/records", k.deleteRecord)
	mux.HandleFunc("GET /playground/clock", k.now)
	mux.HandleFunc("POST /playground/clock/advance", k.advance)
	return mux
}

func (k *control) listRecords(w http.ResponseWriter, _ *http.Request) {
	k.write(w, http.StatusOK, k.Playground.List())
}

func (k *control) setRecord(w http.ResponseWriter, r *http.Request) {
	var in Record
	err := read(w, r, &in)
	if err == nil {
		err = k.Playground.Set(in.Name, in.Type, in.Values...)
	}
	k.done(w, struct{}{}, err)
}

func (k *control) deleteRecord(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	k.done(w, struct{}{}, k.Playground.Delete(q.Get("name"), q.Get("type")))
}

func (k *control) now(w http.ResponseWriter, _ *http.Request) {
	k.write(w, http.StatusOK, clockReading{k.Clock.Now()})
}

func (k *control) advance(w http.ResponseWriter, r *http.Request) {
	var in advanceRequest
	err := read(w, r, &in)
	// An advance may take longer than the server's timeouts, which would cut
	// the answer off and, by the read deadline, end r.Context().
	c := http.NewResponseController(w)
	if e := errors.Join(c.SetReadDeadline(time.Time{}), c.SetWriteDeadline(time.Time{})); e != nil {
		k.Log.Debug("lift deadlines", zap.Error(e))
	}
	var d time.Duration
	if err == nil {
		d, err = ParseDuration(in.By)
	}
	if err == nil {
		err = k.Clock.Advance(r.Context(), d, k.NextDue, k.Settle)
	}
	k.done(w, clockReading{k.Clock.Now()}, err)
}

// read decodes a request's body.
func read(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return invalid("The request does not read: %s.", err)
	}
	return nil
}

// done answers with the result or the error. The socket's one user runs this
// daemon, so even a fault of our own is told as it is.
func (k *control) done(w http.ResponseWriter, result any, err error) {
	switch {
	case err == nil:
		k.write(w, http.StatusOK, result)
	case errors.Is(err, core.NotFound):
		k.write(w, http.StatusNotFound, controlError{err.Error()})
	case errors.Is(err, core.Invalid):
		k.write(w, http.StatusBadRequest, controlError{err.Error()})
	default:
		k.Log.Error("control request", zap.Error(err))
		k.write(w, http.StatusInternalServerError, controlError{err.Error()})
	}
}

func (k *control) write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(v); err != nil {
		k.Log.Debug("answer control request", zap.Error(err))
	}
}
