package bench

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// dnsTime is how long each server is asked, and dnsClients from how many
// sockets, with so many questions under way over all of them.
const (
	dnsTime        = 5 * time.Second
	dnsClients     = 16
	dnsOutstanding = 256
)

// load is what came of asking a server.
type load struct {
	rate, lost, missing float64 // answers per second; shares of the questions, of the answers
	answers             float64
}

// BenchmarkDNS asks acmd's zone server and others the same questions in the same
// run, each in a process of its own, over UDP and over pipelined TCP.
func BenchmarkDNS(b *testing.B) {
	dir := b.TempDir()
	if err := writeZone(dir); err != nil {
		b.Fatal(err)
	}
	dnsperf := find("dnsperf")
	for _, transport := range []string{"udp", "tcp"} {
		rates := map[string]float64{}
		for _, p := range peers() {
			b.Run(transport+"/"+p.name, func(b *testing.B) {
				switch {
				case dnsperf != "":
					b.Logf("load: %s; %d clients, %d outstanding, no EDNS, %s", version(dnsperf, "-h"), dnsClients, dnsOutstanding, dnsTime)
					rates[p.name] = p.measure(b, dir, transport, func(addr string) (load, error) { return askDnsperf(dnsperf, transport, dir, addr) })
				case transport == "udp":
					b.Log("load: built in, which takes more of the cores than dnsperf (not installed)")
					rates[p.name] = p.measure(b, dir, transport, func(addr string) (load, error) { return askBuiltIn(dir, addr) })
				default:
					b.Skip("dnsperf is not installed")
				}
			})
		}
		compare(b, transport, rates)
	}
}

// measure starts the server, asks, and reports rate, CPU time and memory.
func (p peer) measure(b *testing.B, dir, transport string, ask func(addr string) (load, error)) float64 {
	b.Helper()
	process, addr, about := p.run(b, dir)
	if addr == "" {
		b.Skipf("%s is not installed", p.name)
	}
	awaitZone(b, addr)
	var rate, cpu float64
	var after usage
	runs := 0
	for b.Loop() {
		before, err := process.usage()
		if err != nil {
			b.Fatal(err)
		}
		l, err := ask(addr)
		if err != nil {
			b.Fatal(err)
		}
		if after, err = process.usage(); err != nil {
			b.Fatal(err)
		}
		if l.lost > 0.02 || l.missing < 0.8*missingShare || l.missing > 1.2*missingShare {
			b.Errorf("%.1f %% lost, %.1f %% NXDOMAIN", 100*l.lost, 100*l.missing)
		}
		rate += l.rate
		cpu += float64((after.cpu - before.cpu).Microseconds()) / l.answers
		runs++
	}
	rate, cpu = rate/float64(runs), cpu/float64(runs)
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(rate, "q/s")
	b.ReportMetric(after.rss, "RSS-MB")
	if p.name == "acmd" && transport == "udp" {
		budget{"server CPU per query", 3, false}.report(b, cpu, "us-cpu/q")
	} else {
		b.ReportMetric(cpu, "us-cpu/q")
	}
	b.Log(about)
	return rate
}

// compare reports the ratio that the budget is about.
func compare(b *testing.B, transport string, rates map[string]float64) {
	b.Helper()
	against := []string{"nsd", "knot"}
	if transport == "tcp" {
		against = []string{"knot"}
	}
	best, name := 0.0, ""
	for _, n := range against {
		if rates[n] > best {
			best, name = rates[n], n
		}
	}
	b.Run(transport+"/ratio", func(b *testing.B) {
		if best == 0 || rates["acmd"] == 0 {
			b.Skipf("none of %s was there to compare with", strings.Join(against, ", "))
		}
		for b.Loop() {
			continue // a division is all there is to do
		}
		b.ReportMetric(0, "ns/op")
		budget{transport + ", acmd to " + name, 1.2, true}.report(b, rates["acmd"]/best, "x")
	})
}

