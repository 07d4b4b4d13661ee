package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseDocument(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", " \n", "{}", `{"a":null,"b":[{"c":1.5e3}],"d":true,"é":"\u00e9"}`} {
		if v, err := parseDocument([]byte(body)); err != nil || v.kind != kindStructure {
			t.Errorf("%q: %v", body, err)
		}
	}
	deep := func(n int) string { return `{"a":` + strings.Repeat("[", n) + strings.Repeat("]", n) + "}" }
	if _, err := parseDocument([]byte(deep(maxDepth - 1))); err != nil {
		t.Errorf("as deep as allowed: %v", err)
	}
	for name, body := range map[string]string{
		"truncated":       `{"a":1`,
		"bare word":       `{"a":x}`,
		"list":            `[]`,
		"null":            `null`,
		"number":          `1`,
		"text":            `"a"`,
		"two objects":     `{}{}`,
		"junk after":      `{} x`,
		"comma":           `{"a":1,}`,
		"no comma":        `{"a":1 "b":2}`,
		"name is no text": `{1:2}`,
		"duplicate":       `{"a":1,"a":1}`,
		"duplicate below": `{"x":[{"a":1,"\u0061":2}]}`,
		"bad utf-8":       "{\"a\":\"\xff\"}",
		"too deep":        deep(maxDepth),
		"far too deep":    `{"a":` + strings.Repeat(`{"a":`, 100000),
		"too many":        `{"a":[` + strings.Repeat("1,", maxValues) + "1]}",
		"control":         "{\"a\":\"\x01\"}",
	} {
		_, err := parseDocument([]byte(body))
		var f *fault
		if !errors.As(err, &f) || f.code != codeSerialization {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMembersAreCaseSensitiveAndNullIsAbsent(t *testing.T) {
	t.Parallel()
	v, err := parseDocument([]byte(`{"name":"x","Name":null,"Count":7,"Texts":["a","b"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if v.child("Name") != nil || v.textOf("name") != "x" || v.textOf("NAME") != "" {
		t.Error("Name is not absent")
	}
	if v.intOf("Count", 1) != 7 || v.intOf("None", 3) != 3 || fmt.Sprint(v.textsOf("Texts")) != "[a b]" || v.child("None").textOf("x") != "" {
		t.Error("members are not read")
	}
}

// FuzzDecode: any body gives an answer in AWS's form, and what we take, the
// standard decoder takes too.
func FuzzDecode(f *testing.F) {
	for _, c := range wireCases {
		f.Add([]byte(c.body))
	}
	f.Add([]byte(`{"a":{"b":[null,1,"x",true]}}`))
	f.Add([]byte(`{"MaxItems":1e99,"Includes":[]}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		v, err := parseDocument(body)
		var fl *fault
		if err != nil {
			if !errors.As(err, &fl) || fl.code != codeSerialization {
				t.Fatalf("%v", err)
			}
			return
		}
		if len(strings.TrimSpace(string(body))) > 0 && !json.Valid(body) {
			t.Fatalf("took %q", body)
		}
		for name, op := range operations {
			err := checkInput(v, op.input)
			if err == nil {
				continue
			}
			if !errors.As(err, &fl) || (fl.code != codeSerialization && fl.code != codeValidation) || !utf8.ValidString(fl.message) {
				t.Fatalf("%s: %v", name, err)
			}
			if len(fl.message) > 2*maxViolations*maxEcho {
				t.Fatalf("%s: a message of %d bytes", name, len(fl.message))
			}
		}
	})
}
