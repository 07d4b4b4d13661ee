package dnsserver

import (
	"net"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// Bounds of a UDP answer in octets (standards 4.9, 4.10).
const (
	minUDP = dns.MinMsgSize // without EDNS, and the least a client can ask for
	maxUDP = 1232           // whatever the client offers; also the size we offer
)

// reply is a finished message and what to do beside sending it.
type reply struct {
	msg     *dns.Msg // nil: stay silent
	outcome outcome
	label   string // for Seen
}

// ServeDNS answers one question. A panic costs that one answer only.
func (s *Server) ServeDNS(w dns.ResponseWriter, req *dns.Msg) {
	t := transportOf(w)
	o := dropped // until there is an answer to send
	defer func() {
		if p := recover(); p != nil {
			if o == dropped {
				s.metrics.count(t, o)
			}
			s.log.Error("dns question panicked", zap.Any("panic", p), zap.Stack("stack"))
		}
	}()
	r := s.reply(req)
	if r.msg == nil {
		s.metrics.count(t, r.outcome)
		return
	}
	data, err := pack(r.msg, limit(t, req))
	if err != nil {
		s.metrics.count(t, dropped)
		s.log.Error("pack dns answer", zap.Error(err))
		return
	}
	o = r.outcome
	s.metrics.count(t, o)
	if _, err := w.Write(data); err != nil {
		s.log.Debug("send dns answer", zap.Error(err)) // the client is gone; it will ask again
	}
	// Last, so that whatever Seen does cannot delay the answer (design decision 5).
	if r.label != "" {
		s.seen(r.label)
	}
}

// reply decides, in the order of the checks a message must pass.
func (s *Server) reply(req *dns.Msg) reply {
	if req.Response {
		return reply{outcome: dropped}
	}
	m := new(dns.Msg).SetReply(req)
	m.Compress = true
	opt, good := ednsOf(req)
	if opt != nil {
		m.Extra = []dns.RR{ednsReply(opt)}
	}
	switch {
	case req.Opcode == dns.OpcodeUpdate || req.Opcode == dns.OpcodeNotify:
		return refuse(m, dns.ExtendedErrorCodeProhibited)
	case req.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
		return reply{msg: m, outcome: notImplemented}
	case len(req.Question) != 1 || !good:
		m.Rcode = dns.RcodeFormatError
		return reply{msg: m, outcome: malformed}
	case opt != nil && opt.Version() != 0:
		m.Rcode = dns.RcodeBadVers
		return reply{msg: m, outcome: badVersion}
	}
	return s.answer(m, req.Question[0])
}

// answer fills the reply to a well-formed question.
func (s *Server) answer(m *dns.Msg, q dns.Question) reply {
	now := s.now()
	a := s.zone.lookup(q.Name, q.Qtype, now)
	switch {
	case q.Qclass != dns.ClassINET || a.result == outside:
		return refuse(m, dns.ExtendedErrorCodeNotAuthoritative)
	case q.Qtype == dns.TypeAXFR || q.Qtype == dns.TypeIXFR:
		return refuse(m, dns.ExtendedErrorCodeProhibited)
	}
	m.Authoritative = true
	m.Answer = a.records
	o := answered
	switch a.result {
	case noData:
		o, m.Ns = emptied, []dns.RR{s.zone.authority(now)}
	case nameError:
		o, m.Ns, m.Rcode = denied, []dns.RR{s.zone.authority(now)}, dns.RcodeNameError
	}
	return reply{msg: m, outcome: o, label: a.label}
}

// refuse is REFUSED, with the reason for those who speak EDNS (RFC 8914).
func refuse(m *dns.Msg, why uint16) reply {
	m.Rcode = dns.RcodeRefused
	if opt := m.IsEdns0(); opt != nil {
		opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: why})
	}
	return reply{msg: m, outcome: refused}
}

// ednsOf finds the OPT record. good is false if there are two, or if its owner
// is not the root (RFC 6891 §6.1.1, §6.1.2).
func ednsOf(req *dns.Msg) (opt *dns.OPT, good bool) {
	good = true
	for _, rr := range req.Extra {
		if o, ok := rr.(*dns.OPT); ok {
			good = good && opt == nil && o.Hdr.Name == "."
			opt = o
		}
	}
	return opt, good
}

// ednsReply is the OPT that goes with an answer: our size, version 0, DO as it
// came, every other flag zero and no option echoed (standards 4.9).
func ednsReply(from *dns.OPT) *dns.OPT {
	opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
	opt.SetUDPSize(maxUDP)
	opt.SetDo(from.Do())
	return opt
}

// limit is how long an answer may be.
func limit(t transport, req *dns.Msg) int {
	if t == tcp {
		return dns.MaxMsgSize
	}
	opt, _ := ednsOf(req)
	if opt == nil {
		return minUDP
	}
	return min(max(int(opt.UDPSize()), minUDP), maxUDP)
}

// pack makes the wire form. What is too long goes out empty with TC, and the
// client comes back over TCP.
func pack(m *dns.Msg, limit int) ([]byte, error) {
	data, err := m.Pack()
	if err != nil || len(data) <= limit {
		return data, err
	}
	m.Truncated = true
	m.Answer, m.Ns = nil, nil
	return m.Pack()
}

func transportOf(w dns.ResponseWriter) transport {
	if _, ok := w.RemoteAddr().(*net.TCPAddr); ok {
		return tcp
	}
	return udp
}
