package store

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"
)

var tables = []string{"access_keys", "certificate_names", "certificates", "holdings", "leaves", "order_labels", "orders",
	"principals", "proofs", "record_counter", "records", "settings", "tags", "tokens"}

// dump is every row of every table, as text.
func dump(t *testing.T, s *Store) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	for _, table := range tables {
		rows, err := s.reader.Query(`SELECT * FROM ` + table)
		if err != nil {
			t.Fatal(err)
		}
		columns, err := rows.Columns()
		if err != nil {
			t.Fatal(err)
		}
		for rows.Next() {
			values := make([]any, len(columns))
			for i := range values {
				values[i] = new(any)
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			var line strings.Builder
			for i, v := range values {
				fmt.Fprintf(&line, "%s=%v ", columns[i], *v.(*any))
			}
			out[table] = append(out[table], line.String())
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(out[table])
	}
	return out
}

// breakWrite makes the engine refuse one kind of write to one table; the
// function returned mends it.
func breakWrite(t *testing.T, s *Store, verb, table string) func() {
	t.Helper()
	if s.dialect.name == goose.DialectPostgres {
		exec(t, s, `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'injected'; END $$`)
		exec(t, s, fmt.Sprintf(`CREATE TRIGGER fail BEFORE %s ON %s FOR EACH ROW EXECUTE FUNCTION fail()`, verb, table))
		return func() { exec(t, s, `DROP TRIGGER fail ON `+table) }
	}
	exec(t, s, fmt.Sprintf(`CREATE TRIGGER fail BEFORE %s ON %s BEGIN SELECT RAISE(ABORT, 'injected'); END`, verb, table))
	return func() { exec(t, s, `DROP TRIGGER fail`) }
}

// operation is one transaction of the store, with all that it writes.
type operation struct {
	name   string
	do     func(t *testing.T, s *Store) error
	writes []string // "verb table", every one of them
	repeat error    // what a caller gets who never heard of the success and repeats it; nil: success, nothing written
}

// The order of the operations is that of a certificate's life.
func operationsOfALife() []operation {
	request := newRequest("a", "a.example", "*.b.example")
	request.Tags, request.Quota = []core.Tag{{Key: "k", Value: "v", HasValue: true}}, 2
	request.Token, request.Digest, request.TokenUntil = "tok", "d", t0.Add(time.Hour)
	order := request.Order
	order.Version = 1
	var ready, done core.Order
	return []operation{
		{"request", func(t *testing.T, s *Store) error {
			_, err := s.CreateCertificate(t.Context(), request, t0)
			return err
		}, []string{"INSERT tokens", "INSERT certificates", "INSERT certificate_names", "INSERT orders", "INSERT proofs",
			"INSERT order_labels", "INSERT tags", "UPDATE record_counter", "INSERT records", "INSERT holdings"}, nil},
		{"prove", func(t *testing.T, s *Store) error {
			ready = order
			ready.State = core.OrderReady
			_, err := s.SaveOrder(t.Context(), ready, Save{Records: []core.Record{record("ready")},
				Proofs: []core.Proof{request.Proofs[0].Checked(t0, true), request.Proofs[1].Checked(t0, true)}})
			return err
		}, []string{"UPDATE orders", "UPDATE proofs", "UPDATE record_counter", "INSERT records"}, core.Conflict},
		{"prepare", func(t *testing.T, s *Store) error {
			ready.Version = 2
			ready.Intent = &core.Intent{Serial: "0a", SealedKey: []byte("k"), TBS: []byte("t"), At: t0}
			_, err := s.SaveOrder(t.Context(), ready, Save{})
			return err
		}, []string{"UPDATE orders"}, core.Conflict},
		{"issue", func(t *testing.T, s *Store) error {
			ready.Version = 3
			var leaf *core.Leaf
			done, leaf = issued(ready, "0a")
			_, err := s.SaveOrder(t.Context(), done, Save{Leaf: leaf, Records: []core.Record{record("issued"), record("event")}})
			return err
		}, []string{"UPDATE orders", "INSERT leaves", "UPDATE certificates", "DELETE order_labels", "UPDATE record_counter",
			"INSERT records"}, core.Conflict},
		{"tag", func(t *testing.T, s *Store) error {
			return s.PutTags(t.Context(), account, region, arnOf("a"), []core.Tag{{Key: "l"}}, record("tag"))
		}, []string{"UPDATE certificates", "INSERT tags", "UPDATE record_counter", "INSERT records"}, errOther},
		{"delete", func(t *testing.T, s *Store) error {
			return s.DeleteCertificate(t.Context(), account, region, arnOf("a"), record("delete"))
		}, []string{"DELETE orders", "UPDATE leaves", "DELETE certificates", "DELETE certificate_names", "DELETE tags",
			"DELETE tokens", "UPDATE record_counter", "INSERT records", "UPDATE holdings"}, core.NotFound},
		{"principal", func(t *testing.T, s *Store) error {
			return s.CreatePrincipal(t.Context(), core.Principal{Arn: "p", Account: account, Name: "u"},
				core.AccessKey{ID: "AKIA", PrincipalArn: "p", SealedSecret: []byte{1}}, record("principal"))
		}, []string{"INSERT principals", "INSERT access_keys", "UPDATE record_counter", "INSERT records"}, core.Invalid},
		{"disable", func(t *testing.T, s *Store) error {
			return s.DisablePrincipal(t.Context(), account, "u", record("disable"))
		}, []string{"UPDATE principals", "UPDATE access_keys", "UPDATE record_counter", "INSERT records"}, errOther},
	}
}

// errOther: a repeat fails because its record's id is taken.
var errOther = fmt.Errorf("any fault")

// The failure table (style 6, level 4): whichever write fails, nothing is half
// done, and after the store is opened anew the same call succeeds with the same
// outcome; a call repeated after a success that its caller did not hear of
// changes nothing.
func TestFailureTable(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		s := open(t, dsn)
		for _, op := range operationsOfALife() {
			before := dump(t, s)
			for _, w := range op.writes {
				verb, table, _ := strings.Cut(w, " ")
				mend := breakWrite(t, s, verb, table)
				if err := op.do(t, s); err == nil || !strings.Contains(err.Error(), "injected") {
					t.Errorf("%s with a broken %s: %v", op.name, w, err)
				}
				mend()
				if diff := cmp.Diff(before, dump(t, s)); diff != "" {
					t.Fatalf("%s with a broken %s left something: %s", op.name, w, diff)
				}
			}
			s = open(t, dsn)
			if err := op.do(t, s); err != nil {
				t.Fatalf("%s after all mends: %v", op.name, err)
			}
			after := dump(t, s)
			wantChanged(t, op, before, after)
			s = open(t, dsn)
			switch err := op.do(t, s); {
			case op.repeat == nil && err != nil, op.repeat != nil && err == nil:
				t.Errorf("%s repeated: %v", op.name, err)
			case op.repeat != nil && op.repeat != errOther:
				wantKind(t, err, op.repeat)
			}
			if diff := cmp.Diff(after, dump(t, s)); diff != "" {
				t.Errorf("%s repeated changed something: %s", op.name, diff)
			}
		}
	})
}

// wantChanged checks that the operation's list of writes is complete and true:
// exactly the tables it names have changed.
func wantChanged(t *testing.T, op operation, before, after map[string][]string) {
	t.Helper()
	var want, got []string
	for _, w := range op.writes {
		_, table, _ := strings.Cut(w, " ")
		want = append(want, table)
	}
	for _, table := range tables {
		if !cmp.Equal(before[table], after[table]) {
			got = append(got, table)
		}
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: tables listed and tables changed: %s", op.name, diff)
	}
}
