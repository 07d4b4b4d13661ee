package configs

import (
	"strings"
	"testing"
	"time"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text string
		want time.Duration
		back string
	}{
		{"198d", 198 * 24 * time.Hour, "198d"},
		{"36h", 36 * time.Hour, "1d12h"},
		{"1d12h", 36 * time.Hour, "1d12h"},
		{"90s", 90 * time.Second, "1m30s"},
		{"250ms", 250 * time.Millisecond, "250ms"},
		{"2m", 2 * time.Minute, "2m"},
		{"0s", 0, "0s"},
	} {
		var d Duration
		if err := d.UnmarshalText([]byte(tc.text)); err != nil || time.Duration(d) != tc.want || d.String() != tc.back {
			t.Errorf("%s: %v, %s, %v", tc.text, time.Duration(d), d, err)
		}
	}
	for _, bad := range []string{"", "198", "-1h", "1.5h", "1 h", "1w", "h", "1h ", "99999999999999999999h", "36526d", "36525d1ms", "20000d20000d"} {
		d := Duration(7)
		if err := d.UnmarshalText([]byte(bad)); err == nil || d != 7 {
			t.Errorf("%q is read as %s", bad, d)
		}
	}
}

func TestPathResolve(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		path        Path
		credentials string
		want, fails string
	}{
		{path: "/etc/acmd/key", want: "/etc/acmd/key"},
		{path: "/etc/acmd/key", credentials: "/run/credentials/acmd.service", want: "/etc/acmd/key"},
		{path: "credential:master.key", credentials: "/run/credentials/acmd.service", want: "/run/credentials/acmd.service/master.key"},
		{path: "credential:master.key", fails: "$CREDENTIALS_DIRECTORY is not set"},
		{path: "credential:../etc/shadow", credentials: "/run/c", fails: "must name a credential"},
		{path: "credential:", credentials: "/run/c", fails: "must name a credential"},
		{path: "key", credentials: "/run/c", fails: "absolute path"},
	} {
		got, err := tc.path.Resolve(tc.credentials)
		if got != tc.want || (err == nil) != (tc.fails == "") || err != nil && !strings.Contains(err.Error(), tc.fails) {
			t.Errorf("%s in %q: %q, %v", tc.path, tc.credentials, got, err)
		}
	}
}
