// Package house tests the rules that CONTRIBUTING.md states about the source
// itself: sizes, names, comments, the clock, the dependency table and the
// documents' links. It has nothing to import.
package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// root is the repository, seen from this folder.
const root = ".."

// The sizes that nothing may exceed, in lines; a function counts its signature.
const (
	maxFunction = 60
	maxFile     = 400
)

// source is one parsed Go file.
type source struct {
	path  string // from the root, with slashes
	file  *ast.File
	set   *token.FileSet
	lines int
}

// test reports whether the file is a test's.
func (s source) test() bool { return strings.HasSuffix(s.path, "_test.go") }

// at is a place in the file as text.
func (s source) at(n ast.Node) string {
	return fmt.Sprintf("%s:%d", s.path, s.set.Position(n.Pos()).Line)
}

// walk calls f with the path of every file below the root that is not hidden,
// built or a test's fixture.
func walk(t *testing.T, suffix string, f func(path string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin"):
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, suffix):
			f(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// sources parses every Go file of the repository.
func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	walk(t, ".go", func(path string) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		s := source{set: token.NewFileSet(), lines: strings.Count(string(text), "\n")}
		s.path = filepath.ToSlash(strings.TrimPrefix(path, root+string(filepath.Separator)))
		if s.file, err = parser.ParseFile(s.set, path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Fatal(err)
		}
		out = append(out, s)
	})
	if len(out) < 20 {
		t.Fatalf("only %d Go files: looked in the wrong place", len(out))
	}
	return out
}

// functions lists the functions and methods that a file declares.
func (s source) functions() []*ast.FuncDecl {
	var out []*ast.FuncDecl
	for _, d := range s.file.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			out = append(out, f)
		}
	}
	return out
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.lines > maxFile {
			t.Errorf("%s has %d lines, more than %d: split it by noun", s.path, s.lines, maxFile)
		}
		for _, f := range s.functions() {
			if n := s.set.Position(f.End()).Line - s.set.Position(f.Pos()).Line + 1; n > maxFunction {
				t.Errorf("%s: %s has %d lines, more than %d", s.at(f), f.Name.Name, n, maxFunction)
			}
		}
	}
}

func TestNoInit(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		for _, f := range s.functions() {
			if f.Name.Name == "init" && f.Recv == nil {
				t.Errorf("%s: init() runs behind the reader's back", s.at(f))
			}
		}
	}
}

// clocks are the functions of package time that read the machine's clock.
var clocks = []string{"Now", "Since", "Until"}

// TestOnlyCmdReadsTheClock: time is a dependency (design decision 12).
func TestOnlyCmdReadsTheClock(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() || strings.HasPrefix(s.path, "cmd/") {
			continue
		}
		name := importName(s.file, "time")
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok || name == "" {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clocks, sel.Sel.Name) {
				t.Errorf("%s: time.%s outside cmd: take now as an argument", s.at(n), sel.Sel.Name)
			}
			return true
		})
	}
}

// importName is the name by which a file knows a package; "" if it does not.
func importName(f *ast.File, path string) string {
	for _, i := range f.Imports {
		if strings.Trim(i.Path.Value, `"`) != path {
			continue
		}
		if i.Name != nil {
			return i.Name.Name
		}
		return path[strings.LastIndex(path, "/")+1:]
	}
	return ""
}

// TestPackageComments: every package says its job in the file of its name.
func TestPackageComments(t *testing.T) {
	t.Parallel()
	documented, all := map[string][]string{}, map[string]string{}
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		dir := filepath.Dir(s.path)
		all[dir] = s.file.Name.Name
		if s.file.Doc != nil {
			documented[dir] = append(documented[dir], filepath.Base(s.path))
		}
	}
	for dir, name := range all {
		if want := []string{name + ".go"}; !slices.Equal(documented[dir], want) {
			t.Errorf("%s: the package comment is in %v, want it in %v", dir, documented[dir], want)
		}
	}
}

// wellKnown are methods whose meaning their interface fixes.
var wellKnown = []string{"Error", "String"}

func TestExportedNamesAreDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range sources(t) {
		if s.test() {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && exportedReceiver(d) && d.Doc == nil && !slices.Contains(wellKnown, d.Name.Name) {
					t.Errorf("%s: %s has no comment", s.at(d), d.Name.Name)
				}
			case *ast.GenDecl:
				for _, name := range undocumented(d) {
					t.Errorf("%s: %s has no comment", s.at(name), name.Name)
				}
			}
		}
	}
}

// exportedReceiver reports whether a function has no receiver, or one whose
// type others can name.
func exportedReceiver(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	typ := f.Recv.List[0].Type
	for {
		switch x := typ.(type) {
		case *ast.StarExpr:
			typ = x.X
		case *ast.IndexExpr:
			typ = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return false
		}
	}
}

// undocumented lists the exported names of a declaration that have no comment,
// neither their own nor their group's.
func undocumented(d *ast.GenDecl) []*ast.Ident {
	var out []*ast.Ident
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
				out = append(out, spec.Name)
			}
		case *ast.ValueSpec:
			for _, name := range spec.Names {
				if name.IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
					out = append(out, name)
				}
			}
		}
	}
	return out
}
