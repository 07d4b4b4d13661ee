package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

func TestCreateAndRead(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "www.example.com", "*.example.com", "example.com")
		n.Certificate.Export = true
		n.Order.Names[1].Diagnosis = &core.Diagnosis{Code: core.CodeRecordMissing, Sentence: "“é” is missing",
			Evidence: []core.Evidence{{Asked: "q", Of: "s", Answer: "a"}}}
		n.Order.Names[1].CheckedAt = t0.Add(time.Millisecond)
		n.Order.Intent = &core.Intent{Serial: "0a", NotBefore: t0, NotAfter: t0.Add(time.Hour), SealedKey: []byte{0, 1},
			TBS: []byte{0x30, 0}, At: t0}
		n.Order.Names[0].PermitAt = t0
		create(t, s, n)

		want := core.Snapshot{Certificate: n.Certificate, Order: &n.Order, Proofs: []core.Proof{n.Proofs[1], n.Proofs[0]}}
		want.Certificate.OrderID, want.Certificate.Version, want.Order.Version = n.Order.ID, 1, 1
		got, err := s.Snapshot(t.Context(), account, region, arnOf("a"))
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if diff := cmp.Diff(want, snapshot(t, s, "a")); diff != "" {
			t.Error(diff)
		}
		for _, who := range [][3]string{{"999999999999", region, arnOf("a")}, {account, "us-east-1", arnOf("a")}, {account, region, arnOf("b")}} {
			_, err := s.Snapshot(t.Context(), who[0], who[1], who[2])
			wantKind(t, err, core.NotFound)
		}
		_, err = s.SnapshotByArn(t.Context(), arnOf("b"))
		wantKind(t, err, core.NotFound)
		_, err = s.CreateCertificate(t.Context(), n, t0)
		wantKind(t, err, core.Conflict)
	})
}

// A proof belongs to account and name: a second request keeps what is known.
func TestCreateKeepsProofs(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example"))
		o := *snapshot(t, s, "a").Order
		proof := newRequest("a", "a.example").Proofs[0].Checked(t0.Add(time.Minute), true)
		if _, err := s.SaveOrder(t.Context(), o, Save{Proofs: []core.Proof{proof}}); err != nil {
			t.Fatal(err)
		}
		create(t, s, newRequest("b", "*.a.example"))
		if diff := cmp.Diff([]core.Proof{proof}, snapshot(t, s, "b").Proofs); diff != "" {
			t.Error(diff)
		}
		// Neither another method nor another account is served by it.
		mail := newRequest("c", "a.example")
		mail.Certificate.Method, mail.Proofs[0].Method = core.MethodEmail, core.MethodEmail
		create(t, s, mail)
		if got := snapshot(t, s, "c").Proofs; len(got) != 1 || !got[0].CheckedAt.IsZero() {
			t.Errorf("proofs of another method: %+v", got)
		}
	})
}

// Wire facts §5: the same token within one hour gives the same ARN.
func TestIdempotencyToken(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		request := func(id, token, digest string) NewCertificate {
			n := newRequest(id, "a.example")
			n.Token, n.Digest, n.TokenUntil = token, digest, t0.Add(time.Hour)
			return n
		}
		other := request("other-region", "tok", "d2")
		other.Certificate.Region = "us-east-1"
		for _, step := range []struct {
			name string
			n    NewCertificate
			now  time.Time
			want string // id; empty: core.Invalid
		}{
			{"first", request("a", "tok", "d"), t0, "a"},
			{"repeat", request("b", "tok", "d"), t0.Add(time.Hour - time.Millisecond), "a"},
			{"other parameters", request("c", "tok", "d2"), t0, ""},
			{"other token", request("d", "tok2", "d"), t0, "d"},
			{"other region", other, t0, "other-region"},
			{"no token", newRequest("e", "a.example"), t0, "e"},
			{"expired", request("f", "tok", "d2"), t0.Add(time.Hour), "f"},
		} {
			before := dump(t, s)
			arn, err := s.CreateCertificate(t.Context(), step.n, step.now)
			switch {
			case step.want == "":
				wantKind(t, err, core.Invalid)
			case err != nil || arn != arnOf(step.want):
				t.Fatalf("%s: %q, %v; want %s", step.name, arn, err, step.want)
			}
			if arn != step.n.Certificate.Arn {
				if diff := cmp.Diff(before, dump(t, s)); diff != "" {
					t.Errorf("%s wrote something: %s", step.name, diff)
				}
			}
		}
		// The token of a deleted certificate is free again.
		if err := s.DeleteCertificate(t.Context(), account, region, arnOf("d"), record("del")); err != nil {
			t.Fatal(err)
		}
		create(t, s, request("g", "tok2", "d3"))
	})
}

