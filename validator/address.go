package validator

import (
	_ "embed" // the registries
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// The IANA special-purpose address registries as IANA publishes them (RFC 6890).
var (
	//go:embed iana-ipv4-special-registry-1.csv
	special4 string
	//go:embed iana-ipv6-special-registry-1.csv
	special6 string
)

// alsoRefused are refused without being in a registry: multicast, site-local,
// and a cloud's metadata address outside the special ranges (standards 5.3).
var alsoRefused = []string{"224.0.0.0/4", "ff00::/8", "fec0::/10", "168.63.129.16/32"}

// oneByOne are opened only by a prefix of a single address: loopback and the
// metadata services (standards 5.4).
var oneByOne = []string{"127.0.0.0/8", "::1/128", "169.254.169.254/32", "fd00:ec2::254/128", "168.63.129.16/32"}

// addressPolicy decides which addresses found in the DNS may be dialled
// (standards 5.2 to 5.4).
type addressPolicy struct {
	special  []netip.Prefix
	oneByOne []netip.Prefix
	allow    []netip.Prefix
}

func newAddressPolicy(allow []netip.Prefix) (*addressPolicy, error) {
	p := &addressPolicy{}
	for _, a := range allow {
		if !a.IsValid() {
			return nil, fmt.Errorf("allow: %v is not a range of addresses", a)
		}
		p.allow = append(p.allow, a.Masked())
	}
	for _, text := range []string{special4, special6} {
		blocks, err := readRegistry(text)
		if err != nil {
			return nil, err
		}
		p.special = append(p.special, blocks...)
	}
	for _, s := range alsoRefused {
		p.special = append(p.special, netip.MustParsePrefix(s))
	}
	for _, s := range oneByOne {
		p.oneByOne = append(p.oneByOne, netip.MustParsePrefix(s))
	}
	return p, nil
}

// readRegistry returns the blocks of a registry's first column, which may hold
// several of them and footnote marks.
func readRegistry(text string) ([]netip.Prefix, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read special-purpose registry: %w", err)
	}
	var out []netip.Prefix
	for _, row := range rows[1:] {
		for block := range strings.SplitSeq(row[0], ",") {
			block, _, _ = strings.Cut(strings.TrimSpace(block), " ")
			p, err := netip.ParsePrefix(block)
			if err != nil {
				return nil, fmt.Errorf("read special-purpose registry: %w", err)
			}
			out = append(out, p)
		}
	}
	return out, nil
}

// permits reports whether the address may be dialled.
func (p *addressPolicy) permits(a netip.Addr) bool {
	if !a.IsValid() || a.Zone() != "" {
		return false
	}
	holds := func(b netip.Prefix) bool { return b.Contains(a) }
	if slices.ContainsFunc(p.oneByOne, holds) {
		return slices.ContainsFunc(p.allow, func(b netip.Prefix) bool { return b.IsSingleIP() && holds(b) })
	}
	return !slices.ContainsFunc(p.special, holds) || slices.ContainsFunc(p.allow, holds)
}
