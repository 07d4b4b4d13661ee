package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"
)

// maxDepth bounds the nesting of a request; the deepest input of the model has
// less than half of it, and members that we do not know count too.
const maxDepth = 32

// maxValues bounds how many values a request holds, since each takes many times
// the memory of its shortest JSON; the largest useful input has under a thousand.
const maxValues = 10000

// kind is a JSON type.
type kind uint8

const (
	kindNull kind = iota
	kindText
	kindNumber
	kindBoolean
	kindList
	kindStructure
)

// value is one decoded JSON value. Constraints are checked on it, which is why
// requests are not decoded into structs: null, absent and wrongly typed members
// must be told apart, and names are case-sensitive.
type value struct {
	kind    kind
	text    string // of a text, a number ("12") or a boolean ("true")
	items   []value
	members []member
}

type member struct {
	name  string
	value value
}

// child is the member of that name; nil if it is absent or null.
func (v *value) child(name string) *value {
	if v == nil {
		return nil
	}
	for i := range v.members {
		if m := &v.members[i]; m.name == name && m.value.kind != kindNull {
			return &m.value
		}
	}
	return nil
}

// textOf is the text of a member; "" if it is absent.
func (v *value) textOf(name string) string {
	if c := v.child(name); c != nil {
		return c.text
	}
	return ""
}

// textsOf are the texts of a list member; nil if it is absent.
func (v *value) textsOf(name string) []string {
	c := v.child(name)
	if c == nil {
		return nil
	}
	out := make([]string, len(c.items))
	for i, item := range c.items {
		out[i] = item.text
	}
	return out
}

// itemsOf are the items of a list member; nil if it is absent.
func (v *value) itemsOf(name string) []value {
	if c := v.child(name); c != nil {
		return c.items
	}
	return nil
}

// intOf is an integer member that the constraints have passed; def if it is absent.
func (v *value) intOf(name string, def int) int {
	c := v.child(name)
	if c == nil {
		return def
	}
	n, err := strconv.Atoi(c.text)
	if err != nil {
		return def
	}
	return n
}

// parseDocument decodes a request body: one JSON object in UTF-8, no member
// twice, nested at most maxDepth deep. An empty body is an empty object
// (standards 6.2). Everything else is a SerializationException.
func parseDocument(body []byte) (*value, error) {
	if len(bytes.TrimSpace(body)) == 0 {
		return &value{kind: kindStructure}, nil
	}
	if !utf8.Valid(body) {
		return nil, clientFault(codeSerialization, "The request body is not valid UTF-8.")
	}
	p := &parser{dec: json.NewDecoder(bytes.NewReader(body))}
	p.dec.UseNumber()
	v, err := p.value(0)
	if err == nil {
		err = p.end()
	}
	var f *fault
	switch {
	case errors.As(err, &f):
		return nil, f
	case err != nil:
		return nil, clientFault(codeSerialization, "The request body is not valid JSON.")
	case v.kind != kindStructure:
		return nil, clientFault(codeSerialization, "The request body must be a JSON object.")
	}
	return &v, nil
}

// parser builds values from a token stream; encoding/json's own decoding would
// take the last of two equal members without a word.
type parser struct {
	dec    *json.Decoder
	values int
}

func (p *parser) value(depth int) (value, error) {
	t, err := p.dec.Token()
	if err != nil {
		return value{}, err
	}
	if p.values++; p.values > maxValues {
		return value{}, clientFault(codeSerialization, fmt.Sprintf("The request body holds more than %d values.", maxValues))
	}
	if _, nested := t.(json.Delim); nested && depth >= maxDepth {
		return value{}, clientFault(codeSerialization, fmt.Sprintf("The request body is nested more than %d deep.", maxDepth))
	}
	switch t := t.(type) {
	case string:
		return value{kind: kindText, text: t}, nil
	case json.Number:
		return value{kind: kindNumber, text: t.String()}, nil
	case bool:
		return value{kind: kindBoolean, text: strconv.FormatBool(t)}, nil
	case json.Delim:
		if t == '[' {
			return p.list(depth)
		}
		return p.structure(depth)
	}
	return value{kind: kindNull}, nil
}

func (p *parser) list(depth int) (value, error) {
	v := value{kind: kindList}
	for p.dec.More() {
		item, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.items = append(v.items, item)
	}
	_, err := p.dec.Token()
	return v, err
}

func (p *parser) structure(depth int) (value, error) {
	v := value{kind: kindStructure}
	seen := map[string]struct{}{}
	for p.dec.More() {
		t, err := p.dec.Token()
		if err != nil {
			return value{}, err
		}
		name, ok := t.(string)
		if !ok {
			return value{}, errors.New("a member's name is not a string")
		}
		if _, twice := seen[name]; twice {
			return value{}, clientFault(codeSerialization, fmt.Sprintf("The member '%s' stands in one object twice.", clip(name)))
		}
		seen[name] = struct{}{}
		item, err := p.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		v.members = append(v.members, member{name, item})
	}
	_, err := p.dec.Token()
	return v, err
}

// end checks that nothing but space follows.
func (p *parser) end() error {
	if _, err := p.dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("data after the object")
	}
	return nil
}
