package playground_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"acmd/core"
	"acmd/playground"
)

func TestRecordsSurviveARestart(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := open(t, dir, "127.0.0.1:1")
	long := strings.Repeat("x", 300)
	set(t, p, "WWW.Example.com.", "a", "192.0.2.1", "192.0.2.2", "192.0.2.1")
	set(t, p, "www.example.com", "TXT", `plain "text"; with \ all`)
	set(t, p, "long.example.com", "TXT", long)
	set(t, p, "two.example.com", "TXT", `"one" "two"`)
	set(t, p, "_x1.example.com", "CNAME", "_x2.validations.example.net")
	set(t, p, "example.com", "CAA", `0 issue "ca.example"`, `0 issuewild ";"`)
	set(t, p, "example.com", "MX", "10 mail.example.com")
	set(t, p, "gone.example.com", "AAAA", "2001:db8::1")
	if err := p.Delete("GONE.example.com.", "aaaa"); err != nil {
		t.Fatal(err)
	}
	set(t, p, "_x1.example.com", "CNAME", "_x3.validations.example.net.") // replaces
	want := []playground.Record{
		{Name: "_x1.example.com.", Type: "CNAME", Values: []string{"_x3.validations.example.net."}},
		{Name: "example.com.", Type: "CAA", Values: []string{`0 issue "ca.example"`, `0 issuewild ";"`}},
		{Name: "example.com.", Type: "MX", Values: []string{"10 mail.example.com."}},
		{Name: "long.example.com.", Type: "TXT", Values: []string{`"` + long[:255] + `" "` + long[255:] + `"`}},
		{Name: "two.example.com.", Type: "TXT", Values: []string{`"one" "two"`}},
		{Name: "www.example.com.", Type: "A", Values: []string{"192.0.2.1", "192.0.2.2"}},
		{Name: "www.example.com.", Type: "TXT", Values: []string{`"plain \"text\"; with \\ all"`}},
	}
	if d := cmp.Diff(want, p.List()); d != "" {
		t.Errorf("before the restart (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want, open(t, dir, "127.0.0.1:1").List()); d != "" {
		t.Errorf("after the restart (-want +got):\n%s", d)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v (%v), want records.json alone", left, err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	p := open(t, t.TempDir(), "127.0.0.1:1")
	set(t, p, "alias.example.com", "CNAME", "www.example.com")
	set(t, p, "www.example.com", "A", "192.0.2.1")
	set(t, p, "www.example.com", "TXT", "x")
	before := p.List()
	for _, c := range []struct {
		name, typ string
		values    []string
		want      string
	}{
		{"alias.example.com", "A", []string{"192.0.2.1"}, "alias.example.com has a CNAME record, and a name with a CNAME can have no other record: delete the CNAME first."},
		{"www.example.com", "CNAME", []string{"example.org"}, "www.example.com has other records (A, TXT), and a CNAME must be the only record of its name: delete them first."},
		{"example.co.uk", "CNAME", []string{"example.org"}, "example.co.uk is the apex of a zone, which has SOA and NS records, so it cannot have a CNAME."},
		{"_x2.Validations.example.net.", "TXT", []string{"x"}, "_x2.validations.example.net lies within the validation zone validations.example.net, which acmd answers for by itself."},
		{"validations.example.net", "A", []string{"192.0.2.1"}, "validations.example.net lies within the validation zone validations.example.net, which acmd answers for by itself."},
		{"ns1.playground.internal", "A", []string{"192.0.2.1"}, "ns1.playground.internal lies within playground.internal, which is the playground's own."},
		{"www.example.com", "A", []string{"192.0.2.300"}, `The value "192.0.2.300" is not valid in a record of type A: bad A A: "192.0.2.300".`},
		{"www.example.com", "AAAA", []string{"192.0.2.1"}, `The value "192.0.2.1" is not valid in a record of type AAAA: bad AAAA AAAA: "192.0.2.1".`},
		{"b.example.com", "CNAME", []string{"a..b"}, `The value "a..b" is not valid in a record of type CNAME: bad CNAME Target: "a..b".`},
		{"b.example.com", "CNAME", []string{"a b"}, `The value "a b" is not valid in a record of type CNAME: garbage after rdata: "b".`},
		{"b.example.com", "CNAME", []string{"a.example", "b.example"}, "b.example.com can have only one CNAME record."},
		{"b.example.com", "TXT", []string{"x\nc.example.com. 5 IN A 192.0.2.1"}, `The value "x\nc.example.com. 5 IN A 192.0.2.1" is not valid in a record of type TXT: it holds a control character.`},
		{"b.example.com", "TXT", []string{" "}, `The value " " is not valid in a record of type TXT: it is empty.`},
		{"b.example.com", "TXT", nil, "b.example.com TXT needs 1 to 50 values."},
		{"b.example.com", "CAA", []string{"issue ca.example"}, `The value "issue ca.example" is not valid in a record of type CAA: bad CAA Flag: "issue".`},
		{"b.example.com", "SRV", []string{"0 0 1 a"}, `The record type "SRV" is none of A, AAAA, CNAME, TXT, CAA, NS, MX, SOA.`},
		{"b.example.com", "", []string{"x"}, `The record type "" is none of A, AAAA, CNAME, TXT, CAA, NS, MX, SOA.`},
		{"", "A", []string{"192.0.2.1"}, `The name "" is not valid: it must have 1 to 253 characters.`},
		{"a..example.com", "A", []string{"192.0.2.1"}, `The name "a..example.com" is not valid: a label must have 1 to 63 characters.`},
		{"a.*.example.com", "A", []string{"192.0.2.1"}, `The name "a.*.example.com" is not valid: a label may hold letters, digits, hyphens and underscores only; write an internationalised name in its xn-- form.`},
		{"bücher.example", "A", []string{"192.0.2.1"}, `The name "bücher.example" is not valid: a label may hold letters, digits, hyphens and underscores only; write an internationalised name in its xn-- form.`},
	} {
		err := p.Set(c.name, c.typ, c.values...)
		if !errors.Is(err, core.Invalid) || err.Error() != c.want {
			t.Errorf("set %s %s %q:\n got %v\nwant %s", c.name, c.typ, c.values, err, c.want)
		}
	}
	if err := p.Delete("www.example.com", "AAAA"); !errors.Is(err, core.NotFound) || err.Error() != "There is no AAAA record at www.example.com." {
		t.Errorf("delete what is not there: %v", err)
	}
	if d := cmp.Diff(before, p.List()); d != "" {
		t.Errorf("a refusal changed the records:\n%s", d)
	}
}

func TestNewRefusesABadFile(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ file, want string }{
		{`[{"Name":"a.example.com.","Type":"A","Values":["x"]}]`, `"x" is not valid in a record of type A`},
		{`[{"Name":"a.example.com.","Type":"A","Values":["192.0.2.1"],"TTL":1}]`, "unknown field"},
		{`[{"Name":"a.example.com.","Type":"A","Values":["192.0.2.1"]},{"Name":"a.example.com.","Type":"CNAME","Values":["b.example"]}]`, "must be the only record"},
		{`[`, "unexpected EOF"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, "records.json")
		if err := os.WriteFile(path, []byte(c.file), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := playground.New(playground.Config{Dir: dir, Zone: zone, ZoneAddr: "127.0.0.1:53"})
		if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: got %v, want the path and %q", c.file, err, c.want)
		}
	}
	for _, c := range []playground.Config{{Zone: "", ZoneAddr: "127.0.0.1:53"}, {Zone: zone, ZoneAddr: "127.0.0.1"}} {
		if _, err := playground.New(c); err == nil {
			t.Errorf("New(%+v) took it", c)
		}
	}
}

func TestARecordThatCannotBeKeptIsNotServed(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	p := open(t, dir, "127.0.0.1:1")
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	err := p.Set("www.example.com", "A", "192.0.2.1")
	if err == nil || !strings.HasPrefix(err.Error(), "keep playground records: ") {
		t.Errorf("set without a folder: %v", err)
	}
	if l := p.List(); len(l) != 0 {
		t.Errorf("it is served all the same: %v", l)
	}
}
