package core_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"acmd/core"
)

// octets is a well-formed name of n octets.
func octets(n int) string {
	s := strings.Repeat(strings.Repeat("a", 63)+".", 4)
	return s[:n-2] + ".b"
}

const (
	notLDH  = "a label may hold letters, digits and hyphens only"
	badXN   = "is not a valid internationalised name"
	hyphens = "begins or ends with a hyphen"
)

// Standards 1.43 and 1.44, and the User Guide's punycode table. An empty why
// means that the name is taken.
var names = []struct{ in, out, why string }{
	{"example.com", "example.com", ""},
	{"WWW.Example.COM", "www.example.com", ""},
	{"a.b", "a.b", ""},
	{"1.2.3.4a", "1.2.3.4a", ""},
	{"3com.com", "3com.com", ""},
	{"a-b.c--d.com", "a-b.c--d.com", ""},
	{"e---f.com", "", "does not begin with xn--"},
	// The User Guide's table.
	{"a--example.com", "a--example.com", ""},
	{"abc--example.com", "abc--example.com", ""},
	{"xn--xyz.com", "xn--xyz.com", ""},
	{"xn--example.com", "", badXN},
	{"ab--example.com", "", `the label "ab--example" has hyphens as its third and fourth characters and does not begin with xn--`},
	// Internationalised names.
	{"XN--BCHER-KVA.example", "xn--bcher-kva.example", ""},
	{"www.xn--strae-oqa.de", "www.xn--strae-oqa.de", ""},
	{"xn--fiqs8s.xn--fiqs8s", "xn--fiqs8s.xn--fiqs8s", ""},
	{"*.xn--e1afmkfd.com", "*.xn--e1afmkfd.com", ""},
	{"xn--a.com", "", badXN},
	{"xn--abc-.com", "", hyphens},
	{"xn--.com", "", hyphens},
	{"xn--ss-abc.com", "", badXN},
	{"bücher.example", "", notLDH},
	{"\u212aexample.com", "", notLDH}, // the Kelvin sign, whose lower case is k
	{"\u0130.com", "", notLDH},        // the dotted capital i, whose lower case begins with i
	{"example\u3002com", "", notLDH},  // the ideographic full stop
	{"\xff.com", "", notLDH},
	// Wildcards.
	{"*.example.com", "*.example.com", ""},
	{"*.com", "", "at least two labels"},
	{"*", "", "wildcard must be the whole leftmost label"},
	{"*.", "", "at least two labels"},
	{"*.*.example.com", "", "wildcard must be the whole leftmost label"},
	{"www.*.example.com", "", "wildcard must be the whole leftmost label"},
	{"w*.example.com", "", "wildcard must be the whole leftmost label"},
	{"**.example.com", "", "wildcard must be the whole leftmost label"},
	{"*example.com", "", "wildcard must be the whole leftmost label"},
	// Lengths.
	{strings.Repeat("a", 63) + ".com", strings.Repeat("a", 63) + ".com", ""},
	{strings.Repeat("a", 64) + ".com", "", "more than 63 characters"},
	{octets(253), octets(253), ""},
	{octets(254), "", "1 to 253 characters"},
	{"*." + octets(251), "*." + octets(251), ""},
	{"*." + octets(252), "", "1 to 253 characters"},
	{"", "", "1 to 253 characters"},
	// Everything else that is no name.
	{"localhost", "", "at least two labels"},
	{"example.com.", "", "a label is empty"},
	{".example.com", "", "a label is empty"},
	{"example..com", "", "a label is empty"},
	{".", "", "a label is empty"},
	{"_x.example.com", "", notLDH},
	{"a_b.example.com", "", notLDH},
	{"-a.example.com", "", hyphens},
	{"a-.example.com", "", hyphens},
	{"-.example.com", "", hyphens},
	{"a b.example.com", "", notLDH},
	{"a@example.com", "", notLDH},
	{"example.com:443", "", notLDH},
	{"http://example.com", "", notLDH},
	{"a\x00.example.com", "", notLDH},
	{`a\.b.example.com`, "", notLDH},
	{"192.0.2.1", "", "an IP address is not a domain name"},
	{"example.123", "", "an IP address is not a domain name"},
	{"2001:db8::1", "", "at least two labels"},
}

func TestParseName(t *testing.T) {
	t.Parallel()
	for _, c := range names {
		got, err := core.ParseName(c.in)
		switch {
		case c.why == "" && (err != nil || got != c.out):
			t.Errorf("%q: %q, %v; want %q", c.in, got, err, c.out)
		case c.why != "" && (got != "" || !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), c.why)):
			t.Errorf("%q: %q, %v; want core.Invalid saying %q", c.in, got, err, c.why)
		}
	}
}

