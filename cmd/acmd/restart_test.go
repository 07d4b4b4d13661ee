package main

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"
)

// TestDevRestart: the next start goes on where the last one ended, be it by a
// clean stop or by kill -9: same key, same ports, same CNAME, same clock, and
// the pending order goes on.
func TestDevRestart(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	d := startDev(t, dir)
	issued, pending := request(t, d.client(), p256, "issued.example.com"), request(t, d.client(), p256, "www.example.com")
	d.prove(t, issued)
	waitStatus(t, d.client(), issued, types.CertificateStatusIssued)
	leaf, _ := bundle(t, d.client(), issued)
	env, cname := d.env, [2]string{}
	cname[0], cname[1] = record(t, d.client(), pending)
	d.acmd(t, "dev", "clock", "advance", "5m")

	for _, how := range []string{"stop", "kill"} {
		before := clockNow(t, d)
		if how == "stop" {
			d.stop(t)
			if _, err := os.Stat(controlPath(dir)); !os.IsNotExist(err) {
				t.Errorf("a clean stop leaves the control socket: %v", err)
			}
		} else {
			d.kill()
		}
		first := d.took
		d = startDev(t, dir)
		t.Logf("ready after %s, before the %s after %s", d.took, how, first)
		if diff := cmp.Diff(env, d.env); diff != "" {
			t.Errorf("dev.env after a %s (-before +after):\n%s", how, diff)
		}
		if now := clockNow(t, d); now.Before(before) || now.After(before.Add(5*time.Minute)) {
			t.Errorf("the clock shows %s after a %s, before it %s", now, how, before)
		}
		again := request(t, d.client(), p256, "www.example.com")
		for _, arn := range []string{pending, again} {
			if name, value := record(t, d.client(), arn); name != cname[0] || value != cname[1] {
				t.Errorf("after a %s the record is %s CNAME %s, before it %s", how, name, value, cname)
			}
		}
		if got, _ := bundle(t, d.client(), issued); !got.Equal(leaf) {
			t.Errorf("after a %s the issued certificate is another", how)
		}
	}
	d.prove(t, pending)
	waitStatus(t, d.client(), pending, types.CertificateStatusIssued)
	if got := len(list(t, d.client())); got != 4 {
		t.Errorf("%d certificates, want 4", got)
	}
}

// clockNow is the playground's time.
func clockNow(t *testing.T, d *devServer) time.Time {
	t.Helper()
	now, err := time.Parse(time.RFC3339, strings.TrimSpace(d.acmd(t, "dev", "clock", "now")))
	fatal(t, err)
	return now
}

// TestDevWithoutItsPrincipal: dev's own principal can be disabled like any other,
// and the next start says so.
func TestDevWithoutItsPrincipal(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	d := startDev(t, dir)
	must(t, "principal", "disable", devUser, "--state", dir)
	d.stop(t)
	if got := acmd(t, "dev", "--state", dir, "--ports", "auto"); got.code != exitFault || !strings.Contains(got.stderr, "dev's own principal "+devArn+" is disabled: start with another --state") {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
}

// TestDevOneAtATime: a second acmd dev on the same state ends at once, with
// the first unharmed; so does one whose documented port is taken.
func TestDevOneAtATime(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	if got := acmd(t, "dev", "--state", d.dir, "--ports", "auto"); got.code != exitFault || got.stderr != "acmd: another acmd uses the state folder "+d.dir+"\n" {
		t.Errorf("on a state in use: exit code %d, %s", got.code, got.stderr)
	}
	checkVitals(t, d.env["ACMD_METRICS"])
	d.acmd(t, "dev", "clock", "now")

	// Should somebody else have the port, that serves as well.
	if l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(devPorts.API))); err == nil {
		defer l.Close()
	}
	dir := filepath.Join(shortDir(t), "new")
	got := acmd(t, "dev", "--state", dir)
	if got.code != exitFault || !strings.Contains(got.stderr, ":8420: ") || !strings.Contains(got.stderr, "--ports auto") || got.stdout != "" {
		t.Errorf("on a taken port: exit code %d, %s%s", got.code, got.stderr, got.stdout)
	}
	files, err := os.ReadDir(dir)
	fatal(t, err)
	if len(files) != 1 || files[0].Name() != "lock" {
		t.Errorf("it made %v, want only the lock", files)
	}
}
