package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"acmd/core"
)

// TestRequestRefusals: what is refused is refused before anything is written.
func TestRequestRefusals(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a.", 32) + "example.de" // 74 octets: too long for a CN
	provable := strings.Repeat("abcdefgh.", 23) + "abcdefghi.de"
	many := make([]string, 10)
	for i := range many {
		many[i] = fmt.Sprintf("n%d.example.de", i)
	}
	cases := map[string]struct {
		r    Request
		kind error // nil: accepted
		says string
	}{
		"longest CN":              {Request{Domain: strings.Repeat("a", 63) + ".de", SANs: nil}, core.Invalid, "64"},
		"long name as a SAN":      {Request{Domain: "example.de", SANs: []string{long}}, nil, ""},
		"long name first":         {Request{Domain: long}, core.Invalid, "common name"},
		"219 octets":              {Request{Domain: "example.de", SANs: []string{provable}}, nil, ""},
		"219 octets, wildcard":    {Request{Domain: "example.de", SANs: []string{"*." + provable}}, nil, ""},
		"220 octets":              {Request{Domain: "example.de", SANs: []string{"x" + provable}}, core.Invalid, "219"},
		"eleven names":            {Request{Domain: "example.de", SANs: many}, core.LimitExceeded, "Certificate has too many domains."},
		"ten names and repeats":   {Request{Domain: "n0.example.de", SANs: append(many, "N0.example.DE")}, nil, ""},
		"punycode table":          {Request{Domain: "ab--example.com"}, core.Invalid, "xn--"},
		"option of another name":  {Request{Domain: "example.de", Options: []DomainOption{{"www.example.de", "example.de"}}}, core.InvalidDomainOptions, "www.example.de"},
		"option not a parent":     {Request{Domain: "a.example.de", Options: []DomainOption{{"a.example.de", "other.de"}}}, core.InvalidDomainOptions, "superdomain"},
		"option a parent":         {Request{Domain: "a.example.de", Options: []DomainOption{{"a.example.de", "example.de"}}}, nil, ""},
		"option of the wildcard":  {Request{Domain: "*.example.de", Options: []DomainOption{{"*.example.de", "example.de"}}}, nil, ""},
		"reserved tag":            {Request{Domain: "example.de", Tags: []core.Tag{{Key: "aws:x"}}}, core.InvalidTag, "aws:"},
		"a tag twice":             {Request{Domain: "example.de", Tags: []core.Tag{{Key: "x"}, {Key: "x"}}}, core.InvalidTag, "more than once"},
		"fifty-one tags":          {Request{Domain: "example.de", Tags: manyTags(51)}, core.TooManyTags, "50"},
		"fifty tags":              {Request{Domain: "example.de", Tags: manyTags(50)}, nil, ""},
		"wildcard inside":         {Request{Domain: "www.*.example.de"}, core.Invalid, "wildcard"},
		"address instead of name": {Request{Domain: "10.0.0.10"}, core.Invalid, "IP address"},
	}
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	for name, c := range cases {
		c.r.Method, c.r.KeyAlgorithm = core.MethodDNS, core.ECP256
		before, _, err := b.List(t.Context(), b.by, Query{Limit: 1000})
		fatal(t, err)
		_, err = b.Request(t.Context(), b.by, c.r)
		after, _, lerr := b.List(t.Context(), b.by, Query{Limit: 1000})
		fatal(t, lerr)
		if c.kind == nil {
			if err != nil || len(after) != len(before)+1 {
				t.Errorf("%s: %v, %d certificates after %d", name, err, len(after), len(before))
			}
			continue
		}
		if err == nil || len(after) != len(before) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, %d certificates after %d; want %q", name, err, len(after), len(before), c.says)
			continue
		}
		wantKind(t, err, c.kind)
	}
}

func manyTags(n int) []core.Tag {
	var out []core.Tag
	for i := range n {
		out = append(out, core.Tag{Key: fmt.Sprint("k", i), Value: "v", HasValue: true})
	}
	return out
}

// TestRefusedName: a name that the policy refuses gives a FAILED certificate,
// the other names stay pending (wire facts §3), and nothing is ever looked up.
func TestRefusedName(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		arn := b.request(t, "www.example.de", "printer.local", "*.co.uk")
		b.settle(t)
		v := b.want(t, arn, core.StatusFailed)
		if v.Order.Reason != core.ReasonInvalidPublicDomain {
			t.Errorf("reason %s", v.Order.Reason)
		}
		for name, want := range map[string]core.ValidationStatus{"www.example.de": core.ValidationPending, "printer.local": core.ValidationFailed, "*.co.uk": core.ValidationFailed} {
			if got := v.ValidationStatus(name); got != want {
				t.Errorf("%s is %s, want %s", name, got, want)
			}
		}
		if d := v.Order.Name("printer.local").Diagnosis; d == nil || d.Code != core.CodeNameForbidden || !strings.Contains(d.Sentence, "names.allow") {
			t.Errorf("diagnosis %+v does not say what to do", d)
		}
		if b.world.asked != 0 {
			t.Errorf("%d look-ups for a refused request", b.world.asked)
		}
	})
}

// TestIdempotency: the same token gives the same ARN for an hour, whatever the
// order of the names; with other parameters it is refused.
func TestIdempotency(t *testing.T) {
	t.Parallel()
	eachEngine(t, func(t *testing.T, b *bench) {
		ask := func(domain string, sans ...string) (string, error) {
			return b.Request(t.Context(), b.by, Request{Domain: domain, SANs: sans, Method: core.MethodDNS, KeyAlgorithm: core.ECP256, Token: "tok"})
		}
		first, err := ask("example.de", "a.example.de", "b.example.de")
		fatal(t, err)
		b.clock.advance(tokenLifetime - time.Millisecond)
		again, err := ask("example.de", "b.example.de", "a.example.de", "example.de")
		if err != nil || again != first {
			t.Errorf("again: %s, %v; want %s", again, err, first)
		}
		_, err = ask("example.de", "a.example.de")
		wantKind(t, err, core.Invalid)
		b.clock.advance(time.Millisecond)
		later, err := ask("example.de", "a.example.de", "b.example.de")
		if err != nil || later == first {
			t.Errorf("after the hour: %s, %v; want another ARN", later, err)
		}
	})
}

// TestAccountsApart: what is another account's or region's does not exist.
func TestAccountsApart(t *testing.T) {
	t.Parallel()
	b := newBench(t, "sqlite:"+t.TempDir()+"/acmd.db")
	arn := b.request(t, "www.example.de")
	for _, by := range []Caller{{Account: "999999999999", Region: b.by.Region}, {Account: b.by.Account, Region: "us-east-1"}} {
		_, err := b.Describe(t.Context(), by, arn)
		wantKind(t, err, core.NotFound)
		_, err = b.Certificate(t.Context(), by, arn)
		wantKind(t, err, core.NotFound)
		wantKind(t, b.Delete(t.Context(), by, arn), core.NotFound)
		_, err = b.Tags(t.Context(), by, arn)
		wantKind(t, err, core.NotFound)
		wantKind(t, b.AddTags(t.Context(), by, arn, manyTags(1)), core.NotFound)
		wantKind(t, b.RemoveTags(t.Context(), by, arn, manyTags(1)), core.NotFound)
		if views, _, err := b.List(t.Context(), by, Query{Limit: 10}); err != nil || len(views) != 0 {
			t.Errorf("list of %+v: %d, %v", by, len(views), err)
		}
	}
}
