package bench

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a program under test, in a process group of its own.
type process struct {
	cmd *exec.Cmd
}

// ticksPerSecond is the unit of /proc's CPU times, fixed on Linux.
const ticksPerSecond = 100

// start runs a command until the benchmark ends, and fails the benchmark if it
// cannot be started.
func start(tb testing.TB, cmd *exec.Cmd) *process {
	tb.Helper()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if cmd.Stderr == nil {
		cmd.Stderr = os.Stderr
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	p := &process{cmd}
	tb.Cleanup(p.stop)
	return p
}

// stop ends the group that we started, and only it.
func (p *process) stop() {
	group := -p.cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM) // one that ended already is no fault
	ended := make(chan struct{})
	go func() { _ = p.cmd.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		_ = syscall.Kill(group, syscall.SIGKILL)
		<-ended
	}
}

// startPart runs this binary in another part, and returns what gives the next
// line that it says.
func startPart(tb testing.TB, part, dir string) (*process, func() string) {
	tb.Helper()
	cmd := exec.CommandContext(context.WithoutCancel(tb.Context()), os.Args[0])
	cmd.Env = append(os.Environ(), partVariable+"="+part, dirVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	p, r := start(tb, cmd), bufio.NewReader(out)
	return p, func() string {
		line, err := r.ReadString('\n')
		if err != nil {
			tb.Fatalf("%s said nothing more: %v", part, err)
		}
		return strings.TrimSpace(line)
	}
}

// usage is what a group of processes used so far.
type usage struct {
	cpu time.Duration
	rss float64 // MB, now
}

// usage adds up the group's processes.
func (p *process) usage() (usage, error) {
	var u usage
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return u, err
	}
	for _, file := range stats {
		text, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
			continue // ended meanwhile
		}
		if err != nil {
			return u, err
		}
		// proc(5): after the command in brackets come state, ppid, pgrp, …
		f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(f) < 22 || f[2] != strconv.Itoa(p.cmd.Process.Pid) {
			continue
		}
		user, err1 := strconv.Atoi(f[11])
		system, err2 := strconv.Atoi(f[12])
		pages, err3 := strconv.Atoi(f[21])
		if err := errors.Join(err1, err2, err3); err != nil {
			return u, fmt.Errorf("%s: %w", file, err)
		}
		u.cpu += time.Duration(user+system) * time.Second / ticksPerSecond
		u.rss += float64(pages*os.Getpagesize()) / 1e6
	}
	return u, nil
}
