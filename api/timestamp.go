package api

import (
	"strconv"
	"time"
)

// timestamp is a time as ACM writes it: a JSON number of seconds since 1970
// with at least one and at most three decimals (wire facts §1).
type timestamp time.Time

// MarshalJSON writes whole seconds as "1484481600.0".
func (t timestamp) MarshalJSON() ([]byte, error) {
	ms := max(time.Time(t).UnixMilli(), 0) // nothing here is older than 1970
	out := strconv.AppendInt(nil, ms/1000, 10)
	frac := ms % 1000
	out = append(out, '.', byte('0'+frac/100))
	if frac%100 != 0 {
		out = append(out, byte('0'+frac/10%10))
	}
	if frac%10 != 0 {
		out = append(out, byte('0'+frac%10))
	}
	return out, nil
}

// stamp is an optional member: nil for the zero time.
func stamp(t time.Time) *timestamp {
	if t.IsZero() {
		return nil
	}
	s := timestamp(t)
	return &s
}