// What ParseName takes, it gives back in lower case, and takes again unchanged.
func FuzzParseName(f *testing.F) {
	for _, c := range names {
		f.Add(c.in)
	}
	f.Fuzz(func(t *testing.T, in string) {
		got, err := core.ParseName(in)
		if err != nil {
			if got != "" || !errors.Is(err, core.Invalid) {
				t.Errorf("%q: %q with %v", in, got, err)
			}
			return
		}
		if !strings.EqualFold(got, in) || len(got) != len(in) || got != strings.ToLower(got) {
			t.Errorf("%q became %q", in, got)
		}
		if len(got) > 253 || strings.HasSuffix(got, ".") || strings.LastIndexByte(got, '*') > 0 || strings.ContainsFunc(got, func(c rune) bool { return c <= ' ' || c > '~' }) {
			t.Errorf("%q was taken", got)
		}
		if again, err := core.ParseName(got); err != nil || again != got {
			t.Errorf("%q was taken, and then %q, %v", got, again, err)
		}
	})
}

func TestNamePolicy(t *testing.T) {
	t.Parallel()
	public := core.NamePolicy{}
	private := core.NamePolicy{Allow: []string{"corp", "test", "10.in-addr.arpa", "example.org"}}
	dev := core.NamePolicy{AllowAny: true}
	const (
		suffix   = "is a public suffix, under which others register their names"
		reserved = "is reserved for special use; allow it in names.allow if it is yours"
		noTLD    = "has no top-level domain of the public Internet"
		never    = "for which no certificate is issued"
	)
	for _, c := range []struct {
		name                 string
		public, private, dev string // what is wrong; empty if the name is issued for
	}{
		{"example-shop.com", "", "", ""},
		{"*.example-shop.com", "", "", ""},
		{"a.b.shop.co.uk", "", "", ""},
		// Standards 1.5: the suffixes of the ICANN section.
		{"co.uk", suffix, suffix, suffix},
		{"*.co.uk", suffix, suffix, suffix},
		{"foo.ck", suffix, suffix, suffix},
		{"www.ck", "", "", ""},
		{"github.io", "", "", ""}, // the private section does not count
		{"*.github.io", "", "", ""},
		{"me.github.io", "", "", ""},
		// Standards 1.44: internal names by policy, the reverse trees and .onion never.
		{"www.example.com", reserved, reserved, ""},
		{"example.org", reserved, "", ""},
		{"*.www.example.org", reserved, "", ""},
		{"myexample.org", "", "", ""},
		{"host.test", reserved, "", ""},
		{"host.local", reserved, reserved, ""},
		{"host.corp", reserved, "", ""},
		{"host.internal", reserved, reserved, ""},
		{"host.home.arpa", reserved, reserved, ""},
		{"host.nosuchtld", noTLD, noTLD, ""},
		{"deep.host.nosuchtld", noTLD, noTLD, ""},
		{"1.10.in-addr.arpa", never, never, never},
		{"8.b.d.0.1.0.0.2.ip6.arpa", never, never, never},
		{"*.abcdefgh.onion", never, never, never},
	} {
		for _, p := range []struct {
			what   string
			policy core.NamePolicy
			want   string
		}{{"public", public, c.public}, {"private", private, c.private}, {"dev", dev, c.dev}} {
			got := p.policy.Refuse(c.name)
			if (got == "") != (p.want == "") || !strings.Contains(got, p.want) {
				t.Errorf("%s, %s policy: %q, want %q", c.name, p.what, got, p.want)
			}
		}
	}
}

func TestAncestorsAndSuperdomains(t *testing.T) {
	t.Parallel()
	if got, want := core.Ancestors("a.b.example"), []string{"a.b.example", "b.example", "example"}; !slices.Equal(got, want) {
		t.Errorf("ancestors %v, want %v", got, want)
	}
	for _, c := range []struct {
		parent, name string
		want         bool
	}{
		{"example.com", "example.com", true}, {"example.com", "a.b.example.com", true}, {"com", "example.com", true},
		{"example.com", "myexample.com", false}, {"a.example.com", "example.com", false}, {"example.com", "example.com.evil", false},
	} {
		if got := core.IsSuperdomain(c.parent, c.name); got != c.want {
			t.Errorf("IsSuperdomain(%s, %s) is %t", c.parent, c.name, got)
		}
	}
	for in, want := range map[string]string{"*.example.com": "example.com", "example.com": "example.com", "a.*.b": "a.*.b"} {
		if got := core.BaseName(in); got != want {
			t.Errorf("BaseName(%s) is %s", in, got)
		}
	}
}
