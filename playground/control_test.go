package playground_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/playground"
)

// short are the timeouts of the control socket's server here.
const short = 500 * time.Millisecond

// controlled is a control socket in a folder with a short path, and the client for it.
func controlled(t *testing.T, settle func(context.Context) error) (*playground.Client, *http.Server) {
	t.Helper()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "control.sock")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{ReadTimeout: short, WriteTimeout: short,
		Handler: playground.NewControl(playground.ControlConfig{
			Playground: open(t, dir, "127.0.0.1:1"), Clock: clock(t, &kept{}), Settle: settle,
			NextDue: func(context.Context) (time.Time, bool, error) { return time.Time{}, false, nil },
		})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(l) }()
	t.Cleanup(func() {
		_ = srv.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("serve: %v", err)
		}
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return playground.NewClient(socket), srv
}

func TestControlRoundTrip(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, _ := controlled(t, func(context.Context) error { return nil })
	if l, err := c.Records(ctx); err != nil || len(l) != 0 {
		t.Errorf("a new playground has %v, %v", l, err)
	}
	if err := c.SetRecord(ctx, "www.example.com", "A", "192.0.2.1", "192.0.2.2"); err != nil {
		t.Fatal(err)
	}
	if err := c.SetRecord(ctx, "_x1.example.com", "CNAME", "_x2."+zone); err != nil {
		t.Fatal(err)
	}
	if err := c.DeleteRecord(ctx, "_x1.example.com", "cname"); err != nil {
		t.Fatal(err)
	}
	got, err := c.Records(ctx)
	want := []playground.Record{{Name: "www.example.com.", Type: "A", Values: []string{"192.0.2.1", "192.0.2.2"}}}
	if d := cmp.Diff(want, got); err != nil || d != "" {
		t.Errorf("records: %v (-want +got):\n%s", err, d)
	}
	now, err := c.Now(ctx)
	if err != nil || !now.Equal(core.Millis(birth)) {
		t.Errorf("clock now: %s, %v", now, err)
	}
	then, err := c.Advance(ctx, "1d12h")
	if err != nil || !then.Equal(now.Add(36*time.Hour)) {
		t.Errorf("clock advance: %s, %v", then, err)
	}
	if now, err := c.Now(ctx); err != nil || !now.Equal(then) {
		t.Errorf("clock now after it: %s, %v", now, err)
	}
}

func TestControlRefusals(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	c, srv := controlled(t, func(context.Context) error { return errors.New("disk full") })
	_, advanced := c.Advance(ctx, "1h")
	_, none := c.Advance(ctx, "0h")
	_, unread := c.Advance(ctx, "soon")
	for _, e := range []struct {
		err  error
		kind error
		want string
	}{
		{c.SetRecord(ctx, "www.example.com", "A", "x"), core.Invalid, `The value "x" is not valid in a record of type A: bad A A: "x".`},
		{c.DeleteRecord(ctx, "www.example.com", "A"), core.NotFound, "There is no A record at www.example.com."},
		{none, core.Invalid, "The clock can be advanced by more than nothing and at most 3650 days at a time."},
		{unread, core.Invalid, `"soon" is not a length of time: write it as 336h, 14d or 1d12h.`},
		{advanced, nil, "settle at 2026-11-22T08:00:00Z: disk full"},
	} {
		if e.err == nil || e.err.Error() != e.want || e.kind != nil && !errors.Is(e.err, e.kind) {
			t.Errorf("got %v (%T), want %s", e.err, e.err, e.want)
		}
	}
	for _, body := range []string{`{"Name":"` + strings.Repeat("x", 2<<20) + `"}`, `{"Nom":"x"}`, `[`, ``} {
		w := httptest.NewRecorder()
		srv.Handler.ServeHTTP(w, httptest.NewRequest("PUT", "/playground/records", strings.NewReader(body)))
		if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), `{"Error":"The request does not read: `) {
			t.Errorf("a body of %d octets: %d %s", len(body), w.Code, w.Body)
		}
	}
}

// An advance outlasts the server's timeouts. Settling takes real time here, since
// the timeouts do.
func TestALongAdvanceIsAnswered(t *testing.T) {
	t.Parallel()
	c, _ := controlled(t, func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(3 * short / 2):
			return nil
		}
	})
	if _, err := c.Advance(t.Context(), "1h"); err != nil {
		t.Errorf("an advance of %s under timeouts of %s: %v", 3*short/2, short, err)
	}
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	want := "no acmd dev runs in " + dir + " (start one with acmd dev --state " + dir + ")"
	socket := filepath.Join(dir, "control.sock")
	if _, err := playground.NewClient(socket).Now(t.Context()); !errors.Is(err, core.NotFound) || err.Error() != want {
		t.Errorf("without a socket: %v, want %s", err, want)
	}
	// A socket whose daemon was killed.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := playground.NewClient(socket).Now(t.Context()); !errors.Is(err, core.NotFound) || err.Error() != want {
		t.Errorf("with a dead socket: %v, want %s", err, want)
	}
}
