package keyring

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// masterFile writes a file with exactly that mode, whatever the umask.
func masterFile(t *testing.T, dir string, content []byte, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, "master")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestNewMaster(t *testing.T) {
	t.Parallel()
	a, err := NewMaster(rand.Reader)
	if err != nil || len(a) != MasterSize {
		t.Fatalf("got %d octets, %v", len(a), err)
	}
	b, err := NewMaster(rand.Reader)
	if err != nil || bytes.Equal(a, b) {
		t.Errorf("two master keys are the same, or %v", err)
	}
	if _, err := NewMaster(strings.NewReader("too short")); err == nil {
		t.Error("a source that ran dry gave a key")
	}
}

func TestReadMasterForms(t *testing.T) {
	t.Parallel()
	key := []byte("0123456789abcdef\n\r\x00\xff~~~~~~~~~~~\n")
	if len(key) != MasterSize {
		t.Fatalf("test key has %d octets", len(key))
	}
	std := base64.StdEncoding.EncodeToString(key)
	good := map[string]string{
		"raw":             string(key),
		"hex":             hex.EncodeToString(key),
		"hex, line end":   hex.EncodeToString(key) + "\n",
		"hex, CRLF":       hex.EncodeToString(key) + "\r\n",
		"HEX":             strings.ToUpper(hex.EncodeToString(key)),
		"base64":          std,
		"base64, newline": std + "\n",
	}
	for name, content := range good {
		got, err := ReadMaster(masterFile(t, t.TempDir(), []byte(content), 0o600))
		if err != nil || !bytes.Equal(got, key) {
			t.Errorf("%s: got %d octets, %v", name, len(got), err)
		}
	}
	bad := map[string]string{
		"empty":        "",
		"31 raw":       string(key[:31]),
		"33 raw":       string(key) + "\n",
		"63 digits":    hex.EncodeToString(key)[:63],
		"not hex":      strings.Repeat("zq", 32),
		"not base64":   strings.Repeat("!", 44),
		"33 in base64": base64.StdEncoding.EncodeToString(append(bytes.Clone(key), 1)),
		"two lines":    std + "\n\n",
		"long":         strings.Repeat("ab", 500),
	}
	for name, content := range bad {
		_, err := ReadMaster(masterFile(t, t.TempDir(), []byte(content), 0o600))
		if err == nil {
			t.Errorf("%s: was read", name)
		} else if len(content) > 0 && strings.Contains(err.Error(), strings.TrimSpace(content)[:8]) {
			t.Errorf("%s: error shows the content: %v", name, err)
		}
	}
}

func TestReadMasterModes(t *testing.T) {
	t.Parallel()
	key := bytes.Repeat([]byte{1}, MasterSize)
	for mode, ok := range map[os.FileMode]bool{
		0o600: true, 0o400: true, 0o700: true,
		0o640: false, 0o604: false, 0o440: false, 0o644: false, 0o620: false, 0o601: false,
	} {
		if _, err := ReadMaster(masterFile(t, t.TempDir(), key, mode)); (err == nil) != ok {
			t.Errorf("mode %04o: %v", mode, err)
		}
	}
	if _, err := ReadMaster(t.TempDir()); err == nil {
		t.Error("a folder was read")
	}
	if _, err := ReadMaster(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

// Not parallel: it sets the environment.
func TestReadMasterFromCredentials(t *testing.T) {
	key := bytes.Repeat([]byte{1}, MasterSize)
	dir := t.TempDir()
	path := masterFile(t, dir, key, 0o440)
	if _, err := ReadMaster(path); err == nil {
		t.Error("mode 0440 was read with no credentials directory")
	}
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	if got, err := ReadMaster(path); err != nil || !bytes.Equal(got, key) {
		t.Errorf("a credential of mode 0440 gives %v", err)
	}
	if _, err := ReadMaster(masterFile(t, t.TempDir(), key, 0o440)); err == nil {
		t.Error("mode 0440 was read outside of the credentials directory")
	}
}

func TestIsCredential(t *testing.T) {
	t.Parallel()
	cases := []struct {
		path, dir string
		want      bool
	}{
		{"/run/credentials/acmd.service/master", "/run/credentials/acmd.service", true},
		{"/run/credentials/acmd.service/master", "/run/credentials/acmd.service/", true},
		{"/run/credentials/acmd.service/../other/master", "/run/credentials/acmd.service", false},
		{"/run/credentials/acmd.service2/master", "/run/credentials/acmd.service", false},
		{"/run/credentials/acmd.service", "/run/credentials/acmd.service", false},
		{"/etc/master", "", false},
		{"/etc/master", "etc", false},
		{"master", "/etc", false},
	}
	for _, c := range cases {
		if got := isCredential(c.path, c.dir); got != c.want {
			t.Errorf("isCredential(%q, %q) = %v", c.path, c.dir, got)
		}
	}
}
