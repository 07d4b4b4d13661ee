package validator

import (
	"net/netip"
	"testing"
)

// Standards 5.2, 5.3: every special block is refused, by its first and last address.
func TestSpecialAddresses(t *testing.T) {
	t.Parallel()
	p, err := newAddressPolicy(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range []string{"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		"192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/4", "168.63.129.16/32",
		"::/128", "::1/128", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "100:0:0:1::/64", "2001::/23", "2001:db8::/32", "2002::/16",
		"2620:4f:8000::/48", "3fff::/20", "5f00::/16", "fc00::/7", "fe80::/10", "ff00::/8", "fec0::/10"} {
		b := netip.MustParsePrefix(block)
		for _, a := range []netip.Addr{b.Addr(), last(b)} {
			if p.permits(a) {
				t.Errorf("%v of %v is permitted", a, b)
			}
		}
	}
	for _, s := range []string{"::ffff:192.0.32.8", "2606:4700::1%eth0"} {
		if p.permits(netip.MustParseAddr(s)) {
			t.Errorf("%s is permitted", s)
		}
	}
	if p.permits(netip.Addr{}) {
		t.Error("no address is permitted")
	}
	for _, s := range []string{"1.1.1.1", "192.0.32.8", "2606:4700:4700::1111", "172.32.0.1", "198.20.0.1"} {
		if !p.permits(netip.MustParseAddr(s)) {
			t.Errorf("%s is refused", s)
		}
	}
}

// last is the block's last address.
func last(b netip.Prefix) netip.Addr {
	raw := b.Addr().AsSlice()
	for i := b.Bits(); i < len(raw)*8; i++ {
		raw[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(raw)
	return a
}

// Standards 5.4: a range opens what lies in it, but loopback and metadata one by one only.
func TestAllowedAddresses(t *testing.T) {
	t.Parallel()
	for addr, tt := range map[string]struct {
		allow   string
		permits bool
	}{
		"198.18.0.1":      {"198.18.0.0/15", true},
		"10.1.2.3":        {"10.0.0.0/8", true},
		"10.1.2.4":        {"10.1.2.3/32", false},
		"127.0.0.1":       {"127.0.0.0/8", false},
		"127.0.0.2":       {"127.0.0.2/32", true},
		"::1":             {"::1/128", true},
		"169.254.169.254": {"0.0.0.0/0", false},
		"169.254.169.253": {"0.0.0.0/0", true},
		"fd00:ec2::254":   {"fc00::/7", false},
		"fd00::1":         {"fc00::/7", true},
	} {
		p, err := newAddressPolicy([]netip.Prefix{netip.MustParsePrefix(tt.allow)})
		if err != nil {
			t.Fatal(err)
		}
		if got := p.permits(netip.MustParseAddr(addr)); got != tt.permits {
			t.Errorf("%s with %s opened: %v", addr, tt.allow, got)
		}
	}
}
