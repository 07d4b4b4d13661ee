package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/acm"
	"golang.org/x/sync/errgroup"

	"acmd/playground"
)

// The names of a deployment for acmd serve.
const (
	serveZone    = "v.example.net"
	serveName    = "acmd.example.net" // of the API
	serveAccount = "123456789012"
)

// deployment is what acmd serve needs: a configuration file, a state folder
// made by init, a principal, and a resolver that knows the customers' records.
type deployment struct {
	dir, config, ip, resolver string
	level, tls, dsn           string // parts of the configuration
	id, secret                string // of the principal
	records                   *playground.Playground
}

// newDeployment makes one, on an address of its own: all of 127.0.0.0/8 is
// loopback, so no port is ever taken by a test beside.
func newDeployment(t *testing.T) *deployment {
	t.Helper()
	d := &deployment{dir: shortDir(t), level: "info", tls: "names: [" + serveName + "]",
		ip: fmt.Sprintf("127.%d.%d.%d", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))}
	d.config, d.dsn = filepath.Join(d.dir, "acmd.yaml"), "sqlite:"+filepath.Join(d.state(), "acmd.db")
	d.resolve(t)
	return d
}

// made is newDeployment after acmd init and with a principal.
func made(t *testing.T) *deployment {
	t.Helper()
	d := newDeployment(t)
	d.init(t)
	return d
}

// init makes keys, CA, database and a principal.
func (d *deployment) init(t *testing.T) {
	t.Helper()
	d.write(t)
	must(t, "init", "--config", d.config)
	var key struct{ AccessKeyID, SecretAccessKey string }
	fatal(t, json.Unmarshal([]byte(must(t, "principal", "add", "alice", "--json", "--config", d.config)), &key))
	d.id, d.secret = key.AccessKeyID, key.SecretAccessKey
}

// state is the state folder.
func (d *deployment) state() string { return filepath.Join(d.dir, "state") }

// write writes the configuration file.
func (d *deployment) write(t *testing.T) {
	t.Helper()
	text := fmt.Sprintf(`state_dir: %[1]s
account: "%[2]s"
store: {dsn: "%[3]s"}
keys: {master: %[1]s/master.key}
ca: {base_url: "http://%[4]s:8080"}
dns:
  listen: ["%[4]s:5300"]
  zone: %[5]s
  name_servers: [{host: ns1.%[5]s, addresses: [%[4]s]}]
api:
  listen: ["%[4]s:8420"]
  tls: {%[6]s}
http: {listen: ["%[4]s:8080"]}
metrics: {listen: ["%[4]s:9420"]}
validator: {resolvers: ["%[7]s"], require_dnssec: false}
names: {allow: [example.com]}
log: {level: %[8]s}
`, d.state(), serveAccount, d.dsn, d.ip, serveZone, d.tls, d.resolver, d.level)
	fatal(t, os.WriteFile(d.config, []byte(text), 0o600))
}

// resolve runs the resolver: the playground's records, and the zone at this
// deployment's own server.
func (d *deployment) resolve(t *testing.T) {
	t.Helper()
	var err error
	d.records, err = playground.New(playground.Config{Dir: t.TempDir(), Zone: serveZone, ZoneAddr: d.ip + ":5300"})
	fatal(t, err)
	s, err := listenDNS("127.0.0.1:0")
	fatal(t, err)
	d.resolver = s.stream.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	var g errgroup.Group
	for _, l := range d.records.Listeners(s.packets, s.stream) {
		serveDNS(ctx, &g, l)
	}
	g.Go(func() error { return d.records.Run(ctx) })
	t.Cleanup(func() {
		cancel()
		fatal(t, g.Wait())
	})
}

// serve runs acmd serve until it is ready.
func (d *deployment) serve(t *testing.T, env ...string) *process {
	t.Helper()
	d.write(t)
	p := start(t, env, "serve", "--config", d.config)
	if d.level == "error" { // it does not say so
		p.until(t, "acmd serve is ready", func() bool { return d.answers(t) })
		return p
	}
	p.until(t, "acmd serve is ready", func() bool { return strings.Contains(p.stderr.String(), `"msg":"ready"`) })
	return p
}

// answers reports whether /readyz says yes.
func (d *deployment) answers(t *testing.T) bool {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, d.metrics("/readyz"), nil)
	fatal(t, err)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
}

// metrics is the URL of a page for machines.
func (d *deployment) metrics(path string) string { return "http://" + d.ip + ":9420" + path }

// root is the root certificate's file.
func (d *deployment) root() string { return filepath.Join(d.state(), "ca", "root.pem") }

// transport trusts the deployment's root and nobody else.
func (d *deployment) transport(t *testing.T) *http.Transport {
	t.Helper()
	tr := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool(t, d.root()), ServerName: serveName}, ForceAttemptHTTP2: true}
	t.Cleanup(tr.CloseIdleConnections)
	return tr
}

// client is the SDK over TLS.
func (d *deployment) client(t *testing.T) *acm.Client {
	t.Helper()
	h := &http.Client{Transport: d.transport(t), Timeout: time.Minute}
	return client("https://"+d.ip+":8420", d.id, d.secret, func(o *acm.Options) { o.HTTPClient = h })
}

// prove sets the record of a certificate's first name.
func (d *deployment) prove(t *testing.T, arn string) {
	t.Helper()
	name, value := record(t, d.client(t), arn)
	fatal(t, d.records.Set(name, "CNAME", value))
}
