package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"acmd/core"
)

func newEvents() *cobra.Command {
	c := &cobra.Command{Use: "events", Short: "What happened to certificates, and who did it", Args: noArgs,
		Example: "  acmd events list\n  acmd events list --json",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newEventsList())
	return c
}

// recordsAtOnce is how many records are read from the store at a time.
const recordsAtOnce = 1000

func newEventsList() *cobra.Command {
	var w where
	var asJSON, audit bool
	c := &cobra.Command{Use: "list", Short: "Print the events, oldest first, one a line", Args: noArgs,
		Example: "  acmd events list --json\n  acmd events list --audit",
		RunE: func(c *cobra.Command, _ []string) error {
			h, _, err := w.open(c.Context())
			if err != nil {
				return err
			}
			defer h.store.Close()
			for after := ""; ; {
				records, err := h.store.Records(c.Context(), after, recordsAtOnce)
				if err != nil {
					return err
				}
				for _, r := range records {
					if r.Kind == core.RecordEvent || audit {
						if err := printRecord(c, r, asJSON); err != nil {
							return err
						}
					}
				}
				if len(records) < recordsAtOnce {
					return nil
				}
				after = records[len(records)-1].ID
			}
		}}
	w.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, one object a line")
	c.Flags().BoolVar(&audit, "audit", false, "print the audit records too")
	return c
}

// printRecord prints one record on one line.
func printRecord(c *cobra.Command, r core.Record, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(struct {
			Id, Kind, Type, Arn, Account, Region, Actor, Time string
			Detail                                            map[string]string
		}{r.ID, string(r.Kind), r.Type, r.Arn, r.Account, r.Region, r.Actor, r.At.Format(time.RFC3339Nano), r.Detail})
	}
	var detail []string
	for k, v := range r.Detail {
		detail = append(detail, k+"="+v)
	}
	slices.Sort(detail)
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s  %s  %s  %s  %s\n", r.At.Format(time.RFC3339), r.Type, r.Arn, r.Actor, strings.Join(detail, " "))
	return err
}
