package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func connectAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connect --owner NAME [--jira URL] [--expires 1h]",
		Short: "Print a link with which an owner lets the gateway act for them in Jira, by OAuth",
		Long: `Print a link for an owner. Who opens it is asked by Jira whether the gateway may act for
them; if Jira says that it is the owner, the owner's own account is saved.

The link works once. Send it to the owner in confidence, although nobody else can use it.`,
		Example: "  caddy jira-token account connect --owner alice@example.com",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return errors.New("expected no argument: name the owner with --owner")
			}
			return nil
		},
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			if owner, _ := cmd.Flags().GetString("owner"); owner == "" {
				return errors.New("expected --owner with the owner who connects")
			}
			expires, _ := cmd.Flags().GetString("expires")
			var link admin.ConnectLink
			path := "accounts/" + token.OwnAccount + "/connect"
			if err := c.call(http.MethodPost, path, givenFlags(cmd, "owner", "jira"), map[string]any{"expires": expires}, &link); err != nil {
				return err
			}
			c.progress("Give this link to %s. It works once, until %s.", link.Owner, link.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
			return c.print(link, func(w io.Writer) { fmt.Fprintln(w, link.URL) })
		}),
	}
	ownerFlags(cmd, true)
	cmd.Flags().String("expires", "", "How long the link works: at most 7d (default 1h)")
	return cmd
}
