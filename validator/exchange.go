package validator

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// udpSize is what we offer by EDNS: it fits an unfragmented packet anywhere.
const udpSize = 1232

var (
	errAskTCP    = errors.New("the answer over UDP cannot be relied on")
	errMalformed = errors.New("malformed answer")
)

// question is what is asked of one server.
type question struct {
	name   string // canonical: lower case, final dot
	qtype  uint16
	direct bool // to an authoritative server: no recursion
	cd     bool // checking disabled: the resolver is to answer even what is bogus
}

func (q question) String() string { return dns.TypeToString[q.qtype] + " " + q.name }

// exchange asks one server within Config.Timeout: UDP with EDNS first; TCP when
// the answer is cut or broken, or when the server does not keep the case of the
// question, since then the case cannot protect against forged answers; without
// EDNS when the server does not understand it.
func (v *Validator) exchange(ctx context.Context, server string, q question) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, v.timeout)
	defer cancel()
	network, edns := "udp", true
	for range 4 {
		r, err := v.roundTrip(ctx, network, server, q.message(network, edns))
		switch {
		case errors.Is(err, errAskTCP):
			network = "tcp"
		case err != nil:
			return nil, err
		case r.Truncated && network == "udp":
			network = "tcp"
		case r.Truncated:
			return nil, fmt.Errorf("%w: cut short over TCP", errMalformed)
		case edns && (r.Rcode == dns.RcodeFormatError || r.Rcode == dns.RcodeBadVers):
			edns = false
		default:
			return r, nil
		}
	}
	return nil, errMalformed
}

// message builds the query: random ID, over UDP random case (standards 5.13),
// AD to say that we want to know whether the answer was validated (RFC 6840 §5.7).
func (q question) message(network string, edns bool) *dns.Msg {
	bits := make([]byte, 2+len(q.name))
	rand.Read(bits) // never fails (crypto/rand)
	name := q.name
	if network == "udp" {
		name = mixCase(name, bits[2:])
	}
	m := new(dns.Msg)
	m.SetQuestion(name, q.qtype)
	m.Id = binary.BigEndian.Uint16(bits)
	m.RecursionDesired, m.CheckingDisabled, m.AuthenticatedData = !q.direct, q.cd, !q.direct
	if edns {
		m.SetEdns0(udpSize, false)
	}
	return m
}

// mixCase raises the letters of name whose octet in bits is odd. Escapes hold
// digits only, so they survive.
func mixCase(name string, bits []byte) string {
	out := []byte(name)
	for i, c := range out {
		if 'a' <= c && c <= 'z' && bits[i]&1 == 1 {
			out[i] = c - 'a' + 'A'
		}
	}
	return string(out)
}

// roundTrip sends one query on a connection of its own, and so from a random
// port, and reads the answer to it.
func (v *Validator) roundTrip(ctx context.Context, network, server string, m *dns.Msg) (*dns.Msg, error) {
	packed, err := m.Pack()
	if err != nil {
		return nil, fmt.Errorf("pack question: %w", err)
	}
	conn, err := v.dial(ctx, network, server)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	if deadline, ok := ctx.Deadline(); ok {
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, err
		}
	}
	// A caller that leaves must not wait for the deadline.
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "udp" {
		return askUDP(conn, packed, m)
	}
	return askTCP(conn, packed, m)
}

// askUDP waits past packets that do not answer the question, since anyone can send those.
func askUDP(conn net.Conn, packed []byte, m *dns.Msg) (*dns.Msg, error) {
	if _, err := conn.Write(packed); err != nil {
		return nil, err
	}
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		if err != nil {
			return nil, err
		}
		r := new(dns.Msg)
		unreadable := r.Unpack(buf[:n])
		if !answers(r, m) {
			continue
		}
		if unreadable != nil || len(r.Question) == 1 && r.Question[0].Name != m.Question[0].Name {
			return nil, errAskTCP
		}
		return r, nil
	}
}

func askTCP(conn net.Conn, packed []byte, m *dns.Msg) (*dns.Msg, error) {
	framed := binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(packed)), uint16(len(packed)))
	if _, err := conn.Write(append(framed, packed...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return nil, err
	}
	r := new(dns.Msg)
	if err := r.Unpack(buf); err != nil {
		return nil, fmt.Errorf("%w: %w", errMalformed, err)
	}
	if !answers(r, m) {
		return nil, fmt.Errorf("%w: it is not for our question", errMalformed)
	}
	return r, nil
}

// answers reports whether r is an answer to m: a response with its ID and its
// question, the case left aside. Only a refusal may come without a question.
func answers(r, m *dns.Msg) bool {
	if !r.Response || r.Id != m.Id || r.Opcode != dns.OpcodeQuery {
		return false
	}
	if len(r.Question) == 0 {
		return r.Rcode != dns.RcodeSuccess && r.Rcode != dns.RcodeNameError
	}
	a, b := r.Question[0], m.Question[0]
	return len(r.Question) == 1 && strings.EqualFold(a.Name, b.Name) && a.Qtype == b.Qtype && a.Qclass == b.Qclass
}