// askDnsperf has dnsperf ask.
func askDnsperf(path, transport, dir, addr string) (load, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return load{}, err
	}
	out, err := exec.Command(path, "-m", transport, "-s", host, "-p", port, "-d", filepath.Join(dir, questionsFile),
		"-l", fmt.Sprint(dnsTime.Seconds()), "-c", fmt.Sprint(dnsClients), "-T", "2", "-q", fmt.Sprint(dnsOutstanding)).CombinedOutput()
	if err != nil {
		return load{}, fmt.Errorf("dnsperf: %w: %s", err, out)
	}
	var l load
	var sent, lost float64
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		value = strings.TrimSpace(value)
		switch key {
		case "Queries sent":
			_, err = fmt.Sscanf(value, "%f", &sent)
		case "Queries completed":
			_, err = fmt.Sscanf(value, "%f", &l.answers)
		case "Queries lost":
			_, err = fmt.Sscanf(value, "%f", &lost)
		case "Queries per second":
			_, err = fmt.Sscanf(value, "%f", &l.rate)
		case "Response codes":
			if _, rest, ok := strings.Cut(value, "NXDOMAIN "); ok {
				_, err = fmt.Sscanf(rest, "%f", &l.missing)
			}
		}
		if err != nil {
			return load{}, fmt.Errorf("dnsperf said %q: %w", line, err)
		}
	}
	if sent == 0 || l.answers == 0 {
		return load{}, fmt.Errorf("dnsperf got nothing: %s", out)
	}
	l.lost, l.missing = lost/sent, l.missing/l.answers
	return l, nil
}

// askBuiltIn asks over UDP from as many sockets, each sending a burst and then
// reading its answers.
func askBuiltIn(dir, addr string) (load, error) {
	questions, err := packedQuestions(dir)
	if err != nil {
		return load{}, err
	}
	var wg sync.WaitGroup
	got, errs := make([][3]int, dnsClients), make([]error, dnsClients) // sent, answered, NXDOMAIN
	begin := time.Now()
	for c := range dnsClients {
		wg.Go(func() { got[c], errs[c] = askBursts(addr, questions[c*len(questions)/dnsClients:], begin.Add(dnsTime)) })
	}
	wg.Wait()
	took := time.Since(begin).Seconds()
	var sum [3]float64
	for _, g := range got {
		for i := range sum {
			sum[i] += float64(g[i])
		}
	}
	if sum[1] == 0 {
		return load{}, errors.Join(append(errs, errors.New("no answer at all"))...)
	}
	return load{rate: sum[1] / took, lost: 1 - sum[1]/sum[0], missing: sum[2] / sum[1], answers: sum[1]}, errors.Join(errs...)
}

func askBursts(addr string, questions [][]byte, end time.Time) (got [3]int, err error) {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return got, err
	}
	defer conn.Close()
	const burst = dnsOutstanding / dnsClients
	buf := make([]byte, 4096)
	for at := 0; time.Now().Before(end); at += burst {
		for i := range burst {
			if _, err := conn.Write(questions[(at+i)%len(questions)]); err != nil {
				return got, err
			}
			got[0]++
		}
		if err := conn.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return got, err
		}
		for range burst {
			n, err := conn.Read(buf)
			if err != nil || n < 12 {
				break // lost; counted by what is missing
			}
			got[1]++
			if buf[3]&0xf == dns.RcodeNameError {
				got[2]++
			}
		}
	}
	return got, nil
}

// packedQuestions reads the questions as messages.
func packedQuestions(dir string) ([][]byte, error) {
	f, err := os.Open(filepath.Join(dir, questionsFile))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out [][]byte
	s := bufio.NewScanner(f)
	for s.Scan() {
		name, _, _ := strings.Cut(s.Text(), " ")
		m, err := new(dns.Msg).SetQuestion(name, dns.TypeTXT).Pack()
		if err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, s.Err()
}
