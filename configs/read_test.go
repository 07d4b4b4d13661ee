package configs

import (
	"errors"
	"io/fs"
	"strings"
	"testing"
	"testing/iotest"
)

func TestLoadMissingFile(t *testing.T) {
	t.Parallel()
	if _, err := Load("testdata/none.yml"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestReadBounds(t *testing.T) {
	t.Parallel()
	if _, err := Read(strings.NewReader(strings.Repeat("# ", maxSize))); err == nil || !strings.Contains(err.Error(), "more than 1048576 octets") {
		t.Error(err)
	}
	fault := errors.New("broken disk")
	if _, err := Read(iotest.ErrReader(fault)); !errors.Is(err, fault) {
		t.Error(err)
	}
}

// TestAllMistakesAtOnce: mistakes of the text and of the values come together,
// and no mistake is told twice.
func TestAllMistakesAtOnce(t *testing.T) {
	t.Parallel()
	_, err := Load("testdata/invalid-many.yml")
	if err == nil {
		t.Fatal("loads")
	}
	for _, want := range []string{"line 3: regoin: unknown key", "line 5: limits.certificates: must be a whole number",
		"limits.names_per_certificate: must be 1 to 100", "state_dir: must be an absolute path", "dns.zone: must be a domain name"} {
		if strings.Count(err.Error(), want) != 1 {
			t.Errorf("%q occurs %d times in\n%v", want, strings.Count(err.Error(), want), err)
		}
	}
	if strings.Count(err.Error(), "api.skew") != 1 {
		t.Errorf("api.skew is told twice:\n%v", err)
	}
}

// FuzzRead: whatever the file, Read ends, and what it accepts is valid.
func FuzzRead(f *testing.F) {
	f.Add(Example)
	f.Add("a: &a [*a]\n")
	f.Add("dns: {name_servers: [{host: a.b, addresses: [::1%eth0]}]}\n<<: {region: x}\n")
	f.Add("? [dns]\n: x\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Read(strings.NewReader(text))
		if err != nil {
			if err.Error() == "" {
				t.Error("an error without words")
			}
			return
		}
		if err := c.Validate(); err != nil {
			t.Errorf("accepted, and yet: %v", err)
		}
	})
}
