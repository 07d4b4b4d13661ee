package bench

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
)

// peer is a name server that serves the same zone.
type peer struct {
	name string
	// run starts it on the zone in dir and returns its address and what is to be
	// said of version and settings; no address means that it is not installed.
	run func(b *testing.B, dir string) (p *process, addr, about string)
}

func peers() []peer {
	return []peer{
		{"acmd", func(b *testing.B, dir string) (*process, string, string) {
			p, line := startPart(b, partZone, dir)
			return p, line(), "this tree; one socket, metrics on, no rate limiting yet"
		}},
		{"miekg-map", func(b *testing.B, dir string) (*process, string, string) {
			p, line := startPart(b, partMap, dir)
			return p, line(), "github.com/miekg/dns and a map; one socket, no metrics"
		}},
		{"nsd", runNSD}, {"knot", runKnot},
	}
}

// find looks for a program where daemons lie, too.
func find(name string) string {
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/local/sbin", "/usr/sbin", "/sbin") {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	return ""
}

// versionLine is how programs tell their version: "NSD version 4.6.1".
var versionLine = regexp.MustCompile(`(?i)\bversion:?,? v?\d+\.\d+`)

// version is what a program says of its version.
func version(path, flag string) string {
	// Many programs exit with an error after telling their version.
	out, _ := exec.Command(path, flag).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if versionLine.MatchString(line) {
			return filepath.Base(path) + ": " + strings.TrimSpace(line)
		}
	}
	return filepath.Base(path) + ": version unknown"
}

func runNSD(b *testing.B, dir string) (*process, string, string) {
	path := find("nsd")
	if path == "" {
		return nil, "", ""
	}
	addr, port := freePort(b)
	config := write(b, dir, "nsd.conf", fmt.Sprintf(`server:
  ip-address: 127.0.0.1@%[2]s
  server-count: 2
  reuseport: yes
  username: ""
  database: ""
  zonesdir: "%[1]s"
  pidfile: "%[1]s/nsd.pid"
  xfrdfile: "%[1]s/nsd.xfrd"
  zonelistfile: "%[1]s/nsd.zones"
  rrl-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: %[3]s
  zonefile: %[4]s
`, dir, port, benchZone, zoneFile))
	p := start(b, command(b, path, "-d", "-c", config))
	return p, addr, version(path, "-v") + "; server-count 2, reuseport, no rate limiting"
}

func runKnot(b *testing.B, dir string) (*process, string, string) {
	path := find("knotd")
	if path == "" {
		return nil, "", ""
	}
	addr, port := freePort(b)
	config := write(b, dir, "knot.conf", fmt.Sprintf(`server:
  listen: 127.0.0.1@%[2]s
  rundir: "%[1]s"
  udp-workers: 2
  tcp-workers: 2
  background-workers: 1
log:
  - target: stderr
    any: error
database:
  storage: "%[1]s/knot"
zone:
  - domain: %[3]s
    file: "%[1]s/%[4]s"
    zonefile-sync: -1
    journal-content: none
`, dir, port, benchZone, zoneFile))
	p := start(b, command(b, path, "-c", config))
	return p, addr, version(path, "-V") + "; 2 UDP and 2 TCP workers, no rate limiting"
}

// command is one whose own chatter is not shown.
func command(b *testing.B, path string, args ...string) *exec.Cmd {
	b.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(b.Context()), path, args...)
	log, err := os.Create(filepath.Join(b.TempDir(), filepath.Base(path)+".log"))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	cmd.Stdout, cmd.Stderr = log, log
	return cmd
}

func write(b *testing.B, dir, name, text string) string {
	b.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	return path
}

// freePort is an address of loopback that nobody uses now.
func freePort(b *testing.B) (addr, port string) {
	b.Helper()
	pc, l, err := bothTransports()
	if err != nil {
		b.Fatal(err)
	}
	addr = pc.LocalAddr().String()
	pc.Close()
	l.Close()
	return addr, addr[strings.LastIndexByte(addr, ':')+1:]
}

// awaitZone waits until a server answers for the zone.
func awaitZone(b *testing.B, addr string) {
	b.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	q := new(dns.Msg).SetQuestion(benchZone+".", dns.TypeSOA)
	for end := time.Now().Add(patience); ; <-tick.C {
		r, err := dns.Exchange(q, addr)
		if err == nil && r.Rcode == dns.RcodeSuccess && len(r.Answer) == 1 {
			return
		}
		if time.Now().After(end) {
			b.Fatalf("no zone at %s: %v", addr, err)
		}
	}
}
