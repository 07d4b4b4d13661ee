package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"acmd/core"
	"acmd/postgrestest"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

const (
	account = "111122223333"
	region  = "eu-central-1"
)

var t0 = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// eachDSN runs the test on an empty database of each engine.
func eachDSN(t *testing.T, test func(t *testing.T, dsn string)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, "sqlite:"+filepath.Join(t.TempDir(), "acmd.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, postgrestest.DSN(t))
	})
}

// eachEngine runs the test on an open store of each engine.
func eachEngine(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Helper()
	eachDSN(t, func(t *testing.T, dsn string) { test(t, open(t, dsn)) })
}

func open(tb testing.TB, dsn string) *Store {
	tb.Helper()
	s, err := Open(context.Background(), Config{DSN: dsn, Create: true})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

// newRequest is a request as the manager makes it, all times t0.
func newRequest(id string, names ...string) NewCertificate {
	c := core.Certificate{Arn: arnOf(id), Account: account, Region: region, Names: names, Type: core.AmazonIssued,
		Method: core.MethodDNS, KeyAlgorithm: core.ECP256, CTLogging: true, CreatedAt: t0}
	n := NewCertificate{Certificate: c, Order: core.NewOrder("order-"+id, c, t0),
		Records: []core.Record{record("request-" + id)}}
	for _, name := range names {
		n.Proofs = append(n.Proofs, core.Proof{Account: account, Name: core.BaseName(name), Method: core.MethodDNS,
			Label: "label-" + core.BaseName(name)})
	}
	return n
}

func arnOf(id string) string {
	return "arn:aws:acm:" + region + ":" + account + ":certificate/" + id
}

func record(id string) core.Record {
	return core.Record{ID: id, Kind: core.RecordAudit, Type: "Test", Arn: arnOf("x"), Account: account,
		Region: region, Actor: "acmd", At: t0, Detail: map[string]string{"id": id}}
}

func create(tb testing.TB, s *Store, n NewCertificate) {
	tb.Helper()
	if arn, err := s.CreateCertificate(context.Background(), n, t0); err != nil || arn != n.Certificate.Arn {
		tb.Fatalf("create %s: %q, %v", n.Certificate.Arn, arn, err)
	}
}

// snapshot reads a certificate by the id that newRequest was given.
func snapshot(t *testing.T, s *Store, id string) core.Snapshot {
	t.Helper()
	out, err := s.SnapshotByArn(context.Background(), arnOf(id))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// issued moves an order to its end and makes the leaf that goes with it.
func issued(o core.Order, serial string) (core.Order, *core.Leaf) {
	o.State, o.UpdatedAt = core.OrderIssued, t0.Add(time.Second)
	return o, &core.Leaf{Serial: serial, Arn: o.Arn, DER: []byte{0x30, 0x01, 0x00}, Chain: [][]byte{{0x30, 2}, {0x30, 3}},
		SealedKey: []byte("sealed"), NotBefore: t0, NotAfter: t0.Add(198 * 24 * time.Hour), IssuedAt: t0.Add(time.Second)}
}

func exec(t *testing.T, s *Store, query string, args ...any) {
	t.Helper()
	if _, err := s.writer.Exec(query, args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func wantKind(t *testing.T, err, kind error) {
	t.Helper()
	var refused *core.Error
	if !errors.As(err, &refused) || !errors.Is(err, kind) {
		t.Fatalf("error is %v, want a core.Error of kind %v", err, kind)
	}
}

// Design decision 13: a mistyped path or an empty schema never starts a new store.
func TestOpenRefusesWhatIsMissing(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		s, err := Open(t.Context(), Config{DSN: dsn})
		if err == nil {
			t.Fatal("opened nothing", s.Close())
		}
		if !strings.Contains(err.Error(), "acmd init") {
			t.Errorf("error does not say what to do: %v", err)
		}
		if path, ok := strings.CutPrefix(dsn, "sqlite:"); ok {
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a refused open left a file: %v", err)
			}
		}
		create(t, open(t, dsn), newRequest("a", "a.example"))
		again, err := Open(t.Context(), Config{DSN: dsn})
		if err != nil {
			t.Fatal(err)
		}
		if err := again.Ping(t.Context()); err != nil {
			t.Error(err)
		}
		if got := snapshot(t, again, "a").Certificate.Domain(); got != "a.example" {
			t.Errorf("reopened store has domain %q", got)
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
		if err := again.Ping(t.Context()); err == nil {
			t.Error("a closed store answers")
		}
	})
}

func TestOpenRefusesEmptyFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "empty?100%#.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(t.Context(), Config{DSN: "sqlite:" + path}); err == nil {
		t.Fatal("opened an empty file", s.Close())
	}
	open(t, "sqlite:"+path)
	if info, err := os.Stat(path); err != nil || info.Size() == 0 {
		t.Errorf("the path was not taken literally: %v %v", info, err)
	}
}

