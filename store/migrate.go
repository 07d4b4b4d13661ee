package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"go.uber.org/zap"
)

//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the schema up to this program's version. Many nodes may do so
// at once.
func (s *Store) migrate(ctx context.Context, create bool) error {
	p, err := s.provider(ctx)
	if err != nil {
		return fmt.Errorf("open store: %w", err)
	}
	sources := p.ListSources()
	target := sources[len(sources)-1].Version
	found, err := s.schemaVersion(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("read schema version: %w", err)
	case found > target:
		return fmt.Errorf("open store: the database has schema version %d, this acmd knows up to %d: run a newer acmd",
			found, target)
	case found == target:
		return nil
	case found == 0 && !create:
		return errors.New("open store: the database is empty; acmd init fills it")
	}
	if _, err := p.Up(ctx); err != nil {
		// Another process may have been quicker (SQLite has no migration lock).
		if now, again := s.schemaVersion(ctx); again == nil && now == target {
			return nil
		}
		return fmt.Errorf("migrate schema: %w", err)
	}
	s.log.Info("schema migrated", zap.Int64("from", found), zap.Int64("to", target))
	return nil
}

func (s *Store) provider(ctx context.Context) (*goose.Provider, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	opts := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.dialect.name == goose.DialectPostgres {
		locker, err := s.migrationLock(ctx)
		if err != nil {
			return nil, err
		}
		opts = append(opts, goose.WithSessionLocker(locker))
	}
	return goose.NewProvider(s.dialect.name, s.writer, dir, opts...)
}

// migrationLock is an advisory lock of this schema's own: two installations
// beside each other in one database do not wait for one another.
func (s *Store) migrationLock(ctx context.Context) (lock.SessionLocker, error) {
	var schema *string
	if err := s.writer.QueryRowContext(ctx, `SELECT current_schema()`).Scan(&schema); err != nil {
		return nil, err
	}
	if schema == nil {
		return nil, errors.New("the schema that search_path names does not exist")
	}
	h := fnv.New64a()
	h.Write([]byte("acmd " + *schema))
	return lock.NewPostgresSessionLocker(lock.WithLockID(int64(h.Sum64()>>1)), lock.WithLockTimeout(1, 300))
}

// schemaVersion is the newest migration that was applied; 0 if there is none.
func (s *Store) schemaVersion(ctx context.Context) (int64, error) {
	var tables, version int64
	if err := s.writer.QueryRowContext(ctx, s.dialect.hasTables).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	err := s.writer.QueryRowContext(ctx,
		`SELECT COALESCE(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&version)
	return version, err
}
