package house

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)(?:\s+"[^"]*")?\)`)
	heading = regexp.MustCompile(`(?m)^#{1,6}\s+(.+?)\s*$`)
	fenced  = regexp.MustCompile("(?ms)^\\s*```.*?^\\s*```\\s*?$")
	inline  = regexp.MustCompile("`[^`\n]*`")
	foreign = regexp.MustCompile(`^[a-z][a-z0-9+.-]*:`)
	unslug  = regexp.MustCompile(`[^\p{L}\p{N}\- _]`)
)

// TestLinksResolve: every relative link of a document leads to a file that is
// there, and its fragment to a heading.
func TestLinksResolve(t *testing.T) {
	t.Parallel()
	documents := 0
	walk(t, ".md", func(path string) {
		documents++
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		prose := inline.ReplaceAllString(fenced.ReplaceAllString(string(text), ""), "")
		for _, m := range link.FindAllStringSubmatch(prose, -1) {
			if foreign.MatchString(m[1]) {
				continue
			}
			target, fragment, _ := strings.Cut(m[1], "#")
			file := path
			if target != "" {
				file = filepath.Join(filepath.Dir(path), filepath.FromSlash(target))
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", path, m[1])
				continue
			}
			if fragment != "" && strings.HasSuffix(file, ".md") && !hasHeading(t, file, fragment) {
				t.Errorf("%s links to %s, which has no such heading", path, m[1])
			}
		}
	})
	if documents < 2 {
		t.Errorf("found %d documents", documents)
	}
}

// hasHeading reports whether a document has the heading that a fragment names,
// by the rule of the usual forges: lower case, punctuation dropped, dashes for spaces.
func hasHeading(t *testing.T, file, fragment string) bool {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range heading.FindAllStringSubmatch(fenced.ReplaceAllString(string(text), ""), -1) {
		slug := strings.ReplaceAll(unslug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")
		if slug == fragment {
			return true
		}
	}
	return false
}
