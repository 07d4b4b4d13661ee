package token

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestValueChanges(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	label := d.Record("111122223333", "example.com").Label
	rotation := 5*Period + time.Hour // of fixedKeys
	tests := []struct {
		what     string
		from, to time.Duration
		same     bool
	}{
		{"within a period", 0, Period - time.Millisecond, true},
		{"over a period's end", Period - time.Millisecond, Period, false},
		{"before and within the first key's time", -time.Hour, -time.Millisecond, true},
		{"before the rotation", 5 * Period, rotation - time.Millisecond, true},
		{"at the rotation", rotation - time.Millisecond, rotation, false},
		{"after the rotation", rotation, 6*Period - time.Millisecond, true},
	}
	for _, tt := range tests {
		a, b := d.Value(label, begin.Add(tt.from)), d.Value(label, begin.Add(tt.to))
		if (a == b) != tt.same {
			t.Errorf("%s: %s and %s, want same = %v", tt.what, a, b, tt.same)
		}
		if len(a) != 43 || strings.Trim(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			t.Errorf("%s: %q is not 43 characters of base64url", tt.what, a)
		}
	}
}

func TestValueIsBoundToItsLabel(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	a, b := d.Record("111122223333", "a.example").Label, d.Record("111122223333", "b.example").Label
	if d.Value(a, begin) == d.Value(b, begin) {
		t.Error("two labels have one value")
	}
}

// Accepted is the value served now, then what was served before in this period
// and the last, and nothing else (standards 1.8).
func TestAccepted(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	label := d.Record("111122223333", "example.com").Label
	at := func(after time.Duration) string { return d.Value(label, begin.Add(after)) }
	rotation := 5*Period + time.Hour
	tests := []struct {
		what string
		now  time.Duration
		want []string
	}{
		{"first period of the first key", 0, []string{at(0), at(-Period)}},
		{"a period later", Period, []string{at(Period), at(0)}},
		{"just before the rotation", rotation - time.Millisecond, []string{at(5 * Period), at(4 * Period)}},
		{"at the rotation", rotation, []string{at(rotation), at(5 * Period), at(4 * Period)}},
		{"next period", 6 * Period, []string{at(6 * Period), at(rotation), at(5 * Period)}},
		{"period after that", 7 * Period, []string{at(7 * Period), at(6 * Period)}},
	}
	for _, tt := range tests {
		if diff := cmp.Diff(tt.want, d.Accepted(label, begin.Add(tt.now))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.what, diff)
		}
	}
}

// A rotation at the very start of a period leaves no value that was never served.
func TestAcceptedRotationAtBoundary(t *testing.T) {
	t.Parallel()
	k := fixedKeys()
	k.Values[1].From = begin.Add(5 * Period)
	d := newDeriver(t, zone, k)
	label := d.Record("111122223333", "example.com").Label
	want := []string{d.Value(label, begin.Add(5*Period)), d.Value(label, begin.Add(5*Period-1))}
	if diff := cmp.Diff(want, d.Accepted(label, begin.Add(5*Period))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// Hour by hour over 140 days and a rotation: the value served is accepted, so is
// each one served in the last 14 days, none is after 28 days, and Since moves
// forward exactly when the value changes.
func TestValueLifetime(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	label := d.Record("111122223333", "example.com").Label
	made := map[string]time.Time{}
	var value string
	var since time.Time
	for now := begin.Add(-time.Hour); now.Before(begin.Add(10 * Period)); now = now.Add(time.Hour) {
		v, s, ok := d.Value(label, now), d.Since(now), d.Accepted(label, now)
		if ok[0] != v {
			t.Fatalf("%v: the value served is not the first accepted", now)
		}
		if (v != value) != s.After(since) || s.Before(since) || s.After(now) {
			t.Fatalf("%v: value %s after %s, since %v after %v", now, v, value, s, since)
		}
		if v != value {
			made[v] = now
		}
		value, since = v, s
		for m, at := range made {
			if age := now.Sub(at); age >= 2*Period && slices.Contains(ok, m) {
				t.Fatalf("%v: %s is accepted at the age of %v", now, m, age)
			} else if age < Period && !slices.Contains(ok, m) {
				t.Fatalf("%v: %s is refused at the age of %v", now, m, age)
			}
		}
	}
	if len(made) != 12 {
		t.Errorf("%d values in ten periods, the hour before and one rotation; want 12", len(made))
	}
}

func TestNewKeys(t *testing.T) {
	t.Parallel()
	now := begin.Add(1234567 * time.Nanosecond)
	a, err := NewKeys(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	b, err := NewKeys(rand.Reader, now)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(a.Naming, b.Naming) || bytes.Equal(a.Values[0].Key, b.Values[0].Key) || bytes.Equal(a.Naming, a.Values[0].Key) {
		t.Error("keys repeat")
	}
	if v := a.Values[0]; v.Version != 1 || !v.From.Equal(begin.Add(time.Millisecond)) {
		t.Errorf("version %d from %v", v.Version, v.From)
	}
	text, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	var back Keys
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(a, back); diff != "" {
		t.Errorf("through JSON (-before +after):\n%s", diff)
	}
	newDeriver(t, zone, back)

	broken := errors.New("no entropy")
	if _, err := NewKeys(iotest.ErrReader(broken), now); !errors.Is(err, broken) {
		t.Errorf("error %v, want %v", err, broken)
	}
}

// The deriver keeps its own copy: a caller that wipes its keys breaks nothing.
func TestKeysAreCopied(t *testing.T) {
	t.Parallel()
	k := fixedKeys()
	d := newDeriver(t, zone, k)
	before := d.Record("111122223333", "example.com")
	value := d.Value(before.Label, begin)
	clear(k.Naming)
	clear(k.Values[0].Key)
	if d.Record("111122223333", "example.com") != before || d.Value(before.Label, begin) != value {
		t.Error("wiping the caller's keys changed the deriver")
	}
}

// Many goroutines share the pooled MAC states.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	d := newDeriver(t, zone, fixedKeys())
	want := d.Record("111122223333", "example.com")
	value := d.Value(want.Label, begin)
	done := make(chan bool)
	for range 8 {
		go func() {
			ok := true
			for range 200 {
				_, known := d.Recognise(want.Target[:33])
				ok = ok && known && d.Record("111122223333", "example.com") == want && d.Value(want.Label, begin) == value
			}
			done <- ok
		}()
	}
	for range 8 {
		if !<-done {
			t.Error("a result changed under concurrent use")
		}
	}
}
