package command

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func ownersCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "owners [--state active|inactive|unknown] [--group NAME] [--search TEXT]",
		Short: "List the owners that have tokens, with their groups and whether they are still there",
		Args:  noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			var list admin.OwnerList
			if err := c.call(http.MethodGet, "owners", givenFlags(cmd, "state", "group", "search"), nil, &list); err != nil {
				return err
			}
			if list.Damaged > 0 {
				c.progress("Damaged records, whose owners are unknown: %d. To see them, run: caddy jira-token list --state damaged", list.Damaged)
			}
			if len(list.Owners) == 0 && !c.json {
				c.progress("No owners.")
				return nil
			}
			return c.print(list, func(w io.Writer) { printOwners(w, c.width, list.Owners) })
		}),
	}
	cmd.Flags().String("state", "", "Only owners in this state: active, inactive or unknown")
	cmd.Flags().String("group", "", "Only members of this group")
	cmd.Flags().String("search", "", "Only owners with this text in their name")
	return cmd
}

func printOwners(w io.Writer, width int, owners []admin.Owner) {
	lines := [][]string{{"OWNER", "KIND", "STATE", "ACTIVE", "OTHER", "CONFIRMED", "GROUPS"}}
	for _, owner := range owners {
		lines = append(lines, ownerCells(owner))
	}
	printTable(w, width, lines, 0, len(lines[0])-1)
}

func ownerCells(owner admin.Owner) []string {
	other, confirmed := 0, "–"
	for state, n := range owner.Tokens {
		if state != token.StateActive {
			other += n
		}
	}
	if !owner.LastConfirmed.IsZero() {
		confirmed = owner.LastConfirmed.UTC().Format(time.DateOnly)
	}
	return []string{
		owner.Owner, owner.Kind, string(owner.State), strconv.Itoa(owner.Tokens[token.StateActive]), strconv.Itoa(other),
		confirmed, strings.Join(owner.Groups, ", "),
	}
}

// revokeCommand returns the command that revokes one token, or all of an owner.
func revokeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "revoke ID|--owner NAME [--yes]",
		Short: "Revoke a token, or all tokens of an owner, permanently",
		Example: "  caddy jira-token revoke 4fT0aB9xYz\n" +
			"  caddy jira-token revoke --owner alice@example.com",
		Args: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("owner") {
				return noArguments("give either an ID or --owner")(cmd, args)
			}
			return exactID(cmd, args)
		},
		RunE: run(func(c *client, cmd *cobra.Command, args []string) error {
			owner, _ := cmd.Flags().GetString("owner")
			if cmd.Flags().Changed("owner") {
				return c.changeOwner(cmd, owner, ownerChange{verb: "revoke", question: "Revoke %s of %s permanently?", done: "Revoked"})
			}
			return c.change(http.MethodPost, tokenPath(args[0])+"/revoke", nil, "Revoked")
		}),
	}
	cmd.Flags().String("owner", "", "Revoke all tokens of this owner")
	yesFlag(cmd)
	return cmd
}

func transferCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "transfer --owner NAME --to NAME [--yes]",
		Short: "Give all tokens of an owner to another owner",
		Long: `Give all tokens of an owner to another owner, whose rules of the policy then
hold for them. Tokens that the new owner may not have, and those that use the
old owner's own Jira credential, are left out. The tokens themselves stay the
same, so whoever knows one can still use it: to end that, rotate it. Clients
that send a user name must send the new owner's.`,
		Args: noArguments("values with spaces must be in quotes"),
		RunE: run(func(c *client, cmd *cobra.Command, _ []string) error {
			owner, _ := cmd.Flags().GetString("owner")
			to, _ := cmd.Flags().GetString("to")
			safe := shown(to)
			return c.changeOwner(cmd, owner, ownerChange{
				verb: "transfer", fields: map[string]any{"to": to}, done: "Transferred",
				question: "Give %s of %s to " + strings.ReplaceAll(safe, "%", "%%") + "?",
				hint:     "Clients that send a user name with these tokens must now send " + safe + ".",
			})
		}),
	}
	cmd.Flags().String("owner", "", "Owner who has the tokens now (required)")
	cmd.Flags().String("to", "", "New owner (required)")
	_ = cmd.MarkFlagRequired("owner") // fails only if there is no such flag
	_ = cmd.MarkFlagRequired("to")
	yesFlag(cmd)
	return cmd
}

func yesFlag(cmd *cobra.Command) {
	cmd.Flags().Bool("yes", false, "Do not ask for confirmation")
}

// ownerChange is a change of all tokens of an owner.
type ownerChange struct {
	verb   string // the last segment of the endpoint's path
	fields map[string]any
	// question has verbs for the number of tokens and for the owner. done is its
	// past participle, and hint what the user must know afterwards.
	question, done, hint string
}

// changeOwner changes all tokens of an owner, once the user has agreed.
func (c *client) changeOwner(cmd *cobra.Command, owner string, change ownerChange) error {
	if owner == "" {
		return errors.New("--owner: missing: name the owner of the tokens")
	}
	if yes, _ := cmd.Flags().GetBool("yes"); !yes {
		n, err := c.countTokens(owner)
		if err != nil {
			return err
		}
		if err := agree(cmd, fmt.Sprintf(change.question, tokens(n), shown(owner))); err != nil {
			return err
		}
	}
	var result admin.OwnerResult
	if err := c.call(http.MethodPost, "owners/"+url.PathEscape(owner)+"/"+change.verb, nil, change.fields, &result); err != nil {
		return err
	}
	err := c.print(result, func(w io.Writer) {
		fmt.Fprintf(w, "%s tokens of %s: %d.\n", change.done, shown(owner), result.Changed)
		rows := make([][]string, len(result.LeftOut))
		for i, left := range result.LeftOut {
			rows[i] = []string{"left out", left.ID, left.Name, left.Why}
		}
		printWrapped(w, rows)
	})
	if result.Changed > 0 && change.hint != "" {
		c.progress("%s", change.hint)
	}
	if err == nil && len(result.LeftOut) > 0 {
		err = fmt.Errorf("tokens that were left out: %d", len(result.LeftOut))
	}
	return err
}

// tokens returns the number with the noun.
func tokens(n int) string {
	if n == 1 {
		return "1 token"
	}
	return fmt.Sprintf("%d tokens", n)
}

// countTokens counts the tokens of an owner that are not revoked.
func (c *client) countTokens(owner string) (n int, err error) {
	query := url.Values{"owner": {owner}, "limit": {strconv.Itoa(admin.MaxPageSize)}}
	for {
		var page struct {
			Tokens []struct {
				State token.State `json:"state"`
			} `json:"tokens"`
			Next string `json:"next"`
		}
		if err := c.call(http.MethodGet, "tokens", query, nil, &page); err != nil {
			return 0, err
		}
		for _, listed := range page.Tokens {
			if listed.State != token.StateRevoked {
				n++
			}
		}
		if page.Next == "" {
			return n, nil
		}
		query.Set("cursor", page.Next)
	}
}

// agree asks the user a question. It returns an error unless the answer is yes, and if
// there is nobody to ask.
func agree(cmd *cobra.Command, question string) error {
	in := cmd.InOrStdin()
	if file, ok := in.(*os.File); ok && !term.IsTerminal(int(file.Fd())) {
		return fmt.Errorf("%s Standard input is not a terminal, so nobody can confirm it: use --yes", question)
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "%s [y/N] ", question)
	answer, _ := bufio.NewReader(in).ReadString('\n') // no answer is no
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errors.New("nothing was changed")
}
