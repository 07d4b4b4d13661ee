package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"acmd/manager"
)

func newPrincipal() *cobra.Command {
	c := &cobra.Command{Use: "principal", Short: "Make, list and disable the users of the API", Args: noArgs,
		Example: `  acmd principal add alice --account 111122223333 --config /etc/acmd/acmd.yaml
  acmd principal list --json
  acmd principal disable alice --account 111122223333`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(newPrincipalAdd(), newPrincipalList(), newPrincipalDisable())
	return c
}

// openAccount opens the deployment and says which account a command is about:
// the flag's, else the configuration's, else dev's. The caller closes the store.
func openAccount(ctx context.Context, w where, flag string) (*home, string, error) {
	h, cfg, err := w.open(ctx)
	switch {
	case err != nil:
		return nil, "", err
	case flag != "":
		return h, flag, nil
	case cfg == nil:
		return h, devAccount, nil
	case cfg.Account != "":
		return h, cfg.Account, nil
	}
	return nil, "", errors.Join(usagef("which account? Give --account ID, or set account in the configuration"), h.store.Close())
}

func newPrincipalAdd() *cobra.Command {
	var w where
	var acct string
	var asJSON bool
	c := &cobra.Command{Use: "add NAME", Short: "Make a principal with one access key; the secret is shown this once", Args: wantArgs(1, 1),
		Example: "  acmd principal add alice --account 111122223333 --json",
		RunE: func(c *cobra.Command, a []string) error {
			h, id, err := openAccount(c.Context(), w, acct)
			if err != nil {
				return err
			}
			defer h.store.Close()
			k, err := manager.Principals{Store: h.store, Ring: h.ring}.Add(c.Context(), id, a[0], h.now())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(map[string]string{"Arn": k.Arn, "AccessKeyId": k.AccessKeyID, "SecretAccessKey": k.SecretAccessKey})
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s\nexport AWS_ACCESS_KEY_ID=%s\nexport AWS_SECRET_ACCESS_KEY=%s\n", k.Arn, k.AccessKeyID, shellQuote(k.SecretAccessKey))
			return err
		}}
	w.flags(c)
	c.Flags().StringVar(&acct, "account", "", "account id, twelve digits")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

func newPrincipalDisable() *cobra.Command {
	var w where
	var acct string
	c := &cobra.Command{Use: "disable NAME", Short: "Stop a principal and all its keys", Args: wantArgs(1, 1),
		Example: "  acmd principal disable alice --account 111122223333",
		RunE: func(c *cobra.Command, a []string) error {
			h, id, err := openAccount(c.Context(), w, acct)
			if err != nil {
				return err
			}
			defer h.store.Close()
			return manager.Principals{Store: h.store, Ring: h.ring}.Disable(c.Context(), id, a[0], h.now())
		}}
	w.flags(c)
	c.Flags().StringVar(&acct, "account", "", "account id, twelve digits")
	return c
}

// listedKey is one access key as principal list prints it.
type listedKey struct {
	Arn, AccessKeyId, CreatedAt string //nolint:revive // AWS's spelling
	Disabled                    bool
}

func newPrincipalList() *cobra.Command {
	var w where
	var asJSON bool
	c := &cobra.Command{Use: "list", Short: "List principals and their access keys, without secrets", Args: noArgs,
		Example: "  acmd principal list --json",
		RunE: func(c *cobra.Command, _ []string) error {
			h, _, err := w.open(c.Context())
			if err != nil {
				return err
			}
			defer h.store.Close()
			ps, ks, err := h.store.Principals(c.Context())
			if err != nil {
				return err
			}
			off := map[string]bool{}
			for _, p := range ps {
				off[p.Arn] = p.Disabled
			}
			rows := []listedKey{}
			for _, k := range ks {
				rows = append(rows, listedKey{k.PrincipalArn, k.ID, k.CreatedAt.Format("2006-01-02T15:04:05Z"), k.Disabled || off[k.PrincipalArn]})
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(rows)
			}
			t := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
			for _, r := range rows {
				state := "live"
				if r.Disabled {
					state = "disabled"
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", r.Arn, r.AccessKeyId, r.CreatedAt, state)
			}
			return t.Flush()
		}}
	w.flags(c)
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
