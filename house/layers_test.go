package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// maxArchitecture bounds ARCHITECTURE.md, in lines: longer, it is not read.
const maxArchitecture = 120

// module is the path that our own imports begin with.
const module = "acmd/"

// tableRow matches a row of the package table: level, `package`, sentence, must never.
var tableRow = regexp.MustCompile("^\\|\\s*([^|`]+?)\\s*\\|\\s*`([a-z0-9_/]+)`\\s*\\|[^|]*\\S[^|]*\\|[^|]*\\|\\s*$")

// row is a package's place in the table.
type row struct {
	level string
	rank  int // 0 is the top
}

// architecture reads ARCHITECTURE.md.
func architecture(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// table reads the package table. The levels rank in the order in which they first occur.
func table(t *testing.T) map[string]row {
	t.Helper()
	rows, ranks := map[string]row{}, map[string]int{}
	for line := range strings.Lines(architecture(t)) {
		m := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			continue
		}
		level, name := m[1], m[2]
		if _, ok := ranks[level]; !ok {
			ranks[level] = len(ranks)
		}
		if _, twice := rows[name]; twice {
			t.Errorf("ARCHITECTURE.md lists %s twice", name)
		}
		rows[name] = row{level, ranks[level]}
	}
	if len(rows) < 5 {
		t.Fatalf("ARCHITECTURE.md has a table of %d packages; want rows like | tools | `store` | its sentence | must never |", len(rows))
	}
	return rows
}

// listed is what `go list -json` says of a package.
type listed struct {
	ImportPath string
	GoFiles    []string
	Imports    []string // of the package itself, not of its tests
}

// packages asks the go command for the repository's packages that have code.
func packages(t *testing.T) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,GoFiles,Imports", "./...")
	cmd.Dir = root
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []listed
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if len(p.GoFiles) > 0 {
			all = append(all, p)
		}
	}
	if len(all) < 5 {
		t.Fatalf("go list knows %d packages only", len(all))
	}
	return all
}

// TestDependencyTable compares the table with the imports: arrows point down,
// packages of one level never import each other, and both sides are complete.
func TestDependencyTable(t *testing.T) {
	t.Parallel()
	rows := table(t)
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		from, ok := rows[name]
		if !ok {
			t.Errorf("package %s is not in ARCHITECTURE.md's table", name)
			continue
		}
		for _, i := range p.Imports {
			to, ours := rows[strings.TrimPrefix(i, module)]
			if !strings.HasPrefix(i, module) || !ours {
				continue // a package without a row is reported above
			}
			if to.rank <= from.rank {
				t.Errorf("%s (%s) imports %s (%s): arrows point down", name, from.level, strings.TrimPrefix(i, module), to.level)
			}
		}
	}
	for name := range rows {
		if info, err := os.Stat(filepath.Join(root, name)); err != nil || !info.IsDir() {
			t.Errorf("ARCHITECTURE.md lists %s, which does not exist", name)
		}
	}
}

func TestArchitectureIsShort(t *testing.T) {
	t.Parallel()
	if n := strings.Count(architecture(t), "\n"); n >= maxArchitecture {
		t.Errorf("ARCHITECTURE.md has %d lines, want fewer than %d", n, maxArchitecture)
	}
}
