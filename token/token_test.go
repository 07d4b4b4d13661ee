package token

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

const zone = "validations.example.net"

// begin is the start of a period, so that tests can step from it.
var begin = periodStart(1472)

// fixedKeys are keys that the golden vectors hang on: never change them.
func fixedKeys() Keys {
	key := func(first byte) []byte {
		k := make([]byte, keyLen)
		for i := range k {
			k[i] = first + byte(i)
		}
		return k
	}
	return Keys{Naming: key(0), Values: []ValueKey{
		{Version: 1, From: begin, Key: key(64)},
		{Version: 2, From: begin.Add(5*Period + time.Hour), Key: key(128)},
	}}
}

func newDeriver(t testing.TB, zone string, keys Keys) *Deriver {
	t.Helper()
	d, err := New(zone, keys)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A change of one of these breaks the CNAME of every customer. They were
// computed apart from this package, from the description of the derivation.
func TestRecordGolden(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	tests := []struct {
		account, name string
		want          Record
	}{
		{"111122223333", "example.com", Record{
			"_1f66b8adcabb3dc57f80c6b6f787341e.example.com.",
			"1a1b53ae57584b7d645e3d9472bb7000",
			"_1a1b53ae57584b7d645e3d9472bb7000.validations.example.net.",
		}},
		{"111122223333", "*.example.com", Record{
			"_1f66b8adcabb3dc57f80c6b6f787341e.example.com.",
			"1a1b53ae57584b7d645e3d9472bb7000",
			"_1a1b53ae57584b7d645e3d9472bb7000.validations.example.net.",
		}},
		{"444455556666", "example.com", Record{
			"_3a24cf048fde747155aeab0d3518b954.example.com.",
			"701bf6760ddbbde10dfa74392dc6029c",
			"_701bf6760ddbbde10dfa74392dc6029c.validations.example.net.",
		}},
		{"111122223333", "www.xn--bcher-kva.example", Record{
			"_6f95ccf8adfb7a1a1320525b20c762f1.www.xn--bcher-kva.example.",
			"ced614085c0df2b1325516c7200a8916",
			"_ced614085c0df2b1325516c7200a8916.validations.example.net.",
		}},
	}
	for _, tt := range tests {
		if got := d.Record(tt.account, tt.name); got != tt.want {
			t.Errorf("Record(%s, %s) = %#v, want %#v", tt.account, tt.name, got, tt.want)
		}
	}
}

func TestValueGolden(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	label := d.Record("111122223333", "example.com").Label
	tests := []struct {
		after time.Duration
		want  string
	}{
		{0, "8VBdMPqVHP6g9E7kmZGESwiHVuoRcxh5IOiF8Q82XpA"},
		{Period, "H4iPzUvWA6eBUC0Pik9cwY_t31QyoDN8bDvS3nnLnn8"},
		{5 * Period, "seGeji-CjQgYl0PMFHP_83hwOGJzchH0UsmEkkfwztE"},
		{5*Period + time.Hour, "7g7YJNtkzh33YwvKIX8UXu0_FXNkIdGbeOxF9ayz1nc"},
	}
	for _, tt := range tests {
		if got := d.Value(label, begin.Add(tt.after)); got != tt.want {
			t.Errorf("Value after %v = %s, want %s", tt.after, got, tt.want)
		}
	}
}

func TestRecordShape(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, "Validations.Example.NET.", fixedKeys())
	if d.Zone() != zone+"." {
		t.Fatalf("Zone() = %s", d.Zone())
	}
	r := d.Record("111122223333", "*.example.com")
	own, rest, _ := strings.Cut(r.Name, ".")
	if rest != "example.com." || len(own) != 33 || own[0] != '_' || strings.Trim(own[1:], "0123456789abcdef") != "" {
		t.Errorf("Name = %s", r.Name)
	}
	if r.Target != "_"+r.Label+"."+zone+"." || len(r.Label) != 32 || strings.Trim(r.Label, "0123456789abcdef") != "" {
		t.Errorf("Label = %s, Target = %s", r.Label, r.Target)
	}
	if own[1:] == r.Label {
		t.Error("record name and target label are the same")
	}
}

// Standards 1.16: one target per account and name, the same at every request.
func TestRecordIdentity(t *testing.T) {
	t.Parallel()
	rotated := fixedKeys()
	rotated.Values = append(rotated.Values, ValueKey{3, begin.Add(9 * Period), bytes.Repeat([]byte{9}, keyLen)})
	other := fixedKeys()
	other.Naming = bytes.Repeat([]byte{7}, keyLen)

	base := newDeriver(t, zone, fixedKeys()).Record("111122223333", "example.com")
	tests := []struct {
		what          string
		keys          Keys
		account, name string
		same          bool
	}{
		{"asked again", fixedKeys(), "111122223333", "example.com", true},
		{"wildcard", fixedKeys(), "111122223333", "*.example.com", true},
		{"other case", fixedKeys(), "111122223333", "Example.COM", true},
		{"final dot", fixedKeys(), "111122223333", "example.com.", true},
		{"rotated value key", rotated, "111122223333", "example.com", true},
		{"other account", fixedKeys(), "111122223334", "example.com", false},
		{"other name", fixedKeys(), "111122223333", "example.org", false},
		{"sub-domain", fixedKeys(), "111122223333", "www.example.com", false},
		{"border moved", fixedKeys(), "11112222333", "3example.com", false},
		{"other zone's keys", other, "111122223333", "example.com", false},
	}
	for _, tt := range tests {
		r := newDeriver(t, zone, tt.keys).Record(tt.account, tt.name)
		if (r.Label == base.Label) != tt.same || (strings.HasPrefix(r.Name, base.Name[:33]) != tt.same) || (r.Target == base.Target) != tt.same {
			t.Errorf("%s: %v beside %v, want same = %v", tt.what, r, base, tt.same)
		}
	}
}

