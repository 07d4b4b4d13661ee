package playground

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"acmd/core"
)

// Client moves the playground of a running `acmd dev` over its control socket.
// What the daemon refuses comes back as the core.Error it was there.
type Client struct {
	socket string
	http   http.Client
}

// NewClient is a client of the daemon whose control socket has that path. It
// does not connect yet.
func NewClient(socket string) *Client {
	var d net.Dialer
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) { return d.DialContext(ctx, "unix", socket) }
	return &Client{socket: socket, http: http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}}
}

// SetRecord is Playground.Set.
func (c *Client) SetRecord(ctx context.Context, name, typ string, values ...string) error {
	return c.call(ctx, "PUT /playground/records", Record{Name: name, Type: typ, Values: values}, nil)
}

// DeleteRecord is Playground.Delete.
func (c *Client) DeleteRecord(ctx context.Context, name, typ string) error {
	q := url.Values{"name": {name}, "type": {typ}}
	return c.call(ctx, "DELETE /playground/records?"+q.Encode(), nil, nil)
}

// Records is Playground.List.
func (c *Client) Records(ctx context.Context) ([]Record, error) {
	var out []Record
	err := c.call(ctx, "GET /playground/records", nil, &out)
	return out, err
}

// Now is the playground's time.
func (c *Client) Now(ctx context.Context) (time.Time, error) {
	var out clockReading
	err := c.call(ctx, "GET /playground/clock", nil, &out)
	return out.Now, err
}

// Advance moves the clock by a length of time that ParseDuration reads, and
// returns the time there when all work on the way is done. It sets no deadline
// of its own: that work takes what it takes.
func (c *Client) Advance(ctx context.Context, by string) (time.Time, error) {
	var out clockReading
	err := c.call(ctx, "POST /playground/clock/advance", advanceRequest{by}, &out)
	return out.Now, err
}

// call sends one request, "METHOD path", and decodes its answer.
func (c *Client) call(ctx context.Context, what string, in, out any) error {
	method, path, _ := strings.Cut(what, " ")
	var body io.Reader
	if in != nil {
		raw, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encode control request: %w", err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://acmd"+path, body)
	if err != nil {
		return fmt.Errorf("make control request: %w", err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return c.unreachable(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return refusal(resp)
	}
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fmt.Errorf("read control answer: %w", err)
	}
	return nil
}

// unreachable says what an error before any answer means to whoever typed the command.
func (c *Client) unreachable(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
		dir := filepath.Dir(c.socket)
		return &core.Error{Kind: core.NotFound, Detail: fmt.Sprintf("no acmd dev runs in %s (start one with acmd dev --state %s)", dir, dir)}
	}
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err // without the URL, which nobody typed
	}
	return fmt.Errorf("ask acmd dev over %s: %w", c.socket, err)
}

// refusal turns an answer that is not 200 back into an error.
func refusal(resp *http.Response) error {
	var e controlError
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&e); err != nil || e.Error == "" {
		return fmt.Errorf("acmd dev answered %s", resp.Status)
	}
	switch resp.StatusCode {
	case http.StatusBadRequest:
		return &core.Error{Kind: core.Invalid, Detail: e.Error}
	case http.StatusNotFound:
		return &core.Error{Kind: core.NotFound, Detail: e.Error}
	}
	return errors.New(e.Error)
}
