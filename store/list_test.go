package store

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var allStatuses = []core.Status{core.StatusPending, core.StatusIssued, core.StatusInactive, core.StatusExpired,
	core.StatusTimedOut, core.StatusRevoked, core.StatusFailed}

// list is the ids of one page.
func list(t *testing.T, s *Store, p Page) ([]string, string) {
	t.Helper()
	p.Account, p.Region = account, region
	items, next, err := s.ListCertificates(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, item := range items {
		out = append(out, item.Certificate.Arn[len(arnOf("")):])
	}
	return out, next
}

// createEveryStatus makes a certificate for every combination of order and leaf,
// legal or not, past the store's own checks.
func createEveryStatus(t *testing.T, s *Store, now time.Time) {
	t.Helper()
	leaves := map[string]core.Leaf{
		"none": {}, "valid": {NotAfter: now.Add(time.Hour)}, "lastmoment": {NotAfter: now},
		"expired": {NotAfter: now.Add(-time.Millisecond)}, "revoked": {NotAfter: now.Add(time.Hour), RevokedAt: now.Add(-time.Hour)},
		"revokedexpired": {NotAfter: now.Add(-time.Hour), RevokedAt: now.Add(-2 * time.Hour)},
	}
	for name, l := range leaves {
		for _, state := range append(core.OrderStates(), "none") {
			id := name + "-" + string(state)
			create(t, s, newRequest(id, "a.example"))
			if exec(t, s, `UPDATE orders SET state = $1 WHERE id = $2`, string(state), "order-"+id); state == "none" {
				exec(t, s, `DELETE FROM orders WHERE id = $1`, "order-"+id)
			}
			if name == "none" {
				continue
			}
			exec(t, s, `INSERT INTO leaves (serial, order_id, arn, not_before, not_after, issued_at, revoked_at,
				revocation_reason, der, chain) VALUES ($1, $1, $2, 0, $3, 0, $4, '', $5, '[]')`,
				id, arnOf(id), ms(l.NotAfter), ms(l.RevokedAt), []byte{1})
			exec(t, s, `UPDATE certificates SET serial = $1 WHERE arn = $2`, id, arnOf(id))
		}
	}
}

// The filter in SQL and core.Snapshot.Status agree for every combination.
func TestListStatuses(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		now := t0.Add(48 * time.Hour)
		createEveryStatus(t, s, now)
		all, _ := list(t, s, Page{})
		if len(all) != 36 {
			t.Fatalf("%d combinations, want 36", len(all))
		}
		by := map[core.Status][]string{}
		for _, id := range all {
			status := snapshot(t, s, id).Status(now)
			by[status] = append(by[status], id)
		}
		for _, status := range allStatuses {
			got, _ := list(t, s, Page{Statuses: []core.Status{status}, Now: now})
			if diff := cmp.Diff(by[status], got); diff != "" {
				t.Errorf("%s: %s", status, diff)
			}
			if (len(got) == 0) != (status == core.StatusInactive) {
				t.Errorf("%s: %d certificates", status, len(got))
			}
		}
		two := []core.Status{core.StatusFailed, core.StatusRevoked, core.StatusFailed}
		want := slices.Sorted(slices.Values(slices.Concat(by[core.StatusFailed], by[core.StatusRevoked])))
		if got, _ := list(t, s, Page{Statuses: two, Now: now}); !cmp.Equal(want, got) {
			t.Error(cmp.Diff(want, got))
		}
		items, _, err := s.ListCertificates(t.Context(), Page{Account: account, Region: region})
		if err != nil {
			t.Fatal(err)
		}
		for i, item := range items {
			if a, b := item.Status(now), snapshot(t, s, all[i]).Status(now); a != b {
				t.Errorf("%s: listed as %s, is %s", all[i], a, b)
			}
		}
	})
}

// A listed snapshot is the whole one without what lists do without.
func TestListItem(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example", "b.example"))
		o, leaf := issued(*snapshot(t, s, "a").Order, "0a")
		leaf.RevokedAt, leaf.RevocationReason = t0.Add(time.Hour), "KEY_COMPROMISE"
		o.Reason, o.Attempts, o.Faults = core.ReasonOther, 3, 2
		if _, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf}); err != nil {
			t.Fatal(err)
		}
		items, next, err := s.ListCertificates(t.Context(), Page{Account: account, Region: region})
		if len(items) != 1 || next != "" || err != nil {
			t.Fatal(items, next, err)
		}
		without := cmp.Options{cmpopts.IgnoreFields(core.Snapshot{}, "Proofs"), cmpopts.IgnoreFields(core.Order{}, "Names", "Intent"),
			cmpopts.IgnoreFields(core.Leaf{}, "Chain", "SealedKey")}
		if diff := cmp.Diff(snapshot(t, s, "a"), items[0], without); diff != "" {
			t.Error(diff)
		}
		if items[0].Leaf.Chain != nil || items[0].Order.Names != nil {
			t.Error("the list reads what it does not need")
		}
	})
}