// Of many callers at once with one token, on two nodes, one makes the certificate.
func TestIdempotencyTokenTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		for round := range 5 {
			var wg sync.WaitGroup
			got := make([]string, 8)
			for i := range got {
				wg.Go(func() {
					n := newRequest(fmt.Sprintf("r%d-%d", round, i), "a.example", "b.example")
					n.Token, n.Digest, n.TokenUntil = fmt.Sprintf("tok%d", round), "d", t0.Add(time.Hour)
					var err error
					if got[i], err = nodes[i%2].CreateCertificate(t.Context(), n, t0); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			for _, arn := range got {
				if arn != got[0] || arn == "" {
					t.Fatalf("callers got %v", got)
				}
			}
		}
		if n := len(dump(t, nodes[0])["certificates"]); n != 5 {
			t.Errorf("%d certificates, want 5", n)
		}
		if n := len(dump(t, nodes[0])["records"]); n != 5 {
			t.Errorf("%d records, want 5", n)
		}
		wantNoRetries(t, nodes...)
	})
}

// The quota holds exactly, however many ask at once.
func TestQuotaTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		elsewhere := newRequest("elsewhere", "a.example")
		elsewhere.Certificate.Region = "us-east-1"
		create(t, nodes[0], elsewhere)
		var wg sync.WaitGroup
		errs := make([]error, 12)
		for i := range errs {
			wg.Go(func() {
				n := newRequest(fmt.Sprint(i), "a.example")
				n.Quota = 5
				_, errs[i] = nodes[i%2].CreateCertificate(t.Context(), n, t0)
			})
		}
		wg.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
				continue
			}
			wantKind(t, err, core.LimitExceeded)
		}
		if made != 5 {
			t.Errorf("%d certificates within a quota of 5", made)
		}
		if n := len(dump(t, nodes[0])["certificates"]); n != 6 {
			t.Errorf("%d certificates are stored, want 6", n)
		}
	})
}

func TestArnsByDomain(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for i := range 102 {
			n := newRequest(fmt.Sprintf("%03d", i), "a.example", fmt.Sprintf("n%d.example", i))
			n.Certificate.CreatedAt = t0.Add(time.Duration(i) * time.Second)
			create(t, s, n)
		}
		create(t, s, newRequest("w", "*.a.example"))
		for domain, want := range map[string][]string{"N7.example": {arnOf("007")}, "*.a.example": {arnOf("w")}, "nowhere.example": nil} {
			got, err := s.ArnsByDomain(t.Context(), domain)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Error(domain, err, diff)
			}
		}
		got, err := s.ArnsByDomain(t.Context(), "a.example")
		if err != nil || len(got) != 100 || got[0] != arnOf("101") || got[99] != arnOf("002") {
			t.Errorf("newest hundred: %d, %v", len(got), err)
		}
	})
}

