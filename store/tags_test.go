package store

import (
	"fmt"
	"sync"
	"testing"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
)

func tag(kv ...string) core.Tag {
	if len(kv) == 1 {
		return core.Tag{Key: kv[0]}
	}
	return core.Tag{Key: kv[0], Value: kv[1], HasValue: true}
}

// numbered is n tags whose keys begin with prefix.
func numbered(prefix string, n int) []core.Tag {
	var out []core.Tag
	for i := range n {
		out = append(out, tag(fmt.Sprint(prefix, i), "v"))
	}
	return out
}

// Wire facts §11: a tag with a key only, upserts, and what a removal takes.
func TestTags(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "a.example")
		n.Tags = []core.Tag{tag("b", "1"), tag("a"), tag("Z", "")}
		create(t, s, n)
		for i, step := range []struct {
			name        string
			put, remove []core.Tag
			want        []core.Tag
		}{
			{"as requested, by key", nil, nil, []core.Tag{tag("Z", ""), tag("a"), tag("b", "1")}},
			{"over others, the last of one key", []core.Tag{tag("a", "x"), tag("b"), tag("c", "1"), tag("c", "2")}, nil,
				[]core.Tag{tag("Z", ""), tag("a", "x"), tag("b"), tag("c", "2")}},
			{"another value, unknown, a value where none is", nil, []core.Tag{tag("c", "1"), tag("none"), tag("b", "")},
				[]core.Tag{tag("Z", ""), tag("a", "x"), tag("b"), tag("c", "2")}},
			{"the same value, whatever value", nil, []core.Tag{tag("c", "2"), tag("a"), tag("Z", "")}, []core.Tag{tag("b")}},
		} {
			if err := s.PutTags(t.Context(), account, region, arnOf("a"), step.put, record(fmt.Sprint("put", i))); err != nil {
				t.Fatal(step.name, err)
			}
			if err := s.DeleteTags(t.Context(), account, region, arnOf("a"), step.remove, record(fmt.Sprint("remove", i))); err != nil {
				t.Fatal(step.name, err)
			}
			got, err := s.Tags(t.Context(), account, region, arnOf("a"))
			if diff := cmp.Diff(step.want, got); diff != "" || err != nil {
				t.Error(step.name, err, diff)
			}
		}
		wantRecords(t, s, "request-a", "put0", "remove0", "put1", "remove1", "put2", "remove2", "put3", "remove3")
	})
}

func TestTagsNotFound(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		create(t, s, newRequest("a", "a.example"))
		before := dump(t, s)
		for _, who := range [][3]string{{"999999999999", region, arnOf("a")}, {account, "us-east-1", arnOf("a")}, {account, region, arnOf("b")}} {
			_, err := s.Tags(t.Context(), who[0], who[1], who[2])
			wantKind(t, err, core.NotFound)
			wantKind(t, s.PutTags(t.Context(), who[0], who[1], who[2], []core.Tag{tag("k")}, record("x")), core.NotFound)
			wantKind(t, s.DeleteTags(t.Context(), who[0], who[1], who[2], []core.Tag{tag("k")}, record("x")), core.NotFound)
		}
		if diff := cmp.Diff(before, dump(t, s)); diff != "" {
			t.Error(diff)
		}
	})
}

// Fifty tags in all; keys beginning with aws: do not count.
func TestTooManyTags(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		n := newRequest("a", "a.example")
		n.Tags = numbered("k", core.MaxTags+1)
		_, err := s.CreateCertificate(t.Context(), n, t0)
		wantKind(t, err, core.TooManyTags)
		n.Tags = append(numbered("k", core.MaxTags-1), numbered("aws:", 3)...)
		create(t, s, n)
		put := func(id string, tags ...core.Tag) error {
			return s.PutTags(t.Context(), account, region, arnOf("a"), tags, record(id))
		}
		before := dump(t, s)
		wantKind(t, put("x", tag("x"), tag("k0", "changed"), tag("y")), core.TooManyTags)
		if diff := cmp.Diff(before, dump(t, s)); diff != "" {
			t.Error("a refusal changed something:", diff)
		}
		if err := put("y", tag("x"), tag("k0", "changed"), tag("aws:9")); err != nil {
			t.Error(err)
		}
		wantKind(t, put("z", tag("AWS:")), core.TooManyTags)
	})
}

// Two callers at once cannot pass the bound together.
func TestTooManyTagsTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		nodes := []*Store{open(t, dsn), open(t, dsn)}
		create(t, nodes[0], newRequest("a", "a.example"))
		var wg sync.WaitGroup
		errs := make([]error, 6)
		for i := range errs {
			wg.Go(func() {
				errs[i] = nodes[i%2].PutTags(t.Context(), account, region, arnOf("a"),
					numbered(fmt.Sprintf("%d-", i), core.MaxTags/2), record(fmt.Sprint(i)))
			})
		}
		wg.Wait()
		done := 0
		for _, err := range errs {
			if err == nil {
				done++
				continue
			}
			wantKind(t, err, core.TooManyTags)
		}
		if got, err := nodes[0].Tags(t.Context(), account, region, arnOf("a")); done != 2 || len(got) != core.MaxTags || err != nil {
			t.Errorf("%d callers passed, %d tags, %v", done, len(got), err)
		}
	})
}
