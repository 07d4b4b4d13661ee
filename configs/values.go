package configs

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Duration is a length of time written as numbers with units: 198d, 36h, 1d12h,
// 250ms. A day is 24 hours.
type Duration time.Duration

var durationPart = regexp.MustCompile(`^([0-9]+)(ms|d|h|m|s)`)

// durationUnits are the units of a Duration.
var durationUnits = map[string]time.Duration{
	"ms": time.Millisecond, "s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
}

// UnmarshalText reads the written form. Zero must have a unit too; a sign, a
// fraction and more than 100 years are refused.
func (d *Duration) UnmarshalText(text []byte) error {
	const most = 36525 * 24 * time.Hour
	bad := fmt.Errorf("must be a duration such as 198d, 36h or 5s, got %q", text)
	rest, sum := string(text), time.Duration(0)
	for ok := true; ok; ok = rest != "" {
		m := durationPart.FindStringSubmatch(rest)
		if m == nil {
			return bad
		}
		n, err := strconv.ParseInt(m[1], 10, 64)
		unit := durationUnits[m[2]]
		if err != nil || n > int64(most/unit) {
			return bad
		}
		if sum += time.Duration(n) * unit; sum > most {
			return bad
		}
		rest = rest[len(m[0]):]
	}
	*d = Duration(sum)
	return nil
}

// String is the written form, in the largest units that fit: 198d, 1d12h, 5s.
func (d Duration) String() string {
	rest, out := time.Duration(d), ""
	for _, u := range []string{"d", "h", "m", "s", "ms"} {
		if n := rest / durationUnits[u]; n > 0 {
			out += strconv.FormatInt(int64(n), 10) + u
			rest -= n * durationUnits[u]
		}
	}
	if out == "" {
		return "0s"
	}
	return out
}

// Path names a file: an absolute path, or credential:NAME for the file NAME in
// the folder that systemd hands the unit its credentials in
// ($CREDENTIALS_DIRECTORY). Empty: no file.
type Path string

const credentialPrefix = "credential:"

var credentialName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)

// Resolve returns the path of the file. credentials is the value of
// $CREDENTIALS_DIRECTORY; empty, a credential is an error that says so. The
// file itself is not looked at.
func (p Path) Resolve(credentials string) (string, error) {
	if why := p.problem(); why != "" {
		return "", errors.New(why)
	}
	name, ok := strings.CutPrefix(string(p), credentialPrefix)
	switch {
	case !ok:
		return string(p), nil
	case credentials == "":
		return "", fmt.Errorf("%s: this process was handed no credentials ($CREDENTIALS_DIRECTORY is not set); start it as the systemd unit, or name a file", p)
	}
	return filepath.Join(credentials, name), nil
}

// problem says what is wrong with a path; "" if nothing is or it is empty.
func (p Path) problem() string {
	if name, ok := strings.CutPrefix(string(p), credentialPrefix); ok {
		if !credentialName.MatchString(name) {
			return fmt.Sprintf("must name a credential with letters, digits, dots, dashes and underscores, got %q", string(p))
		}
		return ""
	}
	if p != "" && !filepath.IsAbs(string(p)) {
		return fmt.Sprintf("must be an absolute path or credential:NAME, got %q", string(p))
	}
	return ""
}
