package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"acmd/configs"
)

func newConfig() *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Check a configuration file, or print an example", Args: noArgs,
		Example: "  acmd config check /etc/acmd/acmd.yaml\n  acmd config example > acmd.yaml",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() }}
	check := &cobra.Command{Use: "check FILE", Short: "Report every mistake in a configuration file", Args: wantArgs(1, 1),
		Example: "  acmd config check /etc/acmd/acmd.yaml",
		RunE: func(c *cobra.Command, a []string) error {
			if _, err := loadConfig(a[0]); err != nil {
				return err
			}
			_, err := fmt.Fprintf(c.OutOrStdout(), "%s: no mistakes\n", a[0])
			return err
		}}
	example := &cobra.Command{Use: "example", Short: "Print a complete, commented configuration file", Args: noArgs,
		Example: "  acmd config example > acmd.yaml",
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprint(c.OutOrStdout(), configs.Example)
			return err
		}}
	c.AddCommand(check, example)
	return c
}
