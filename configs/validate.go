package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Validate checks every value against its bounds and against the others, and
// returns all mistakes joined, each as "key.path: what it must be", in the order
// of the struct; nil if there is none. It is pure: no file is opened, no name
// looked up.
func (c Config) Validate() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, p)
	}
	return errors.Join(errs...)
}

// problem is one mistake of a value.
type problem struct{ key, what string }

func (p problem) Error() string { return p.key + ": " + p.what }

// problems collects mistakes.
type problems []problem

func (p *problems) add(key, format string, args ...any) {
	*p = append(*p, problem{key, fmt.Sprintf(format, args...)})
}

// unless adds a mistake where ok does not hold.
func (p *problems) unless(ok bool, key, format string, args ...any) {
	if !ok {
		p.add(key, format, args...)
	}
}

// problems lists every mistake in the order of the struct.
func (c Config) problems() []problem {
	var p problems
	c.checkGround(&p)
	c.checkStore(&p)
	p.required("keys.master", c.Keys.Master)
	c.checkCA(&p)
	c.checkDNS(&p)
	c.checkAPI(&p)
	p.listen("http.listen", c.HTTP.Listen)
	c.checkMetrics(&p)
	c.checkClashes(&p)
	c.checkValidator(&p)
	for i, n := range c.Names.Allow {
		p.domain(fmt.Sprintf("names.allow[%d]", i), n, 1)
	}
	p.within("limits.certificates", c.Limits.Certificates, 1, 10_000_000)
	p.within("limits.names_per_certificate", c.Limits.NamesPerCertificate, 1, 100)
	p.oneOf("log.level", c.Log.Level, "debug", "info", "warn", "error")
	p.oneOf("log.format", c.Log.Format, "json", "console")
	return p
}

var (
	accountPattern = regexp.MustCompile(`^[0-9]{12}$`)
	oidPattern     = regexp.MustCompile(`^[0-2](\.(0|[1-9][0-9]{0,9})){2,20}$`)
	mailPattern    = regexp.MustCompile(`^[A-Za-z0-9._+-]{1,63}@([^@]+)$`)
)

func (c Config) checkGround(p *problems) {
	p.unless(filepath.IsAbs(c.StateDir), "state_dir", "must be an absolute path, got %q", c.StateDir)
	p.unless(c.Account == "" || accountPattern.MatchString(c.Account), "account", "must be twelve digits in quotes, got %q", c.Account)
}

func (c Config) checkCA(p *problems) {
	p.path("ca.chain", c.CA.Chain)
	p.path("ca.key", c.CA.Key)
	if (c.CA.Chain == "") != (c.CA.Key == "") {
		p.add("ca", "chain and key go together: give both, or neither for the CA that `acmd init` made")
	}
	p.between("ca.validity", c.CA.Validity, time.Hour, 398*24*time.Hour)
	if c.CA.BaseURL != "" {
		p.unless(plainHTTP(c.CA.BaseURL), "ca.base_url", "must be an http:// URL without a final slash, query or fragment, got %q", c.CA.BaseURL)
		p.unless(len(c.HTTP.Listen) > 0, "ca.base_url", "needs http.listen, which serves what certificates then point at")
	}
	p.unless(c.CA.PolicyOID == "" || oidPattern.MatchString(c.CA.PolicyOID), "ca.policy_oid", "must be a dotted object identifier such as 1.3.6.1.4.1.32473.1, got %q", c.CA.PolicyOID)
	for i, n := range c.CA.CAAIssuers {
		if c.DNS.Zone != n { // else it is the zone's own mistake, or the default
			p.domain(fmt.Sprintf("ca.caa_issuers[%d]", i), n, 2)
		}
	}
}

