package validator

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"
)

// privateZone is a zone of the private DNS, and what is wrong with it.
type privateZone struct {
	name     string // with its final dot
	records  string // beside SOA and NS
	unsigned bool
	sign     []string                   // more arguments to ldns-signzone
	tamper   func(signed string) string // what somebody makes of the signed zone
	staleDS  bool                       // the parent's DS record is for a key that the zone lacks
}

func (z privateZone) text() string {
	return fmt.Sprintf(`$ORIGIN %s
$TTL 300
@ SOA ns.nic.example. hostmaster.nic.example. 1 7200 3600 1209600 300
@ NS ns.nic.example.
%s`, z.name, z.records)
}

// signer makes keys and signs zones with ldns, in a folder of its own.
type signer struct {
	t   *testing.T
	dir string
}

func (s signer) run(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), program(s.t, name), args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %v: %v: %s", name, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// key makes a key that signs all of a zone, and returns its base name and DS record.
func (s signer) key(zone string) (name, ds string) {
	s.t.Helper()
	name = s.run("ldns-keygen", "-k", "-a", "ECDSAP256SHA256", zone)
	return name, s.read(name + ".ds")
}

func (s signer) read(file string) string {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, file))
	if err != nil {
		s.t.Fatal(err)
	}
	return string(text)
}

// publish returns the zone as its name servers serve it, and the parent's DS
// record for it; "" for an unsigned zone.
func (s signer) publish(z privateZone) (text, ds string) {
	s.t.Helper()
	if z.unsigned {
		return z.text(), ""
	}
	key, ds := s.key(z.name)
	write(s.t, filepath.Join(s.dir, z.name+"plain"), z.text())
	s.run("ldns-signzone", append(z.sign, "-o", z.name, "-f", z.name+"signed", z.name+"plain", key)...)
	text = s.read(z.name + "signed")
	if z.tamper != nil {
		was := text
		if text = z.tamper(text); text == was {
			s.t.Fatalf("nothing of %s was tampered with: %s", z.name, text)
		}
	}
	if z.staleDS {
		_, ds = s.key(z.name)
	}
	return text, ds
}

// privateDNS is a signed root, the signed top-level domain example and zones
// below that on one NSD, and on another one zones that the root does not know.
type privateDNS struct {
	port  int
	ds    map[string]string // DS records by zone
	stubs strings.Builder   // Unbound's way to each zone
}

func newPrivateDNS(t *testing.T, children []privateZone) *privateDNS {
	t.Helper()
	s, w := signer{t, t.TempDir()}, &privateDNS{ds: map[string]string{}}
	public, internal := map[string]string{}, map[string]string{}
	publish := func(z privateZone, served map[string]string) { served[z.name], w.ds[z.name] = s.publish(z) }
	// As large top-level domains do it: NSEC3, and opt-out for what is not signed.
	tld := privateZone{name: "example.", records: "ns.nic A 198.18.0.1\n", sign: []string{"-n", "-p", "-t", "0"}}
	for _, z := range children {
		if !dns.IsSubDomain(tld.name, z.name) {
			publish(z, internal)
			continue
		}
		publish(z, public)
		tld.records += z.name + " NS ns.nic\n" + w.ds[z.name]
	}
	publish(tld, public)
	publish(privateZone{name: ".", records: "example NS ns.nic.example.\nns.nic.example. A 198.18.0.1\n" + w.ds[tld.name]}, public)
	w.port = w.serve(t, public)
	w.serve(t, internal)
	return w
}

// serve starts an NSD for zones and notes Unbound's way to them.
func (w *privateDNS) serve(t *testing.T, zones map[string]string) int {
	t.Helper()
	_, port := realNSD(t, t.TempDir(), zones)
	for name := range zones {
		w.stubs.WriteString(stub(name, port))
		eventually(t, "NSD answers for "+name, func() bool { return has(fmt.Sprintf("127.0.0.1:%d", port), name, dns.TypeSOA) })
	}
	return port
}

// anchor is the line of Unbound's server clause by which it trusts a zone's key.
func (w *privateDNS) anchor(zone string) string { return anchor(w.ds[zone]) }

func anchor(ds string) string { return `trust-anchor: "` + strings.Join(strings.Fields(ds), " ") + `"` }

func (w *privateDNS) nameServer() string { return fmt.Sprintf("127.0.0.1:%d", w.port) }

// resolver starts an Unbound that finds everything from the private root on;
// lines go into its server clause. A stub for each zone, since a delegation names
// a port 53 that is not the test's; nothing leaves this machine.
func (w *privateDNS) resolver(t *testing.T, lines ...string) string {
	t.Helper()
	lines = append(lines, "do-not-query-address: 198.18.0.0/15")
	_, address := realUnbound(t, "  "+strings.Join(lines, "\n  ")+"\n"+w.stubs.String())
	eventually(t, "Unbound answers", func() bool {
		_, err := dns.Exchange(new(dns.Msg).SetQuestion(".", dns.TypeSOA), address)
		return err == nil
	})
	return address
}

// validator asks those resolvers as `acmd serve` does.
func (w *privateDNS) validator(t *testing.T, log *zap.Logger, resolvers ...string) *Validator {
	t.Helper()
	v, err := New(Config{Resolvers: resolvers, RequireDNSSEC: true, Timeout: 5 * time.Second, Log: log,
		Issuers: []string{"ca.acmd.net"},
		Allow:   []netip.Prefix{netip.MustParsePrefix("198.18.0.0/15")},
		Dial:    mapped(map[string]string{"198.18.0.1:53": w.nameServer()})})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// without leaves out the lines of a zone that hold one of the words.
func without(words ...string) func(string) string {
	return func(zone string) string {
		var b strings.Builder
	lines:
		for line := range strings.Lines(zone) {
			for _, w := range words {
				if strings.Contains(line, "\t"+w) {
					continue lines
				}
			}
			b.WriteString(line)
		}
		return b.String()
	}
}

// replaced puts one text in another's place.
func replaced(was, is string) func(string) string {
	return func(zone string) string { return strings.ReplaceAll(zone, was, is) }
}
