package dnsserver

import (
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// dig runs the real dig against the server and gives back what it printed.
func dig(t *testing.T, addr string, args ...string) string {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"@" + host, "-p", port, "+norec", "+tries=1", "+time=5"}, args...)
	out, err := exec.CommandContext(t.Context(), "dig", args...).CombinedOutput()
	if err != nil {
		t.Errorf("dig %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// The minimum set of standards 4.20, by a client that is not ours. have must all
// match what dig prints, lack must not.
func TestDig(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("dig"); err != nil {
		t.Skip("dig (package bind9-dnsutils) is not installed")
	}
	c := testConfig(t)
	addr := serve(t, newServer(t, c))
	target := c.Tokens.Record("111122223333", "example.com").Target
	value := regexp.QuoteMeta(c.Tokens.Value(target[1:33], c.Now()))

	const noerror, edns0 = "status: NOERROR", `EDNS: version: 0, flags:; udp: 1232`
	soa, txt := `\d\s+IN\s+SOA\s`, `IN\s+TXT\s+"`+value+`"`
	tests := []struct {
		args string
		have []string
		lack []string
	}{
		{"+noedns " + zoneName + " SOA", []string{noerror, `flags: qr aa;`, soa}, []string{"EDNS:"}},
		{"+edns=0 +nocookie " + zoneName + " SOA", []string{noerror, soa, edns0}, nil},
		{"+edns=100 +noednsneg +nocookie " + zoneName + " SOA", []string{"status: BADVERS", edns0}, []string{soa}},
		{"+ednsopt=100 +nocookie " + zoneName + " SOA", []string{noerror, soa, edns0}, []string{"OPT=100"}},
		{"+ednsflags=0x80 +nocookie " + zoneName + " SOA", []string{noerror, soa, edns0}, []string{"MBZ"}},
		{"+dnssec +nocookie " + zoneName + " SOA", []string{noerror, soa, `flags: do; udp: 1232`}, []string{"RRSIG"}},
		{"+dnssec +bufsize=512 +ignore +nocookie " + zoneName + " DNSKEY", []string{noerror, `MSG SIZE  rcvd: ([1-4]?\d?\d|50\d|51[0-2])\n`}, nil},
		{"+edns=100 +noednsneg +ednsopt=100 +nocookie " + zoneName + " SOA", []string{"status: BADVERS", edns0}, []string{soa, "OPT=100"}},
		{"+opcode=15 +noedns +noad " + zoneName + " SOA", []string{"opcode: RESERVED15, status: NOTIMP"}, []string{soa}},
		{"+nocookie " + zoneName + " TYPE666", []string{noerror, `ANSWER: 0, AUTHORITY: 1`, soa}, nil},
		{"+cd +ad +rd +tcflag +nocookie " + zoneName + " SOA", []string{noerror, `flags: qr aa rd cd;`, soa}, nil},
		{"+tcp " + zoneName + " SOA", []string{noerror, soa, `\(TCP\)`}, nil},
		{"+cookie " + zoneName + " SOA", []string{noerror, soa}, []string{"COOKIE: .*good"}},
		{"+nsid " + zoneName + " SOA", []string{noerror, soa}, []string{"NSID"}},
		{"+subnet=0/0 " + zoneName + " SOA", []string{noerror, soa}, []string{"CLIENT-SUBNET"}},
		{"+noedns vAlIdAtIoNs.ExAmPlE.nEt. SOA", []string{noerror, `;vAlIdAtIoNs\.ExAmPlE\.nEt\.\s+IN\s+SOA`, soa}, nil},
		{target + " TXT", []string{noerror, `flags: qr aa;`, `\s60\s+` + txt}, nil},
		{strings.ToUpper(target[1:]) + " TXT", []string{noerror, txt}, nil},
		{target + " CAA", []string{noerror, `ANSWER: 0, AUTHORITY: 1`, soa}, nil},
		{"x." + target + " TXT", []string{"status: NXDOMAIN", soa}, nil},
		{"ns." + zoneName + " A", []string{noerror, `ANSWER: 0, AUTHORITY: 1`, soa}, nil},
		{"a.ns." + zoneName + " AAAA", []string{noerror, `IN\s+AAAA\s+2001:db8::1`}, nil},
		{"+notcp " + zoneName + " ANY", []string{noerror, `HINFO\s+"RFC8482" ""`}, []string{soa}},
		{zoneName + " CAA", []string{noerror, `CAA\s+0 issue "ca.example.net"`}, nil},
		{"example.com. A", []string{"status: REFUSED", `EDE: 20 \(Not Authoritative\)`}, []string{`flags: qr aa`}},
		{"-c CH -t TXT version.bind.", []string{"status: REFUSED"}, nil},
		{zoneName + " AXFR", []string{"Transfer failed"}, []string{soa, `IN\s+NS`}},
	}
	for _, tt := range tests {
		out := dig(t, addr, strings.Fields(tt.args)...)
		for _, want := range tt.have {
			if !regexp.MustCompile(want).MatchString(out) {
				t.Errorf("4.20 dig %s: no %q in\n%s", tt.args, want, out)
			}
		}
		for _, not := range tt.lack {
			if regexp.MustCompile(not).MatchString(out) {
				t.Errorf("4.20 dig %s: %q in\n%s", tt.args, not, out)
			}
		}
	}
}