func (c Config) checkDNS(p *problems) {
	p.unless(len(c.DNS.Listen) > 0, "dns.listen", "must have at least one address")
	p.listen("dns.listen", c.DNS.Listen)
	if c.DNS.Zone == "" {
		p.add("dns.zone", "is required: the domain name of the validation zone")
	} else {
		p.domain("dns.zone", c.DNS.Zone, 2)
	}
	p.unless(len(c.DNS.NameServers) > 0, "dns.name_servers", "must have at least one name server")
	for i, s := range c.DNS.NameServers {
		key := fmt.Sprintf("dns.name_servers[%d]", i)
		p.domain(key+".host", s.Host, 2)
		inside := c.DNS.Zone != "" && (s.Host == c.DNS.Zone || strings.HasSuffix(s.Host, "."+c.DNS.Zone))
		p.unless(!inside || len(s.Addresses) > 0, key+".addresses", "must have at least one address, since %s lies in the zone", s.Host)
		first := slices.IndexFunc(c.DNS.NameServers, func(o NameServer) bool { return o.Host == s.Host })
		p.unless(first == i, key+".host", "is listed twice: %s", s.Host)
		for j, a := range s.Addresses {
			p.unless(!a.IsUnspecified() && !a.IsMulticast() && a.Zone() == "", fmt.Sprintf("%s.addresses[%d]", key, j), "must be the address of a host, got %s", a)
		}
	}
	if c.DNS.Hostmaster != "" && c.DNS.Hostmaster != "hostmaster@"+c.DNS.Zone {
		m := mailPattern.FindStringSubmatch(c.DNS.Hostmaster)
		p.unless(m != nil && isDomain(m[1], 2), "dns.hostmaster", "must be a mail address, got %q", c.DNS.Hostmaster)
	}
}

func (c Config) checkAPI(p *problems) {
	p.unless(len(c.API.Listen) > 0, "api.listen", "must have at least one address")
	p.listen("api.listen", c.API.Listen)
	t := c.API.TLS
	for i, n := range t.Names {
		p.domain(fmt.Sprintf("api.tls.names[%d]", i), n, 2)
	}
	p.path("api.tls.certificate", t.Certificate)
	p.path("api.tls.key", t.Key)
	given := t.Certificate != "" || t.Key != ""
	switch {
	case len(t.Names) > 0 && given:
		p.add("api.tls", "give either names, or certificate and key, not both")
	case len(t.Names) == 0 && !given:
		p.add("api.tls", "is required: names for a certificate that acmd issues itself, or certificate and key")
	case given && (t.Certificate == "" || t.Key == ""):
		p.add("api.tls", "certificate and key go together")
	}
	p.between("api.skew", c.API.Skew, time.Minute, 15*time.Minute)
}

func (c Config) checkMetrics(p *problems) {
	p.listen("metrics.listen", c.Metrics.Listen)
	for i, l := range c.Metrics.Listen {
		if isHostPort(l) && !onLoopback(l) && !c.Metrics.InsecureRemote {
			p.add(fmt.Sprintf("metrics.listen[%d]", i), "%s is not a loopback address and metrics are served in the clear; set metrics.insecure_remote to do so all the same", l)
		}
	}
}

// checkClashes finds addresses given to two TCP listeners.
func (c Config) checkClashes(p *problems) {
	taken := map[string]string{}
	for _, s := range []struct {
		key    string
		listen []string
	}{{"dns.listen", c.DNS.Listen}, {"api.listen", c.API.Listen}, {"http.listen", c.HTTP.Listen}, {"metrics.listen", c.Metrics.Listen}} {
		for i, l := range s.listen {
			key := fmt.Sprintf("%s[%d]", s.key, i)
			if by, ok := taken[l]; ok && !strings.HasSuffix(l, ":0") {
				p.add(key, "%s is taken by %s", l, by)
			}
			taken[l] = key
		}
	}
}

func (c Config) checkValidator(p *problems) {
	v := c.Validator
	p.unless(len(v.Resolvers) > 0, "validator.resolvers", "must have at least one resolver")
	for i, r := range v.Resolvers {
		key := fmt.Sprintf("validator.resolvers[%d]", i)
		switch {
		case !isAddrPort(r):
			p.add(key, "must be an IP address with a port such as 127.0.0.1:53, got %q", r)
		case slices.ContainsFunc(c.DNS.Listen, func(l string) bool { return reaches(r, l) }):
			p.add(key, "%s is this server's own dns.listen; it must be a recursive resolver", r)
		case v.RequireDNSSEC && !onLoopback(r) && !v.InsecureTrustRemoteAD:
			p.add(key, "%s is not on this machine, so its DNSSEC verdict can be forged on the way; use a validating resolver on loopback, or set validator.insecure_trust_remote_ad", r)
		}
	}
	p.between("validator.timeout", v.Timeout, 100*time.Millisecond, 30*time.Second)
	for i, a := range v.Allow {
		p.unless(a == a.Masked(), fmt.Sprintf("validator.allow[%d]", i), "has bits set beyond the prefix: did you mean %s?", a.Masked())
	}
}
