package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
)

// wantRecords compares the ids of all records, in their order.
func wantRecords(t *testing.T, s *Store, want ...string) {
	t.Helper()
	records, err := s.Records(t.Context(), "", 1000)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestRecords(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "a.example")
		full := core.Record{ID: "zz", Kind: core.RecordEvent, Type: "ACM Certificate Available", Arn: arnOf("a"),
			Account: account, Region: region, Actor: "arn:aws:iam::111122223333:user/u", At: t0.Add(time.Millisecond),
			Detail: map[string]string{"Key": "“é”\n"}}
		plain := record("aa")
		plain.Detail = nil
		n.Records = []core.Record{full, plain, record("mm")}
		create(t, s, n)
		create(t, s, newRequest("b", "b.example"))
		got, err := s.Records(t.Context(), "", 2)
		if diff := cmp.Diff([]core.Record{full, plain}, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		got, err = s.Records(t.Context(), "aa", 10)
		if diff := cmp.Diff([]core.Record{record("mm"), record("request-b")}, got); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if got, err = s.Records(t.Context(), "request-b", 10); len(got) != 0 || err != nil {
			t.Error(got, err)
		}
		_, err = s.Records(t.Context(), "unknown", 10)
		wantKind(t, err, core.Invalid)
	})
}

// A reader that follows the outbox while two nodes write to it misses nothing:
// a later record never becomes visible before an earlier one.
func TestRecordsFollowed(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		reader := open(t, dsn)
		const writers, each = 4, 20
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					n := newRequest(fmt.Sprintf("%d-%d", w, i), "a.example")
					if _, err := nodes[w%2].CreateCertificate(t.Context(), n, t0); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		written := make(chan struct{})
		go func() { wg.Wait(); close(written) }()
		seen, after := map[string]bool{}, ""
		for last := false; ; {
			got, err := reader.Records(t.Context(), after, 7)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range got {
				seen[r.ID], after = true, r.ID
			}
			if len(got) > 0 {
				continue
			}
			if last {
				break
			}
			select {
			case <-written:
				last = true // look once more
			default:
			}
		}
		if len(seen) != writers*each {
			t.Errorf("the reader saw %d records, want %d", len(seen), writers*each)
		}
	})
}

func TestSettings(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		if v, ok, err := s.Setting(t.Context(), "clock"); v != "" || ok || err != nil {
			t.Error(v, ok, err)
		}
		for _, want := range []string{"1h", "", "2h"} {
			if err := s.PutSetting(t.Context(), "clock", want); err != nil {
				t.Fatal(err)
			}
			if v, ok, err := s.Setting(t.Context(), "clock"); v != want || !ok || err != nil {
				t.Error(v, ok, err)
			}
		}
	})
}
