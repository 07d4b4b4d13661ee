package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"acmd/ca"
	"acmd/core"
	"acmd/dnsserver"
	"acmd/manager"
	"acmd/playground"
	"acmd/store"
	"acmd/validator"
)

// What acmd dev decides for its user.
const (
	devZone    = "acm-validations.dev.internal"
	devAccount = "111122223333"
	devRegion  = "us-east-1"
	devUser    = "dev"
	devArn     = "arn:aws:iam::" + devAccount + ":user/" + devUser
	devState   = ".acmd"
)

func newDev() *cobra.Command {
	var f devFlags
	c := &cobra.Command{
		Use:   "dev",
		Short: "Run all of acmd on loopback, to try it out",
		Long: `Runs the whole daemon on loopback: no root, no configuration, no network. A playground
stands in for the internet: set DNS records in it, move its clock. State is kept in a folder
and taken up again by the next start. Once every face answers, a line "ready" is printed and
DIR/dev.env holds the shell variables to source.`,
		Example: `  acmd dev                       state in ./.acmd, the default ports
  acmd dev --ports auto          any free ports
  . .acmd/dev.env && aws --endpoint-url "$AWS_ENDPOINT_URL_ACM" acm list-certificates
  acmd dev record set _x.www.example.com CNAME _y.acm-validations.dev.internal
  acmd dev clock advance 14d`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return runDev(c.Context(), f, c.OutOrStdout(), c.ErrOrStderr())
		},
	}
	c.PersistentFlags().StringVar(&f.state, "state", "", "state folder (default $ACMD_STATE, else ./"+devState+")")
	c.Flags().StringVar(&f.ports, "ports", "default", "default: the documented ports; auto: free ones, the same as last time where possible")
	c.Flags().StringVar(&f.level, "log-level", "info", "debug, info, warn or error")
	c.AddCommand(newDevRecord(&f), newDevClock(&f))
	return c
}

// devFlags are the flags of acmd dev and its subcommands.
type devFlags struct{ state, ports, level string }

// dir is the state folder, absolute.
func (f devFlags) dir() (string, error) {
	d := f.state
	if d == "" {
		d = os.Getenv("ACMD_STATE")
	}
	if d == "" {
		d = devState
	}
	return filepath.Abs(d)
}

// runDev makes the state where there is none, and serves.
func runDev(ctx context.Context, f devFlags, stdout, stderr io.Writer) error {
	dir, err := f.dir()
	if err != nil {
		return err
	}
	if f.ports != "default" && f.ports != "auto" {
		return usagef("--ports is default or auto, not %q", f.ports)
	}
	level, err := zapcore.ParseLevel(f.level)
	if err != nil {
		return usagef("--log-level is debug, info, warn or error, not %q", f.level)
	}
	log := newLogger(stderr, level, "console")
	unlock, err := lockState(dir)
	if err != nil {
		return err
	}
	defer unlock()
	s, err := devSockets(dir, f.ports == "auto")
	if err != nil {
		return err
	}
	if _, err := (&maker{paths: statePaths(dir), zone: devZone, name: "acmd dev", now: time.Now(), anew: "start with another --state, or remove the folder"}).create(ctx); err != nil {
		s.close()
		return err
	}
	v, err := newVitals(devZone, log)
	if err != nil {
		s.close()
		return err
	}
	h, err := openHome(ctx, statePaths(dir), devZone, store.Config{Log: log.Named("store"), Reg: v.monitor.Registry()})
	if err != nil {
		s.close()
		return err
	}
	d := &dev{dir: dir, home: h, sockets: s, stdout: stdout, log: log}
	p, err := d.plan(ctx)
	if err != nil {
		s.close()
		return errors.Join(err, h.store.Close())
	}
	p.vitals = v
	return p.serveUntilDone(ctx)
}

// dev is a running acmd dev.
type dev struct {
	dir     string
	home    *home
	sockets *sockets
	stdout  io.Writer
	log     *zap.Logger
	clock   *playground.Clock
	ground  *playground.Playground
}

// plan decides what serve reads from its configuration file.
func (d *dev) plan(ctx context.Context) (*plan, error) {
	var err error
	d.clock, err = playground.NewClock(ctx, playground.ClockConfig{Wall: time.Now,
		Load: func(context.Context) (time.Duration, error) { return d.home.offset, nil },
		Save: func(ctx context.Context, offset time.Duration) error {
			return d.home.store.PutSetting(ctx, settingClock, strconv.FormatInt(int64(offset), 10))
		}})
	if err != nil {
		return nil, err
	}
	zoneAddr := d.sockets.zone[0].stream.Addr().String()
	d.ground, err = playground.New(playground.Config{Dir: d.dir, Zone: devZone, ZoneAddr: zoneAddr, Log: d.log.Named("playground")})
	if err != nil {
		return nil, err
	}
	resolver := d.sockets.playground.stream.Addr().String()
	return &plan{
		home: d.home, sockets: d.sockets,
		ca: ca.Config{Validity: 198 * 24 * time.Hour, BaseURL: "http://" + d.sockets.responder[0].Addr().String()},
		dns: dnsserver.Config{NameServers: []dnsserver.NameServer{{Host: "ns1." + devZone, Addrs: []netip.Addr{netip.MustParseAddr("127.0.0.1")}}},
			CAA: []string{devZone}, Hostmaster: "hostmaster@" + devZone},
		validator: validator.Config{Resolvers: []string{resolver}, Timeout: 2 * time.Second, Issuers: []string{devZone},
			Allow: []netip.Prefix{playgroundNet}, Dial: d.dial},
		names:   core.NamePolicy{AllowAny: true},
		limits:  manager.Limits{Certificates: 0, NamesPerCertificate: 100},
		skew:    5 * time.Minute,
		rsaPool: 4,
		now:     d.clock.Now,
		log:     d.log,
		beside:  d.beside,
		ready:   func() error { return d.ready(ctx) },
	}, nil
}

