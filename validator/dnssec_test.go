package validator

import (
	"strings"
	"testing"

	"acmd/core"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"
)

// Our validation zone three times: as the parent zone has it without a DS
// record, signed, and with signatures that ran out.
const (
	targetLabel    = "_f0e1d2c3b4a5968778695a4b3c2d1e0f."
	targetUnsigned = targetLabel + "unsigned-acmd.example."
	targetSigned   = targetLabel + "signed-acmd.example."
	targetExpired  = targetLabel + "expired-acmd.example."
)

// The customers' records: to each of our zones, by way of a zone whose
// signatures are broken, and to nowhere.
const (
	toUnsigned = "_01.www."
	toSigned   = "_02.www."
	toExpired  = "_03.www."
	byForged   = "_04.www."
	missing    = "_05.www."
)

const right = `www A 198.18.0.2
_01.www CNAME ` + targetUnsigned + `
_02.www CNAME ` + targetSigned + `
_03.www CNAME ` + targetExpired + `
_04.www CNAME ` + toSigned + `forged.example.
`

// expired are signatures of long ago.
func expired() []string { return []string{"-i", "20200101000000", "-e", "20200201000000"} }

// customers are the zones of the test.
func customers() []privateZone {
	value := targetLabel[:len(targetLabel)-1] + ` 60 TXT "` + testValue + `"`
	elsewhere := "www A 198.18.0.2\n_02.www CNAME honest.example.\n"
	return []privateZone{
		{name: "unsigned-acmd.example.", records: value, unsigned: true},
		{name: "signed-acmd.example.", records: value},
		{name: "expired-acmd.example.", records: value, sign: expired()},

		{name: "signed.example.", records: right},
		{name: "hashed.example.", records: right, sign: []string{"-n", "-t", "0"}},
		{name: "unsigned.example.", records: right, unsigned: true},
		{name: "expired.example.", records: right, sign: expired()},
		{name: "forged.example.", records: elsewhere, tamper: replaced("honest.example.", targetSigned)},
		{name: "stripped.example.", records: right, tamper: without("RRSIG", "NSEC", "DNSKEY")},
		{name: "stale.example.", records: right, staleDS: true},

		{name: "corp.lan.", records: right},
		{name: "bare.lan.", records: right, unsigned: true},

		{name: "ours.example.", records: right + `@ CAA 0 issue "ca.acmd.net"`},
		{name: "others.example.", records: right + `@ CAA 0 issue "ca.example.net"`},
		{name: "caa-forged.example.", records: right + `@ CAA 0 issue "ca.example.net"`, tamper: replaced("ca.example.net", "ca.acmd.net")},
		{name: "caa-stripped.example.", records: right + `@ CAA 0 issue "ca.example.net"`, tamper: without("CAA\t", "RRSIG\tCAA")},
	}
}

// signedProof is the proof of www in a customer's zone by one of the records.
func signedProof(zone, record, target string) DNSProof {
	return DNSProof{Name: "www." + zone, Record: record + zone + ".", Target: target, Values: []string{testValue}}
}

