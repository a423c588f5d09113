package command

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func accountCommand() *cobra.Command {
	const subcommands = "list|add|connect|replace|check|remove|reencrypt"
	cmd := &cobra.Command{
		Use:   "account " + subcommands,
		Short: "Manage the Jira accounts that the store keeps",
		Long: `Manage the Jira accounts that the store keeps, besides those in the configuration.

Their credentials are encrypted with the configuration's encryption_key, and never
shown. A change takes effect on every gateway at once, without a reload.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("unknown command of account: expected one of %s", subcommands)
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(listAccountsCommand(), addAccountCommand(), connectAccountCommand(), replaceAccountCommand(),
		checkAccountCommand(), removeAccountCommand(), reencryptCommand())
	return cmd
}

func listAccountsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List all accounts and their states",
		Args:  nothingElse,
		RunE: run(func(c *client, _ *cobra.Command, _ []string) error {
			var answer admin.Accounts
			if err := c.call(http.MethodGet, "accounts", nil, nil, &answer); err != nil {
				return err
			}
			if len(answer.Accounts) == 0 {
				c.progress("No accounts.")
			}
			return c.print(answer, func(w io.Writer) { printAccounts(w, answer.Accounts) })
		}),
	}
}

const secretHelp = "The secret (password, API token, personal access token or client secret) is read from standard input."

func addAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "add NAME|--owner NAME --cloud|--jira URL --user NAME|--bearer|--oauth CLIENT_ID",
		Short: "Add an account to the store; its secret is read from standard input",
		Long:  "Add an account to the store, once Jira has accepted it. " + secretHelp,
		Example: "  caddy jira-token account add bi --cloud https://acme.atlassian.net --user svc@example.com --expires 365d < api-token\n" +
			"  caddy jira-token account add reporting --jira https://jira.example.com --bearer < personal-access-token\n" +
			"  caddy jira-token account add --owner alice --jira https://jira.example.com --bearer < personal-access-token-of-alice",
		Args: accountName,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			fields, err := credentialFields(cmd)
			if err != nil {
				return err
			}
			switch {
			case fields["cloud"] == nil && fields["jira"] == nil:
				return errors.New("expected --cloud or --jira with Jira's base URL, such as --cloud https://acme.atlassian.net")
			case fields["kind"] == nil:
				return errors.New("expected --user, --bearer or --oauth")
			}
			if len(args) == 1 {
				fields["name"] = args[0]
			}
			if owner, _ := cmd.Flags().GetString("owner"); owner != "" {
				fields["owner"] = owner
			}
			return c.saveAccount("accounts", nil, fields, cmd, "Added")
		}),
	}
	credentialFlags(cmd)
	cmd.Flags().String("cloud", "", "Base URL of Jira Cloud, such as https://acme.atlassian.net, as the gateway forwards to it")
	cmd.Flags().String("jira", "", "Base URL of Jira Data Center, as the gateway forwards to it")
	ownerFlags(cmd, false)
	return cmd
}

func replaceAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replace NAME|--owner NAME [--expires 365d]",
		Short: "Give an account a new credential; the secret is read from standard input",
		Long: "Give an account of the store a new credential, once Jira has accepted it. Its tokens stay as they are. " + secretHelp +
			" The account keeps its user and kind of credential unless flags say otherwise; without --expires, the new credential has no known expiry.",
		Args: accountName,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			fields, err := credentialFields(cmd)
			if err != nil {
				return err
			}
			delete(fields, "jira") // which is in the query
			which := accountOf(cmd, args)
			return c.saveAccount(which.path+"/replace", which.query, fields, cmd, "Replaced the credential of")
		}),
	}
	credentialFlags(cmd)
	ownerFlags(cmd, true)
	return cmd
}

// credentialFlags adds the flags that describe a credential.
func credentialFlags(cmd *cobra.Command) {
	cmd.Flags().String("user", "", "User of the credential: an email address for Jira Cloud, a user name for Data Center")
	cmd.Flags().Bool("bearer", false, "The secret is a bearer token, such as a personal access token of Data Center")
	cmd.Flags().String("oauth", "", "Client ID of a Jira Cloud service account's OAuth 2.0 client")
	cmd.Flags().Bool("scoped", false, "The secret is a scoped API token or a service account's, which Jira Cloud accepts by cloud ID only")
	cmd.Flags().String("expires", "", "When the secret expires: a time from now (365d), a date (2027-11-01) or a time (RFC 3339)")
	cmd.Flags().String("api-url", "", "URL to use with --scoped and --oauth instead of https://api.atlassian.com")
	cmd.Flags().String("token-url", "", "URL to use with --oauth instead of https://auth.atlassian.com/oauth/token")
}

// credentialFields returns the JSON fields for the flags that are set.
func credentialFields(cmd *cobra.Command) (map[string]any, error) {
	fields := make(map[string]any)
	for flag, field := range map[string]string{
		"cloud": "cloud", "jira": "jira", "user": "user", "expires": "expires_at", "api-url": "api_url", "token-url": "token_url",
	} {
		if value, _ := cmd.Flags().GetString(flag); value != "" {
			fields[field] = value
		}
	}
	if cmd.Flags().Changed("scoped") {
		fields["scoped"], _ = cmd.Flags().GetBool("scoped")
	}
	bearer, _ := cmd.Flags().GetBool("bearer")
	oauth, _ := cmd.Flags().GetString("oauth")
	given := 0
	for kind, isGiven := range map[string]bool{"basic": fields["user"] != nil, "bearer": bearer, "oauth": oauth != ""} {
		if isGiven {
			fields["kind"], given = kind, given+1
		}
	}
	if given > 1 {
		return nil, errors.New("expected only one of --user, --bearer and --oauth")
	}
	if oauth != "" {
		fields["user"] = oauth
	}
	return fields, nil
}

// saveAccount reads the secret, sends it with the fields, and prints the account.
func (c *client) saveAccount(path string, query url.Values, fields map[string]any, cmd *cobra.Command, done string) error {
	secret, err := c.readSecret(cmd.InOrStdin())
	if err != nil {
		return err
	}
	fields["secret"] = secret
	var view admin.Account
	if err := c.call(http.MethodPost, path, query, fields, &view); err != nil {
		return err
	}
	return c.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "%s account %s. %s accepts it as %s.\n", done, accountLabel(view), view.Jira, view.ValidatedAs)
		if view.ExpiresAt != nil {
			fmt.Fprintf(w, "Its credential %s.\n", expiry(*view.ExpiresAt))
		}
	})
}

func checkAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check [NAME|--owner NAME]",
		Short: "Ask Jira whether it accepts an account, or all accounts",
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !cmd.Flags().Changed("owner") {
				return nil
			}
			return accountName(cmd, args)
		},
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			if len(args) == 0 && !cmd.Flags().Changed("owner") {
				return c.check(http.MethodGet, "check", nil)
			}
			which := accountOf(cmd, args)
			return c.check(http.MethodPost, which.path+"/check", which.query)
		}),
	}
	ownerFlags(cmd, true)
	return cmd
}

func removeAccountCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME|--owner NAME",
		Short: "Remove an account that no token uses from the store",
		Args:  accountName,
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			which := accountOf(cmd, args)
			response, err := c.request(http.MethodDelete, which.path, which.query, nil)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			return c.print(map[string]string{"removed": which.label}, func(w io.Writer) {
				fmt.Fprintf(w, "Removed account %s.\n", which.label)
			})
		}),
	}
	ownerFlags(cmd, true)
	return cmd
}

func reencryptCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "reencrypt",
		Short: "Encrypt all accounts of the store, and the key for sessions, with the first encryption_key",
		Args:  nothingElse,
		RunE: run(func(c *client, _ *cobra.Command, _ []string) error {
			var result admin.Reencrypted
			if err := c.call(http.MethodPost, "accounts/reencrypt", nil, nil, &result); err != nil {
				return err
			}
			err := c.print(result, func(w io.Writer) {
				fmt.Fprintf(w, "Accounts encrypted with the first key: %d now, %d before.\n", result.Reencrypted, result.Unchanged)
				if result.SessionKey {
					fmt.Fprintln(w, "The key for sessions was replaced: people sign in to the token manager again.")
				}
			})
			if err == nil && len(result.Unreadable) > 0 {
				err = fmt.Errorf("no key decrypts these accounts: %s; replace their credentials", strings.Join(result.Unreadable, ", "))
			}
			return err
		}),
	}
}

// ownerFlags adds the flags that name an owner's own account. If which is set, the Jira
// is only needed to tell which one.
func ownerFlags(cmd *cobra.Command, which bool) {
	cmd.Flags().String("owner", "", "Instead of a name: the owner whose own Jira account this is, for tokens with the account own")
	if which {
		cmd.Flags().String("jira", "", "With --owner, if the gateways forward to several Jiras: the base URL of the account's")
	}
}

// account is how the command refers to an account.
type account struct {
	path  string
	query url.Values
	label string
}

// accountOf returns the account that the arguments and flags name.
func accountOf(cmd *cobra.Command, args []string) account {
	if len(args) == 1 {
		return account{"accounts/" + url.PathEscape(args[0]), nil, args[0]}
	}
	query := givenFlags(cmd, "owner", "jira")
	return account{"accounts/" + token.OwnAccount, query, ownLabel(query.Get("owner"))}
}

func accountLabel(view admin.Account) string {
	if view.Owner != "" {
		return ownLabel(view.Owner)
	}
	return view.Name
}

func ownLabel(owner string) string { return token.OwnAccount + " of " + owner }

// accountName requires an account's name as the only argument, or the flag owner
// instead. It does not echo arguments, which may be secrets.
func accountName(cmd *cobra.Command, args []string) error {
	owner, _ := cmd.Flags().GetString("owner")
	switch {
	case len(args) == 1 && args[0] != "" && owner == "", len(args) == 0 && owner != "":
		return nil
	case owner != "":
		return errors.New("expected no argument with --owner; a secret is read from standard input")
	}
	return errors.New("expected one argument: the account's name; its secret is read from standard input")
}

// nothingElse accepts only flags. It does not echo arguments, which may be secrets.
func nothingElse(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return errors.New("expected no arguments")
	}
	return nil
}

func printAccounts(w io.Writer, accounts []admin.Account) {
	if len(accounts) == 0 {
		return
	}
	rows := [][]string{{"ACCOUNT", "KEPT IN", "STATE", "DETAILS"}}
	for _, account := range accounts {
		rows = append(rows, []string{accountLabel(account), account.Source, accountState(account), accountDetails(account)})
	}
	printWrapped(w, rows)
}

// accountState describes the state of an account.
func accountState(account admin.Account) string {
	switch {
	case account.Hidden:
		return "not used"
	case !account.FailingSince.IsZero():
		return "failing since " + account.FailingSince.UTC().Format("2006-01-02 15:04 UTC")
	case account.State == admin.StateExpiring && account.ExpiresAt.Before(time.Now()):
		return "expired" // the details say when
	case account.Unproven:
		return "valid, not used yet"
	}
	return string(account.State)
}

func accountDetails(account admin.Account) string {
	var details []string
	add := func(format string, args ...any) { details = append(details, fmt.Sprintf(format, args...)) }
	if account.Hidden {
		add("the configuration has an account with this name, which takes precedence")
	}
	if account.Error != "" {
		add("%s", account.Error)
	}
	if account.Jira != "" {
		add("%s as %s (%s)", account.Jira, orUnknown(account.ValidatedAs), account.Kind)
	}
	if account.ExpiresAt != nil {
		add("%s", expiry(*account.ExpiresAt))
	}
	if !account.AddedAt.IsZero() {
		add("added %s", byActor(account.AddedAt, account.AddedBy))
	}
	if !account.ReplacedAt.IsZero() {
		add("replaced %s", byActor(account.ReplacedAt, account.ReplacedBy))
	}
	return strings.Join(details, "; ")
}

func byActor(at time.Time, actor *admin.Actor) string {
	text := at.UTC().Format(time.DateOnly)
	switch {
	case actor == nil:
	case actor.Name != "":
		text += " by " + actor.Name
	case actor.Claim != "":
		text += fmt.Sprintf(" by a client that calls itself %q", actor.Claim)
	}
	return text
}
