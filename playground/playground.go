// Package playground stands in for the internet in `acmd dev`: a DNS with
// whatever records the developer sets, and a clock that can be moved forward.
//
// It is data, addresses and a clock: nothing that validates or issues knows
// that it is there. It trusts its one user, who owns the state folder and the
// control socket in it, and the validation zone's own server, to which it
// passes questions on. It asks nobody else, and nothing of it is reachable from
// `acmd serve`.
package playground

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/zap"

	"acmd/core"
)

// Bounds of the work in hand.
const (
	visitQueue   = 256             // CNAMEs waiting for their first visitor; more are not visited
	visitTimeout = 5 * time.Second // one first visit
	forwards     = 256             // questions passed on to the zone's server at once; more wait
)

// Config is what New needs.
type Config struct {
	// Dir is the folder that records.json is kept in. It must exist.
	Dir string
	// Zone is the validation zone, with or without the final dot.
	Zone string
	// ZoneAddr is the host:port of the validation zone's server, UDP and TCP.
	ZoneAddr string
	// Log may be nil.
	Log *zap.Logger
}

// Playground holds the records and answers for them. It is a dns.Handler.
type Playground struct {
	zone     string // fqdn, lower case
	zoneAddr string
	records  *records
	log      *zap.Logger
	slots    chan struct{} // one for each question under way at the zone's server
	visits   chan string   // names with a new CNAME; emptied by Run
}

// New reads the records kept in Config.Dir; a folder without any is an empty
// playground. A file that does not read, or holds a record that Set would
// refuse, is an error that names it.
func New(c Config) (*Playground, error) {
	zone, why := normalise(c.Zone)
	if why != "" {
		return nil, fmt.Errorf("playground zone %q: %s", c.Zone, why)
	}
	if _, _, err := net.SplitHostPort(c.ZoneAddr); err != nil {
		return nil, fmt.Errorf("playground zone address: %w", err)
	}
	rs, err := openRecords(filepath.Join(c.Dir, "records.json"), zone)
	if err != nil {
		return nil, err
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return &Playground{zone: zone, zoneAddr: c.ZoneAddr, records: rs, log: c.Log,
		slots: make(chan struct{}, forwards), visits: make(chan string, visitQueue)}, nil
}

// Set replaces the records of that name and type by the given values, each in
// zone-file form (a TXT value without quotes is taken as it stands), and keeps
// them on disk before it returns. What a DNS provider would refuse is
// core.Invalid: a value that does not parse, a CNAME beside other records or at
// a zone's apex, a name that is none. So are names within the validation zone,
// which acmd answers for by itself. A new CNAME is looked up once, soon, by
// Run.
func (p *Playground) Set(name, typ string, values ...string) error {
	fqdn, err := p.records.set(Record{Name: name, Type: typ, Values: values})
	if err != nil {
		return err
	}
	if t, _ := recordType(typ); t != dns.TypeCNAME {
		return nil
	}
	select {
	case p.visits <- fqdn:
	default:
		p.log.Warn("too many new records wait for their first visitor", zap.String("name", fqdn))
	}
	return nil
}

// Delete removes the records of that name and type. core.NotFound if there are
// none, core.Invalid if the name or the type is none.
func (p *Playground) Delete(name, typ string) error { return p.records.delete(name, typ) }

// List returns all records, sorted by name and type.
func (p *Playground) List() []Record { return p.records.list() }

// Run looks up every newly set CNAME once, as the first visitor on the real
// internet would: that question reaches the validation zone and wakes the check
// that waits for it (design decision 5). It returns nil when ctx ends.
func (p *Playground) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-p.visits:
			p.visit(ctx, name)
		}
	}
}

// visit asks once for the TXT record at name and forgets the answer.
func (p *Playground) visit(ctx context.Context, name string) {
	ctx, cancel := context.WithTimeout(ctx, visitTimeout)
	defer cancel()
	m := p.resolve(ctx, dns.Question{Name: name, Qtype: dns.TypeTXT, Qclass: dns.ClassINET})
	p.log.Debug("first visit", zap.String("name", name), zap.String("rcode", dns.RcodeToString[m.rcode]))
}

// invalid is a core.Invalid error with a sentence for the caller.
func invalid(format string, args ...any) error {
	return &core.Error{Kind: core.Invalid, Detail: fmt.Sprintf(format, args...)}
}
