package command

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// approvalsCommand returns the command that shows held requests.
func approvalsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "approvals [list|show ID]",
		Short: "List the requests that wait for approval, or show what one would change",
		Long: `Requests of tokens with --hold-writes that change something in Jira wait until
somebody approves or rejects them:

  caddy jira-token approvals
  caddy jira-token approvals show ID
  caddy jira-token approve ID
  caddy jira-token reject ID --reason TEXT

An approved request passes once, if exactly the same request is sent again
within an hour.`,
		Args: noArguments("expected list or show ID"),
		RunE: run(listApprovals),
	}
	list := &cobra.Command{Use: "list", Short: "List held requests", Args: noArguments("values with spaces must be in quotes"), RunE: run(listApprovals)}
	for _, c := range []*cobra.Command{cmd, list} {
		c.Flags().String("state", "", "Only requests in this state: pending, approved, rejected, used or expired")
		c.Flags().String("token", "", "Only requests of the token with this ID")
		c.Flags().String("owner", "", "Only requests of this owner's tokens")
	}
	cmd.AddCommand(list, &cobra.Command{
		Use: "show ID", Short: "Show a held request, and what it would change in Jira", Args: exactApprovalID,
		RunE: run(func(c *client, _ *cobra.Command, args []string) error {
			response, err := c.request(http.MethodGet, approvalPath(args[0]), nil, nil)
			if err != nil {
				return err
			}
			defer response.Body.Close()
			var details admin.ApprovalDetails
			if err := json.NewDecoder(response.Body).Decode(&details); err != nil {
				return fmt.Errorf("reading the response of the admin API: %w", err)
			}
			return c.print(details, func(w io.Writer) { printApproval(w, details) })
		}),
	})
	return cmd
}

func listApprovals(c *client, cmd *cobra.Command, _ []string) error {
	var list admin.ApprovalList
	if err := c.call(http.MethodGet, "approvals", givenFlags(cmd, "state", "token", "owner"), nil, &list); err != nil {
		return err
	}
	if len(list.Approvals) == 0 && !c.json {
		c.progress("No held requests.")
		return nil
	}
	if list.More {
		c.progress("There are more: use --state, --token or --owner.")
	}
	return c.print(list, func(w io.Writer) {
		for _, a := range list.Approvals {
			fmt.Fprintf(w, "%s  %-8s  until %s  %s\n    %s\n", a.ID, a.State, until(a.ExpiresAt), a.Owner, block(a.Request.Method+" "+a.Request.URI, 4))
		}
	})
}

// decideRequest approves or rejects a held request.
func (c *client) decideRequest(id, verb, done string, verdict map[string]any) error {
	if _, ok := verdict["version"]; ok {
		return errors.New("--version: a held request has no version: the ID stands for exactly one request")
	}
	var view admin.Approval
	if err := c.call(http.MethodPost, approvalPath(id)+"/"+verb, nil, verdict, &view); err != nil {
		return err
	}
	return c.print(view, func(w io.Writer) {
		fmt.Fprintf(w, "%s %s %s of token %s of %s (%s).\n", done, view.Request.Method, view.Request.URI, view.TokenID, view.Owner, view.TokenName)
		if verb == "approve" {
			fmt.Fprintf(w, "It passes once, if the same request is sent again until %s.\n", until(view.ExpiresAt))
		}
	})
}

// printApproval prints a held request. All of it is shown, however long it is: nothing
// may escape the eyes of whoever decides.
func printApproval(w io.Writer, a admin.ApprovalDetails) {
	row := func(name, value string) {
		if value != "" {
			fmt.Fprintf(w, "%-12s %s\n", name, block(value, 13))
		}
	}
	row("id", a.ID)
	row("state", string(a.State))
	row("token", a.TokenID+" of "+a.Owner+" ("+a.TokenName+")")
	row("request", a.Request.Method+" "+a.Request.URI)
	row("jira", a.Request.Jira)
	row("content", fmt.Sprintf("%d bytes %s, %s", a.Request.Size, a.Request.ContentType, a.Request.Digest))
	row("parts", strings.Join(a.Request.Parts, "\n"))
	row("requested", when(a.RequestedAt))
	row("until", until(a.ExpiresAt))
	if a.DecidedBy != nil && a.DecidedAt != nil {
		row("decided", when(*a.DecidedAt)+" by "+a.DecidedBy.Kind+" "+a.DecidedBy.Name)
	}
	row("reason", a.Reason)
	if a.Comparison != nil {
		printComparison(w, *a.Comparison)
	}
	if a.Body != nil {
		fmt.Fprintf(w, "\nBody:\n  %s\n", block(pretty(a.Body), 2))
	}
}

func printComparison(w io.Writer, c admin.Comparison) {
	fmt.Fprintf(w, "\n%s\n", block(c.Does, 0))
	for _, d := range c.Differences {
		name := d.Field
		if d.ID != "" {
			name += " (" + d.ID + ")"
		}
		fmt.Fprintf(w, "  %s\n", block(name, 2))
		if d.Old != nil {
			fmt.Fprintf(w, "    - %s\n", block(pretty(d.Old), 6))
		}
		if d.New != nil {
			fmt.Fprintf(w, "    + %s\n", block(pretty(d.New), 6))
		}
	}
	if c.Error != "" {
		fmt.Fprintf(w, "  %s\n", block(c.Error, 2))
	}
}

// pretty returns a JSON string's text, and other JSON indented.
func pretty(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	var indented bytes.Buffer
	if json.Indent(&indented, value, "", "  ") != nil {
		return string(value)
	}
	return indented.String()
}

// block returns a text in a form that is safe to print on a terminal, with its lines
// indented.
func block(text string, indent int) string {
	return strings.ReplaceAll(token.Visible(text), "\n", "\n"+strings.Repeat(" ", indent))
}

func approvalPath(id string) string { return "approvals/" + url.PathEscape(id) }

// exactApprovalID requires exactly one argument: the ID of a held request.
func exactApprovalID(_ *cobra.Command, args []string) error {
	if len(args) == 1 && admin.IsApprovalID(args[0]) {
		return nil
	}
	return errors.New("expected one argument: the ID of a held request, as shown by `caddy jira-token approvals`")
}

// decidableID requires exactly one argument: the ID of a pending token or of a held
// request.
func decidableID(cmd *cobra.Command, args []string) error {
	if exactID(cmd, args) == nil || exactApprovalID(cmd, args) == nil {
		return nil
	}
	if len(args) == 1 {
		if _, leaked := token.CutSecrets(args[0]); leaked {
			return exactID(cmd, args)
		}
	}
	return errors.New("expected one argument: the ID of a pending token, which is the 10 characters after jt_, or of a held request, as shown by `caddy jira-token approvals`")
}
