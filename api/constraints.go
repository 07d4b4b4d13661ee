package api

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

const (
	// maxEcho bounds in octets how much of one value an answer repeats.
	maxEcho = 1024
	// maxViolations bounds how many violations one answer lists.
	maxViolations = 100
)

// shape is what the service model says of a value. For texts min and max bound
// the characters, for lists the items, for numbers the value; max 0 is unbounded.
type shape struct {
	kind    kind
	min     int
	max     int
	pattern *pattern
	enum    []string
	member  *shape  // of a list
	fields  []field // of a structure
}

// field is one member of a structure.
type field struct {
	name     string
	shape    *shape
	required bool
}

// pattern is a regular expression as the model writes it, and as Go runs it on
// the whole value.
type pattern struct {
	text string
	re   *regexp.Regexp
}

// checkInput checks a request against its shape before anything else looks at
// it. A wrong JSON type is a SerializationException; everything else is told
// together in one ValidationException, in AWS's wording (wire facts §2).
// Members that the shape does not know are ignored, null is absent.
func checkInput(in *value, s *shape) error {
	var c checker
	if err := c.check("", in, s); err != nil {
		return err
	}
	switch n := len(c.violations); n {
	case 0:
		return nil
	case 1:
		return clientFault(codeValidation, "1 validation error detected: "+c.violations[0])
	default:
		return clientFault(codeValidation, fmt.Sprintf("%d validation errors detected: %s", n, strings.Join(c.violations, "; ")))
	}
}

type checker struct{ violations []string }

func (c *checker) violate(path string, v *value, constraint string) {
	if len(c.violations) >= maxViolations {
		return
	}
	what := "null"
	if v != nil {
		what = "'" + clip(v.String()) + "'"
	}
	c.violations = append(c.violations, fmt.Sprintf("Value %s at '%s' failed to satisfy constraint: %s", what, path, constraint))
}

// check walks one value; the error is a wrong type.
func (c *checker) check(path string, v *value, s *shape) error {
	if v.kind != s.kind {
		return wrongType(v.kind, s.kind)
	}
	switch s.kind {
	case kindText:
		c.text(path, v, s)
	case kindNumber:
		return c.number(path, v, s)
	case kindList:
		return c.list(path, v, s)
	case kindStructure:
		return c.structure(path, v, s)
	}
	return nil
}

func (c *checker) text(path string, v *value, s *shape) {
	c.length(path, v, s, utf8.RuneCountInString(v.text))
	if s.pattern != nil && !s.pattern.re.MatchString(v.text) {
		c.violate(path, v, "Member must satisfy regular expression pattern: "+s.pattern.text)
	}
	if s.enum != nil && !slices.Contains(s.enum, v.text) {
		c.violate(path, v, "Member must satisfy enum value set: ["+strings.Join(s.enum, ", ")+"]")
	}
}

func (c *checker) length(path string, v *value, s *shape, n int) {
	if s.max > 0 && n > s.max {
		c.violate(path, v, fmt.Sprintf("Member must have length less than or equal to %d", s.max))
	}
	if n < s.min {
		c.violate(path, v, fmt.Sprintf("Member must have length greater than or equal to %d", s.min))
	}
}

func (c *checker) number(path string, v *value, s *shape) error {
	// The model's integers have 32 bits.
	n, err := strconv.ParseInt(v.text, 10, 32)
	if err != nil {
		return clientFault(codeSerialization, "NUMBER_VALUE cannot be converted to Integer")
	}
	if s.max > 0 && int(n) > s.max {
		c.violate(path, v, fmt.Sprintf("Member must have value less than or equal to %d", s.max))
	}
	if int(n) < s.min {
		c.violate(path, v, fmt.Sprintf("Member must have value greater than or equal to %d", s.min))
	}
	return nil
}

func (c *checker) list(path string, v *value, s *shape) error {
	c.length(path, v, s, len(v.items))
	for i := range v.items {
		at := path + "." + strconv.Itoa(i+1) + ".member"
		if v.items[i].kind == kindNull {
			c.violate(at, nil, "Member must not be null")
			continue
		}
		if err := c.check(at, &v.items[i], s.member); err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) structure(path string, v *value, s *shape) error {
	for i := range s.fields {
		f := &s.fields[i]
		at := strings.ToLower(f.name[:1]) + f.name[1:]
		if path != "" {
			at = path + "." + at
		}
		m := v.child(f.name)
		if m == nil {
			if f.required {
				c.violate(at, nil, "Member must not be null")
			}
			continue
		}
		if err := c.check(at, m, f.shape); err != nil {
			return err
		}
	}
	return nil
}

// wrongType is what a value of another JSON type than the model's is answered with.
func wrongType(got, want kind) error {
	var text string
	switch {
	case got == kindList:
		text = "Start of list found where not expected"
	case got == kindStructure:
		text = "Start of structure or map found where not expected"
	case want == kindList:
		text = "Expected list or null"
	case want == kindStructure:
		text = "Expected map or null"
	default:
		text = map[kind]string{kindText: "STRING_VALUE", kindNumber: "NUMBER_VALUE", kindBoolean: "BOOLEAN_VALUE"}[got] +
			" cannot be converted to " + map[kind]string{kindText: "String", kindNumber: "Integer", kindBoolean: "Boolean"}[want]
	}
	return clientFault(codeSerialization, text)
}

// String is the value as AWS's messages show it: a text as it is, a list in
// brackets, a structure in braces. It stops soon after maxEcho.
func (v *value) String() string {
	var b strings.Builder
	v.print(&b)
	return b.String()
}

func (v *value) print(b *strings.Builder) {
	if b.Len() > maxEcho {
		return
	}
	switch v.kind {
	case kindNull:
		b.WriteString("null")
	case kindList:
		b.WriteByte('[')
		for i := range v.items {
			if i > 0 {
				b.WriteString(", ")
			}
			v.items[i].print(b)
		}
		b.WriteByte(']')
	case kindStructure:
		b.WriteByte('{')
		for i := range v.members {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(v.members[i].name + "=")
			v.members[i].value.print(b)
		}
		b.WriteByte('}')
	default:
		b.WriteString(v.text)
	}
}
