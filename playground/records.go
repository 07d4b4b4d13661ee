package playground

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/miekg/dns"

	"acmd/core"
)

// Record is the records of one name and type.
type Record struct {
	Name   string
	Type   string
	Values []string // in zone-file form
}

// rrsets are the records at one name, by type.
type rrsets map[uint16][]dns.RR

// snapshot is one state of the records. It never changes once it is made, so
// that questions are answered without a lock.
type snapshot struct {
	zone  string
	names map[string]rrsets
	above map[string]bool // names that some record lies below: the empty non-terminals, and more
}

// records keeps the records, on disk first and then in memory.
type records struct {
	path string
	mu   sync.Mutex // held by writers
	now  atomic.Pointer[snapshot]
}

// openRecords reads the file; none is an empty set. Every record must stand up
// to what set would ask of it.
func openRecords(path, zone string) (*records, error) {
	r := &records{path: path}
	s := newSnapshot(zone, map[string]rrsets{})
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read playground records: %w", err)
	}
	if err == nil {
		var list []Record
		dec := json.NewDecoder(bytes.NewReader(raw))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&list); err != nil {
			return nil, fmt.Errorf("read playground records in %s: %w", path, err)
		}
		for _, rec := range list {
			name, typ, rrs, err := parseRecord(rec, zone)
			if err == nil {
				err = s.admits(name, typ)
			}
			if err != nil {
				return nil, fmt.Errorf("read playground records in %s: %w", path, err)
			}
			s.put(name, typ, rrs)
		}
	}
	r.now.Store(newSnapshot(zone, s.names))
	return r, nil
}

// set replaces one record set and returns its name as it is kept.
func (r *records) set(rec Record) (string, error) {
	zone := r.now.Load().zone
	name, typ, rrs, err := parseRecord(rec, zone)
	if err != nil {
		return "", err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.now.Load()
	if err := old.admits(name, typ); err != nil {
		return "", err
	}
	next := snapshot{zone: zone, names: maps.Clone(old.names)}
	next.put(name, typ, rrs)
	return name, r.commit(next)
}

// delete removes one record set.
func (r *records) delete(name, typ string) error {
	fqdn, why := normalise(name)
	if why != "" {
		return invalid("The name %q is not valid: %s.", name, why)
	}
	t, err := recordType(typ)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.now.Load()
	if old.names[fqdn][t] == nil {
		return &core.Error{Kind: core.NotFound, Detail: fmt.Sprintf("There is no %s record at %s.", dns.TypeToString[t], plain(fqdn))}
	}
	next := snapshot{zone: old.zone, names: maps.Clone(old.names)}
	next.put(fqdn, t, nil)
	return r.commit(next)
}

// commit writes the records to disk and then serves them. A crash in between
// serves them from the next start on.
func (r *records) commit(next snapshot) error {
	s := newSnapshot(next.zone, next.names)
	raw, err := json.MarshalIndent(s.list(), "", "  ")
	if err != nil {
		return fmt.Errorf("encode playground records: %w", err)
	}
	if err := writeFile(r.path, append(raw, '\n')); err != nil {
		return fmt.Errorf("keep playground records: %w", err)
	}
	r.now.Store(s)
	return nil
}

func (r *records) list() []Record { return r.now.Load().list() }

// newSnapshot works out what lies above the names. The validation zone and the
// name server count as names too: what lies above them exists.
func newSnapshot(zone string, names map[string]rrsets) *snapshot {
	s := &snapshot{zone: zone, names: names, above: map[string]bool{}}
	for name := range names {
		s.mark(name)
	}
	s.mark(zone)
	s.mark(nameServer)
	return s
}

// mark notes the names above one name.
func (s *snapshot) mark(name string) {
	for n := parent(name); !s.above[n]; n = parent(n) {
		s.above[n] = true
	}
}

// put replaces one record set; no records removes it. The name's map is made
// anew, since older snapshots share it.
func (s *snapshot) put(name string, typ uint16, rrs []dns.RR) {
	sets := maps.Clone(s.names[name])
	if sets == nil {
		sets = rrsets{}
	}
	sets[typ] = rrs
	if len(rrs) == 0 {
		delete(sets, typ)
	}
	s.names[name] = sets
	if len(sets) == 0 {
		delete(s.names, name)
	}
}

// admits refuses a CNAME beside other records, and others beside a CNAME (RFC
// 1034 §3.6.2, RFC 2181 §10.1).
func (s *snapshot) admits(name string, typ uint16) error {
	sets := s.names[name]
	if typ != dns.TypeCNAME {
		if sets[dns.TypeCNAME] != nil {
			return invalid("%s has a CNAME record, and a name with a CNAME can have no other record: delete the CNAME first.", plain(name))
		}
		return nil
	}
	if s.apex(name) {
		return invalid("%s is the apex of a zone, which has SOA and NS records, so it cannot have a CNAME.", plain(name))
	}
	var others []string
	for t := range sets {
		if t != dns.TypeCNAME {
			others = append(others, dns.TypeToString[t])
		}
	}
	if len(others) > 0 {
		slices.Sort(others)
		return invalid("%s has other records (%s), and a CNAME must be the only record of its name: delete them first.", plain(name), strings.Join(others, ", "))
	}
	return nil
}

// list is the snapshot as it is shown and kept.
func (s *snapshot) list() []Record {
	out := []Record{}
	for name, sets := range s.names {
		for typ, rrs := range sets {
			rec := Record{Name: name, Type: dns.TypeToString[typ]}
			for _, rr := range rrs {
				rec.Values = append(rec.Values, rdata(rr))
			}
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b Record) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.Type, b.Type))
	})
	return out
}

// writeFile replaces a file so that a crash leaves either the old or the new one.
func writeFile(path string, data []byte) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".records-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
