package main

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestStopInMidRequest: SIGTERM lets a request under way finish, cuts one off
// that never will, and the daemon ends with exit code 0 in time.
func TestStopInMidRequest(t *testing.T) {
	t.Parallel()
	d := made(t)
	p := d.serve(t)
	half := func() (net.Conn, *bufio.Reader) {
		c, err := tls.Dial("tcp", d.ip+":8420", &tls.Config{RootCAs: pool(t, d.root()), ServerName: serveName})
		fatal(t, err)
		t.Cleanup(func() { c.Close() })
		_, err = io.WriteString(c, "POST / HTTP/1.1\r\nHost: "+serveName+"\r\nContent-Type: application/x-amz-json-1.1\r\n"+
			"X-Amz-Target: CertificateManager.ListCertificates\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
		fatal(t, err)
		// The server asks for the body: the request is in hand.
		r := bufio.NewReader(c)
		line, err := r.ReadString('\n')
		if _, err2 := r.ReadString('\n'); err != nil || err2 != nil || !strings.Contains(line, "100 Continue") {
			t.Fatalf("%q, %v", line, err)
		}
		return c, r
	}
	finishes, answer := half()
	_, hangs := half()
	p.signal(t, syscall.SIGTERM)
	began := time.Now()
	p.until(t, "the API no longer listens", func() bool {
		c, err := net.Dial("tcp", d.ip+":8420")
		if err == nil {
			c.Close()
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	_, err := io.WriteString(finishes, "{}")
	fatal(t, err)
	resp, err := http.ReadResponse(answer, nil)
	if err != nil || resp.StatusCode != http.StatusBadRequest { // it was not signed
		t.Errorf("the request that finishes: %v, %+v", err, resp)
	}
	if code := p.end(t, stopTime+time.Second); code != exitOK {
		t.Errorf("exit code %d", code)
	}
	t.Logf("ended %s after SIGTERM, with a request that hangs", time.Since(began).Round(time.Millisecond))
	if text, err := io.ReadAll(hangs); err == nil && bytes.HasPrefix(text, []byte("HTTP/1.1 2")) {
		t.Errorf("the request that hangs was answered %s", text)
	}
}

// TestHangup: SIGHUP takes a new log level and new certificate files, and a
// configuration with mistakes changes nothing.
func TestHangup(t *testing.T) {
	t.Parallel()
	d := made(t)
	certFile, keyFile := filepath.Join(d.dir, "tls.pem"), filepath.Join(d.dir, "tls.key")
	first := ownCertificate(t, certFile, keyFile)
	d.tls, d.level = fmt.Sprintf("certificate: %s, key: %s", certFile, keyFile), "error"
	p := d.serve(t)
	if got := presented(t, d); !got.Equal(first) {
		t.Errorf("the API shows another certificate than the given one: %s", got.Subject)
	}
	if text := p.stderr.String(); strings.Contains(text, `"info"`) || strings.Contains(text, `"warn"`) {
		t.Errorf("at level error:\n%s", text)
	}
	second := ownCertificate(t, certFile, keyFile)
	d.level = "info"
	d.write(t)
	p.signal(t, syscall.SIGHUP)
	p.until(t, "the new certificate is shown", func() bool { return presented(t, d).Equal(second) })
	p.until(t, "the new level counts", func() bool { return strings.Contains(p.stderr.String(), `"msg":"reloaded`) })

	fatal(t, os.WriteFile(keyFile, []byte("no key"), 0o600))
	p.signal(t, syscall.SIGHUP)
	p.until(t, "the bad key is refused", func() bool { return strings.Contains(p.stderr.String(), "what ran before goes on") })
	d.level = "loud"
	d.write(t)
	p.signal(t, syscall.SIGHUP)
	p.until(t, "the bad level is refused", func() bool { return strings.Contains(p.stderr.String(), "log.level") })
	if got := presented(t, d); !got.Equal(second) {
		t.Errorf("after the mistakes the API shows %s", got.Subject)
	}
	p.stop(t)
	logged(t, p)
}

// ownCertificate writes a self-signed certificate for the API and its key.
func ownCertificate(t *testing.T, certFile, keyFile string) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	fatal(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{serveName}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	fatal(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	fatal(t, err)
	fatal(t, os.WriteFile(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	fatal(t, os.WriteFile(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	c, err := x509.ParseCertificate(der)
	fatal(t, err)
	return c
}

// presented is the certificate that the API shows. Whether it is to be trusted
// is the caller's business.
func presented(t *testing.T, d *deployment) *x509.Certificate {
	t.Helper()
	c, err := tls.Dial("tcp", d.ip+":8420", &tls.Config{InsecureSkipVerify: true})
	fatal(t, err)
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0]
}

// TestNotify: systemd is told READY=1 once everything answers, and STOPPING=1.
func TestNotify(t *testing.T) {
	t.Parallel()
	d := made(t)
	socket := filepath.Join(d.dir, "notify.sock")
	l, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	fatal(t, err)
	defer l.Close()
	told := func() string {
		buf := make([]byte, 4096)
		fatal(t, l.SetReadDeadline(time.Now().Add(30*time.Second)))
		n, err := l.Read(buf)
		fatal(t, err)
		return string(buf[:n])
	}
	p := start(t, []string{"NOTIFY_SOCKET=" + socket}, "serve", "--config", d.config)
	if got := told(); got != "READY=1" {
		t.Errorf("told %q", got)
	}
	if !d.answers(t) {
		t.Error("told to be ready, and /readyz says no")
	}
	p.signal(t, syscall.SIGINT)
	if got := told(); got != "STOPPING=1" {
		t.Errorf("told %q", got)
	}
	if code := p.end(t, stopTime+time.Second); code != exitOK {
		t.Errorf("exit code %d after SIGINT", code)
	}
}
