package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newInit() *cobra.Command {
	var config, name string
	var asJSON, fresh bool
	c := &cobra.Command{
		Use: "init", Short: "Make a deployment's keys, CA and database, once",
		Long: `Makes what the configuration names and what is not there yet: the master key (unless it is
a systemd credential, which must exist), the validation zone's keys, a two-tier CA (unless
ca.chain and ca.key bring one) and the database. What exists is never overwritten, so init may
be repeated; what is missing from a deployment that was whole once is not made anew. Keep a copy
of the master key and of the zone keys: without them nothing can be unsealed, and every
customer's CNAME would change.`,
		Example: `  acmd init --config /etc/acmd/acmd.yaml
  acmd init --config /etc/acmd/acmd.yaml --name "Example Corp"`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if config == "" {
				return usagef("init needs --config FILE; see acmd config example")
			}
			cfg, err := loadConfig(config)
			if err != nil {
				return err
			}
			p, err := configPaths(*cfg)
			if err != nil {
				return err
			}
			unlock, err := lockState(cfg.StateDir)
			if err != nil {
				return err
			}
			defer unlock()
			made, err := (&maker{paths: p, zone: cfg.DNS.Zone, name: name, now: time.Now(), fresh: fresh, anew: "give --new-database"}).create(c.Context())
			if asJSON {
				if made == nil {
					made = []string{}
				}
				_ = json.NewEncoder(c.OutOrStdout()).Encode(map[string][]string{"Made": made})
			} else {
				for _, m := range made {
					fmt.Fprintf(c.OutOrStdout(), "made %s\n", m)
				}
				if err == nil && len(made) == 0 {
					fmt.Fprintln(c.OutOrStdout(), "everything is there already")
				}
			}
			return err
		},
	}
	c.Flags().StringVar(&config, "config", "", "configuration file (required)")
	c.Flags().StringVar(&name, "name", "acmd", "organisation that the CA's certificates name")
	c.Flags().BoolVar(&fresh, "new-database", false, "make an empty database although the keys exist, as when moving to PostgreSQL")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
