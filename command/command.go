// Package command implements `caddy jira-token`, a client of a running Caddy's
// admin API.
package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "jira-token",
		Usage: "create|list|show|update|rotate|disable|enable|revoke|approve|reject|approvals|delete|owners|transfer|audit|explain|trust|check|account|notify|export|import",
		Short: "Manages API tokens for Jira",
		Long: `
Manages the API tokens of the jira_tokens app in a running Caddy, through its
admin API, as ` + "`caddy reload`" + ` does. The API's address is '` + caddy.DefaultAdminListen + `'
unless --address, or the admin option in the file given by --config, says
otherwise.

Results go to standard output, as JSON with --output json; everything else goes
to standard error. The exit status is 0 only if the command did what you asked.`,
		CobraFunc: addCommands,
	})
}

func addCommands(root *cobra.Command) {
	// Report a mistyped subcommand, rather than the flags after it.
	root.FParseErrWhitelist.UnknownFlags = true
	root.Args = cobra.ArbitraryArgs
	root.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			text, _ := token.CutSecrets(args[0])
			return fmt.Errorf("unknown command %q: expected one of %s", text, root.Use[strings.IndexByte(root.Use, ' ')+1:])
		}
		return cmd.Help()
	}
	root.SetFlagErrorFunc(flagError)
	flags := root.PersistentFlags()
	flags.String("address", "", "Address of the administration API listener (if --config is not used)")
	flags.StringP("config", "c", "", "Configuration file (if --address is not used)")
	flags.StringP("adapter", "a", "", "Name of config adapter to apply (if --config is used)")
	flags.StringP("output", "o", "text", "Output format: text or json, or csv for the audit trail")
	root.AddCommand(
		createCommand(), listCommand(), showCommand(), updateCommand(), rotateCommand(),
		changeCommand("disable", "Disable a token until it is enabled again"),
		changeCommand("enable", "Enable a disabled token"),
		revokeCommand(), ownersCommand(), transferCommand(),
		decideCommand("approve", "Approve a pending token or a held request"),
		decideCommand("reject", "Reject a pending token, which ends it permanently, or a held request"),
		approvalsCommand(), deleteCommand(),
		auditCommand(), explainCommand(), trustCommand(), checkCommand(), accountCommand(), notifyCommand(), exportCommand(), importCommand(),
	)
}

// givenFlags returns the named string flags, if set, as query parameters.
func givenFlags(cmd *cobra.Command, names ...string) url.Values {
	query := url.Values{}
	for _, name := range names {
		if value, _ := cmd.Flags().GetString(name); value != "" {
			query.Set(name, value)
		}
	}
	return query
}

func createCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "create --owner NAME|--external NAME --name TEXT [--service] [--scope read|read-all|write|admin] [--expires 90d|2027-01-31|never] [--project KEY]… [--jql TEXT] [--hide FIELD]… [--handover [--for 1h]]",
		Short: "Create a token and show it once",
		Example: "  caddy jira-token create --owner alice@example.com --name \"BI export\" --expires 90d\n" +
			"  caddy jira-token create --owner partner@example.com --name \"support desk\" --project SUP --jql 'organizations = \"Partner Inc.\"' --hide internal-comments",
		Args: noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			var view admin.Token
			fields := changedFields(cmd)
			if err := setKind(cmd, fields); err != nil {
				return err
			}
			setCheck(cmd, fields)
			if err := setHandover(cmd, fields); err != nil {
				return err
			}
			if err := c.call(http.MethodPost, "tokens", nil, fields, &view); err != nil {
				return aboutOwner(cmd, err)
			}
			return c.print(view, func(w io.Writer) {
				c.printNewToken(w, view, "Created")
				for _, warning := range view.Warnings {
					c.progress("Warning: %s.", warning)
				}
			})
		}),
	}
	fieldFlags(cmd, true)
	kindFlags(cmd)
	checkFlag(cmd)
	handoverFlags(cmd)
	return cmd
}

func updateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "update ID [--name TEXT] [--scope read|read-all|write|admin] [--expires …]",
		Short: "Change the given fields of a token",
		Example: "  caddy jira-token update 4fT0aB9xYz --expires 30d --allow-ip 203.0.113.0/24\n" +
			"  caddy jira-token update 4fT0aB9xYz --unconfine",
		Args: exactID,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			fields := changedFields(cmd)
			if len(fields) == 0 {
				return errors.New("nothing to change: set at least one of " + strings.Join(updateFlags(), ", "))
			}
			if cmd.Flags().Changed("version") {
				fields["version"], _ = cmd.Flags().GetUint64("version")
			}
			setCheck(cmd, fields)
			return c.change(http.MethodPatch, tokenPath(args[0]), fields, "Updated")
		}),
	}
	fieldFlags(cmd, false)
	checkFlag(cmd)
	cmd.Flags().Uint64("version", 0, "Fail unless the token still has this version")
	return cmd
}

