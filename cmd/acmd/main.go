// Command acmd is a certificate manager that speaks AWS Certificate Manager's
// API. This package wires the others: it owns sockets, signals, TLS, timeouts
// and the clock, and has one file per subcommand. It holds no logic of its own.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"acmd/core"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// The exit codes of every command.
const (
	exitOK    = 0
	exitFault = 1 // it could not be done
	exitUsage = 2 // what was asked is wrong: flags, arguments, configuration
)

// usageError marks an error that is the caller's: exit code 2.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// usagef makes a usageError.
func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// run is the program: it maps the outcome of a command to an exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return exitOK // stopped when it was told to, be it while starting
	}
	fmt.Fprintf(stderr, "acmd: %v\n", err)
	var usage usageError
	if errors.As(err, &usage) || errors.Is(err, core.Invalid) {
		return exitUsage
	}
	return exitFault
}

// newRoot assembles the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "acmd",
		Short: "A certificate manager that speaks AWS Certificate Manager's API",
		Long: `acmd issues, proves and keeps certificates behind the API of AWS Certificate Manager:
aws acm, the AWS SDKs and Terraform work against it unchanged.`,
		Example: `  acmd dev                            everything on loopback, to try it out
  acmd init --config /etc/acmd/acmd.yaml    make keys, CA and database, once
  acmd serve --config /etc/acmd/acmd.yaml   run the daemon`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return usagef("%w (see %s --help)", err, c.CommandPath())
	})
	root.AddCommand(newServe(), newInit(), newDev(), newExplain(), newConfig(), newPrincipal(), newEvents(), newVersion())
	return root
}

// noArgs refuses arguments with exit code 2.
func noArgs(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usagef("unknown argument %q (see %s --help)", args[0], c.CommandPath())
	}
	return nil
}

// wantArgs asks for a number of arguments, at least.
func wantArgs(least int, most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < least || (most >= 0 && len(args) > most) {
			return usagef("%s takes other arguments: %s (see %s --help)", c.CommandPath(), c.Use, c.CommandPath())
		}
		return nil
	}
}