func TestListFilters(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for id, change := range map[string]func(*core.Certificate){
			"rsa":     func(c *core.Certificate) { c.KeyAlgorithm = core.RSA2048 },
			"ec":      func(c *core.Certificate) {},
			"export":  func(c *core.Certificate) { c.Export = true },
			"private": func(c *core.Certificate) { c.Type = core.Private },
			"foreign": func(c *core.Certificate) { c.Account = "999999999999" },
			"us":      func(c *core.Certificate) { c.Region = "us-east-1" },
		} {
			n := newRequest(id, "a.example")
			change(&n.Certificate)
			create(t, s, n)
		}
		yes, no := true, false
		for _, tt := range []struct {
			p    Page
			want string
		}{
			{Page{}, "ec export private rsa"},
			{Page{KeyAlgorithms: []core.KeyAlgorithm{core.RSA2048, core.RSA1024}}, "rsa"},
			{Page{KeyAlgorithms: []core.KeyAlgorithm{core.RSA2048, core.ECP256}}, "ec export private rsa"},
			{Page{Types: []core.CertificateType{core.Private}}, "private"},
			{Page{ExportOption: &yes}, "export"},
			{Page{ExportOption: &no, Types: []core.CertificateType{core.AmazonIssued}}, "ec rsa"},
			{Page{ExportOption: &yes, KeyAlgorithms: []core.KeyAlgorithm{core.RSA2048}}, ""},
			{Page{Statuses: []core.Status{core.StatusPending}, KeyAlgorithms: []core.KeyAlgorithm{core.RSA2048}, Descending: true}, "rsa"},
			{Page{Statuses: []core.Status{"'; DROP TABLE certificates; --"}}, ""},
		} {
			if got, _ := list(t, s, tt.p); strings.Join(got, " ") != tt.want {
				t.Errorf("%+v: %v, want %s", tt.p, got, tt.want)
			}
		}
	})
}

// Pages follow each other without gap or repeat, also when certificates share
// their moment of creation, come and go in between, or are filtered.
func TestListPages(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		var want []string
		for i := range 23 {
			n := newRequest(fmt.Sprintf("%02d", i), "a.example")
			n.Certificate.CreatedAt = t0.Add(time.Duration(i/5) * time.Second)
			create(t, s, n)
			want = append(want, fmt.Sprintf("%02d", i))
		}
		for _, descending := range []bool{false, true} {
			for _, statuses := range [][]core.Status{nil, {core.StatusPending}} {
				var got []string
				p := Page{Limit: 4, Descending: descending, Statuses: statuses, Now: t0}
				for page := range 6 {
					ids, next := list(t, s, p)
					if got = append(got, ids...); (next == "") != (page == 5) {
						t.Fatalf("page %d of 6: next token %q", page+1, next)
					}
					p.After = next
				}
				if descending {
					slices.Reverse(got)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Error(descending, statuses, diff)
				}
			}
		}
		// The certificate that the cursor points at may go.
		_, next := list(t, s, Page{Limit: 4})
		if err := s.DeleteCertificate(t.Context(), account, region, arnOf("03"), record("del")); err != nil {
			t.Fatal(err)
		}
		if got, _ := list(t, s, Page{Limit: 2, After: next}); !cmp.Equal(got, []string{"04", "05"}) {
			t.Error(got)
		}
		// A page that is exactly full is the last one.
		if got, next := list(t, s, Page{Limit: 22}); len(got) != 22 || next != "" {
			t.Error(len(got), next)
		}
		if got, next := list(t, s, Page{Limit: -1}); len(got) != 22 || next != "" {
			t.Error(len(got), next)
		}
	})
}

func TestListBadCursor(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		encode := base64.RawURLEncoding.EncodeToString
		for _, after := range []string{"x", "???", encode([]byte("1 2")), encode([]byte("1 x arn")), encode([]byte("2 2 arn")), encode([]byte("1 2 "))} {
			_, _, err := s.ListCertificates(t.Context(), Page{Account: account, Region: region, After: after})
			wantKind(t, err, core.Invalid)
		}
	})
}
