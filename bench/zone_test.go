package bench

import (
	"bufio"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"acmd/dnsserver"
	"acmd/metrics"
	"acmd/token"
)

// The parts that serve the zone in a process of their own: ours, and the least
// that one can write with the DNS library, a map.
const (
	partZone = "zone"
	partMap  = "map"
)

// The zone's size, and the questions: one in ten is for a name that does not exist.
const (
	zoneNames     = 10_000
	zoneQuestions = 20_000
	missingShare  = 0.1
)

// Files in the folder that the parts share.
const (
	keysFile      = "keys.json"
	zoneFile      = "zone.txt"
	questionsFile = "questions.txt"
)

// writeZone makes keys, the zone as text and the questions, in dir.
func writeZone(dir string) error {
	now := time.Now()
	keys, err := token.NewKeys(rand.Reader, now)
	if err != nil {
		return err
	}
	tokens, err := token.New(benchZone, keys)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(keys)
	if err != nil {
		return err
	}
	var zone, questions strings.Builder
	fmt.Fprintf(&zone, "$ORIGIN %[1]s.\n$TTL 3600\n@ 60 SOA ns1 hostmaster 1 14400 3600 1209600 60\n@ NS ns1\nns1 A 192.0.2.1\n", benchZone)
	targets := make([]string, zoneNames)
	for i := range targets {
		r := tokens.Record(accountOf(i%accounts), nameOf(i%accounts, i))
		targets[i] = r.Target
		fmt.Fprintf(&zone, "%s 60 TXT \"%s\"\n", r.Target, tokens.Value(r.Label, now))
	}
	for i := range zoneQuestions {
		name := targets[i*7919%len(targets)]
		if i%int(1/missingShare) == 0 {
			name = "_" + strings.ToLower(rand.Text()) + "000000." + benchZone + "."
		}
		fmt.Fprintf(&questions, "%s TXT\n", name)
	}
	for name, text := range map[string]string{keysFile: string(raw), zoneFile: zone.String(), questionsFile: questions.String()} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// runZone serves the zone as acmd does: one socket for each transport, metrics
// on, look-ups handed on to somebody who drops them.
func runZone(dir string) error {
	raw, err := os.ReadFile(filepath.Join(dir, keysFile))
	if err != nil {
		return err
	}
	var keys token.Keys
	if err := json.Unmarshal(raw, &keys); err != nil {
		return err
	}
	tokens, err := token.New(benchZone, keys)
	if err != nil {
		return err
	}
	monitor, err := metrics.New(metrics.Config{Version: "bench"})
	if err != nil {
		return err
	}
	seen := make(chan string, 1024)
	s, err := dnsserver.New(dnsserver.Config{Tokens: tokens, Now: time.Now, NameServers: benchNameServers(), Reg: monitor.Registry(),
		Seen: func(label string) {
			select {
			case seen <- label:
			default: // full: as the manager does
			}
		}})
	if err != nil {
		return err
	}
	pc, l, err := bothTransports()
	if err != nil {
		return err
	}
	return serveUntilStopped(pc, s.Listeners(pc, l))
}

// runMap serves the zone from a map with the DNS library and nothing around it.
func runMap(dir string) error {
	f, err := os.Open(filepath.Join(dir, zoneFile))
	if err != nil {
		return err
	}
	defer f.Close()
	records := map[string][]dns.RR{}
	z := dns.NewZoneParser(bufio.NewReader(f), "", "")
	for rr, ok := z.Next(); ok; rr, ok = z.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if err := z.Err(); err != nil {
		return err
	}
	soa := records[benchZone+"."][:1]
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		r := new(dns.Msg).SetReply(q)
		r.Authoritative, r.Compress = true, true
		for _, rr := range records[q.Question[0].Name] {
			if rr.Header().Rrtype == q.Question[0].Qtype {
				r.Answer = append(r.Answer, rr)
			}
		}
		if len(r.Answer) == 0 {
			r.Rcode, r.Ns = dns.RcodeNameError, soa
		}
		_ = w.WriteMsg(r) // who does not get it asks again
	})
	pc, l, err := bothTransports()
	if err != nil {
		return err
	}
	return serveUntilStopped(pc, []*dns.Server{{PacketConn: pc, Handler: handler}, {Listener: l, Handler: handler, MaxTCPQueries: -1}})
}

// bothTransports binds one free port of loopback for UDP and TCP.
func bothTransports() (net.PacketConn, net.Listener, error) {
	var last error
	for range 16 { // a free TCP port may be taken for UDP
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, nil, err
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		if err == nil {
			return pc, l, nil
		}
		last = err
		l.Close()
	}
	return nil, nil, last
}

// serveUntilStopped serves, says where, and ends on SIGTERM.
func serveUntilStopped(pc net.PacketConn, servers []*dns.Server) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	ended := make(chan error, len(servers))
	for _, s := range servers {
		go func() { ended <- s.ActivateAndServe() }()
	}
	fmt.Println(pc.LocalAddr())
	select {
	case <-stop:
		return nil
	case err := <-ended:
		return err
	}
}