// playgroundNet is where the playground's hosts live (RFC 2544's benchmark
// network): the one special range that dev's address policy allows.
var playgroundNet = netip.MustParsePrefix("198.18.0.0/15")

// dial maps the playground's addresses to dev's listeners; everything else is
// dialled as it is.
func (d *dev) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if a, err := netip.ParseAddrPort(address); err == nil && playgroundNet.Contains(a.Addr()) {
		if a.Port() != 53 {
			return nil, &net.OpError{Op: "dial", Net: network, Err: errors.New("connection refused: the playground has no such host")}
		}
		address = d.sockets.playground.stream.Addr().String()
	}
	var nd net.Dialer
	return nd.DialContext(ctx, network, address)
}

// beside runs the playground: its DNS, its first visitor, its control socket.
func (d *dev) beside(ctx context.Context, m *manager.Manager) error {
	h := playground.NewControl(playground.ControlConfig{Playground: d.ground, Clock: d.clock,
		NextDue: d.home.store.NextDue, Settle: m.Settle, Log: d.log.Named("playground")})
	return serveBeside(ctx, d, h, d.sockets.control)
}

// ready tells the user, once every face answers.
func (d *dev) ready(ctx context.Context) error {
	key, err := d.credentials(ctx)
	if err != nil {
		return err
	}
	if err := writeFile(filepath.Join(d.dir, "dev.env"), []byte(d.env(key)), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(d.stdout, "ready\n")
	d.log.Info("try it: . " + filepath.Join(d.dir, "dev.env") + ` && aws --endpoint-url "$AWS_ENDPOINT_URL_ACM" acm list-certificates`)
	return nil
}

// env is the text of dev.env.
func (d *dev) env(key manager.NewKey) string {
	api := "http://" + d.sockets.api[0].Addr().String()
	vars := [][2]string{
		{"AWS_ENDPOINT_URL_ACM", api}, {"AWS_ENDPOINT_URL_ACM_PCA", api}, {"AWS_ENDPOINT_URL_STS", api},
		{"AWS_ACCESS_KEY_ID", key.AccessKeyID}, {"AWS_SECRET_ACCESS_KEY", key.SecretAccessKey}, {"AWS_DEFAULT_REGION", devRegion},
		{"ACMD_DNS", d.sockets.zone[0].stream.Addr().String()}, {"ACMD_ZONE", devZone},
		{"ACMD_HTTP", "http://" + d.sockets.responder[0].Addr().String()},
		{"ACMD_METRICS", "http://" + d.sockets.metrics[0].Addr().String() + "/metrics"},
		{"ACMD_ROOT_CA", d.home.paths.Root}, {"ACMD_PLAYGROUND_DNS", d.sockets.playground.stream.Addr().String()}, {"ACMD_STATE", d.dir},
	}
	text := "# Written by acmd dev at every start. Source it: . " + shellQuote(filepath.Join(d.dir, "dev.env")) + "\n"
	for _, v := range vars {
		text += "export " + v[0] + "=" + shellQuote(v[1]) + "\n"
	}
	return text
}

// credentials finds dev's access key, or makes it at the first start.
func (d *dev) credentials(ctx context.Context) (manager.NewKey, error) {
	p := manager.Principals{Store: d.home.store, Ring: d.home.ring}
	_, keys, err := d.home.store.Principals(ctx)
	if err != nil {
		return manager.NewKey{}, err
	}
	i := slices.IndexFunc(keys, func(k core.AccessKey) bool { return k.PrincipalArn == devArn })
	if i < 0 {
		return p.Add(ctx, devAccount, devUser, d.home.now())
	}
	k, err := p.Find(ctx, keys[i].ID)
	if errors.Is(err, core.NotFound) {
		err = fmt.Errorf("dev's own principal %s is disabled: start with another --state", devArn)
	}
	return k, err
}

// newLogger makes the daemon's logger. Times are the machine's.
func newLogger(w io.Writer, level zapcore.LevelEnabler, format string) *zap.Logger {
	e := zap.NewProductionEncoderConfig()
	e.EncodeTime, e.EncodeDuration = zapcore.RFC3339NanoTimeEncoder, zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder(e)
	if format == "console" {
		enc = zapcore.NewConsoleEncoder(e)
	}
	out := zapcore.Lock(zapcore.AddSync(w))
	return zap.New(zapcore.NewCore(enc, out, level), zap.ErrorOutput(out))
}
