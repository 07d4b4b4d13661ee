package main

import (
	"crypto/x509"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/miekg/dns"

	"acmd/playground"
)

// TestLapse: three days without the record end a request, and `clock advance`
// answers when that is done and not before. The clock keeps its place over a
// restart, and what is issued then is valid then (design decision 12).
func TestLapse(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	arn := request(t, d.client(), p256, "never.example.com")
	before := clockNow(t, d)
	began := time.Now()
	d.acmd(t, "dev", "clock", "advance", "73h")
	t.Logf("73 h took %s", time.Since(began).Round(time.Millisecond))
	detail := describe(t, d.client(), arn)
	if v := detail.DomainValidationOptions[0].ValidationStatus; detail.Status != types.CertificateStatusValidationTimedOut || v != types.DomainStatusFailed {
		t.Errorf("after 73 h: %s, its name is %s", detail.Status, v)
	}
	e := explain(t, d, arn)
	if n := e.Domains[0]; n.NextTry != "" || n.Diagnosis == nil {
		t.Errorf("a timed-out request has the next try %q and the diagnosis %+v", n.NextTry, n.Diagnosis)
	}
	d.stop(t)
	d = startDev(t, d.dir)
	now := clockNow(t, d)
	if ahead := now.Sub(before); ahead < 73*time.Hour || ahead > 74*time.Hour {
		t.Errorf("after a restart the clock is %s further", ahead)
	}
	next := request(t, d.client(), p256, "later.example.com")
	d.prove(t, next)
	waitStatus(t, d.client(), next, types.CertificateStatusIssued)
	leaf, chain := bundle(t, d.client(), next)
	if leaf.NotBefore.Before(now.Add(-2*time.Hour)) || leaf.NotBefore.After(now.Add(10*time.Minute)) {
		t.Errorf("issued at %s on the playground's clock, valid from %s", now, leaf.NotBefore)
	}
	verify(t, leaf, chain, x509.VerifyOptions{Roots: pool(t, d.env["ACMD_ROOT_CA"]), DNSName: "later.example.com", CurrentTime: now.Add(10 * time.Minute)})
	for _, wrong := range []string{"0h", "yesterday", "3651d"} {
		if got := acmd(t, "dev", "clock", "advance", wrong, "--state", d.dir); got.code != exitUsage {
			t.Errorf("advance %s: exit code %d, %s", wrong, got.code, got.stderr)
		}
	}
}

// TestLookUpWakes: hours after the request the schedule is slow, and still a
// certificate is issued at once: when the record is set, since the playground's
// first visitor looks it up, and when it stood unseen until somebody asked our
// zone (design decision 5).
func TestLookUpWakes(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	visited, asked := request(t, d.client(), p256, "visited.example.com"), request(t, d.client(), p256, "asked.example.com")
	d.acmd(t, "dev", "clock", "advance", "6h")
	d.asleep(t, visited)
	began := time.Now()
	d.prove(t, visited)
	waitStatus(t, d.client(), visited, types.CertificateStatusIssued)
	t.Logf("record set to ISSUED, six hours after the request: %s", time.Since(began).Round(time.Millisecond))

	// A record that nobody looked up: put there while nothing runs.
	d.asleep(t, asked) // or the schedule would find it right after the start
	name, value := record(t, d.client(), asked)
	d.stop(t)
	file := filepath.Join(d.dir, "records.json")
	text, err := os.ReadFile(file)
	fatal(t, err)
	var records []playground.Record
	fatal(t, json.Unmarshal(text, &records))
	text, err = json.Marshal(append(records, playground.Record{Name: name, Type: "CNAME", Values: []string{value}}))
	fatal(t, err)
	fatal(t, os.WriteFile(file, text, 0o600))
	d = startDev(t, d.dir)
	d.asleep(t, asked)
	began = time.Now()
	if r := ask(t, "udp", d.env["ACMD_DNS"], new(dns.Msg).SetQuestion(value, dns.TypeTXT)); len(r.Answer) != 1 {
		t.Fatalf("the target answers\n%s", r)
	}
	waitStatus(t, d.client(), asked, types.CertificateStatusIssued)
	t.Logf("looked up to ISSUED: %s", time.Since(began).Round(time.Millisecond))
}

// asleep checks that a request waits, and makes sure that its next check is
// minutes away: where it happens to be near, it is let pass.
func (d *devServer) asleep(t *testing.T, arn string) {
	t.Helper()
	for range 2 {
		n := explain(t, d, arn).Domains[0]
		next, err := time.Parse(time.RFC3339Nano, n.NextTry)
		if err != nil || n.Status != string(types.DomainStatusPendingValidation) {
			t.Fatalf("%s is %s, the next look %s, %v; want it to wait", arn, n.Status, n.NextTry, err)
		}
		if next.Sub(clockNow(t, d)) > 2*time.Minute {
			return
		}
		d.acmd(t, "dev", "clock", "advance", "3m")
	}
	t.Fatalf("%s is looked at every few minutes, six hours after its request", arn)
}
