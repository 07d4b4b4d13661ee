package store

import (
	"testing"
	"time"

	"acmd/core"

	"github.com/google/go-cmp/cmp"
)

func TestPrincipals(t *testing.T) {
	eachEngine(t, func(t *testing.T, s *Store) {
		add := func(acct, name, id string, at time.Time) (core.Principal, core.AccessKey) {
			p := core.Principal{Arn: "arn:aws:iam::" + acct + ":user/" + name, Account: acct, Name: name, CreatedAt: at}
			k := core.AccessKey{ID: id, PrincipalArn: p.Arn, SealedSecret: []byte("sealed " + id), CreatedAt: at}
			if err := s.CreatePrincipal(t.Context(), p, k, record("create-"+id)); err != nil {
				t.Fatal(err)
			}
			return p, k
		}
		zoe, zoeKey := add(account, "zoe", "AKIA1", t0.Add(time.Second))
		ann, annKey := add(account, "Ann", "AKIA2", t0)
		zoe2, zoe2Key := add("000000000001", "zoe", "AKIA3", t0)

		again := zoe
		again.Arn += "x"
		wantKind(t, s.CreatePrincipal(t.Context(), again, core.AccessKey{ID: "AKIA9", SealedSecret: []byte{1}}, record("x")), core.Invalid)
		again.Name += "x"
		wantKind(t, s.CreatePrincipal(t.Context(), again, zoeKey, record("x")), core.Conflict)

		wantKind(t, s.DisablePrincipal(t.Context(), account, "nobody", record("x")), core.NotFound)
		if err := s.DisablePrincipal(t.Context(), account, "zoe", record("disable")); err != nil {
			t.Fatal(err)
		}
		zoe.Disabled, zoeKey.Disabled = true, true
		principals, keys, err := s.Principals(t.Context())
		if diff := cmp.Diff([]core.Principal{zoe2, ann, zoe}, principals); diff != "" || err != nil {
			t.Error(err, diff)
		}
		if diff := cmp.Diff([]core.AccessKey{annKey, zoe2Key, zoeKey}, keys); diff != "" {
			t.Error(diff)
		}
		for _, want := range []struct {
			k core.AccessKey
			p core.Principal
		}{{annKey, ann}, {zoeKey, zoe}, {zoe2Key, zoe2}} {
			k, p, err := s.AccessKey(t.Context(), want.k.ID)
			if diff := cmp.Diff(want.k, k) + cmp.Diff(want.p, p); diff != "" || err != nil {
				t.Error(err, diff)
			}
		}
		_, _, err = s.AccessKey(t.Context(), "AKIA9")
		wantKind(t, err, core.NotFound)
		wantRecords(t, s, "create-AKIA1", "create-AKIA2", "create-AKIA3", "disable")
	})
}
