package main

import (
	"errors"
	"fmt"
	"net"
	"strconv"
)

// sockets are the daemon's, bound before anything else is opened, so that a
// taken port fails at once and changes nothing.
type sockets struct {
	api, responder, metrics []net.Listener
	zone                    []dnsSocket
	playground              *dnsSocket   // dev only
	control                 net.Listener // dev only
}

// dnsSocket is one address, for both transports.
type dnsSocket struct {
	packets net.PacketConn
	stream  net.Listener
}

func (s dnsSocket) close() { s.packets.Close(); s.stream.Close() }

// close gives every socket back.
func (s *sockets) close() {
	for _, group := range [][]net.Listener{s.api, s.responder, s.metrics} {
		for _, l := range group {
			l.Close()
		}
	}
	for _, z := range s.zone {
		z.close()
	}
	if s.playground != nil {
		s.playground.close()
	}
	if s.control != nil {
		s.control.Close()
	}
}

// listenTCP binds one address for a stream.
func listenTCP(addr string) (net.Listener, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	return l, nil
}

// listenAll binds several addresses, or none.
func listenAll(addrs []string) ([]net.Listener, error) {
	var out []net.Listener
	for _, a := range addrs {
		l, err := listenTCP(a)
		if err != nil {
			for _, l := range out {
				l.Close()
			}
			return nil, err
		}
		out = append(out, l)
	}
	return out, nil
}

// listenDNS binds one address for UDP and TCP. With port 0 both get the same free one.
func listenDNS(addr string) (dnsSocket, error) {
	var last error
	for range 16 { // a free TCP port may be taken for UDP
		l, err := listenTCP(addr)
		if err != nil {
			return dnsSocket{}, err
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return dnsSocket{pc, l}, nil
		}
		last = errors.Join(fmt.Errorf("listen on %s: %w", l.Addr(), err), l.Close())
		if _, port, _ := net.SplitHostPort(addr); port != "0" {
			break
		}
	}
	return dnsSocket{}, last
}

// portOf is a listener's port number.
func portOf(l net.Listener) int {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	n, _ := strconv.Atoi(port) // an address of the kernel's always has one
	return n
}
