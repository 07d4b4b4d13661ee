package playground

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"

	"acmd/core"
)

// Bounds of answering.
const (
	maxChain      = 16 // CNAMEs followed: more than the validator takes, so that it sees a chain too long for it
	udpSize       = 1232
	answerTimeout = 4 * time.Second // one question, its forwarding included
	udpTimeout    = time.Second     // before the zone's server is asked over TCP
)

// answer is what a question comes to.
type answer struct {
	rcode  int
	own    bool // the question's name lies in the playground's zones
	answer []dns.RR
	ns     []dns.RR
}

// Listeners are the DNS servers over both sockets, with every bound set. The
// caller activates them and shuts them down.
func (p *Playground) Listeners(pc net.PacketConn, l net.Listener) []*dns.Server {
	idle := func() time.Duration { return 10 * time.Second }
	var out []*dns.Server
	for _, s := range []*dns.Server{{PacketConn: pc}, {Listener: l}} {
		s.Handler, s.UDPSize, s.MaxTCPQueries = p, 4096, 1000
		s.ReadTimeout, s.WriteTimeout, s.IdleTimeout = 5*time.Second, 5*time.Second, idle
		s.MsgAcceptFunc = dns.DefaultMsgAcceptFunc
		out = append(out, s)
	}
	return out
}

// ServeDNS answers any question of class IN as a recursive resolver does, from
// the records and, within the validation zone, from that zone's server. What
// comes from the records has AA set too. Nothing is cached.
func (p *Playground) ServeDNS(w dns.ResponseWriter, r *dns.Msg) {
	ctx, cancel := context.WithTimeout(context.Background(), answerTimeout)
	defer cancel()
	m := p.reply(ctx, r)
	size := dns.MaxMsgSize
	if w.LocalAddr().Network() == "udp" {
		size = dns.MinMsgSize
		if opt := r.IsEdns0(); opt != nil {
			size = max(dns.MinMsgSize, min(int(opt.UDPSize()), udpSize))
		}
	}
	m.Truncate(size)
	// An error here means that the asker has gone.
	_ = w.WriteMsg(m)
}

// reply makes the whole message that answers r, not cut to any size.
func (p *Playground) reply(ctx context.Context, r *dns.Msg) *dns.Msg {
	m := new(dns.Msg).SetReply(r)
	m.RecursionAvailable = true
	m.Compress = true
	opt := r.IsEdns0()
	if opt != nil {
		m.SetEdns0(udpSize, opt.Do())
	}
	switch {
	case r.Opcode != dns.OpcodeQuery:
		m.Rcode = dns.RcodeNotImplemented
	case len(r.Question) != 1:
		m.Rcode = dns.RcodeFormatError
	case opt != nil && opt.Version() != 0:
		m.Rcode = dns.RcodeBadVers
	case r.Question[0].Qclass != dns.ClassINET, r.Question[0].Qtype == dns.TypeAXFR, r.Question[0].Qtype == dns.TypeIXFR:
		m.Rcode = dns.RcodeRefused
	default:
		a := p.resolve(ctx, r.Question[0])
		m.Rcode, m.Authoritative, m.Answer, m.Ns = a.rcode, a.own, a.answer, a.ns
	}
	return m
}

// resolve answers one question, following CNAMEs. A loop ends the chain where
// it closes; a chain beyond maxChain, or a zone server that does not answer, is
// SERVFAIL.
func (p *Playground) resolve(ctx context.Context, q dns.Question) answer {
	s := p.records.now.Load()
	out := answer{own: !core.IsSuperdomain(s.zone, strings.ToLower(q.Name))}
	seen := map[string]bool{}
	for asked := q.Name; ; {
		name := strings.ToLower(asked)
		if core.IsSuperdomain(s.zone, name) {
			return p.forward(ctx, dns.Question{Name: asked, Qtype: q.Qtype, Qclass: q.Qclass}, out)
		}
		seen[name] = true
		rrs, res := s.lookup(name, q.Qtype)
		for _, rr := range rrs {
			rr = dns.Copy(rr)
			rr.Header().Name = asked
			out.answer = append(out.answer, rr)
		}
		switch res {
		case found:
			return out
		case noData:
			out.ns = []dns.RR{s.soaFor(name)}
			return out
		case nxDomain:
			out.rcode, out.ns = dns.RcodeNameError, []dns.RR{s.soaFor(name)}
			return out
		}
		asked = rrs[0].(*dns.CNAME).Target
		if seen[strings.ToLower(asked)] {
			return out
		}
		if len(seen) >= maxChain {
			p.log.Debug("chain too long", zap.String("name", q.Name), zap.Int("cnames", len(seen)))
			return answer{rcode: dns.RcodeServerFailure}
		}
	}
}

// forward lets the zone's server answer the rest of a chain.
func (p *Playground) forward(ctx context.Context, q dns.Question, sofar answer) answer {
	select {
	case p.slots <- struct{}{}:
		defer func() { <-p.slots }()
	case <-ctx.Done():
		return answer{rcode: dns.RcodeServerFailure}
	}
	in, err := p.ask(ctx, q)
	if err != nil {
		p.log.Warn("the validation zone did not answer", zap.String("name", q.Name), zap.Error(err))
		return answer{rcode: dns.RcodeServerFailure}
	}
	sofar.rcode, sofar.ns = in.Rcode, in.Ns
	sofar.answer = append(sofar.answer, in.Answer...)
	return sofar
}

// ask puts a question to the zone's server: over UDP, and over TCP if that
// brings nothing or not all. Only an answer and a "no" count.
func (p *Playground) ask(ctx context.Context, q dns.Question) (*dns.Msg, error) {
	m := &dns.Msg{MsgHdr: dns.MsgHdr{Id: dns.Id()}, Question: []dns.Question{q}}
	m.SetEdns0(udpSize, false)
	udp := dns.Client{Net: "udp", Timeout: udpTimeout, UDPSize: udpSize}
	in, _, err := udp.ExchangeContext(ctx, m, p.zoneAddr)
	if err != nil || in.Truncated {
		tcp := dns.Client{Net: "tcp", Timeout: answerTimeout}
		var e error
		if in, _, e = tcp.ExchangeContext(ctx, m, p.zoneAddr); e != nil {
			return nil, fmt.Errorf("ask %s: %w", p.zoneAddr, errors.Join(err, e))
		}
	}
	if len(in.Question) != 1 || !strings.EqualFold(in.Question[0].Name, q.Name) || in.Question[0].Qtype != q.Qtype {
		return nil, fmt.Errorf("ask %s: the answer is to another question", p.zoneAddr)
	}
	if in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError {
		return nil, fmt.Errorf("ask %s: %s", p.zoneAddr, dns.RcodeToString[in.Rcode])
	}
	return in, nil
}
