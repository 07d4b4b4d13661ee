package ca

import (
	"crypto/elliptic"
	"errors"
	"strings"
	"testing"
	"time"

	"acmd/core"
)

// Standards 0.1, 1.52: one second before each date and on it.
func TestValidityTable(t *testing.T) {
	t.Parallel()
	cases := []struct {
		at   string
		want time.Duration
	}{
		{"2025-01-01T00:00:00Z", 200 * day},
		{"2026-03-15T00:00:00Z", 200 * day},
		{"2027-03-14T23:59:59Z", 200 * day},
		{"2027-03-15T00:00:00Z", 100 * day},
		{"2029-03-14T23:59:59Z", 100 * day},
		{"2029-03-15T00:00:00Z", 47 * day},
		{"2029-03-15T00:00:00+01:00", 100 * day}, // UTC counts
		{"2040-01-01T00:00:00Z", 47 * day},
	}
	for _, c := range cases {
		if got := validityLimit(must(time.Parse(time.RFC3339, c.at))); got != c.want {
			t.Errorf("%s: %s, want %s", c.at, got, c.want)
		}
	}
}

// A leaf is counted inclusively (1.52), begins an hour early within its
// validity, and is never longer than the table allows by when it may be signed.
func TestPeriod(t *testing.T) {
	t.Parallel()
	first, second := validityLimits[1].from.Add(-core.IntentLifetime), validityLimits[2].from.Add(-core.IntentLifetime)
	cases := []struct {
		name     string
		validity time.Duration
		long     bool
		at       time.Time
		want     time.Duration
	}{
		{"default", 0, false, now, 198 * day},
		{"an hour", time.Hour, false, now, time.Hour},
		{"6 d", 6 * day, false, now, 6 * day},
		{"200 d, a day below", 200 * day, false, now, 199 * day},
		{"before 2027-03-15", 0, false, first.Add(-time.Second), 198 * day},
		{"2027-03-15", 0, false, first, 99 * day},
		{"before 2029-03-15", 0, false, second.Add(-time.Second), 99 * day},
		{"2029-03-15", 0, false, second, 46 * day},
		{"45 d in 2029", 45 * day, false, second, 45 * day},
		{"395 d, lifted", 395 * day, true, now, 395 * day},
		{"395 d, lifted, in 2029", 395 * day, true, second, 395 * day},
	}
	for _, c := range cases {
		cfg := config()
		cfg.Validity, cfg.LongValidity = c.validity, c.long
		r := request(t, ecKey(elliptic.P256()), "example.org")
		r.Now = c.at
		in, leaf := issue(t, newAuthority(t, cfg), r)
		if got := leaf.NotAfter.Sub(leaf.NotBefore) + time.Second; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if want := c.at.Add(-backdate).Truncate(time.Second); !in.NotBefore.Equal(want) && !in.NotBefore.Equal(files().Intermediate.NotBefore) {
			t.Errorf("%s: begins %s, want %s", c.name, in.NotBefore, want)
		}
	}
}

// Standards 1.51: within 48 hours of the signing, which may be a day later.
func TestWishedNotBefore(t *testing.T) {
	t.Parallel()
	a, r := newAuthority(t, config()), request(t, ecKey(elliptic.P256()), "example.org")
	r.Now = now.Add(30 * day)
	for d, ok := range map[time.Duration]bool{
		0: true, core.IntentLifetime: true, -core.IntentLifetime: true,
		core.IntentLifetime + 1: false, -core.IntentLifetime - 1: false,
	} {
		r.NotBefore = r.Now.Add(d)
		in, err := a.Prepare(r)
		if (err == nil) != ok || err != nil && !errors.Is(err, core.Invalid) {
			t.Errorf("%s from now: %v", d, err)
		}
		if ok && !in.NotBefore.Equal(r.NotBefore.Truncate(time.Second)) {
			t.Errorf("%s from now: begins %s", d, in.NotBefore)
		}
	}
}

// A leaf lies within the validity of all above it.
func TestWithinTheChain(t *testing.T) {
	t.Parallel()
	cfg := config()
	cfg.Validity = 10 * day
	a, r := newAuthority(t, cfg), request(t, ecKey(elliptic.P256()), "example.org")
	inter := files().Intermediate
	last := inter.NotAfter.Add(-10 * day).Add(backdate + time.Second)
	cases := []struct {
		name string
		at   time.Time
		want string
	}{
		{"before the CA", inter.NotBefore.Add(-time.Second), "not valid before"},
		{"at once", inter.NotBefore, ""},
		{"the last second", last, ""},
		{"a second after", last.Add(time.Second), "after its CA CN=Acme Test Issuing CA,O=Acme Test"},
	}
	for _, c := range cases {
		r.Now = c.at
		in, err := a.Prepare(r)
		if c.want != "" {
			if !errors.Is(err, core.Invalid) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: got %v, want %q", c.name, err, c.want)
			}
			continue
		}
		if err != nil || in.NotBefore.Before(inter.NotBefore) || in.NotAfter.After(inter.NotAfter) {
			t.Errorf("%s: %s to %s, %v", c.name, in.NotBefore, in.NotAfter, err)
		}
	}
}
