package validator

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"acmd/core"

	"github.com/miekg/dns"
)

// daemon is a program that the test runs in the foreground.
type daemon struct{ cmd *exec.Cmd }

func (d daemon) hup(t *testing.T) {
	t.Helper()
	if err := d.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
}

// start runs a program until the test ends; its output is shown when the test failed.
func start(t *testing.T, path string, args ...string) daemon {
	t.Helper()
	cmd := exec.Command(path, args...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		kill := time.AfterFunc(5*time.Second, func() { _ = cmd.Process.Kill() })
		_ = cmd.Wait()
		kill.Stop()
		if t.Failed() {
			t.Logf("%s: %s", path, out.String())
		}
	})
	return daemon{cmd}
}

// program finds a counterparty, or skips the test by its name.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// freePort is a loopback port that was free for UDP and TCP a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	for range 50 {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		pc, err := net.ListenPacket("udp", l.Addr().String())
		l.Close()
		if err == nil {
			pc.Close()
			return l.Addr().(*net.TCPAddr).Port
		}
	}
	t.Fatal("no port is free for UDP and TCP")
	return 0
}

// eventually asks again and again until ok, at most for ten seconds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-ctx.Done():
			t.Fatalf("waited in vain until %s", what)
		case <-tick.C:
		}
	}
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// customer is the zone of a customer at that serial, with more records.
func customer(serial int, more string) string {
	return fmt.Sprintf(`$ORIGIN example.com.
$TTL 300
@ SOA ns1 hostmaster %d 7200 3600 1209600 600
@ NS ns1
ns1 A 198.18.0.1
www A 198.18.0.2
@ CAA 0 issue "ca.acmd.net"
*.shop CNAME www
%s
`, serial, more)
}

// realNSD serves zones, keyed by their names with the final dot, on one loopback port.
func realNSD(t *testing.T, dir string, zones map[string]string) (daemon, int) {
	t.Helper()
	path, port := program(t, "nsd"), freePort(t)
	var conf strings.Builder
	fmt.Fprintf(&conf, `server:
  ip-address: 127.0.0.1@%d
  username: ""
  zonesdir: %q
  database: ""
  pidfile: %q
  xfrdfile: ""
  zonelistfile: %q
  logfile: ""
  server-count: 1
remote-control:
  control-enable: no
`, port, dir, filepath.Join(dir, "nsd.pid"), filepath.Join(dir, "zone.list"))
	for name, text := range zones {
		write(t, filepath.Join(dir, name+"zone"), text)
		fmt.Fprintf(&conf, "zone:\n  name: %q\n  zonefile: %q\n", name, name+"zone")
	}
	return start(t, path, "-d", "-c", write(t, filepath.Join(dir, "nsd.conf"), conf.String())), port
}

// realUnbound resolves on loopback. more is the rest of its server clause, then
// what follows that: where it finds the zones.
func realUnbound(t *testing.T, more string) (daemon, string) {
	t.Helper()
	path, port, dir := program(t, "unbound"), freePort(t), t.TempDir()
	conf := write(t, filepath.Join(dir, "unbound.conf"), fmt.Sprintf(`server:
  interface: 127.0.0.1
  port: %d
  username: ""
  chroot: ""
  directory: %q
  pidfile: %q
  use-syslog: no
  do-ip6: no
  do-not-query-localhost: no
  num-threads: 1
%s
remote-control:
  control-enable: no
`, port, dir, filepath.Join(dir, "unbound.pid"), more))
	return start(t, path, "-d", "-c", conf), fmt.Sprintf("127.0.0.1:%d", port)
}

// stub makes Unbound ask the server on that loopback port for a zone.
func stub(zone string, port int) string {
	return fmt.Sprintf("stub-zone:\n  name: %q\n  stub-addr: 127.0.0.1@%d\n", zone, port)
}

// has reports whether the server gives an answer with records.
func has(server, name string, qtype uint16) bool {
	m := new(dns.Msg)
	m.SetQuestion(name, qtype)
	r, err := dns.Exchange(m, server)
	return err == nil && len(r.Answer) > 0
}

// The way of a customer with a real name server and a real resolver: nothing
// there, set too late for the resolver's memory, seen.
func TestUnboundAndNSD(t *testing.T) {
	t.Parallel()
	program(t, "unbound")
	program(t, "nsd")
	dir := t.TempDir()
	nsd, nsdPort := realNSD(t, dir, map[string]string{"example.com.": customer(1, ""), "validations.acmd.net.": `$ORIGIN validations.acmd.net.
$TTL 60
@ SOA ns1 hostmaster 1 7200 3600 1209600 60
@ NS ns1
ns1 A 198.18.0.1
` + ours})
	unbound, resolver := realUnbound(t, "  module-config: \"iterator\"\n"+stub("example.com", nsdPort)+stub("validations.acmd.net", nsdPort))
	nsdAddress := fmt.Sprintf("127.0.0.1:%d", nsdPort)
	v, err := New(Config{Resolvers: []string{resolver}, Timeout: 2 * time.Second, Issuers: []string{"ca.acmd.net"},
		Allow: []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15")},
		Dial:  mapped(map[string]string{"198.18.0.1:53": nsdAddress})})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "NSD answers", func() bool { return has(nsdAddress, testTarget, dns.TypeTXT) })
	eventually(t, "Unbound answers", func() bool { return has(resolver, testTarget, dns.TypeTXT) })

	d := v.DNS(t.Context(), testProof(), testNow)
	expect(t, d, core.CodeRecordMissing, testRecord)
	if !d.RetryAt.IsZero() {
		t.Errorf("RetryAt %v, though nothing is known to change then", d.RetryAt)
	}
	expect(t, v.CAA(t.Context(), "www.example.com", testNow), "")

	write(t, filepath.Join(dir, "example.com.zone"), customer(2, testRecord+" CNAME "+testTarget))
	nsd.hup(t)
	// While NSD reloads, its old process still answers now and then.
	eventually(t, "NSD has the record", func() bool {
		d = v.DNS(t.Context(), testProof(), testNow)
		return d.Code != core.CodeRecordMissing
	})
	expect(t, d, core.CodeNegativeCached, "ns1.example.com.", "until 2026-11-22T12:0")
	if d.RetryAt.After(testNow.Add(300*time.Second)) || !d.RetryAt.After(testNow) {
		t.Errorf("RetryAt %v", d.RetryAt)
	}

	unbound.hup(t) // empties its cache
	eventually(t, "the proof is seen", func() bool { d = v.DNS(t.Context(), testProof(), testNow); return d.OK() })

	shop := DNSProof{Name: "a.shop.example.com", Record: "_ff.a.shop.example.com.", Target: testTarget, Values: []string{testValue}}
	expect(t, v.DNS(t.Context(), shop, testNow), core.CodeWrongTarget, "wildcard", "www.example.com.")
}
