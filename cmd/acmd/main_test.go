package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/spf13/cobra"
)

// TestMain lets this test binary be acmd: whatever starts "acmd" below starts
// the real main, race detector included.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"acmd": main})
}

// TestScripts runs testdata/script: what every command prints and how it ends.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               func(e *testscript.Env) error { e.Setenv("GORACE", quickRace); return nil },
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "mode": mode, "expand": expand},
	})
}

// exits runs a command and compares its exit code: exits 2 acmd frobnicate.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE COMMAND [ARGUMENT...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// mode compares a file's permissions: mode 600 FILE.
func mode(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode OCTAL FILE")
	}
	info, err := os.Stat(ts.MkAbs(args[1]))
	ts.Check(err)
	if got := strconv.FormatUint(uint64(info.Mode().Perm()), 8); got != args[0] {
		ts.Fatalf("%s has mode %s, want %s", args[1], got, args[0])
	}
}

// expand replaces $WORK in a file by the script's folder: expand FILE.
func expand(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: expand FILE")
	}
	text := strings.ReplaceAll(ts.ReadFile(args[0]), "$WORK", ts.Getenv("WORK"))
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// TestEveryCommandExplainsItself: --help with examples that name the command,
// everywhere (design, fixed interfaces).
func TestEveryCommandExplainsItself(t *testing.T) {
	t.Parallel()
	seen := 0
	var walk func(c *cobra.Command)
	walk = func(c *cobra.Command) {
		seen++
		if c.Short == "" || c.RunE == nil || c.Args == nil {
			t.Errorf("%s: short description %q, runs %t, checks its arguments %t", c.CommandPath(), c.Short, c.RunE != nil, c.Args != nil)
		}
		if !strings.Contains(c.Example, c.CommandPath()) {
			t.Errorf("%s: its examples do not show it: %q", c.CommandPath(), c.Example)
		}
		for _, sub := range c.Commands() {
			walk(sub)
		}
		var out, errs bytes.Buffer
		args := append(strings.Fields(c.CommandPath())[1:], "--help")
		if code := run(t.Context(), args, &out, &errs); code != exitOK || errs.Len() > 0 {
			t.Errorf("%s --help: exit code %d, %s", c.CommandPath(), code, &errs)
		}
		if !strings.Contains(out.String(), "Examples:\n"+c.Example) || !strings.Contains(out.String(), "Usage:\n  "+c.CommandPath()) {
			t.Errorf("%s --help lacks usage or examples:\n%s", c.CommandPath(), &out)
		}
	}
	walk(newRoot())
	if seen < 18 {
		t.Errorf("only %d commands", seen)
	}
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// patience bounds every single command; on a busy machine moving the clock by
// days takes its time.
const patience = 3 * time.Minute

// acmd runs a command to its end.
func acmd(t *testing.T, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	c := exec.CommandContext(ctx, "acmd", args...)
	c.Env, c.Stdout, c.Stderr = environment(), &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("acmd %s: %v", strings.Join(args, " "), err)
	}
	if ctx.Err() != nil {
		t.Fatalf("acmd %s: no end after %s", strings.Join(args, " "), patience)
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must is acmd for a command that has to succeed; it returns what it printed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	got := acmd(t, args...)
	if got.code != exitOK {
		t.Fatalf("acmd %s: exit code %d\n%s", strings.Join(args, " "), got.code, got.stderr)
	}
	return got.stdout
}

// quickRace ends a command at its first data race, and without the second that
// the race detector otherwise waits at every exit.
const quickRace = "atexit_sleep_ms=0 halt_on_error=1"

// environment is what commands get of ours: nothing that would change what they do.
func environment(more ...string) []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "TZ=UTC", "GORACE=" + quickRace}
	for _, k := range []string{"GOCOVERDIR", "TMPDIR", "HOME"} {
		if v, ok := os.LookupEnv(k); ok {
			env = append(env, k+"="+v)
		}
	}
	return append(env, more...)
}

// eventually looks until ok, and fails the test if that takes too long.
func eventually(t *testing.T, within time.Duration, what string, ok func() bool) {
	t.Helper()
	deadline, tick := time.After(within), time.NewTicker(20*time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-deadline:
			t.Fatalf("not within %s: %s", within, what)
		case <-tick.C:
		}
	}
}

// fatal ends the test on an error.
func fatal(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// shortDir is a folder whose path leaves room for a unix socket's name.
func shortDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if len(filepath.Join(dir, "control.sock")) < 104 {
		return dir
	}
	dir, err := os.MkdirTemp("/tmp", "acmd")
	fatal(t, err)
	t.Cleanup(func() { fatal(t, os.RemoveAll(dir)) })
	return dir
}
