package dnsserver

import (
	"bytes"
	"net"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/netutil"
)

// Bounds of the sockets. TCP is for the rare truncated answer and for resolvers
// that prefer it; none may hold a connection for nothing (standards 4.1).
const (
	headerLen    = 12
	udpBuffer    = 4096 // the longest question read; one cut off is malformed
	readTimeout  = 2 * time.Second
	writeTimeout = 2 * time.Second
	idleTimeout  = 10 * time.Second
	maxTCPConns  = 1024
)

// Listeners makes the DNS servers for sockets that the caller has bound; either
// may be nil. The caller runs each with ActivateAndServe and ends it with
// ShutdownContext, which closes its socket.
func (s *Server) Listeners(pc net.PacketConn, l net.Listener) []*dns.Server {
	var out []*dns.Server
	if pc != nil {
		if err := dontFragment(pc); err != nil {
			s.log.Sugar().Infof("dns: answers may be fragmented: %v", err)
		}
		srv := s.listener(udp)
		srv.PacketConn = pc
		out = append(out, srv)
	}
	if l != nil {
		srv := s.listener(tcp)
		srv.Listener = boundedListener{netutil.LimitListener(l, maxTCPConns)}
		out = append(out, srv)
	}
	return out
}

func (s *Server) listener(t transport) *dns.Server {
	return &dns.Server{
		Handler:        s,
		UDPSize:        udpBuffer,
		ReadTimeout:    readTimeout,
		WriteTimeout:   writeTimeout,
		IdleTimeout:    func() time.Duration { return idleTimeout },
		MaxTCPQueries:  -1, // idleTimeout and maxTCPConns bound a connection
		MsgAcceptFunc:  func(h dns.Header) dns.MsgAcceptAction { return s.accept(t, h) },
		MsgInvalidFunc: func(m []byte, _ error) { s.invalid(t, m) },
		DecorateWriter: func(w dns.Writer) dns.Writer { return errorWriter{w} },
	}
}

// accept judges a message by its header, before anything of it is parsed
// (standards 4.8).
func (s *Server) accept(t transport, h dns.Header) dns.MsgAcceptAction {
	const qr = 1 << 15
	opcode := int(h.Bits>>11) & 0xF
	switch {
	case h.Bits&qr != 0:
		s.metrics.count(t, dropped)
		return dns.MsgIgnore
	case opcode == dns.OpcodeUpdate || opcode == dns.OpcodeNotify:
		return dns.MsgAccept // to be refused with its reason (standards 4.14)
	case opcode != dns.OpcodeQuery:
		s.metrics.count(t, notImplemented)
		return dns.MsgRejectNotImplemented
	case h.Qdcount != 1 || h.Ancount != 0 || h.Nscount > 1 || h.Arcount > 2:
		// A question has no answer section; IXFR has one SOA in authority; two
		// additional records are OPT and a signature.
		s.metrics.count(t, malformed)
		return dns.MsgReject
	}
	return dns.MsgAccept
}

// invalid counts what could not be parsed. The library stays silent when there
// is no whole header and answers FORMERR otherwise.
func (s *Server) invalid(t transport, m []byte) {
	if len(m) < headerLen {
		s.metrics.count(t, dropped)
		return
	}
	s.metrics.count(t, malformed)
}

// errorWriter carries the replies that the library writes on its own, which are
// all FORMERR or NOTIMP. It makes them by turning the request round, so the
// flags that we must not set are cleared here: AA, TC, RA, Z, AD, CD.
type errorWriter struct{ dns.Writer }

func (w errorWriter) Write(m []byte) (int, error) {
	if len(m) < headerLen {
		return w.Writer.Write(m)
	}
	out := bytes.Clone(m) // a Writer leaves its caller's buffer alone
	out[2] &^= 0x06
	out[3] &= 0x0F
	return w.Writer.Write(out)
}

// boundedListener gives each connection a limit on how long a write may block:
// the library has none, and a client that asks on and never reads would hold its
// goroutine for ever.
type boundedListener struct{ net.Listener }

func (l boundedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return boundedConn{c, writeTimeout}, nil
}

type boundedConn struct {
	net.Conn
	timeout time.Duration
}

// Write closes the connection when the timeout passes first.
func (c boundedConn) Write(p []byte) (int, error) {
	stop := time.AfterFunc(c.timeout, func() { c.Close() })
	defer stop.Stop()
	return c.Conn.Write(p)
}
