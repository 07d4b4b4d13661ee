package api

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"acmd/core"
)

// TestMemberPresence walks the table of wire facts §4.
func TestMemberPresence(t *testing.T) {
	t.Parallel()
	always := strings.Fields("CertificateArn CreatedAt Status Type KeyAlgorithm SignatureAlgorithm Subject Issuer RenewalEligibility InUseBy KeyUsages " +
		"ExtendedKeyUsages Options DomainName SubjectAlternativeNames DomainValidationOptions CertificateKeyPairOrigin")
	f := seeded(t)
	pending, issued, failed := f.views[0], f.views[1], f.views[2]
	revoked := issued
	leaf := *issued.Leaf
	leaf.RevokedAt, leaf.RevocationReason = instant, "KEY_COMPROMISE"
	revoked.Leaf = &leaf
	imported := issued
	imported.Certificate.Type = core.Imported
	lapsed := pending
	order := *pending.Order
	if err := order.To(core.OrderLapsed, instant); err != nil {
		t.Fatal(err)
	}
	lapsed.Order = &order
	renewing := issued
	renewing.Order = failed.Order
	for _, c := range []struct {
		name   string
		view   any
		status string
		more   string
	}{
		{"pending", detail(pending), "PENDING_VALIDATION", ""},
		{"failed", detail(failed), "FAILED", "FailureReason"},
		{"lapsed", detail(lapsed), "VALIDATION_TIMED_OUT", ""},
		{"issued", detail(issued), "ISSUED", "Serial NotBefore NotAfter IssuedAt"},
		{"failed to renew", detail(renewing), "ISSUED", "Serial NotBefore NotAfter IssuedAt"},
		{"revoked", detail(revoked), "REVOKED", "Serial NotBefore NotAfter IssuedAt RevokedAt RevocationReason"},
		{"imported", detail(imported), "ISSUED", "Serial NotBefore NotAfter ImportedAt"},
	} {
		raw, err := encode(c.view)
		if err != nil {
			t.Fatal(err)
		}
		var got map[string]any
		if err := json.Unmarshal(raw, &got); err != nil {
			t.Fatal(err)
		}
		want := slices.Sorted(slices.Values(append(strings.Fields(c.more), always...)))
		if members := slices.Sorted(maps.Keys(got)); !slices.Equal(members, want) {
			t.Errorf("%s:\n got %v\nwant %v", c.name, members, want)
		}
		if got["Status"] != c.status || strings.Contains(string(raw), "null") || strings.Contains(string(raw), `""`) {
			t.Errorf("%s: %s", c.name, raw)
		}
		for _, item := range got["DomainValidationOptions"].([]any) {
			if n := len(item.(map[string]any)); (c.name == "imported" && n != 1) || (c.name != "imported" && n != 5) {
				t.Errorf("%s: %v (wire facts §5)", c.name, item)
			}
		}
	}
}

func TestTimestamps(t *testing.T) {
	t.Parallel()
	at := time.Unix(1484481600, 0)
	for ms, want := range map[int]string{0: "1484481600.0", 1: "1484481600.001", 10: "1484481600.01", 100: "1484481600.1", 101: "1484481600.101", 999: "1484481600.999"} {
		got, err := json.Marshal(timestamp(at.Add(time.Duration(ms) * time.Millisecond)))
		if err != nil || string(got) != want {
			t.Errorf("%d ms: %s %v", ms, got, err)
		}
	}
	if stamp(time.Time{}) != nil {
		t.Error("the zero time is not absent")
	}
}

func TestSerialsAndAlgorithms(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{"03e9": "03:e9", "3e9": "03:e9", "077171f46be7": "07:71:71:f4:6b:e7", "": ""} {
		if got := coloned(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
	for in, want := range map[core.KeyAlgorithm]string{core.RSA2048: "RSA-2048", core.ECP256: "EC-prime256v1", core.ECP384: "EC-secp384r1"} {
		if got := hyphenated(in); got != want {
			t.Errorf("%s: %s", in, got)
		}
	}
}

func TestUsagesComeFromTheLeaf(t *testing.T) {
	t.Parallel()
	chain := testChain(t)
	for name, c := range map[string]struct {
		der  []byte
		want string
	}{
		"leaf":    {chain[0], `{[{DIGITAL_SIGNATURE} {KEY_ENCIPHERMENT}] [{TLS_WEB_SERVER_AUTHENTICATION 1.3.6.1.5.5.7.3.1}]}`},
		"issuer":  {chain[1], `{[{CERTIFICATE_SIGNING} {CRL_SIGNING}] []}`},
		"nothing": {nil, `{[] []}`},
		"garbage": {[]byte("garbage"), `{[] []}`},
	} {
		u := readUsages(c.der)
		if u.key == nil || u.extended == nil || fmt.Sprint(u) != c.want {
			t.Errorf("%s: %s", name, fmt.Sprint(u))
		}
	}
	for cut := range chain[0] {
		if u := readUsages(chain[0][:cut]); len(u.key) > 2 {
			t.Errorf("cut at %d: %v", cut, u)
		}
	}
}

func TestImportWithoutChainIsItsOwn(t *testing.T) {
	t.Parallel()
	f := seeded(t)
	f.views[1].Leaf.Chain = nil
	w := do(t, newTestAPI(t, f), "GetCertificate", `{"CertificateArn":"`+secondArn+`"}`)
	var out getOutput
	if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil || w.Code != http.StatusOK || out.Certificate == "" || out.Certificate != out.CertificateChain {
		t.Errorf("%s (wire facts §6)", w.Body)
	}
}

// BenchmarkDescribe is one whole request without the network: signature,
// constraints, answer.
func BenchmarkDescribe(b *testing.B) {
	a := newTestAPI(b, seeded(b))
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		r := sign(b, post("DescribeCertificate", `{"CertificateArn":"`+secondArn+`"}`), testKey, testSecret)
		w := httptest.NewRecorder()
		b.StartTimer()
		if a.ServeHTTP(w, r); w.Code != http.StatusOK {
			b.Fatal(w.Body)
		}
	}
}
