package main

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	_ "modernc.org/sqlite" // the tests read what the daemon left

	"acmd/keyring"
)

// openSQLite opens the database of a state folder.
func openSQLite(t *testing.T, dir string) *sql.DB {
	t.Helper()
	file := filepath.Join(dir, "acmd.db")
	if _, err := os.Stat(file); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", file)
	fatal(t, err)
	t.Cleanup(func() { fatal(t, db.Close()) })
	return db
}

// count is a query's one number.
func count(t *testing.T, db *sql.DB, query string) int {
	t.Helper()
	var n int
	if err := db.QueryRow(query).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// checkLeaves reads the database of a stopped deployment whose every request
// has been issued: so many certificates, one order and one leaf each, nothing
// left open, every leaf with the key that it was made for.
func checkLeaves(t *testing.T, db *sql.DB, masterFile string, want int) {
	t.Helper()
	const subscribers = ` WHERE arn LIKE 'arn:%'` // not the daemon's own
	for what, got := range map[string]int{
		"certificates":            count(t, db, `SELECT count(*) FROM certificates`),
		"certificates with leaf":  count(t, db, `SELECT count(*) FROM certificates c JOIN leaves l ON l.serial = c.serial AND l.arn = c.arn`),
		"leaves":                  count(t, db, `SELECT count(*) FROM leaves`+subscribers),
		"ARNs of leaves":          count(t, db, `SELECT count(DISTINCT arn) FROM leaves`+subscribers),
		"leaves of issued orders": count(t, db, `SELECT count(*) FROM leaves l JOIN orders o ON o.id = l.order_id AND o.arn = l.arn AND o.state = 'issued'`),
		"orders":                  count(t, db, `SELECT count(*) FROM orders`),
		"issued events":           count(t, db, `SELECT count(*) FROM records WHERE type = 'ACM Certificate Available'`),
		"audited requests":        count(t, db, `SELECT count(*) FROM records WHERE type = 'RequestCertificate'`),
	} {
		if got != want {
			t.Errorf("%d %s, want %d", got, what, want)
		}
	}
	master, err := keyring.ReadMaster(masterFile)
	fatal(t, err)
	ring, err := keyring.New(master)
	fatal(t, err)
	rows, err := db.Query(`SELECT arn, serial, der, sealed_key FROM leaves` + subscribers)
	fatal(t, err)
	defer rows.Close()
	serials, keys := map[string]bool{}, map[string]bool{}
	for rows.Next() {
		var arn, serial string
		var der, sealed []byte
		fatal(t, rows.Scan(&arn, &serial, &der, &sealed))
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Errorf("%s: %v", arn, err)
			continue
		}
		key, err := ring.OpenKey(arn, sealed)
		if err != nil {
			t.Errorf("%s: open its key: %v", arn, err)
			continue
		}
		if pub, ok := leaf.PublicKey.(interface{ Equal(crypto.PublicKey) bool }); !ok || !pub.Equal(key.Public()) {
			t.Errorf("%s: the sealed key is not the leaf's", arn)
		}
		if got := fmt.Sprintf("%x", leaf.SerialNumber.Bytes()); got != serial || serials[got] {
			t.Errorf("%s: serial %s stored as %s, or twice", arn, got, serial)
		}
		serials[serial], keys[string(leaf.RawSubjectPublicKeyInfo)] = true, true
	}
	fatal(t, rows.Err())
	if len(keys) != want {
		t.Errorf("%d keys for %d leaves", len(keys), want)
	}
	checkSignatures(t, db, filepath.Join(filepath.Dir(masterFile), "ca", "chain.pem"))
}

// checkSignatures: every leaf is signed by the issuer that lies in the state.
func checkSignatures(t *testing.T, db *sql.DB, chainFile string) {
	t.Helper()
	text, err := os.ReadFile(chainFile)
	fatal(t, err)
	issuer := certificates(t, text)[0]
	rows, err := db.Query(`SELECT der FROM leaves`)
	fatal(t, err)
	defer rows.Close()
	for rows.Next() {
		var der []byte
		fatal(t, rows.Scan(&der))
		leaf, err := x509.ParseCertificate(der)
		fatal(t, err)
		if err := leaf.CheckSignatureFrom(issuer); err != nil || !bytes.Equal(leaf.AuthorityKeyId, issuer.SubjectKeyId) {
			t.Errorf("leaf %x: %v", leaf.SerialNumber, err)
		}
	}
	fatal(t, rows.Err())
}