// Sealed keys are in the file: it is the owner's alone.
func TestFileMode(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(dir, "acmd.db"))
	create(t, s, newRequest("a", "a.example"))
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < 2 {
		t.Fatalf("%v, %v", entries, err)
	}
	for _, e := range entries {
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", e.Name(), info.Mode(), err)
		}
	}
}

func TestOpenRefusesNewerSchema(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		exec(t, open(t, dsn), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (4711, TRUE)`)
		s, err := Open(t.Context(), Config{DSN: dsn, Create: true})
		if err == nil {
			t.Fatal("opened a newer schema", s.Close())
		}
		if !strings.Contains(err.Error(), "version 4711") || !strings.Contains(err.Error(), "up to 1:") {
			t.Errorf("error lacks a number: %v", err)
		}
	})
}

// Several nodes may start at once on a fresh database.
func TestOpenTogether(t *testing.T) {
	eachDSN(t, func(t *testing.T, dsn string) {
		done := make(chan error)
		for range 4 {
			go func() {
				s, err := Open(context.Background(), Config{DSN: dsn, Create: true})
				if err == nil {
					err = s.Close()
				}
				done <- err
			}()
		}
		for range 4 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

func TestOpenBadDSN(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", "sqlite:", "mysql://u:hunter2@h/d", "postgres://u:hunter2@h:port/d",
		"postgres://u:hunter2@127.0.0.1:1/d?connect_timeout=1"} {
		s, err := Open(t.Context(), Config{DSN: dsn, Create: true})
		if err == nil {
			t.Error("opened", dsn, s.Close())
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: the error shows the password: %v", dsn, err)
		}
	}
}

// Durable means that a commit is on the disk: design budget "durable".
func TestSQLitePragmas(t *testing.T) {
	t.Parallel()
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "acmd.db"))
	got := map[string]string{}
	for _, pragma := range []string{"journal_mode", "synchronous"} {
		var v string
		if err := s.writer.QueryRow(`PRAGMA ` + pragma).Scan(&v); err != nil {
			t.Fatal(err)
		}
		got[pragma] = v
	}
	if diff := cmp.Diff(map[string]string{"journal_mode": "wal", "synchronous": "2"}, got); diff != "" {
		t.Error(diff)
	}
	if _, err := s.reader.Exec(`DELETE FROM certificates`); err == nil {
		t.Error("the reader can write")
	}
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewPedanticRegistry()
	s, err := Open(t.Context(), Config{DSN: "sqlite:" + filepath.Join(t.TempDir(), "acmd.db"), Create: true, Reg: reg})
	if err != nil {
		t.Fatal(err)
	}
	if problems, err := testutil.GatherAndLint(reg); err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
	if n := testutil.CollectAndCount(s.metrics.seconds); n != len(operations) {
		t.Errorf("%d label sets are there from the start, want %d", n, len(operations))
	}
	if _, err := s.SnapshotByArn(t.Context(), arnOf("none")); err == nil {
		t.Error("found nothing")
	}
	if n := testutil.ToFloat64(s.metrics.faults.WithLabelValues(opReadCertificate)); n != 0 {
		t.Errorf("a refusal counts as fault: %v", n)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.SnapshotByArn(t.Context(), arnOf("none"))
	if want := "read certificate: "; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("error is %v, want it to begin with %q", err, want)
	}
	if n := testutil.ToFloat64(s.metrics.faults.WithLabelValues(opReadCertificate)); n != 1 {
		t.Errorf("%v faults, want 1", n)
	}
	if _, err := newMetrics(reg); err == nil {
		t.Error("two stores share metrics")
	}
}

// A transaction that lost against another runs again, but not for ever.
func TestWriteTriesAgain(t *testing.T) {
	t.Parallel()
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "acmd.db"))
	for _, lost := range []int{0, 1, maxTries - 1, maxTries} {
		t.Run(fmt.Sprint(lost), func(t *testing.T) {
			tries := 0
			err := s.write(t.Context(), opPutSetting, func(tx *sql.Tx) error {
				if _, err := tx.Exec(`INSERT INTO settings (key, value) VALUES ($1, '')`, fmt.Sprint(lost)); err != nil {
					return err
				}
				if tries++; tries <= lost {
					return errAgain
				}
				return nil
			})
			if failed := lost == maxTries; failed != errors.Is(err, errAgain) || tries != min(lost+1, maxTries) {
				t.Errorf("%d tries, %v", tries, err)
			}
		})
	}
}