func TestRecognise(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	l := d.Record("111122223333", "example.com").Label
	other := fixedKeys()
	other.Naming = bytes.Repeat([]byte{7}, keyLen)
	flip := func(i int) string {
		b := []byte(l)
		if b[i]++; b[i] == '9'+1 || b[i] == 'f'+1 {
			b[i] = '0'
		}
		return string(b)
	}
	tests := []struct {
		what, label string
		ok          bool
	}{
		{"bare", l, true},
		{"underscore", "_" + l, true},
		{"upper case", strings.ToUpper(l), true},
		{"underscore, upper case", "_" + strings.ToUpper(l), true},
		{"two underscores", "__" + l, false},
		{"underscore behind", l + "_", false},
		{"cut", l[:31], false},
		{"longer", l + "0", false},
		{"empty", "", false},
		{"not hex", "g" + l[1:], false},
		{"forged id", flip(0), false},
		{"forged end of id", flip(19), false},
		{"forged tag", flip(20), false},
		{"forged end of tag", flip(31), false},
		{"zeros", strings.Repeat("0", 32), false},
		{"another zone's", newDeriver(t, zone, other).Record("111122223333", "example.com").Label, false},
		{"record name", d.Record("111122223333", "example.com").Name[1:33], false},
	}
	for _, tt := range tests {
		got, ok := d.Recognise(tt.label)
		if want := map[bool]string{true: l}[tt.ok]; ok != tt.ok || got != want {
			t.Errorf("%s: Recognise(%q) = %q, %v", tt.what, tt.label, got, ok)
		}
	}
}

// Every octet in every place: what is not a hex digit is refused, and of the
// digits only the right one passes.
func TestRecogniseEveryOctet(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	l := d.Record("111122223333", "example.com").Label
	for i := range len(l) {
		for c := range 256 {
			b := []byte(l)
			b[i] = byte(c)
			_, ok := d.Recognise(string(b))
			if want := strings.EqualFold(string(b), l); ok != want {
				t.Errorf("octet %#x at %d: ok = %v", c, i, ok)
			}
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	edit := func(f func(*Keys)) Keys { k := fixedKeys(); f(&k); return k }
	tests := []struct {
		what, zone string
		keys       Keys
		want       string
	}{
		{"no zone", "", fixedKeys(), "1 to 219"},
		{"root", ".", fixedKeys(), "1 to 219"},
		{"long zone", strings.Repeat("abcd.", 43) + "abcde", fixedKeys(), "1 to 219"},
		{"empty label", "a..b", fixedKeys(), "label"},
		{"underscore", "_a.b", fixedKeys(), "label"},
		{"hyphen first", "-a.b", fixedKeys(), "label"},
		{"hyphen last", "a-.b", fixedKeys(), "label"},
		{"long label", strings.Repeat("a", 64) + ".b", fixedKeys(), "label"},
		{"not ASCII", "bücher.example", fixedKeys(), "label"},
		{"no naming key", zone, edit(func(k *Keys) { k.Naming = nil }), "naming key has 0"},
		{"no value key", zone, edit(func(k *Keys) { k.Values = nil }), "no value key"},
		{"short value key", zone, edit(func(k *Keys) { k.Values[1].Key = k.Values[1].Key[:31] }), "value key 2 has 31"},
		{"version 0", zone, edit(func(k *Keys) { k.Values[0].Version = 0 }), "below 1"},
		{"version twice", zone, edit(func(k *Keys) { k.Values[1].Version = 1 }), "does not come after"},
		{"times disordered", zone, edit(func(k *Keys) { k.Values[1].From = begin }), "does not come after"},
		{"one key for both", zone, edit(func(k *Keys) { k.Values[0].Key = k.Naming }), "is the naming key"},
	}
	for _, tt := range tests {
		if _, err := New(tt.zone, tt.keys); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want one with %q", tt.what, err, tt.want)
		}
	}
}

func FuzzRecognise(f *testing.F) {
	d := newDeriver(f, zone, fixedKeys())
	l := d.Record("111122223333", "example.com").Label
	for _, s := range []string{l, "_" + strings.ToUpper(l), l[:31] + "g", "", "_", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got, ok := d.Recognise(s)
		if ok && (len(got) != labelLen || !strings.EqualFold(got, strings.TrimPrefix(s, "_")) || got != strings.ToLower(got)) {
			t.Fatalf("Recognise(%q) = %q", s, got)
		}
		if !ok && got != "" {
			t.Fatalf("Recognise(%q) refused and gave %q", s, got)
		}
		// What a name gives is recognised, whatever the name.
		if r := d.Record("111122223333", s); !recognises(d, r) {
			t.Fatalf("the label of %q is not recognised", s)
		}
	})
}

func recognises(d *Deriver, r Record) bool {
	got, ok := d.Recognise("_" + strings.ToUpper(r.Label))
	return ok && got == r.Label
}

// The way of one TXT question through the package. It must stay at one
// allocation: the value itself.
func BenchmarkRecogniseAndValue(b *testing.B) {
	d := newDeriver(b, zone, fixedKeys())
	label := "_" + d.Record("111122223333", "example.com").Label
	b.ReportAllocs()
	for b.Loop() {
		l, ok := d.Recognise(label)
		if !ok || len(d.Value(l, begin)) != 43 {
			b.Fatal("not recognised")
		}
	}
}
