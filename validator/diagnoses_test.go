package validator

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"acmd/core"
)

// docs/diagnoses.md has a row for each code, and for nothing else.
func TestDocumentedCodes(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/diagnoses.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []core.Code
	for _, m := range regexp.MustCompile("(?m)^\\| `([A-Z_]+)` \\|(?:[^|]+\\|){3}$").FindAllSubmatch(text, -1) {
		rows = append(rows, core.Code(m[1]))
	}
	for _, c := range core.Codes() {
		if !slices.Contains(rows, c) {
			t.Errorf("docs/diagnoses.md has no row for %s", c)
		}
	}
	for i, c := range rows {
		if !slices.Contains(core.Codes(), c) {
			t.Errorf("docs/diagnoses.md explains %s, which does not exist", c)
		}
		if slices.Contains(rows[:i], c) {
			t.Errorf("docs/diagnoses.md explains %s twice", c)
		}
	}
}
