package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"
)

// TestServe is the daemon for real: configuration, init, TLS that it issued
// itself, the way of a certificate, JSON logs, a clean end.
func TestServe(t *testing.T) {
	t.Parallel()
	d := made(t)
	p := d.serve(t)
	if _, err := http.Get("https://" + d.ip + ":8420"); err == nil || !strings.Contains(err.Error(), "x509") {
		t.Errorf("who does not trust the root: %v, want a certificate error", err)
	}
	if _, err := tls.Dial("tcp", d.ip+":8420", &tls.Config{RootCAs: pool(t, d.root()), ServerName: serveName, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, major := range []int{1, 2} {
		tr := d.transport(t)
		tr.ForceAttemptHTTP2 = major == 2
		resp, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Get("https://" + d.ip + ":8420")
		fatal(t, err)
		fatal(t, resp.Body.Close())
		if resp.ProtoMajor != major || resp.StatusCode < 400 || resp.StatusCode > 499 {
			t.Errorf("a bare GET over HTTP/%d is answered %d over %s", major, resp.StatusCode, resp.Proto)
		}
	}
	c := d.client(t)
	arn := request(t, c, p256, "www.example.com")
	d.prove(t, arn)
	waitStatus(t, c, arn, types.CertificateStatusIssued)
	leaf, chain := bundle(t, c, arn)
	verify(t, leaf, chain, x509.VerifyOptions{Roots: pool(t, d.root()), DNSName: "www.example.com"})
	checkPointers(t, leaf, chain[0])
	checkVitals(t, d.metrics("/metrics"))
	if text := must(t, "explain", "www.example.com", "--config", d.config); !strings.Contains(text, arn) {
		t.Errorf("explain beside the daemon:\n%s", text)
	}
	if text := must(t, "events", "list", "--json", "--config", d.config); strings.Count(text, "\n") != 1 || !strings.Contains(text, `"ACM Certificate Available"`) {
		t.Errorf("events of one issuance:\n%s", text)
	}
	p.stop(t)
	lines := logged(t, p)
	var messages []string
	for _, l := range lines {
		messages = append(messages, l["msg"].(string))
	}
	if all := strings.Join(messages, "\n"); !strings.Contains(all, "a protection is relaxed by configuration") || !strings.HasSuffix(all, "stopped") {
		t.Errorf("the log does not warn of what is relaxed, or does not end with the stop:\n%s", all)
	}
	if p.stdout.String() != "" {
		t.Errorf("written to stdout: %s", p.stdout.String())
	}
}

// logged parses a daemon's log: every line JSON, with level, time and message.
func logged(t *testing.T, p *process) []map[string]any {
	t.Helper()
	var out []map[string]any
	lines := bufio.NewScanner(strings.NewReader(p.stderr.String()))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var l map[string]any
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			t.Errorf("not a line of JSON: %s", lines.Text())
			continue
		}
		level, _ := l["level"].(string)
		msg, _ := l["msg"].(string)
		ts, _ := l["ts"].(string)
		if _, err := time.Parse(time.RFC3339Nano, ts); err != nil || level == "" || msg == "" {
			t.Errorf("level, message or time is missing: %s", lines.Text())
		}
		out = append(out, l)
	}
	if len(out) == 0 {
		t.Fatal("nothing was logged")
	}
	return out
}

// tree is every file below a folder with a digest of its content, but for what
// SQLite's readers share, which changes by reading.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	fatal(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(path, "-shm") {
			return err
		}
		text, err := os.ReadFile(path)
		out[path] = fmt.Sprintf("%x", sha256.Sum256(text))
		return err
	}))
	return out
}

// TestServeTwice: a second daemon on the same ports ends at once and changes
// nothing.
func TestServeTwice(t *testing.T) {
	t.Parallel()
	d := made(t)
	p := d.serve(t)
	before := tree(t, d.dir)
	got := acmd(t, "serve", "--config", d.config)
	if got.code != exitFault || !strings.Contains(got.stderr, "listen on "+d.ip+":") || !strings.Contains(got.stderr, "address already in use") {
		t.Errorf("exit code %d, %s", got.code, got.stderr)
	}
	if diff := cmp.Diff(before, tree(t, d.dir)); diff != "" {
		t.Errorf("the second daemon changed files:\n%s", diff)
	}
	if len(list(t, d.client(t))) != 0 {
		t.Error("an account without certificates has some")
	}
	p.stop(t)
}

// TestServeRefuses: what is missing is refused, by its path, and not made
// (design decision 13). So is what is damaged.
func TestServeRefuses(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]string{"master key": "master.key", "zone keys": "zone-keys.sealed", "chain": "ca/chain.pem",
		"CA key": "ca/intermediate.key.sealed", "database": "acmd.db"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := made(t)
			path := filepath.Join(d.state(), file)
			whole, err := os.ReadFile(path)
			fatal(t, err)
			fatal(t, os.Remove(path))
			got := acmd(t, "serve", "--config", d.config)
			if got.code != exitFault || !strings.Contains(lastLine(got.stderr), path) || !strings.Contains(lastLine(got.stderr), "acmd init") {
				t.Errorf("missing: exit code %d, %s", got.code, got.stderr)
			}
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("it was made: %v", err)
			}
			damaged := bytes.Clone(whole[:len(whole)/3])
			fatal(t, os.WriteFile(path, damaged, 0o600))
			if got := acmd(t, "serve", "--config", d.config); got.code != exitFault || name != "database" && !strings.Contains(lastLine(got.stderr), path) {
				t.Errorf("cut short: exit code %d, %s", got.code, got.stderr)
			}
			if now, err := os.ReadFile(path); err != nil || name != "database" && !bytes.Equal(now, damaged) {
				t.Errorf("a damaged file was changed: %v", err)
			}
		})
	}
}

// lastLine is what a command says at its end.
func lastLine(s string) string {
	s = strings.TrimSpace(s)
	return s[strings.LastIndexByte(s, '\n')+1:]
}
