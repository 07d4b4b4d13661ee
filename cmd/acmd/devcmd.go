package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"acmd/playground"
)

// serveBeside runs the playground's DNS, its first visitor and its control socket.
func serveBeside(ctx context.Context, d *dev, control http.Handler, l net.Listener) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, s := range d.ground.Listeners(d.sockets.playground.packets, d.sockets.playground.stream) {
		serveDNS(ctx, g, s)
	}
	g.Go(func() error { return d.ground.Run(ctx) })
	// Advancing the clock by a year answers when the work is done, so the
	// answer has no deadline of its own.
	s := &http.Server{Handler: control, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx }}
	g.Go(func() error {
		if err := s.Serve(l); err != http.ErrServerClosed {
			return fmt.Errorf("serve control socket: %w", err)
		}
		return nil
	})
	g.Go(func() error { <-ctx.Done(); return s.Close() })
	return g.Wait()
}

// client is a client of the running acmd dev.
func (f *devFlags) client() (*playground.Client, error) {
	dir, err := f.dir()
	if err != nil {
		return nil, err
	}
	return playground.NewClient(controlPath(dir)), nil
}

func newDevRecord(f *devFlags) *cobra.Command {
	c := &cobra.Command{Use: "record", Short: "Set, delete and list the playground's DNS records", Args: noArgs,
		Example: `  acmd dev record set _x.www.example.com CNAME _y.acm-validations.dev.internal
  acmd dev record set example.com CAA '0 issue "ca.example.net"'
  acmd dev record delete _x.www.example.com CNAME
  acmd dev record list`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	set := &cobra.Command{Use: "set NAME TYPE VALUE...", Short: "Set the records of a name and type", Args: wantArgs(3, -1),
		Example: "  acmd dev record set _x.www.example.com CNAME _y.acm-validations.dev.internal",
		RunE: func(c *cobra.Command, a []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			return cl.SetRecord(c.Context(), a[0], a[1], a[2:]...)
		}}
	del := &cobra.Command{Use: "delete NAME TYPE", Short: "Delete the records of a name and type", Args: wantArgs(2, 2),
		Example: "  acmd dev record delete _x.www.example.com CNAME",
		RunE: func(c *cobra.Command, a []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			return cl.DeleteRecord(c.Context(), a[0], a[1])
		}}
	c.AddCommand(set, del, newDevRecordList(f))
	return c
}

func newDevRecordList(f *devFlags) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List all records", Args: noArgs, Example: "  acmd dev record list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			records, err := cl.Records(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				if records == nil {
					records = []playground.Record{}
				}
				return json.NewEncoder(c.OutOrStdout()).Encode(records)
			}
			for _, r := range records {
				for _, v := range r.Values {
					fmt.Fprintf(c.OutOrStdout(), "%s %s %s\n", r.Name, r.Type, v)
				}
			}
			return nil
		}}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newDevClock(f *devFlags) *cobra.Command {
	c := &cobra.Command{Use: "clock", Short: "Read the playground's clock, or move it forward", Args: noArgs,
		Example: "  acmd dev clock now\n  acmd dev clock advance 14d\n  acmd dev clock advance 336h",
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() }}
	now := &cobra.Command{Use: "now", Short: "Print the time (RFC 3339, UTC)", Args: noArgs, Example: "  acmd dev clock now",
		RunE: func(c *cobra.Command, _ []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			t, err := cl.Now(c.Context())
			return printTime(c, t, err)
		}}
	advance := &cobra.Command{Use: "advance DURATION", Short: "Move the clock forward and do all work that falls due on the way", Args: wantArgs(1, 1),
		Example: "  acmd dev clock advance 14d\n  acmd dev clock advance 1d12h",
		RunE: func(c *cobra.Command, a []string) error {
			cl, err := f.client()
			if err != nil {
				return err
			}
			t, err := cl.Advance(c.Context(), a[0])
			return printTime(c, t, err)
		}}
	c.AddCommand(now, advance)
	return c
}

// printTime prints an instant of the playground's clock.
func printTime(c *cobra.Command, t time.Time, err error) error {
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.OutOrStdout(), t.UTC().Format(time.RFC3339))
	return err
}