// Standards 1.41, 1.42 against programs of others: zones signed by ldns from a
// private root down, served by NSD, resolved and validated by Unbound.
func TestDNSSEC(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nsd", "unbound", "ldns-keygen", "ldns-signzone"} {
		program(t, name)
	}
	w := newPrivateDNS(t, customers())
	const validate = `module-config: "validator iterator"`
	anchored := w.anchor(".")
	plain := w.resolver(t, validate, anchored)
	lax := w.resolver(t, `module-config: "iterator"`)
	for name, resolver := range map[string]string{
		"plain":           plain,
		"extended errors": w.resolver(t, validate, anchored, "ede: yes"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			signedProofs(t, w, resolver)
			signedCAA(t, w, resolver)
		})
	}
	for name, resolver := range map[string]string{
		"without the module": lax,
		"without an anchor":  w.resolver(t, validate),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			notBelieved(t, w, resolver, "does not validate")
		})
	}
	t.Run("another root", func(t *testing.T) {
		t.Parallel()
		_, ds := signer{t, t.TempDir()}.key(".")
		other := w.resolver(t, validate, anchor(ds))
		notBelieved(t, w, other, "trust anchor", "SERVFAIL")
	})
	t.Run("internal zones", func(t *testing.T) {
		t.Parallel()
		internalZones(t, w, plain, w.resolver(t, validate, anchored, w.anchor("corp.lan."), "harden-below-nxdomain: no"))
	})
	t.Run("only the validating one of two", func(t *testing.T) {
		t.Parallel()
		v := w.validator(t, nil, lax, plain)
		expect(t, v.DNS(t.Context(), signedProof("signed.example", toSigned, targetSigned), testNow), "")
		expect(t, v.DNS(t.Context(), signedProof("forged.example", toSigned, targetSigned), testNow), core.CodeBogus)
		expect(t, v.CAA(t.Context(), "www.caa-forged.example", testNow), core.CodeCAAUnavailable)
	})
}

// notBelieved wants that the right proof counts for nothing at that resolver.
func notBelieved(t *testing.T, w *privateDNS, resolver string, parts ...string) {
	t.Helper()
	v := w.validator(t, nil, resolver)
	d := v.DNS(t.Context(), signedProof("signed.example", toSigned, targetSigned), testNow)
	expect(t, d, core.CodeNoValidation, append(parts, resolver)...)
	expect(t, v.CAA(t.Context(), "www.ours.example", testNow), core.CodeNoValidation, append(parts, resolver)...)
}

// internalZones are zones that the root does not know: they validate by a trust
// anchor of their own at the resolver, and not without it (standards 1.41).
func internalZones(t *testing.T, w *privateDNS, without, with string) {
	t.Helper()
	internal := signedProof("corp.lan", toSigned, targetSigned)
	expect(t, w.validator(t, nil, without).DNS(t.Context(), internal, testNow), core.CodeBogus)
	log, lines := observer.New(zap.InfoLevel)
	v := w.validator(t, zap.New(log), with)
	expect(t, v.DNS(t.Context(), internal, testNow), "")
	passed(t, lines, with, true)
	expect(t, v.DNS(t.Context(), signedProof("bare.lan", toSigned, targetSigned), testNow), core.CodeBogus)
	// That look-up tells the resolver that the root has no such top-level domain.
	expect(t, v.CAA(t.Context(), "www.corp.lan", testNow), "")
	expect(t, v.DNS(t.Context(), signedProof("corp.lan", toUnsigned, targetUnsigned), testNow), "")
	expect(t, v.DNS(t.Context(), signedProof("corp.lan", missing, targetSigned), testNow), core.CodeRecordMissing)
}

