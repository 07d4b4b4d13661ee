package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	"github.com/google/go-cmp/cmp"

	"acmd/core"
)

// explained is what explain --json prints, as far as it is fixed (design).
type explained struct {
	Arn     string
	Domains []struct {
		Domain, Method, Status string
		Create                 creation
		Diagnosis              *core.Diagnosis
		CheckedAt, NextTry     string
	}
}

// explain reads explain --json about one certificate.
func explain(t *testing.T, d *devServer, about string) explained {
	t.Helper()
	var e explained
	text := d.acmd(t, "explain", "--json", about)
	if err := json.Unmarshal([]byte(text), &e); err != nil || len(e.Domains) == 0 {
		t.Fatalf("explain --json: %v\n%s", err, text)
	}
	return e
}

// TestExplainJSON: the fixed interface, before and after the record is there.
func TestExplainJSON(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	arn := request(t, d.client(), p256, "www.example.com")
	eventually(t, issuedWithin, "the first check is done", func() bool { return explain(t, d, "www.example.com").Domains[0].Diagnosis != nil })
	shape := func() (top, domain, diagnosis []string) {
		var e map[string]json.RawMessage
		var ds []map[string]json.RawMessage
		var g map[string]json.RawMessage
		fatal(t, json.Unmarshal([]byte(d.acmd(t, "explain", "--json", arn)), &e))
		fatal(t, json.Unmarshal(e["Domains"], &ds))
		if raw, ok := ds[0]["Diagnosis"]; ok {
			fatal(t, json.Unmarshal(raw, &g))
		}
		return sortedKeys(e), sortedKeys(ds[0]), sortedKeys(g)
	}
	top, domain, diagnosis := shape()
	if diff := cmp.Diff([]string{"Arn", "Domains", "Status"}, top); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"CheckedAt", "Create", "Diagnosis", "Domain", "Method", "NextTry", "Status"}, domain); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"Code", "Evidence", "Sentence"}, diagnosis); diff != "" {
		t.Error(diff)
	}
	name, value := record(t, d.client(), arn)
	e := explain(t, d, arn)
	if c := e.Domains[0].Create; e.Arn != arn || c.Name != name || c.Type != "CNAME" || c.Value != value || e.Domains[0].Diagnosis.Code != core.CodeRecordMissing {
		t.Errorf("%+v; want the record %s CNAME %s", e, name, value)
	}
	d.prove(t, arn)
	waitStatus(t, d.client(), arn, types.CertificateStatusIssued)
	if _, domain, _ = shape(); slices.Contains(domain, "Diagnosis") || slices.Contains(domain, "NextTry") {
		t.Errorf("once issued there is %v, want no diagnosis and no next try", domain)
	}
	if got := acmd(t, "explain", "nobody.example.com", "--state", d.dir); got.code != exitFault || !strings.Contains(got.stderr, "no certificate holds the name nobody.example.com") {
		t.Errorf("an unknown name: exit code %d, %s", got.code, got.stderr)
	}
}

func sortedKeys(m map[string]json.RawMessage) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// mistakes are records that a customer sets, and what acmd says to them.
var mistakes = []struct {
	what    string
	request string
	records func(name, value string) [][]string // name, type, values
	code    core.Code
	says    string
	status  types.CertificateStatus
	reason  types.FailureReason
}{
	{what: "the provider appended the zone", request: "www.doubled.example.com", code: core.CodeNameDoubled, says: ".www.doubled.example.com.example.com.",
		records: func(name, value string) [][]string { return [][]string{{name + "example.com.", "CNAME", value}} }},
	{what: "a wrong target", request: "www.target.example.com", code: core.CodeWrongTarget, says: "elsewhere.example.net.",
		records: func(name, _ string) [][]string { return [][]string{{name, "CNAME", "elsewhere.example.net."}} }},
	{what: "CAA names another CA", request: "www.caa.example.com", code: core.CodeCAAForbids, says: "caa.example.com",
		records: func(name, value string) [][]string {
			return [][]string{{"caa.example.com", "CAA", `0 issue "ca.example.net"`}, {name, "CNAME", value}}
		}, status: types.CertificateStatusFailed, reason: types.FailureReasonCaaError},
	{what: "CAA forbids wildcards", request: "*.wild.example.com", code: core.CodeCAAForbids, says: "wild.example.com",
		records: func(name, value string) [][]string {
			return [][]string{{"wild.example.com", "CAA", `0 issue "` + devZone + `"`, `0 issuewild ";"`}, {name, "CNAME", value}}
		}, status: types.CertificateStatusFailed, reason: types.FailureReasonCaaError},
}

// TestMistakes: each shows with its code, a sentence that names the place, and
// everything that explain promises (design decision 6).
func TestMistakes(t *testing.T) {
	t.Parallel()
	d := startDev(t, shortDir(t))
	for _, m := range mistakes {
		t.Run(m.what, func(t *testing.T) {
			t.Parallel()
			c := d.client()
			arn := request(t, c, p256, m.request)
			name, value := record(t, c, arn)
			for _, r := range m.records(name, value) {
				d.set(t, r[0], r[1], r[2:]...)
			}
			var got core.Diagnosis
			eventually(t, issuedWithin, string(m.code), func() bool {
				if g := explain(t, d, arn).Domains[0].Diagnosis; g != nil {
					got = *g
				}
				return got.Code == m.code
			})
			if !strings.Contains(got.Sentence, m.says) || len(got.Evidence) == 0 {
				t.Errorf("%q with %d items of evidence; want it to name %s", got.Sentence, len(got.Evidence), m.says)
			}
			if m.status != "" {
				detail := waitStatus(t, c, arn, m.status)
				if v := detail.DomainValidationOptions[0].ValidationStatus; detail.FailureReason != m.reason || v != types.DomainStatusFailed {
					t.Errorf("failure reason %q, the name is %s", detail.FailureReason, v)
				}
				if got := acmd(t, "explain", "--watch", arn, "--state", d.dir); got.code != exitFault || !strings.Contains(got.stdout, string(m.code)) {
					t.Errorf("explain --watch of a failure: exit code %d\n%s%s", got.code, got.stdout, got.stderr)
				}
			} else {
				checkExplanation(t, d, arn, name, value)
			}
		})
	}
	t.Run("CAA forbids wildcards only", func(t *testing.T) {
		t.Parallel()
		d.set(t, "base.example.com", "CAA", `0 issue "`+devZone+`"`, `0 issuewild ";"`)
		arn := request(t, d.client(), p256, "base.example.com")
		d.prove(t, arn)
		waitStatus(t, d.client(), arn, types.CertificateStatusIssued)
	})
}

// checkExplanation: the text has code, sentence, evidence, the lines to copy
// and the next look.
func checkExplanation(t *testing.T, d *devServer, arn, name, value string) {
	t.Helper()
	text := d.acmd(t, "explain", arn)
	g := explain(t, d, arn).Domains[0].Diagnosis
	form := strings.TrimSuffix(name, ".example.com.")
	for _, want := range []string{
		arn + "\nPENDING_VALIDATION\n",
		"  create     " + name + "  CNAME  " + value + "\n",
		"  zone file  " + name + " 300 IN CNAME " + value + "\n",
		"that appends example.com:  name " + form + "   type CNAME   value " + strings.TrimSuffix(value, ".") + "\n",
		"aws route53 change-resource-record-sets", `"Name":"` + name + `"`,
		"  wrong      " + string(g.Code) + ": ",
		"\n  seen       ", "\n  checked    ", "\n  next look  ",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("explain lacks %q:\n%s", want, text)
		}
	}
}