// listQuery returns the parameters of the admin API for the flags of list.
func listQuery(cmd *cobra.Command) url.Values {
	query := givenFlags(cmd, "owner", "kind", "state", "account", "search", "scope", "project", "network", "expiring", "unused", "sort")
	for _, flag := range []string{"used-after", "used-before", "created-after", "created-before"} {
		if text := givenFlags(cmd, flag).Get(flag); text != "" {
			query.Set(strings.ReplaceAll(flag, "-", "_"), text)
		}
	}
	if never, _ := cmd.Flags().GetBool("never-used"); never {
		query.Set("never_used", "true")
	}
	if exchanged := cmd.Flags().Lookup("exchanged"); exchanged.Changed {
		query.Set("exchanged", exchanged.Value.String())
	}
	return query
}

func listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [--owner NAME] [--search TEXT] [--state STATE] [--scope SCOPE] [--project KEY] [--network RANGE] [--expiring 30d] [--unused 90d] [--never-used] [--sort ORDER]",
		Short: "List tokens, newest first",
		Example: "  caddy jira-token list --unused 90d --scope write,admin --sort last_used\n" +
			"  caddy jira-token list --project ACME --expiring 30d --sort expires\n" +
			"  caddy jira-token list --network 203.0.113.0/24 --created-before 2027-01-01",
		Args: noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			limit, _ := cmd.Flags().GetInt("limit")
			if limit < 0 {
				return fmt.Errorf("--limit: invalid limit %d: expected a positive number, or 0 for no limit", limit)
			}
			return c.list(listQuery(cmd), limit)
		}),
	}
	cmd.Flags().String("owner", "", "Only tokens of this owner")
	cmd.Flags().String("kind", "", "Only tokens for this kind of owner: user, service or external, or several, separated by commas")
	cmd.Flags().String("scope", "", "Only tokens with this scope: read, read-all, write or admin, or several, separated by commas")
	cmd.Flags().String("project", "", "Only tokens that are confined to this project, given by its key, and perhaps to others")
	cmd.Flags().String("network", "", "Only tokens that allow this address, or addresses in this range, by a range of their own")
	cmd.Flags().String("state", "", "Only tokens in this state: active, pending, suspended, not_yet_valid, expired, disabled, revoked or damaged")
	cmd.Flags().String("account", "", "Only tokens of this account")
	cmd.Flags().String("search", "", "Only tokens with this text in their name, owner or ID")
	cmd.Flags().String("expiring", "", "Only tokens that expire within this time, such as 30d, and work until then (unless --state says otherwise)")
	cmd.Flags().Bool("exchanged", false, "Only tokens that were exchanged for JWTs; --exchanged=false for all others")
	cmd.Flags().String("unused", "", "Only tokens that work (unless --state says otherwise), but have not been used for this long, such as 90d")
	cmd.Flags().Bool("never-used", false, "Only tokens that were never used")
	cmd.Flags().String("used-after", "", "Only tokens whose last use was then or later: how long ago (24h, 7d), a date or a time")
	cmd.Flags().String("used-before", "", "Only tokens whose last use was before then; none that were never used")
	cmd.Flags().String("created-after", "", "Only tokens that were created then or later: how long ago (24h, 7d), a date or a time")
	cmd.Flags().String("created-before", "", "Only tokens that were created before then")
	cmd.Flags().String("sort", "", "Order: created (default; newest first), expires (next to expire first), last_used (used last first), owner or name; with a minus sign before it, reversed")
	cmd.Flags().Int("limit", 0, "Maximum number of tokens (0 means no limit)")
	return cmd
}

func showCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID",
		Short: "Show a token's record",
		Args:  exactID,
		RunE: run(func(c *client, _ *cobra.Command, args []string) error {
			var answer json.RawMessage
			if err := c.call(http.MethodGet, tokenPath(args[0]), nil, nil, &answer); err != nil {
				return err
			}
			var view admin.Token
			if err := json.Unmarshal(answer, &view); err != nil {
				return fmt.Errorf("reading the response of the admin API: %w", err)
			}
			return c.print(answer, func(w io.Writer) { printToken(w, view) })
		}),
	}
}

func rotateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate ID [--overlap 24h] [--handover [--for 1h]]",
		Short: "Give a token a new secret under the same ID, and show it once",
		Args:  exactID,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			fields := make(map[string]any)
			if cmd.Flags().Changed("overlap") {
				fields["overlap"], _ = cmd.Flags().GetString("overlap")
			}
			if err := setHandover(cmd, fields); err != nil {
				return err
			}
			var view admin.Token
			if err := c.call(http.MethodPost, tokenPath(args[0])+"/rotate", nil, fields, &view); err != nil {
				return err
			}
			done := "Rotated"
			if view.Token == "" {
				done = "Made a link that rotates"
			}
			return c.print(view, func(w io.Writer) { c.printNewToken(w, view, done) })
		}),
	}
	cmd.Flags().String("overlap", "", "How long the old token continues to work, such as 24h (default: not at all)")
	handoverFlags(cmd)
	return cmd
}

// changeCommand returns a command for a change that needs only the token's id.
func changeCommand(verb, short string) *cobra.Command {
	return &cobra.Command{
		Use:   verb + " ID",
		Short: short,
		Args:  exactID,
		RunE: run(func(c *client, _ *cobra.Command, args []string) error {
			return c.change(http.MethodPost, tokenPath(args[0])+"/"+verb, nil, strings.ToUpper(verb[:1])+verb[1:]+"d")
		}),
	}
}

// decideCommand returns a command that approves or rejects a pending token or a held
// request.
func decideCommand(verb, short string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   verb + " ID [--reason TEXT]",
		Short: short,
		Args:  decidableID,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			reason, _ := cmd.Flags().GetString("reason")
			verdict := map[string]any{"reason": reason}
			if cmd.Flags().Changed("version") {
				verdict["version"], _ = cmd.Flags().GetUint64("version")
			}
			done := map[string]string{"approve": "Approved", "reject": "Rejected"}[verb]
			if admin.IsApprovalID(args[0]) {
				return c.decideRequest(args[0], verb, done, verdict)
			}
			return c.change(http.MethodPost, tokenPath(args[0])+"/"+verb, verdict, done)
		}),
	}
	cmd.Flags().String("reason", "", "Why; required to reject")
	cmd.Flags().Uint64("version", 0, "Fail unless the token still has this version")
	return cmd
}

func deleteCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "delete ID",
		Short: "Delete a token's record; the audit trail keeps its last state",
		Args:  exactID,
		RunE: run(func(c *client, _ *cobra.Command, args []string) error {
			response, err := c.request(http.MethodDelete, tokenPath(args[0]), nil, nil)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			return c.print(map[string]string{"deleted": args[0]}, func(w io.Writer) {
				fmt.Fprintf(w, "Deleted token %s.\n", args[0])
			})
		}),
	}
}

func explainCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "explain --token ID [--from ADDRESS] METHOD PATH",
		Short:   "Explain step by step what would happen to a request with a token",
		Example: "  caddy jira-token explain --token 4fT0aB9xYz POST /rest/api/3/search/jql",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 2 {
				return errors.New("expected a method and a path, such as POST /rest/api/3/search/jql")
			}
			return nil
		},
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			if id, _ := cmd.Flags().GetString("token"); !token.ValidID(id) {
				return errors.New("--token: expected the token's ID, the 10 characters after jt_")
			}
			query := givenFlags(cmd, "token", "from")
			query.Set("method", args[0])
			query.Set("path", args[1])
			return c.explainRequest(query)
		}),
	}
	cmd.Flags().String("token", "", "ID of the token (required)")
	cmd.Flags().String("from", "", "Address of the client")
	_ = cmd.MarkFlagRequired("token") // fails only if there is no such flag
	return cmd
}

func checkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [--account NAME]",
		Short: "Ask Jira whether it accepts the accounts",
		Args:  noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			return c.check(http.MethodGet, "check", givenFlags(cmd, "account"))
		}),
	}
	cmd.Flags().String("account", "", "Only this account")
	return cmd
}

// noArguments accepts only flags. The hint says what an argument could have been
// meant as.
func noArguments(hint string) cobra.PositionalArgs {
	return func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		text, _ := token.CutSecrets(args[0])
		return fmt.Errorf("unexpected argument %q: %s", text, hint)
	}
}

// exactID requires exactly one argument: a token's id, or a token, which run
// replaces with its id. It does not echo other arguments, which may be part of a
// token.
func exactID(_ *cobra.Command, args []string) error {
	if len(args) == 1 {
		if id, _ := token.CutSecrets(args[0]); token.ValidID(id) {
			return nil
		}
	}
	return errors.New("expected one argument: the token's ID, which is the 10 characters after jt_ in the token, as shown by `caddy jira-token list`")
}

func tokenPath(id string) string { return "tokens/" + url.PathEscape(id) }
