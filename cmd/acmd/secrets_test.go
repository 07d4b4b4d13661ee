package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"

	"acmd/keyring"
	"acmd/token"
)

// TestNoSecretAnywhere: after a day's work at the chattiest level, what must be
// secret is in no log, no output, no metric and no file but those that are
// there to hold it (design decision 8).
func TestNoSecretAnywhere(t *testing.T) {
	t.Parallel()
	dir := shortDir(t)
	d := startDev(t, dir, "--log-level", "debug")
	texts := map[string]string{}
	var second struct{ SecretAccessKey string }
	fatal(t, json.Unmarshal([]byte(d.acmd(t, "principal", "add", "alice", "--json")), &second))
	ecArn, rsaArn := request(t, d.client(), p384, "ec.example.com"), request(t, d.client(), rsa2, "rsa.example.com")
	waits := request(t, d.client(), p256, "waits.example.com")
	for _, arn := range []string{ecArn, rsaArn} {
		d.prove(t, arn)
		waitStatus(t, d.client(), arn, types.CertificateStatusIssued)
		leaf, _ := bundle(t, d.client(), arn)
		texts["certificate "+arn] = string(leaf.Raw)
	}
	if _, err := client(d.env["AWS_ENDPOINT_URL_ACM"], d.env["AWS_ACCESS_KEY_ID"], second.SecretAccessKey).ListCertificates(t.Context(), nil); err == nil {
		t.Error("a wrong secret is accepted")
	}
	for _, args := range [][]string{{"explain", waits}, {"explain", "--json", waits}, {"events", "list", "--audit", "--json"}, {"principal", "list", "--json"}} {
		texts[strings.Join(args, " ")] = d.acmd(t, args...)
	}
	_, page := get(t, d.env["ACMD_METRICS"])
	texts["metrics"] = string(page)
	files(t, dir, texts) // the write-ahead log is still there
	d.stop(t)
	files(t, dir, texts)
	texts["stderr"], texts["stdout"] = d.stderr.String(), d.stdout.String()
	if !strings.Contains(texts["stderr"], "debug") || !strings.Contains(texts["events list --audit --json"], "RequestCertificate") {
		t.Error("debug log or audit records are missing")
	}
	hidden := secrets(t, dir, d.env["AWS_SECRET_ACCESS_KEY"], second.SecretAccessKey)
	for what, secret := range hidden {
		for where, text := range texts {
			if form := found(text, secret); form != "" {
				t.Errorf("%s, %s, is in %s", what, form, where)
			}
		}
	}
	// The search itself finds what is there.
	for what, holder := range map[string]string{"the master key": holders[0], "secret access key 1": holders[1]} {
		if text, err := os.ReadFile(filepath.Join(dir, holder)); err != nil || found(string(text), hidden[what]) == "" {
			t.Errorf("%s is not found in %s: %v", what, holder, err)
		}
	}
	if key := x509.MarshalPKCS1PrivateKey(rsaKey(t)); found(string(pem.EncodeToMemory(&pem.Block{Type: "X", Bytes: key})), key[400:464]) != "base64" {
		t.Error("a part of a key is not found in its PEM")
	}
}

// holders are the files that may hold a secret in the clear.
var holders = []string{"master.key", "dev.env"}

// files reads every other file of the state.
func files(t *testing.T, dir string, into map[string]string) {
	t.Helper()
	entries, err := filepath.Glob(filepath.Join(dir, "*"))
	fatal(t, err)
	inner, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	fatal(t, err)
	hidden, err := filepath.Glob(filepath.Join(dir, ".*"))
	fatal(t, err)
	n := 0
	for _, file := range append(append(entries, inner...), hidden...) {
		info, err := os.Stat(file)
		fatal(t, err)
		name := strings.TrimPrefix(file, dir+"/")
		if !info.Mode().IsRegular() || name == holders[0] || name == holders[1] {
			continue
		}
		text, err := os.ReadFile(file)
		fatal(t, err)
		into[name] += string(text)
		n++
	}
	if n < 6 {
		t.Errorf("only %d files in the state", n)
	}
}

// found says in which form a secret is in a text, raw or encoded; empty if it is not.
func found(text string, secret []byte) string {
	if strings.Contains(text, string(secret)) {
		return "raw"
	}
	if strings.Contains(strings.ToLower(text), hex.EncodeToString(secret)) {
		return "hex"
	}
	// In base64 of something longer it stands at one of three offsets, and in
	// PEM there are line breaks within. The octets beside it touch the outer digits.
	flat := strings.NewReplacer("\n", "", `\n`, "", "-", "+", "_", "/").Replace(text)
	for offset := range 3 {
		digits := base64.RawStdEncoding.EncodeToString(append(make([]byte, offset), secret...))
		if strings.Contains(flat, digits[offset+1:len(digits)-2]) {
			return "base64"
		}
	}
	return ""
}

// rsaKey is some RSA key.
func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	fatal(t, err)
	return key
}

// secrets opens everything that is sealed in a stopped state. Of a private key
// it is the number that makes it private, which every encoding holds.
func secrets(t *testing.T, dir string, accessKeys ...string) map[string][]byte {
	t.Helper()
	out := map[string][]byte{}
	for i, k := range accessKeys {
		if len(k) != 40 {
			t.Fatalf("secret access key %d has %d characters", i, len(k))
		}
		out["secret access key "+string(rune('1'+i))] = []byte(k)
	}
	p := statePaths(dir)
	master, err := keyring.ReadMaster(p.Master)
	fatal(t, err)
	out["the master key"] = bytes.Clone(master)
	ring, err := keyring.New(master)
	fatal(t, err)
	open := func(bind, path string) []byte {
		sealed, err := os.ReadFile(path)
		fatal(t, err)
		plain, err := ring.Open(bind, sealed)
		fatal(t, err)
		return plain
	}
	var zone token.Keys
	fatal(t, json.Unmarshal(open(bindZoneKeys, p.ZoneKeys), &zone))
	out["the naming key"], out["the value key"] = zone.Naming, zone.Values[0].Key
	for what, path := range map[string]string{bindCAKey: p.CAKey, bindRootKey: p.RootKey} {
		key, err := x509.ParsePKCS8PrivateKey(open(what, path))
		fatal(t, err)
		out[what] = private(t, key)
	}
	rows, err := openSQLite(t, dir).Query(`SELECT arn, sealed_key FROM leaves`)
	fatal(t, err)
	defer rows.Close()
	for rows.Next() {
		var arn string
		var sealed []byte
		fatal(t, rows.Scan(&arn, &sealed))
		key, err := ring.OpenKey(arn, sealed)
		fatal(t, err)
		out["the key of "+arn] = private(t, key)
	}
	fatal(t, rows.Err())
	if len(out) != 9 {
		t.Errorf("%d secrets, want 9", len(out))
	}
	return out
}

// private is the secret number of a key.
func private(t *testing.T, key any) []byte {
	t.Helper()
	switch k := key.(type) {
	case *ecdsa.PrivateKey:
		raw, err := k.Bytes()
		fatal(t, err)
		return raw
	case *rsa.PrivateKey:
		return k.Primes[0].Bytes()
	}
	t.Fatalf("a key of type %T", key)
	return nil
}
