package validator

import (
	"fmt"
	"slices"
	"strings"
)

// caaRecord is one CAA record; the tag in lower case, the value as it came.
type caaRecord struct {
	flag  uint8
	tag   string
	value string
}

// ignorable are the properties that have no say in TLS issuance, critical or
// not (standards 1.35).
var ignorable = []string{"iodef", "issuemail", "issuevmc"}

// methodLabels are the names of the DNS proof in validationmethods: BR
// 3.2.2.4.7, and the IANA label of the same mechanism (standards 1.37).
var methodLabels = []string{"ca-tbr-7", "dns-01"}

func hasTag(set []caaRecord, tag string) bool {
	return slices.ContainsFunc(set, func(r caaRecord) bool { return r.tag == tag })
}

// unknownCritical returns the property that forbids issuance by being critical
// and not understood; "" if there is none (standards 1.35).
func unknownCritical(set []caaRecord) string {
	for _, r := range set {
		known := r.tag == "issue" || r.tag == "issuewild" || slices.Contains(ignorable, r.tag)
		// Flag 1 is the common mistake for the critical bit, 128.
		if !known && (r.flag&0x80 != 0 || r.flag == 1) {
			return r.tag
		}
	}
	return ""
}

// relevant is the property that decides: issuewild for a wildcard name if the
// set has one, else issue (standards 1.34).
func relevant(set []caaRecord, wildcard bool) string {
	if wildcard && hasTag(set, "issuewild") {
		return "issuewild"
	}
	return "issue"
}

// judge decides whether a set's deciding property permits one of the issuers:
// "" if it does, else why not (standards 1.34, 1.37; RFC 8659 §4).
func judge(set []caaRecord, wildcard bool, issuers []string) string {
	tag := relevant(set, wildcard)
	if !hasTag(set, tag) {
		return ""
	}
	var seen []string
	restricted := ""
	for _, r := range set {
		if r.tag != tag {
			continue
		}
		v, ok := parseIssue(r.value)
		if !ok || !slices.Contains(issuers, v.issuer) {
			seen = append(seen, tag+" "+quote(r.value))
			continue
		}
		if restricted = v.restriction(); restricted == "" {
			return ""
		}
	}
	if restricted != "" {
		return restricted
	}
	const shown = 4
	if more := len(seen) - shown; more > 0 {
		seen = append(seen[:shown], fmt.Sprintf("%d more", more))
	}
	return "they name " + strings.Join(seen, ", ")
}

// issueValue is a parsed issue or issuewild value.
type issueValue struct {
	issuer     string // lower case; empty matches nobody
	parameters []parameter
}

type parameter struct{ tag, value string }

// restriction says why the parameters of a record that names us exclude this
// issuance; "" if they don't (RFC 8657). Tags are compared without case, so that
// a restriction is not lost by its spelling.
func (v issueValue) restriction() string {
	var accounts, methods []string
	for _, p := range v.parameters {
		switch strings.ToLower(p.tag) {
		case "accounturi":
			accounts = append(accounts, p.value)
		case "validationmethods":
			methods = append(methods, p.value)
		}
	}
	switch {
	case len(accounts) > 1 || len(methods) > 1:
		return "the record that names this service has the parameter accounturi or validationmethods twice, which matches nobody; without it, it would permit"
	case len(accounts) == 1:
		// No account has a documented URI yet, so that none can match.
		return "the record that names this service is restricted to the account " + quote(accounts[0]) + "; without accounturi it would permit"
	case len(methods) == 1 && !allowsMethod(methods[0]):
		return "the record that names this service allows the validation methods " + quote(methods[0]) + " only; with ca-tbr-7 among them it would permit"
	}
	return ""
}

// allowsMethod reads a validationmethods list. One element that is no label
// spoils it all.
func allowsMethod(list string) bool {
	hit := false
	for label := range strings.SplitSeq(list, ",") {
		if label == "" || strings.Trim(label, labelOctets+"-") != "" {
			return false
		}
		hit = hit || slices.Contains(methodLabels, label)
	}
	return hit
}

const (
	labelOctets = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	blanks      = " \t"
)

// parseIssue reads an issue-value by the grammar of RFC 8659 §4.2. ok is false
// for what does not follow it: such a record matches nobody.
func parseIssue(s string) (v issueValue, ok bool) {
	name, rest, more := strings.Cut(s, ";")
	name = strings.Trim(name, blanks)
	if name != "" && !isIssuerName(name) {
		return issueValue{}, false
	}
	v.issuer = strings.ToLower(name)
	if rest = strings.Trim(rest, blanks); !more || rest == "" {
		return v, true
	}
	for each := range strings.SplitSeq(rest, ";") {
		tag, value, eq := strings.Cut(each, "=")
		p := parameter{strings.Trim(tag, blanks), strings.Trim(value, blanks)}
		if !eq || !isLabel(p.tag) || !isParameterValue(p.value) {
			return issueValue{}, false
		}
		v.parameters = append(v.parameters, p)
	}
	return v, true
}

// isIssuerName reports whether s is an issuer-domain-name: labels joined by dots.
func isIssuerName(s string) bool {
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel reports whether s has letters, digits and inner hyphens only.
func isLabel(s string) bool {
	return s != "" && strings.Trim(s, labelOctets+"-") == "" && s[0] != '-' && s[len(s)-1] != '-'
}

// isParameterValue reports whether s has visible ASCII only, and no semicolon.
func isParameterValue(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' || c == ';' {
			return false
		}
	}
	return true
}
