package configs

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c Config) checkStore(p *problems) {
	const key = "store.dsn"
	p.path("store.password_file", c.Store.PasswordFile)
	if file, ok := strings.CutPrefix(c.Store.DSN, "sqlite:"); ok {
		if filepath.IsAbs(c.StateDir) || c.Store.DSN != "sqlite:"+c.StateDir+"/acmd.db" {
			p.unless(filepath.IsAbs(file) && !strings.ContainsAny(file, "?#"), key, "must be sqlite: and an absolute path, got %q", c.Store.DSN)
		}
		p.unless(c.Store.PasswordFile == "", "store.password_file", "has no use with SQLite")
		return
	}
	u, err := url.Parse(c.Store.DSN)
	if err != nil || u.Scheme != "postgres" || u.Opaque != "" {
		// Not shown: it may hold a password.
		p.add(key, "must begin with sqlite:/ or be a postgres:// URL")
		return
	}
	q := u.Query()
	if _, has := u.User.Password(); has || q.Has("password") {
		p.add(key, "must not hold a password; name its file in store.password_file")
	}
	local := q.Get("host") == "" && (u.Host == "" || u.Hostname() == "localhost" || onLoopback(net.JoinHostPort(u.Hostname(), "0"))) || strings.HasPrefix(q.Get("host"), "/")
	if !local && q.Get("sslmode") != "verify-full" && !c.Store.InsecureTransport {
		p.add(key, "%s is another machine: add sslmode=verify-full, or set store.insecure_transport", u.Host)
	}
}

// required checks the path of a file that must be named.
func (p *problems) required(key string, f Path) {
	if f == "" {
		p.add(key, "is required: an absolute path, or credential:NAME")
		return
	}
	p.path(key, f)
}

// path checks the path of a file that need not be named.
func (p *problems) path(key string, f Path) {
	if why := f.problem(); why != "" {
		p.add(key, "%s", why)
	}
}

func (p *problems) domain(key, name string, labels int) {
	p.unless(isDomain(name, labels), key, "must be a domain name in lower case without a final dot%s, got %q", atLeast(labels), name)
}

func (p *problems) listen(key string, addresses []string) {
	for i, a := range addresses {
		p.unless(isHostPort(a), key+"["+strconv.Itoa(i)+"]", "must be host:port with an IP address or nothing as host, got %q", a)
	}
}

func (p *problems) within(key string, n, least, most int) {
	p.unless(n >= least && n <= most, key, "must be %d to %d, got %d", least, most, n)
}

func (p *problems) between(key string, d Duration, least, most time.Duration) {
	p.unless(time.Duration(d) >= least && time.Duration(d) <= most, key, "must be %s to %s, got %s", Duration(least), Duration(most), d)
}

func (p *problems) oneOf(key, value string, values ...string) {
	p.unless(slices.Contains(values, value), key, "must be one of %s, got %q", strings.Join(values, ", "), value)
}

// atLeast says how many labels a name must have, where that is more than one.
func atLeast(labels int) string {
	if labels < 2 {
		return ""
	}
	return fmt.Sprintf(", of at least %d labels", labels)
}

// isDomain reports whether s is a domain name of LDH labels (RFC 1123 §2.1) in
// lower case, without a final dot, with at least so many labels.
func isDomain(s string, least int) bool {
	labels := strings.Split(s, ".")
	if len(s) > 253 || len(labels) < least {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		if strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return strings.Trim(labels[len(labels)-1], "0123456789") != "" // not an IPv4 address
}

// isHostPort reports whether s is an address to listen on. Port 0 lets the
// system choose.
func isHostPort(s string) bool {
	host, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	if host != "" {
		if _, err := netip.ParseAddr(host); err != nil {
			return false
		}
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && strconv.FormatUint(n, 10) == port
}

// isAddrPort reports whether s is an IP address and a port to send to.
func isAddrPort(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Port() > 0 && !a.Addr().IsUnspecified()
}

// onLoopback reports whether an address:port stays on this machine.
func onLoopback(s string) bool {
	a, err := netip.ParseAddrPort(s)
	return err == nil && a.Addr().Unmap().IsLoopback()
}

// reaches reports whether what is sent to address:port surely arrives at a
// listener on this machine: the same address, or loopback where all are listened on.
func reaches(to, listen string) bool {
	host, port, err := net.SplitHostPort(listen)
	a, err2 := netip.ParseAddrPort(to)
	if err != nil || err2 != nil || strconv.Itoa(int(a.Port())) != port {
		return false
	}
	h, err := netip.ParseAddr(host)
	if host == "" || err == nil && h.IsUnspecified() {
		return a.Addr().Unmap().IsLoopback()
	}
	return err == nil && h.Unmap() == a.Addr().Unmap()
}

// plainHTTP reports whether s is the base of http:// URLs: what certificates
// point at is fetched without TLS (RFC 5280 §8).
func plainHTTP(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "http" && u.Hostname() != "" && u.User == nil && u.Opaque == "" &&
		!strings.HasSuffix(s, "/") && !strings.ContainsAny(s, "?#")
}
