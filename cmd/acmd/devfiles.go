package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// devPorts are the documented ports of acmd dev.
var devPorts = ports{API: 8420, Zone: 8053, Playground: 8054, Responder: 8080, Metrics: 9420}

// ports are where acmd dev listens on 127.0.0.1.
type ports struct{ API, Zone, Playground, Responder, Metrics int }

// devSockets binds dev's sockets. auto takes the ports of the last start, and
// for each that is taken by now (or at the first start) a free one.
func devSockets(dir string, auto bool) (*sockets, error) {
	want, file := devPorts, filepath.Join(dir, "ports.json")
	if auto {
		want = ports{}
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &want)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read %s: %w", file, err)
		}
	}
	s, err := bindDev(dir, want, auto)
	if err != nil {
		return nil, err
	}
	got := ports{portOf(s.api[0]), portOf(s.zone[0].stream), portOf(s.playground.stream), portOf(s.responder[0]), portOf(s.metrics[0])}
	raw, err := json.Marshal(got)
	if err == nil && auto {
		err = writeFile(file, raw, 0o600)
	}
	if err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// bindDev binds all, or nothing.
func bindDev(dir string, want ports, auto bool) (_ *sockets, err error) {
	s := &sockets{}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	for _, b := range []struct {
		port int
		into *[]net.Listener
	}{{want.API, &s.api}, {want.Responder, &s.responder}, {want.Metrics, &s.metrics}} {
		l, err := orFree(listenTCP, b.port, auto)
		if err != nil {
			return nil, err
		}
		*b.into = []net.Listener{l}
	}
	z, err := orFree(listenDNS, want.Zone, auto)
	if err != nil {
		return nil, err
	}
	s.zone = []dnsSocket{z}
	pg, err := orFree(listenDNS, want.Playground, auto)
	if err != nil {
		return nil, err
	}
	s.playground = &pg
	s.control, err = listenControl(dir)
	return s, err
}

// orFree binds the port on loopback; with auto, a free one if it is taken.
func orFree[T any](listen func(string) (T, error), port int, auto bool) (T, error) {
	got, err := listen(net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err == nil {
		return got, nil
	}
	if auto {
		return listen("127.0.0.1:0")
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		err = fmt.Errorf("%w; another acmd dev may be running, or use --ports auto", err)
	}
	return got, err
}

// controlPath is the control socket of an acmd dev.
func controlPath(dir string) string { return filepath.Join(dir, "control.sock") }

// listenControl binds the control socket, in place of one that a crash left
// behind: the state folder's lock says that nobody else uses it.
func listenControl(dir string) (net.Listener, error) {
	path := controlPath(dir)
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("control socket (a state folder with a shorter path may help): %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("control socket: %w", err), l.Close())
	}
	return l, nil
}

// shellQuote makes a word of a POSIX shell.
func shellQuote(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:-+=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}
