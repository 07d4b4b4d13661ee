package configs

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// maxSize bounds a configuration file, in octets.
const maxSize = 1 << 20

// Load reads and checks the configuration file at path. The error names the
// file and holds every mistake found, one a line (errors.Join).
func Load(path string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("open configuration: %w", err)
	}
	defer f.Close()
	c, err := Read(f)
	if err != nil {
		return Config{}, fmt.Errorf("%s:\n%w", path, err)
	}
	return c, nil
}

// Read reads one YAML document, at most 1 MiB, over Default, fills what follows
// from other keys, and checks it. All mistakes are joined: first those of the
// text, each with its line, then those of Validate.
func Read(r io.Reader) (Config, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return Config{}, fmt.Errorf("read configuration: %w", err)
	}
	if len(text) > maxSize {
		return Config{}, fmt.Errorf("the configuration has more than %d octets", maxSize)
	}
	doc, err := document(text)
	if err != nil {
		return Config{}, err
	}
	c := Default()
	faults := decode(doc, &c)
	c.derive()
	if err := joinFaults(faults, c.problems()); err != nil {
		return Config{}, err
	}
	return c, nil
}

// document parses the only YAML document of text; nil if there is none, which
// is an empty configuration.
func document(text []byte) (*yaml.Node, error) {
	l, err := yaml.NewLoader(strings.NewReader(string(text)))
	if err != nil {
		return nil, fmt.Errorf("read YAML: %w", err)
	}
	var doc, second yaml.Node
	if err := l.Load(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntax(err)
	}
	switch err := l.Load(&second); {
	case errors.Is(err, io.EOF):
		return &doc, nil
	case err != nil:
		return nil, syntax(err)
	}
	return nil, fmt.Errorf("line %d: a second document begins; a configuration is one document", second.Line)
}

// syntax states an error of the YAML text with its line.
func syntax(err error) error {
	var one *yaml.LoadError
	if !errors.As(err, &one) {
		return fmt.Errorf("read YAML: %w", err)
	}
	return fmt.Errorf("line %d: not YAML: %s", one.Mark.Line, one.Message)
}

// fault is a mistake of the text: a key that is unknown or there twice, or a
// value of the wrong kind.
type fault struct {
	line  int
	key   string
	what  string
	fatal bool // the rest of the mapping was not decoded
}

// decode sets c from the document and returns the mistakes by line.
func decode(doc *yaml.Node, c *Config) []fault {
	if doc == nil {
		return nil
	}
	err := doc.Load(c, yaml.WithKnownFields(), yaml.WithUniqueKeys())
	if err == nil {
		return nil
	}
	all := []*yaml.LoadError{}
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &many):
		all = many.Errors
	case errors.As(err, &one):
		all = append(all, one)
	default:
		return []fault{{what: err.Error(), fatal: true}}
	}
	keys := map[position]string{}
	locate(doc, "", keys)
	var out []fault
	for _, e := range all {
		f := fault{line: e.Mark.Line, key: keys[position{e.Mark.Line, e.Mark.Column}]}
		f.what, f.fatal = plain(e.Message)
		out = append(out, f)
	}
	slices.SortStableFunc(out, func(a, b fault) int { return cmp.Compare(a.line, b.line) })
	return out
}

// position is a line and a column of the text, both from 1.
type position struct{ line, column int }

// locate notes the key path of every key and value below n.
func locate(n *yaml.Node, path string, keys map[position]string) {
	if path != "" {
		keys[position{n.Line, n.Column}] = path
	}
	switch n.Kind {
	case yaml.DocumentNode:
		for _, child := range n.Content {
			locate(child, path, keys)
		}
	case yaml.SequenceNode:
		for i, child := range n.Content {
			locate(child, path+"["+strconv.Itoa(i)+"]", keys)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			sub := strings.TrimPrefix(path+"."+n.Content[i].Value, ".")
			keys[position{n.Content[i].Line, n.Content[i].Column}] = sub
			locate(n.Content[i+1], sub, keys)
		}
	}
}

var (
	unknownField = regexp.MustCompile(`^field .* not found in type`)
	duplicateKey = regexp.MustCompile(`^mapping key .* already defined at line ([0-9]+)`)
	wrongKind    = regexp.MustCompile("(?s)^cannot construct !!([a-z]+)( `(.*)`)? into (.*)$")
	badAddress   = regexp.MustCompile(`^ParseAddr\(("(?:[^"\\]|\\.)*")\)`)
	badPrefix    = regexp.MustCompile(`^netip\.ParsePrefix\(("(?:[^"\\]|\\.)*")\)`)
)

// plain says a decoder's message in the words of this file's reader, and
// whether the mapping it is about was given up.
func plain(message string) (string, bool) {
	if unknownField.MatchString(message) {
		return "unknown key", false
	}
	if m := duplicateKey.FindStringSubmatch(message); m != nil {
		return "given twice, first in line " + m[1], true
	}
	if m := badAddress.FindStringSubmatch(message); m != nil {
		return "must be an IP address, got " + m[1], false
	}
	if m := badPrefix.FindStringSubmatch(message); m != nil {
		return "must be a prefix such as 10.0.0.0/8, got " + m[1], false
	}
	m := wrongKind.FindStringSubmatch(message)
	if m == nil {
		return message, false
	}
	got := map[string]string{"seq": "a list", "map": "a mapping"}[m[1]]
	if got == "" {
		got = strconv.Quote(m[3])
	}
	return fmt.Sprintf("must be %s, got %s", kind(m[4]), got), false
}

// kind names a Go type of Config's fields for a reader of YAML.
func kind(goType string) string {
	switch {
	case goType == "int":
		return "a whole number"
	case goType == "bool":
		return "true or false"
	case strings.HasPrefix(goType, "[]"):
		return "a list"
	case strings.HasPrefix(goType, "struct"), goType == "configs.Config", goType == "configs.NameServer":
		return "a mapping of keys"
	}
	return "one value"
}

// joinFaults joins the mistakes of the text and those of the values, less the
// latter that only follow from the former.
func joinFaults(faults []fault, problems []problem) error {
	var errs []error
	fatal := false
	for _, f := range faults {
		at := strings.TrimSuffix(fmt.Sprintf("line %d: %s", f.line, f.key), ": ")
		errs = append(errs, fmt.Errorf("%s: %s", at, f.what))
		fatal = fatal || f.fatal || f.key == ""
	}
	if fatal {
		return errors.Join(errs...)
	}
	for _, p := range problems {
		follows := func(f fault) bool { return p.key == f.key || below(p.key, f.key) || below(f.key, p.key) }
		if !slices.ContainsFunc(faults, follows) {
			errs = append(errs, p)
		}
	}
	return errors.Join(errs...)
}

// below reports whether key lies below the path above.
func below(key, above string) bool {
	return strings.HasPrefix(key, above+".") || strings.HasPrefix(key, above+"[")
}
