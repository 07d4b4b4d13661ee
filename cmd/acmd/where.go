package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"acmd/configs"
	"acmd/store"
	"github.com/spf13/cobra"
)

// where says which deployment a command is about: a configuration file, or the
// state folder of an acmd dev.
type where struct{ config, state string }

// flags adds --config and --state.
func (w *where) flags(c *cobra.Command) {
	c.Flags().StringVar(&w.config, "config", "", "configuration file of the deployment")
	c.Flags().StringVar(&w.state, "state", "", "state folder of an acmd dev (default $ACMD_STATE, else ./"+devState+")")
}

// load reads the configuration; nil if the deployment is an acmd dev.
func (w where) load() (*configs.Config, error) {
	if w.config != "" && w.state != "" {
		return nil, usagef("give --config or --state, not both")
	}
	if w.config == "" {
		return nil, nil
	}
	return loadConfig(w.config)
}

// open opens the deployment beside a daemon that may be running.
func (w where) open(ctx context.Context) (*home, *configs.Config, error) {
	c, err := w.load()
	if err != nil {
		return nil, nil, err
	}
	if c != nil {
		p, err := configPaths(*c)
		if err != nil {
			return nil, nil, err
		}
		h, err := openHome(ctx, p, c.DNS.Zone, store.Config{})
		return h, c, err
	}
	dir, err := devFlags{state: w.state}.dir()
	if err != nil {
		return nil, nil, err
	}
	if there, err := exists(statePaths(dir).Master); err == nil && !there {
		return nil, nil, fmt.Errorf("there is no acmd dev in %s: give its folder with --state, a daemon's configuration with --config, or start one with acmd dev", dir)
	}
	h, err := openHome(ctx, statePaths(dir), devZone, store.Config{})
	return h, nil, err
}

// loadConfig reads a configuration file; every mistake in it is the caller's.
func loadConfig(path string) (*configs.Config, error) {
	c, err := configs.Load(path)
	if err != nil {
		return nil, usageError{err}
	}
	return &c, nil
}

// configPaths says where the deployment of a configuration file keeps its things.
func configPaths(c configs.Config) (paths, error) {
	credentials := os.Getenv("CREDENTIALS_DIRECTORY")
	p := statePaths(c.StateDir)
	for _, f := range []struct {
		from configs.Path
		into *string
	}{{c.Keys.Master, &p.Master}, {c.CA.Chain, &p.Chain}, {c.CA.Key, &p.CAKey}} {
		if f.from == "" {
			continue
		}
		at, err := f.from.Resolve(credentials)
		if err != nil {
			return paths{}, usageError{err}
		}
		*f.into = at
	}
	p.Given = strings.HasPrefix(string(c.Keys.Master), "credential:")
	p.Brought = c.CA.Chain != "" || c.CA.Key != ""
	dsn, err := dsnWithPassword(c, credentials)
	p.DSN = dsn
	return p, err
}
