package core_test

import (
	"testing"
	"time"

	"acmd/core"
)

// Standards 1.24: a proof serves for at most the reuse time, and only if it was
// seen since the order began.
func TestFresh(t *testing.T) {
	t.Parallel()
	o := order(core.OrderPending)
	const tick = time.Millisecond
	for _, c := range []struct {
		name      string
		validated time.Time
		now       time.Time
		want      bool
	}{
		{"never seen", time.Time{}, birth, false},
		{"seen as the order began", birth, birth, true},
		{"seen just before it", birth.Add(-tick), birth, false},
		{"seen in it", birth.Add(time.Hour), birth.Add(2 * time.Hour), true},
		{"almost too old", birth, birth.Add(core.DefaultReuse - tick), true},
		{"too old", birth, birth.Add(core.DefaultReuse), false},
	} {
		if got := proven("example.com", c.validated).FreshFor(&o, core.DefaultReuse, c.now); got != c.want {
			t.Errorf("%s: fresh %t", c.name, got)
		}
	}
	if core.DefaultReuse != 240*time.Hour {
		t.Errorf("a proof serves for %s", core.DefaultReuse)
	}
}

func TestChecked(t *testing.T) {
	t.Parallel()
	p := core.Proof{Account: "123456789012", Name: "example.com", Method: core.MethodDNS, Label: "ab"}
	later := birth.Add(time.Hour)
	seen := p.Checked(birth, true)
	if want := (core.Proof{Account: p.Account, Name: p.Name, Method: p.Method, Label: p.Label, ValidatedAt: birth, CheckedAt: birth}); seen != want {
		t.Errorf("seen: %+v, want %+v", seen, want)
	}
	gone := seen.Checked(later, false)
	if want := (core.Proof{Account: p.Account, Name: p.Name, Method: p.Method, Label: p.Label, CheckedAt: later}); gone != want {
		t.Errorf("gone: %+v, want %+v", gone, want)
	}
}

// The codes label metrics and are stored: each once, in capitals.
func TestCodes(t *testing.T) {
	t.Parallel()
	seen := map[core.Code]bool{}
	for _, c := range core.Codes() {
		if seen[c] {
			t.Errorf("%s is listed twice", c)
		}
		seen[c] = true
		for _, b := range []byte(c) {
			if (b < 'A' || b > 'Z') && b != '_' {
				t.Errorf("%q is not a code", c)
				break
			}
		}
		if (core.Diagnosis{Code: c}).OK() {
			t.Errorf("%q counts as nothing wrong", c)
		}
	}
	if len(seen) != 19 {
		t.Errorf("%d codes: does Codes list a new one?", len(seen))
	}
	if !(core.Diagnosis{}).OK() {
		t.Error("the zero diagnosis counts as something wrong")
	}
}