func signedProofs(t *testing.T, w *privateDNS, resolver string) {
	t.Helper()
	for name, tt := range map[string]struct {
		zone, record, target string
		code                 core.Code
		authenticated        bool // of a success: every answer on the way was validated
		parts                []string
	}{
		"signed to unsigned":   {"signed.example", toUnsigned, targetUnsigned, "", false, nil},
		"signed to signed":     {"signed.example", toSigned, targetSigned, "", true, nil},
		"NSEC3 to signed":      {"hashed.example", toSigned, targetSigned, "", true, nil},
		"unsigned to unsigned": {"unsigned.example", toUnsigned, targetUnsigned, "", false, nil},
		"unsigned to signed":   {"unsigned.example", toSigned, targetSigned, "", false, nil},

		"signatures ran out":    {"expired.example", toSigned, targetSigned, core.CodeBogus, false, []string{"www.expired.example.", "do not validate"}},
		"forged record":         {"forged.example", toSigned, targetSigned, core.CodeBogus, false, []string{"www.forged.example.", "do not validate"}},
		"signatures taken away": {"stripped.example", toUnsigned, targetUnsigned, core.CodeBogus, false, []string{"DS record"}},
		"DS of an old key":      {"stale.example", toSigned, targetSigned, core.CodeBogus, false, []string{"DS record"}},
		"forged on the way":     {"signed.example", byForged, targetSigned, core.CodeBogus, false, []string{toSigned + "forged.example.", byForged + "signed.example."}},
		"expired absence":       {"expired.example", missing, targetSigned, core.CodeBogus, false, []string{"do not validate"}},
		"our zone expired":      {"signed.example", toExpired, targetExpired, core.CodeZoneUnreachable, false, []string{"operator", targetExpired, "do not validate"}},

		"missing, NSEC":     {"signed.example", missing, targetSigned, core.CodeRecordMissing, false, []string{missing + "signed.example."}},
		"missing, NSEC3":    {"hashed.example", missing, targetSigned, core.CodeRecordMissing, false, []string{missing + "hashed.example."}},
		"missing, unsigned": {"unsigned.example", missing, targetSigned, core.CodeRecordMissing, false, nil},
		"wrong target":      {"signed.example", toUnsigned, targetSigned, core.CodeWrongTarget, false, []string{targetUnsigned}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, lines := observer.New(zap.InfoLevel)
			d := w.validator(t, zap.New(log), resolver).DNS(t.Context(), signedProof(tt.zone, tt.record, tt.target), testNow)
			expect(t, d, tt.code, tt.parts...)
			if tt.code == "" {
				passed(t, lines, resolver, tt.authenticated)
			}
			if tt.code == core.CodeRecordMissing && !strings.Contains(d.Sentence, "until 2026-11-22T12:0") {
				t.Errorf("%q does not say until when", d.Sentence)
			}
			if !d.RetryAt.IsZero() {
				t.Errorf("RetryAt %v, though nothing is known to change then", d.RetryAt)
			}
		})
	}
}

func signedCAA(t *testing.T, w *privateDNS, resolver string) {
	t.Helper()
	for name, tt := range map[string]struct {
		code          core.Code
		authenticated bool
		parts         []string
	}{
		"www.signed.example":   {"", true, nil}, // signed proof that there is none, up to the top-level domain
		"*.hashed.example":     {"", true, nil},
		"www.unsigned.example": {"", false, nil},
		"www.ours.example":     {"", true, nil},
		"www.others.example":   {core.CodeCAAForbids, false, []string{"others.example.", "ca.example.net"}},

		"www.caa-forged.example":   {core.CodeCAAUnavailable, false, []string{"at caa-forged.example. allow", "do not validate", "nothing is issued"}},
		"www.caa-stripped.example": {core.CodeCAAUnavailable, false, []string{"at caa-stripped.example. allow", "do not validate"}},
		"www.expired.example":      {core.CodeCAAUnavailable, false, []string{"at www.expired.example. allow", "do not validate"}},
		"stripped.example":         {core.CodeCAAUnavailable, false, []string{"do not validate", "DS record"}},
		"stale.example":            {core.CodeCAAUnavailable, false, []string{"do not validate", "DS record"}},
	} {
		t.Run("CAA of "+name, func(t *testing.T) {
			t.Parallel()
			log, lines := observer.New(zap.InfoLevel)
			d := w.validator(t, zap.New(log), resolver).CAA(t.Context(), name, testNow)
			expect(t, d, tt.code, tt.parts...)
			if tt.code == "" {
				passed(t, lines, resolver, tt.authenticated)
			}
		})
	}
}

// passed wants the one line that keeps what proves that validation was on
// (standards 1.42).
func passed(t *testing.T, lines *observer.ObservedLogs, resolver string, authenticated bool) {
	t.Helper()
	all := lines.FilterMessage("check passed").All()
	if len(all) != 1 {
		t.Fatalf("%d lines about the success, want 1: %v", len(all), all)
	}
	got := all[0].ContextMap()
	if got["dnssec_required"] != true || got["resolver"] != resolver || got["authenticated"] != authenticated {
		t.Errorf("the line about the success says %v, want authenticated %v by %s", got, authenticated, resolver)
	}
}
