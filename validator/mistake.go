package validator

import (
	"fmt"
	"strings"

	"acmd/core"
)

// mistake recognises the usual slips in a CNAME's value: what was seen is got.
// why is "" if it is none of them. ours means that got was meant to be the
// target, and is nothing that anybody would have set for another reason.
func mistake(p DNSProof, got string) (why string, ours bool) {
	label, zone, _ := strings.Cut(p.Target, ".")
	bare := strings.TrimPrefix(label, "_")
	gotLabel, gotRest, _ := strings.Cut(got, ".")
	for _, parent := range core.Ancestors(p.Name) {
		switch suffix := parent + "."; {
		case got == p.Target+suffix, "_"+got == p.Target+suffix:
			return fmt.Sprintf("the zone %s was appended to the value: end it with a dot, or switch off the appending", suffix), true
		case got == label+"."+suffix, got == bare+"."+suffix:
			return fmt.Sprintf("only the first label was entered and the zone %s was appended: enter the whole value with its final dot", suffix), true
		}
	}
	switch {
	case strings.ContainsAny(got, `"'`):
		return "the value was entered with quotation marks: leave them out", strings.Contains(got, bare)
	case strings.Contains(got, "://") || strings.Contains(got, "/"):
		return "the value was entered as a URL: enter the name alone", strings.Contains(got, bare)
	case strings.Contains(got, `\032`) || strings.Contains(got, `\009`):
		return "the value was entered with a space in it: leave it out", strings.Contains(got, bare)
	case got == zone:
		return "the first label of the value is missing", true
	case "_"+gotLabel == label || gotLabel == label:
		return fmt.Sprintf("the first label is right, what follows it should be %s", zone), true
	case strings.TrimLeft(gotLabel, "_") == bare:
		return "it begins with too many underscores", true
	case gotRest == zone && len(gotLabel) >= 8 && strings.HasPrefix(bare, strings.TrimPrefix(gotLabel, "_")):
		return "the first label is cut off", true
	case gotRest == zone:
		return "that value belongs to another domain or another account", false
	}
	return "", false
}
