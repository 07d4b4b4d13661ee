// Package token derives the names and values of the validation zone from the
// zone's keys, and recognises them.
//
// It keeps nothing: whoever holds the keys can answer for any of the names, and
// nobody else can make a label that is recognised. It trusts its caller to pass
// names as core.ParseName gives them and to keep the keys secret. It never knows
// what a certificate is, reads no clock and does no I/O.
package token

import (
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Sizes in octets. A label is id and tag, in hex.
const (
	idLen    = 10
	tagLen   = 6
	labelLen = 2 * (idLen + tagLen)
	nameLen  = 16
	valueLen = (sumLen*8 + 5) / 6 // characters of base64url without padding
	// maxZone leaves room for "_<label>." within the 253 characters of a name.
	maxZone = 253 - labelLen - 2
)

// Record is the CNAME that a customer creates, in names with a final dot.
type Record struct {
	Name   string // "_<32 hex>.<name>."
	Label  string // "<32 hex>": the target's label without its underscore
	Target string // "_<32 hex>.<zone>."
}

// Deriver derives and recognises for one zone. It never changes, and any number
// of goroutines may use it at once.
type Deriver struct {
	zone   string
	naming *mac
	values []valueMAC // by rising From
}

// valueMAC is a value key made ready.
type valueMAC struct {
	version uint64
	from    time.Time
	mac     *mac
}

// New makes the deriver of a zone. The zone is a host name with or without a
// final dot, in any case, of at most 219 characters; keys as NewKeys makes them.
// Any other zone or key is an error, which never quotes a key.
func New(zone string, keys Keys) (*Deriver, error) {
	z := strings.ToLower(strings.TrimSuffix(zone, "."))
	if err := checkZone(z); err != nil {
		return nil, fmt.Errorf("zone %q: %w", zone, err)
	}
	if err := keys.check(); err != nil {
		return nil, err
	}
	d := &Deriver{zone: z + ".", naming: newMAC(keys.Naming)}
	for _, k := range keys.Values {
		d.values = append(d.values, valueMAC{uint64(k.Version), k.From, newMAC(k.Key)})
	}
	return d, nil
}

// checkZone wants letters, digits and hyphens in labels of a legal length.
func checkZone(z string) error {
	if z == "" || len(z) > maxZone {
		return fmt.Errorf("must have 1 to %d characters", maxZone)
	}
	for l := range strings.SplitSeq(z, ".") {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' ||
			strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return fmt.Errorf("label %q is not one of a host name", l)
		}
	}
	return nil
}

// Zone is the zone in lower case with its final dot.
func (d *Deriver) Zone() string { return d.zone }

// Record gives the CNAME by which the account shows control of the name. It is
// the same for ever, for a name and for its wildcard ("*.x" and "x"), and no
// other account or name ever has it (standards 1.16).
func (d *Deriver) Record(account, name string) Record {
	name = strings.TrimPrefix(strings.TrimSuffix(strings.ToLower(name), "."), "*.")
	own := sum(d.naming, "name", account, name)
	id := sum(d.naming, "label", account, name)
	tag := sum(d.naming, "tag", id[:idLen], "")
	label := hex.EncodeToString(id[:idLen]) + hex.EncodeToString(tag[:tagLen])
	return Record{
		Name:   "_" + hex.EncodeToString(own[:nameLen]) + "." + name + ".",
		Label:  label,
		Target: "_" + label + "." + d.zone,
	}
}

// Recognise tells whether Record gave this label, and returns it in its one
// canonical form: lower case, without underscore. It takes any case and at most
// one leading underscore. A label made without the naming key passes with a
// chance of 2^-48; the comparison takes the same time wherever it fails.
func (d *Deriver) Recognise(label string) (string, bool) {
	label = strings.TrimPrefix(label, "_")
	if len(label) != labelLen {
		return "", false
	}
	var raw [idLen + tagLen]byte
	if !unhex(&raw, label) {
		return "", false
	}
	tag := sum(d.naming, "tag", raw[:idLen], "")
	if subtle.ConstantTimeCompare(tag[:tagLen], raw[idLen:]) != 1 {
		return "", false
	}
	return strings.ToLower(label), true
}

// unhex reads hex digits of either case without allocating.
func unhex(dst *[idLen + tagLen]byte, s string) bool {
	for i := range dst {
		hi, lo := nibble(s[2*i]), nibble(s[2*i+1])
		if hi|lo > 0xf {
			return false
		}
		dst[i] = hi<<4 | lo
	}
	return true
}

// nibble is the value of a hex digit, 0xff for any other octet.
func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// Value is what the zone serves for a canonical label at now: 43 characters of
// base64url, bound to the label, the value key and the period.
func (d *Deriver) Value(label string, now time.Time) string {
	return d.value(d.inForce(now), period(now), label)
}

// Accepted lists the values that prove control at now: the one served, then the
// others that were served in this period or the one before, newest first. None
// is older than two periods, 28 days (standards 1.8).
func (d *Deriver) Accepted(label string, now time.Time) []string {
	var out []string
	last, p := d.inForce(now), period(now)
	for _, p := range []int64{p, p - 1} {
		start, end := periodStart(p), periodStart(p+1)
		for i := last; i >= 0; i-- {
			// Key i served from its From, the first one since ever, until the next one's.
			began := i == 0 || d.values[i].from.Before(end)
			ended := i < last && !d.values[i+1].from.After(start)
			if began && !ended {
				out = append(out, d.value(i, p, label))
			}
		}
	}
	return out
}

// Since is the moment the values served at now came into force: the start of
// the period, or of the value key when that is later. Values change then only,
// so it never falls as now rises.
func (d *Deriver) Since(now time.Time) time.Time {
	start := periodStart(period(now))
	if from := d.values[d.inForce(now)].from; from.After(start) && !from.After(now) {
		return from
	}
	return start
}

func (d *Deriver) inForce(now time.Time) int {
	i := len(d.values) - 1
	for i > 0 && d.values[i].from.After(now) {
		i--
	}
	return i
}

func (d *Deriver) value(i int, period int64, label string) string {
	var bound [16]byte
	binary.BigEndian.PutUint64(bound[:8], d.values[i].version)
	binary.BigEndian.PutUint64(bound[8:], uint64(period))
	v := sum(d.values[i].mac, "value", bound[:], label)
	var text [valueLen]byte
	base64.RawURLEncoding.Encode(text[:], v[:])
	return string(text[:])
}

// Period is how long one value is served. The value before it is still
// accepted, so a value is usable for at most 28 days (standards 1.8).
const Period = 14 * 24 * time.Hour

const periodSeconds = int64(Period / time.Second)

// period numbers the periods from the Unix epoch, before which there is none.
func period(now time.Time) int64 { return now.Unix() / periodSeconds }

func periodStart(p int64) time.Time { return time.Unix(p*periodSeconds, 0).UTC() }
