package main

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"acmd/playground"
)

// capture collects what a process writes, for readers beside it.
type capture struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (c *capture) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.Write(p)
}

func (c *capture) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.buf.String()
}

// process is a running acmd.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr capture
	ended          chan struct{} // closed once it has
	began          time.Time
	killed         bool
}

// start starts acmd. Whatever becomes of the test, the process is gone after
// it, and must neither have raced nor panicked.
func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command("acmd", args...), ended: make(chan struct{}), began: time.Now()}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environment(env...), &p.stdout, &p.stderr
	// The kernel ends it when this process ends, however it does.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	fatal(t, p.cmd.Start())
	go func() { defer close(p.ended); _ = p.cmd.Wait() }() // how it ended is in ProcessState
	t.Cleanup(func() {
		killed := p.killed
		p.kill()
		for _, bad := range []string{"DATA RACE", "panic", "goroutine 1 ["} {
			if strings.Contains(p.stderr.String(), bad) {
				t.Errorf("acmd %s wrote %q", strings.Join(args, " "), bad)
			}
		}
		if t.Failed() && !killed { // of those, others followed
			text := p.stderr.String()
			t.Logf("acmd %s, the end of its log:\n%s", strings.Join(args, " "), text[max(0, len(text)-4000):])
		}
	})
	return p
}

// kill is kill -9; it returns when the process is gone.
func (p *process) kill() {
	p.killed = true
	_ = p.cmd.Process.Kill() // an error says that it has ended
	<-p.ended
}

// signal sends a signal.
func (p *process) signal(t *testing.T, s os.Signal) {
	t.Helper()
	fatal(t, p.cmd.Process.Signal(s))
}

// end waits for the process to end by itself and returns its exit code.
func (p *process) end(t *testing.T, within time.Duration) int {
	t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		t.Fatalf("acmd runs on after %s", within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// stopTime is within how long a stopped daemon must be gone, whatever is under
// way: ten seconds for what is in hand, two for what hangs.
const stopTime = 12 * time.Second

// stop is a clean stop, which must come to exit code 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	p.signal(t, syscall.SIGTERM)
	if code := p.end(t, stopTime+time.Second); code != exitOK {
		t.Fatalf("exit code %d after SIGTERM\n%s", code, p.stderr.String())
	}
}

// until waits until ok; when the process ends before, so does the test.
func (p *process) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	eventually(t, 30*time.Second, what, func() bool {
		select {
		case <-p.ended:
			t.Fatalf("acmd ended before: %s\n%s", what, p.stderr.String())
		default:
		}
		return ok()
	})
}

// devServer is a running acmd dev.
type devServer struct {
	*process
	dir  string
	env  map[string]string // of dev.env
	took time.Duration     // to be ready
}

// startDev runs acmd dev on a state folder until its line `ready`.
func startDev(t *testing.T, dir string, args ...string) *devServer {
	t.Helper()
	d := &devServer{process: start(t, nil, append([]string{"dev", "--state", dir, "--ports", "auto"}, args...)...), dir: dir}
	d.until(t, "acmd dev is ready", func() bool { return strings.Contains(d.stdout.String(), "ready\n") })
	d.took = time.Since(d.began).Round(time.Millisecond)
	d.env = readEnv(t, filepath.Join(dir, "dev.env"))
	return d
}

// readEnv has a shell source the file, and returns what it exports beyond what
// a shell has anyway.
func readEnv(t *testing.T, file string) map[string]string {
	t.Helper()
	c := exec.Command("sh", "-c", `. "$1" && env -0`, "sh", file)
	c.Env = []string{"PATH=" + os.Getenv("PATH")}
	out, err := c.Output()
	fatal(t, err)
	vars := map[string]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		k, v, _ := strings.Cut(line, "=")
		if strings.HasPrefix(k, "AWS_") || strings.HasPrefix(k, "ACMD_") {
			vars[k] = v
		}
	}
	return vars
}

// acmd runs a command about this daemon, which must succeed.
func (d *devServer) acmd(t *testing.T, args ...string) string {
	t.Helper()
	return must(t, append(args, "--state", d.dir)...)
}

// set sets a record in the playground.
func (d *devServer) set(t *testing.T, name, typ string, values ...string) {
	t.Helper()
	fatal(t, playground.NewClient(controlPath(d.dir)).SetRecord(t.Context(), name, typ, values...))
}

// tool finds a program that these tests run against, or skips the test by its name.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if errors.Is(err, exec.ErrNotFound) {
		t.Skipf("%s is not installed (scripts/setup-test)", name)
	}
	fatal(t, err)
	return path
}
