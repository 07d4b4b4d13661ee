// Package systemd holds the unit and its companions; there is nothing to import.
package systemd

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// maxExposure is what `systemd-analyze security` may give the unit, of 10.
const maxExposure = 2.0

// tool finds a program or skips the test by the program's name.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("%s is not installed", name)
	}
	return path
}

// output runs a program and returns what it printed.
func output(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// installed copies the unit, with a program that exists for acmd's, which
// verify would miss.
func installed(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("acmd.service")
	if err != nil {
		t.Fatal(err)
	}
	stand, err := exec.LookPath("true")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "acmd.service")
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/usr/bin/acmd", stand)), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnitVerifies(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	if out := output(t, analyze, "verify", "--man=no", installed(t)); strings.TrimSpace(out) != "" {
		t.Error(out)
	}
}

func TestExposure(t *testing.T) {
	t.Parallel()
	analyze := tool(t, "systemd-analyze")
	out := output(t, analyze, "security", "--offline=true", "--no-pager", installed(t))
	m := regexp.MustCompile(`Overall exposure level for acmd.service: ([0-9.]+)`).FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no verdict in\n%s", out)
	}
	level, err := strconv.ParseFloat(m[1], 64)
	if err != nil || level > maxExposure {
		t.Errorf("exposure %s, want at most %.1f\n%s", m[1], maxExposure, out)
	}
}

// settings reads the unit: every value of every key of [Service].
func settings(t *testing.T) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("acmd.service")
	if err != nil {
		t.Fatal(err)
	}
	_, service, ok := strings.Cut(string(text), "[Service]\n")
	if !ok {
		t.Fatal("no [Service]")
	}
	out := map[string][]string{}
	for line := range strings.Lines(service) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "#") {
			continue
		}
		if key, value, ok := strings.Cut(line, "="); ok {
			out[key] = append(out[key], value)
		}
	}
	return out
}

// TestUnitSays: what the design fixes. The unit starts the daemon and nothing
// that could make state (design decision 13).
func TestUnitSays(t *testing.T) {
	t.Parallel()
	s := settings(t)
	for key, want := range map[string][]string{
		"Type":                    {"notify"},
		"ExecStart":               {"/usr/bin/acmd serve --config /etc/acmd/acmd.yaml"},
		"ExecStartPre":            nil,
		"ExecStartPost":           nil,
		"User":                    {"acmd"},
		"StateDirectory":          {"acmd"},
		"AmbientCapabilities":     {"CAP_NET_BIND_SERVICE"},
		"CapabilityBoundingSet":   {"CAP_NET_BIND_SERVICE"},
		"NoNewPrivileges":         {"yes"},
		"ProtectSystem":           {"strict"},
		"MemoryDenyWriteExecute":  {"yes"},
		"LimitCORE":               {"0"},
		"LoadCredentialEncrypted": {"master.key:/etc/acmd/master.key.cred"},
		"Environment":             nil,
		"EnvironmentFile":         nil,
	} {
		if !slices.Equal(s[key], want) {
			t.Errorf("%s is %q, want %q", key, s[key], want)
		}
	}
}

// TestExampleNamesTheCredential: the example configuration and the unit agree.
func TestExampleNamesTheCredential(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../configs/acmd.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	name, _, _ := strings.Cut(settings(t)["LoadCredentialEncrypted"][0], ":")
	if want := "\n  master: credential:" + name + "\n"; !strings.Contains(string(text), want) {
		t.Errorf("the example lacks %q", want)
	}
}

// TestSysusersAndTmpfiles makes user and folders below a root of its own.
func TestSysusersAndTmpfiles(t *testing.T) {
	t.Parallel()
	sysusers, tmpfiles := tool(t, "systemd-sysusers"), tool(t, "systemd-tmpfiles")
	if os.Geteuid() != 0 {
		t.Skip("needs root to give files to a user")
	}
	root := t.TempDir()
	for from, to := range map[string]string{"sysusers.d/acmd.conf": "etc/sysusers.d", "tmpfiles.d/acmd.conf": "etc/tmpfiles.d"} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(root, to), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, to, "acmd.conf"), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	output(t, sysusers, "--root="+root, "acmd.conf")
	passwd, err := os.ReadFile(filepath.Join(root, "etc/passwd"))
	if err != nil || !regexp.MustCompile(`(?m)^acmd:x:[0-9]+:[0-9]+:[^:]*:/var/lib/acmd:\S*nologin$`).Match(passwd) {
		t.Errorf("%v\n%s", err, passwd)
	}
	output(t, tmpfiles, "--root="+root, "--create", "acmd.conf")
	for dir, want := range map[string]os.FileMode{"etc/acmd": 0o750, "var/lib/acmd": 0o700} {
		if info, err := os.Stat(filepath.Join(root, dir)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
}