func TestDeleteCertificate(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		for _, id := range []string{"a", "b"} {
			n := newRequest(id, "a.example")
			n.Tags = []core.Tag{{Key: "k"}}
			n.Token, n.TokenUntil = "tok-"+id, t0.Add(time.Hour)
			create(t, s, n)
			o, leaf := issued(*snapshot(t, s, id).Order, "0"+id)
			if _, err := s.SaveOrder(t.Context(), o, Save{Leaf: leaf}); err != nil {
				t.Fatal(err)
			}
		}
		wantKind(t, s.DeleteCertificate(t.Context(), "999999999999", region, arnOf("a"), record("x")), core.NotFound)
		wantKind(t, s.DeleteCertificate(t.Context(), account, "us-east-1", arnOf("a"), record("x")), core.NotFound)
		if err := s.DeleteCertificate(t.Context(), account, region, arnOf("a"), record("del")); err != nil {
			t.Fatal(err)
		}
		wantKind(t, s.DeleteCertificate(t.Context(), account, region, arnOf("a"), record("x")), core.NotFound)
		_, err := s.SnapshotByArn(t.Context(), arnOf("a"))
		wantKind(t, err, core.NotFound)
		if got := snapshot(t, s, "b"); got.Leaf == nil || got.Leaf.SealedKey == nil {
			t.Errorf("the other certificate lost something: %+v", got)
		}
		wantOnlyLeavesOf(t, s, arnOf("a"), 1)
		wantRecords(t, s, "request-a", "request-b", "del")
		// What was proven stays: it is the account's, not the certificate's.
		if n := len(dump(t, s)["proofs"]); n != 1 {
			t.Errorf("%d proofs, want 1", n)
		}
	})
}

// wantOnlyLeavesOf checks that nothing of a deleted certificate is left but its
// leaves, without their keys.
func wantOnlyLeavesOf(t *testing.T, s *Store, arn string, leaves int) {
	t.Helper()
	for _, table := range []string{"certificates", "certificate_names", "orders", "tags", "tokens"} {
		if n := count(t, s, `SELECT count(*) FROM `+table+` WHERE arn = $1`, arn); n != 0 {
			t.Errorf("%d rows of %s are left in %s", n, arn, table)
		}
	}
	if n := count(t, s, `SELECT count(*) FROM order_labels WHERE order_id NOT IN (SELECT id FROM orders)`); n != 0 {
		t.Errorf("%d labels without an order", n)
	}
	if n := count(t, s, `SELECT count(*) FROM leaves WHERE arn = $1 AND sealed_key IS NULL`, arn); n != leaves {
		t.Errorf("%d leaves of %s are known, want %d", n, arn, leaves)
	}
	if n := count(t, s, `SELECT count(*) FROM leaves WHERE arn = $1 AND sealed_key IS NOT NULL`, arn); n != 0 {
		t.Errorf("%d keys of %s are left", n, arn)
	}
}

func count(t *testing.T, s *Store, query string, args ...any) int {
	t.Helper()
	var n int
	if err := s.reader.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// wantNoRetries checks that the writers waited for each other and never ran into
// a deadlock: all lock rows in one order.
func wantNoRetries(t *testing.T, stores ...*Store) {
	t.Helper()
	for _, s := range stores {
		if n := testutil.ToFloat64(s.metrics.retries); n != 0 {
			t.Errorf("%v transactions ran into a deadlock", n)
		}
	}
}

// A delete against everything else that writes to the certificate: whoever is
// first, nothing is left over.
func TestDeleteTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		a, b := open(t, dsn), open(t, dsn)
		for i := range 15 {
			id := fmt.Sprint(i)
			create(t, a, newRequest(id, "a.example"))
			o, leaf := issued(*snapshot(t, a, id).Order, fmt.Sprintf("%02x", i))
			var saved error
			var wg sync.WaitGroup
			wg.Go(func() {
				_, saved = b.SaveOrder(t.Context(), o, Save{Leaf: leaf, Records: []core.Record{record("s" + id)}})
			})
			wg.Go(func() {
				err := a.PutTags(t.Context(), account, region, arnOf(id), []core.Tag{{Key: "k"}}, record("t"+id))
				if err != nil {
					wantKind(t, err, core.NotFound)
				}
			})
			wg.Go(func() {
				if err := b.DeleteCertificate(t.Context(), account, region, arnOf(id), record("d"+id)); err != nil {
					t.Error(err)
				}
			})
			wg.Wait()
			leaves := 1
			if saved != nil {
				wantKind(t, saved, core.Conflict)
				leaves = 0
			}
			wantOnlyLeavesOf(t, a, arnOf(id), leaves)
		}
		wantNoRetries(t, a, b)
	})
}
