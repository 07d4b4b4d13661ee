package core

import (
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Bounds of a domain name in octets (standards 1.43, wire facts §2).
const (
	maxName  = 253
	maxLabel = 63
	// MaxCommonName bounds the DomainName of a request, which becomes the CN.
	MaxCommonName = 64
)

// punycode decodes a label and checks that it is a valid internationalised
// one: it must survive the round trip, mapped and NFC-normalised (RFC 5891 §5.4).
var punycode = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.CheckHyphens(false))

// notLDH is what is wrong with any other character.
const notLDH = "a label may hold letters, digits and hyphens only; write an internationalised name in its xn-- form"

// ParseName checks a domain name as it may stand in a certificate and returns
// it in lower case: LDH labels joined by dots, at least two, no trailing dot, a
// wildcard only as the whole leftmost label, and the User Guide's punycode
// table ("??--" must be "xn--", which must decode). Standards 1.43, 1.44. Every
// error is Invalid and says which rule is broken.
func ParseName(s string) (string, error) {
	bad := func(why string) (string, error) {
		return "", &Error{Invalid, fmt.Sprintf("The domain name %q is not valid: %s.", s, why)}
	}
	// Before the case is folded: the Kelvin sign folds to k and the dotted İ to i,
	// which would make another, valid name of it.
	if strings.ContainsFunc(s, func(c rune) bool { return c > unicode.MaxASCII }) {
		return bad(notLDH)
	}
	name := strings.ToLower(s)
	if len(name) == 0 || len(name) > maxName {
		return bad(fmt.Sprintf("it must have 1 to %d characters", maxName))
	}
	base := BaseName(name)
	if strings.Contains(base, "*") {
		return bad("a wildcard must be the whole leftmost label, and there can be only one")
	}
	labels := strings.Split(base, ".")
	if len(labels) < 2 {
		return bad("it needs at least two labels")
	}
	for _, l := range labels {
		if why := checkLabel(l); why != "" {
			return bad(why)
		}
	}
	if tld := labels[len(labels)-1]; strings.Trim(tld, "0123456789") == "" {
		return bad("an IP address is not a domain name")
	}
	return name, nil
}

// checkLabel says what is wrong with a lower-case label; "" if nothing is.
func checkLabel(l string) string {
	switch {
	case l == "":
		return "a label is empty"
	case len(l) > maxLabel:
		return fmt.Sprintf("a label has more than %d characters", maxLabel)
	case l[0] == '-' || l[len(l)-1] == '-':
		return "a label begins or ends with a hyphen"
	}
	for _, c := range []byte(l) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return notLDH
		}
	}
	if len(l) < 4 || l[2:4] != "--" {
		return ""
	}
	if l[:2] != "xn" {
		return fmt.Sprintf("the label %q has hyphens as its third and fourth characters and does not begin with xn--", l)
	}
	u, err := punycode.ToUnicode(l)
	if err != nil || u == l {
		return fmt.Sprintf("the label %q is not a valid internationalised name", l)
	}
	if back, err := punycode.ToASCII(u); err != nil || back != l {
		return fmt.Sprintf("the label %q is not a valid internationalised name", l)
	}
	return ""
}

// IsSuperdomain reports whether parent is name or one of its ancestors. Both in
// lower case, name without a wildcard label.
func IsSuperdomain(parent, name string) bool {
	return parent == name || strings.HasSuffix(name, "."+parent)
}

// Ancestors lists the name and its parents down to the top-level domain.
func Ancestors(name string) []string {
	out := []string{name}
	for {
		i := strings.IndexByte(name, '.')
		if i < 0 {
			return out
		}
		name = name[i+1:]
		out = append(out, name)
	}
}

// NamePolicy says which well-formed names this CA issues for.
type NamePolicy struct {
	AllowAny bool     // any name but a public suffix; acmd dev, private deployments
	Allow    []string // names that are allowed with everything below them, in lower case
}

// specialUse are the names that no public CA issues for: the special-use
// domains (RFC 6761 and its registry), names for documentation, the reverse
// trees, and .internal.
var specialUse = []string{"alt", "arpa", "example", "example.com", "example.net", "example.org", "home.arpa",
	"internal", "invalid", "lan", "local", "localhost", "onion", "test", "corp", "home", "mail"}

// neverIssue are refused in every deployment (standards 1.44).
var neverIssue = []string{"in-addr.arpa", "ip6.arpa", "onion"}

// Refuse says in a sentence why the policy does not issue for a parsed name;
// "" if it does. A public suffix of the ICANN section, and a wildcard directly
// below one, is never issued for (standards 1.5, BR 3.2.2.6).
func (p NamePolicy) Refuse(name string) string {
	base := BaseName(name)
	for _, s := range neverIssue {
		if IsSuperdomain(s, base) {
			return fmt.Sprintf("%s lies below %s, for which no certificate is issued", name, s)
		}
	}
	suffix, icann := publicsuffix.PublicSuffix(base)
	if icann && suffix == base {
		return fmt.Sprintf("%s is a public suffix, under which others register their names", base)
	}
	if p.AllowAny {
		return ""
	}
	for _, a := range p.Allow {
		if IsSuperdomain(a, base) {
			return ""
		}
	}
	for _, s := range specialUse {
		if IsSuperdomain(s, base) {
			return fmt.Sprintf("%s lies below %s, which is reserved for special use; allow it in names.allow if it is yours", name, s)
		}
	}
	if !icann && !strings.Contains(suffix, ".") {
		return fmt.Sprintf("%s has no top-level domain of the public Internet; allow it in names.allow if it is yours", name)
	}
	return ""
}
