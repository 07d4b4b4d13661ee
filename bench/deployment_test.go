package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/miekg/dns"

	"acmd/api"
	"acmd/ca"
	"acmd/core"
	"acmd/dnsserver"
	"acmd/keyring"
	"acmd/manager"
	"acmd/metrics"
	"acmd/store"
	"acmd/token"
	"acmd/validator"
)

const (
	benchZone   = "validations.test"
	benchRegion = "eu-central-1"
	// defaultQuota is the configuration's default of limits.certificates.
	defaultQuota = 2500
	// rsaPool is how many warm RSA keys the daemon keeps.
	rsaPool = 16
)

// deployment is the product as `acmd serve` wires it, on loopback, with metrics
// on. The API answers plain HTTP, as in `acmd dev`: TLS is not measured.
type deployment struct {
	*manager.Manager
	callers []manager.NewKey // a principal of each account
	url     string
	client  *http.Client
	stops   []func() error // run from the last to the first
}

// accountOf is the i-th account.
func accountOf(i int) string { return fmt.Sprintf("%012d", 111122220000+i) }

// setting says how a deployment is made.
type setting struct {
	dir      string // the database's folder
	accounts int
	quota    int  // certificates an account may have
	engine   bool // orders are worked on
}

// deploy makes the secrets anew, opens or makes the database, and serves.
func deploy(ctx context.Context, s setting) (_ *deployment, err error) {
	d := &deployment{client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}, Timeout: time.Minute}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.close())
		}
	}()
	monitor, err := metrics.New(metrics.Config{Version: "bench"})
	if err != nil {
		return nil, err
	}
	c := manager.Config{Names: core.NamePolicy{AllowAny: true}, Now: time.Now, Wall: time.Now, Reg: monitor.Registry(),
		Keys:   keyring.NewPool(rsaPool, monitor.Registry()),
		Limits: manager.Limits{Certificates: s.quota, NamesPerCertificate: 10}}
	if c.Store, err = store.Open(ctx, store.Config{DSN: "sqlite:" + filepath.Join(s.dir, "acmd.db"), Create: true, Reg: c.Reg}); err != nil {
		return nil, err
	}
	d.stops = append(d.stops, c.Store.Close)
	if err := secrets(&c); err != nil {
		return nil, err
	}
	world, err := d.newInternet(c.Tokens)
	if err != nil {
		return nil, err
	}
	// The stand-in for the internet has no signed root.
	if c.Prover, err = validator.New(validator.Config{Resolvers: []string{world}, Issuers: []string{benchZone}, Reg: c.Reg}); err != nil {
		return nil, err
	}
	if d.Manager, err = manager.New(c); err != nil {
		return nil, err
	}
	for i := range s.accounts {
		k, err := (manager.Principals{Store: c.Store, Ring: c.Ring}).Add(ctx, accountOf(i), "bench-"+strings.ToLower(rand.Text()), time.Now())
		if err != nil {
			return nil, err
		}
		d.callers = append(d.callers, k)
	}
	return d, d.serve(ctx, s)
}

// secrets makes master key, zone keys and CA.
func secrets(c *manager.Config) error {
	master, err := keyring.NewMaster(rand.Reader)
	if err != nil {
		return err
	}
	if c.Ring, err = keyring.New(master); err != nil {
		return err
	}
	keys, err := token.NewKeys(rand.Reader, time.Now())
	if err != nil {
		return err
	}
	if c.Tokens, err = token.New(benchZone, keys); err != nil {
		return err
	}
	files, err := ca.Create(rand.Reader, "Bench", time.Now())
	if err != nil {
		return err
	}
	c.CA, err = ca.New(ca.Config{Chain: []*x509.Certificate{files.Intermediate, files.Root}, Key: files.IntermediateKey, BaseURL: "http://ca.test"})
	return err
}

// serve starts the API, the zone's server and, where it is wanted, the engine.
func (d *deployment) serve(ctx context.Context, s setting) error {
	a, err := api.New(api.Config{Service: d.Manager, Now: time.Now, Reg: d.Reg})
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	d.url = "http://" + l.Addr().String() + "/"
	d.stops = append(d.stops, func() error { err := server.Close(); <-served; return err })
	if !s.engine {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	ran := make(chan error, 2)
	go func() { ran <- d.Run(ctx) }()
	go func() { ran <- d.Keys.Run(ctx) }()
	d.stops = append(d.stops, func() error { cancel(); return errors.Join(<-ran, <-ran) })
	return nil
}

func (d *deployment) close() error {
	var errs []error
	for _, stop := range backwards(d.stops) {
		errs = append(errs, stop())
	}
	d.stops = nil
	return errors.Join(errs...)
}

func backwards(in []func() error) []func() error {
	out := make([]func() error, 0, len(in))
	for i := len(in) - 1; i >= 0; i-- {
		out = append(out, in[i])
	}
	return out
}

// newDeployment is deploy for the length of a benchmark or test.
func newDeployment(tb testing.TB, s setting) *deployment {
	tb.Helper()
	if s.dir == "" {
		s.dir = tb.TempDir()
	}
	d, err := deploy(context.Background(), s)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := d.close(); err != nil {
			tb.Error(err)
		}
	})
	return d
}

// newInternet serves the zone by our own dnsserver, and a resolver in which
// every customer's record stands: it knows the account by the name's second
// label (nameOf) and passes what lies in our zone on. It returns the resolver's
// address.
func (d *deployment) newInternet(tokens *token.Deriver) (string, error) {
	zone, err := dnsserver.New(dnsserver.Config{Tokens: tokens, Now: time.Now, NameServers: benchNameServers(),
		Seen: func(label string) { d.Seen(label) }})
	if err != nil {
		return "", err
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.serveDNS(zone.Listeners(pc, nil)[0])
	resolver, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	d.serveDNS(&dns.Server{PacketConn: resolver, Handler: internet{tokens, pc.LocalAddr().String()}})
	return resolver.LocalAddr().String(), nil
}

func (d *deployment) serveDNS(s *dns.Server) {
	started, served := make(chan struct{}), make(chan error, 1)
	s.NotifyStartedFunc = func() { close(started) }
	go func() { served <- s.ActivateAndServe() }()
	<-started
	d.stops = append(d.stops, func() error { return errors.Join(s.Shutdown(), <-served) })
}

func benchNameServers() []dnsserver.NameServer {
	return []dnsserver.NameServer{{Host: "ns1." + benchZone, Addrs: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}
}

// call signs one request as a caller of the API does, and reads the answer into out.
func (d *deployment) call(as manager.NewKey, operation string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	r, err := http.NewRequest(http.MethodPost, d.url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "CertificateManager."+operation)
	sum := sha256.Sum256(body)
	err = v4.NewSigner().SignHTTP(r.Context(), aws.Credentials{AccessKeyID: as.AccessKeyID, SecretAccessKey: as.SecretAccessKey},
		r, hex.EncodeToString(sum[:]), "acm", benchRegion, time.Now())
	if err != nil {
		return err
	}
	answer, err := d.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %s", operation, answer.Status, text)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}
