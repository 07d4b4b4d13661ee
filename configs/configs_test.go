package configs

import (
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v4"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestInvalid: one file per mistake, and the whole text that its author sees.
func TestInvalid(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/invalid-*.yml")
	if err != nil || len(files) < 50 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".yml"), func(t *testing.T) {
			t.Parallel()
			_, err := Load(file)
			if err == nil {
				t.Fatal("loads")
			}
			got := err.Error() + "\n"
			golden := strings.TrimSuffix(file, ".yml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
			if strings.Contains(got, "hunter2") {
				t.Error("the error shows a password")
			}
		})
	}
}

func TestGoodFilesKeepLoading(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/good-*.yml")
	if err != nil || len(files) < 3 {
		t.Fatalf("found %d files: %v", len(files), err)
	}
	for _, file := range append(files, "acmd.example.yaml") {
		if _, err := Load(file); err != nil {
			t.Error(err)
		}
	}
}

func TestDerivedDefaults(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/good-minimal.yml")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Store.DSN = "sqlite:/var/lib/acmd/acmd.db"
	want.Keys.Master = "/etc/acmd/master.key"
	want.CA.CAAIssuers = []string{"v.example.net"}
	want.DNS.Listen = []string{"192.0.2.53:53"}
	want.DNS.Zone = "v.example.net"
	want.DNS.NameServers = []NameServer{{Host: "ns1.example.net"}}
	want.DNS.Hostmaster = "hostmaster@v.example.net"
	want.API.TLS.Names = []string{"acmd.example.net"}
	want.Validator.Resolvers = []string{"127.0.0.1:53"}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
}

func TestGivenValuesStand(t *testing.T) {
	t.Parallel()
	c, err := Load("testdata/good-own-files.yml")
	if err != nil {
		t.Fatal(err)
	}
	got := []any{c.Account, c.HTTP.Listen, c.CA.Validity.String(), c.Store.PasswordFile, c.Validator.RequireDNSSEC,
		c.CA.CAAIssuers, c.DNS.Hostmaster, c.DNS.NameServers[0].Addresses[1].String(), c.Validator.Allow[0].String()}
	want := []any{"012345678901", []string{}, "1d12h", Path("credential:postgres.password"), true,
		[]string{"ca.example.net", "example.net"}, "dns.admin@example.net", "2001:db8::53", "10.0.0.0/8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// switchedOff finds the example's keys that are commented out: # without a space.
var switchedOff = regexp.MustCompile(`(?m)^( *)#([a-z_]+:)`)

// TestExampleHasEveryKey reads the example with its switched-off keys switched
// on: it must still decode, and every key of the struct must occur in it.
func TestExampleHasEveryKey(t *testing.T) {
	t.Parallel()
	text := switchedOff.ReplaceAllString(Example, "$1$2")
	if text == Example {
		t.Fatal("no key is switched off")
	}
	var doc yaml.Node
	if err := yaml.Load([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	c := Default()
	if faults := decode(&doc, &c); len(faults) > 0 {
		t.Fatalf("%+v", faults)
	}
	places := map[position]string{}
	locate(&doc, "", places)
	have := map[string]bool{}
	for _, p := range places {
		have[p] = true
	}
	keys := structKeys(reflect.TypeFor[Config](), "")
	if len(keys) < 40 {
		t.Fatalf("only %d keys: %v", len(keys), keys)
	}
	for _, k := range keys {
		if !have[k] {
			t.Errorf("the example lacks %s", k)
		}
	}
}

// structKeys lists the key paths of a struct, a list of structs by its first item.
func structKeys(typ reflect.Type, path string) []string {
	var out []string
	for i := range typ.NumField() {
		f := typ.Field(i)
		key := strings.TrimPrefix(path+"."+f.Tag.Get("yaml"), ".")
		out = append(out, key)
		switch {
		case f.Type.Kind() == reflect.Struct:
			out = append(out, structKeys(f.Type, key)...)
		case f.Type == reflect.TypeFor[[]NameServer]():
			out = append(out, structKeys(f.Type.Elem(), key+"[0]")...)
		}
	}
	return out
}

// TestExampleShowsDefaults: where the example shows a key that has a default,
// it shows that default. dns.listen is the exception: the default would take
// the resolver's port.
func TestExampleShowsDefaults(t *testing.T) {
	t.Parallel()
	c, err := Read(strings.NewReader(Example))
	if err != nil {
		t.Fatal(err)
	}
	c.DNS.Listen = Default().DNS.Listen
	compareSet(t, "", reflect.ValueOf(Default()), reflect.ValueOf(c))
}

// compareSet compares got to want where want is not zero.
func compareSet(t *testing.T, key string, want, got reflect.Value) {
	t.Helper()
	if want.Kind() == reflect.Struct {
		for i := range want.NumField() {
			compareSet(t, key+"."+want.Type().Field(i).Name, want.Field(i), got.Field(i))
		}
		return
	}
	if !want.IsZero() && !reflect.DeepEqual(want.Interface(), got.Interface()) {
		t.Errorf("%s: the example shows %v, the default is %v", key, got, want)
	}
}

// TestInsecureIsSpelled: what gives up a protection is named insecure_ and off
// by default (style §5).
func TestInsecureIsSpelled(t *testing.T) {
	t.Parallel()
	for _, k := range structKeys(reflect.TypeFor[Config](), "") {
		if !regexp.MustCompile(`^[a-z_.\[\]0]+$`).MatchString(k) {
			t.Errorf("key %q is not lower case with underscores", k)
		}
	}
	d := Default()
	if d.Store.InsecureTransport || d.Metrics.InsecureRemote || d.Validator.InsecureTrustRemoteAD || d.Names.InsecureAllowAny || !d.Validator.RequireDNSSEC {
		t.Errorf("unsafe by default: %+v", d)
	}
}
