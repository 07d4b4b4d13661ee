package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"runtime"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
)

// dialect is all that differs between the two engines.
type dialect struct {
	name       goose.Dialect
	solo       bool             // one daemon at a time
	skipLocked string           // after the SELECT of a claim
	hasTables  string           // query: number of migration tables, 0 or 1
	readTx     *sql.TxOptions   // makes several SELECTs see one state
	unique     func(error) bool // a unique or primary key refused the row
	again      func(error) bool // lost against a concurrent transaction, nothing done
}

// maxConns bounds the connections of one Store to PostgreSQL, and the readers on SQLite.
const maxConns = 16

func connect(c Config) (*Store, error) {
	path, isFile := strings.CutPrefix(c.DSN, "sqlite:")
	switch {
	case isFile && path != "":
		return connectSQLite(path, c.Create)
	case strings.HasPrefix(c.DSN, "postgres://"), strings.HasPrefix(c.DSN, "postgresql://"):
		return connectPostgres(c.DSN)
	}
	// The DSN itself may hold a password and is not repeated.
	return nil, errors.New(`the store's DSN is neither "sqlite:" with a path nor a postgres:// URL`)
}

func connectSQLite(path string, create bool) (*Store, error) {
	flags := os.O_RDWR
	if create {
		flags |= os.O_CREATE
	}
	// Opened by us first: SQLite would make the file readable for everyone, and
	// its own message for a missing one does not name it.
	f, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, os.ErrNotExist) && !create {
		return nil, fmt.Errorf("open store: no database at %s; acmd init makes one", path)
	}
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if err := f.Close(); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	file := "file:" + (&url.URL{Path: path}).EscapedPath()
	writer, err := sql.Open("sqlite", file+"?mode=rw&_txlock=immediate&_pragma=busy_timeout(10000)"+
		"&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)")
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	writer.SetMaxOpenConns(1)
	reader, err := sql.Open("sqlite", file+"?mode=ro&_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, fmt.Errorf("open store: %w", errors.Join(err, writer.Close()))
	}
	readers := min(max(4, runtime.GOMAXPROCS(0)), maxConns)
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return &Store{dialect: sqliteDialect, writer: writer, reader: reader}, nil
}

func connectPostgres(dsn string) (*Store, error) {
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		// The error repeats the DSN, if without the password; a mistyped one
		// may hide it from that.
		return nil, errors.New("open store: the postgres:// URL cannot be read")
	}
	db := stdlib.OpenDB(*c)
	db.SetMaxOpenConns(maxConns)
	db.SetMaxIdleConns(maxConns)
	return &Store{dialect: postgresDialect, writer: db, reader: db}, nil
}

var sqliteDialect = dialect{
	name:      goose.DialectSQLite3,
	solo:      true,
	hasTables: `SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'goose_db_version'`,
	readTx:    &sql.TxOptions{ReadOnly: true},
	unique: func(err error) bool {
		var e *sqlite.Error
		// SQLITE_CONSTRAINT_PRIMARYKEY, SQLITE_CONSTRAINT_UNIQUE
		return errors.As(err, &e) && (e.Code() == 1555 || e.Code() == 2067)
	},
	// Immediate transactions wait for each other; none is refused half way.
	again: func(error) bool { return false },
}

var postgresDialect = dialect{
	name:       goose.DialectPostgres,
	skipLocked: " FOR UPDATE SKIP LOCKED",
	hasTables:  `SELECT count(*) FROM pg_tables WHERE schemaname = current_schema() AND tablename = 'goose_db_version'`,
	readTx:     &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead},
	unique:     func(err error) bool { return sqlState(err, "23505") },
	// serialization_failure, deadlock_detected
	again: func(err error) bool { return sqlState(err, "40001") || sqlState(err, "40P01") },
}

func sqlState(err error, code string) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && e.Code == code
}
