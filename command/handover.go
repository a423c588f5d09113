package command

import (
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// handoverFlags adds the flags for showing a link instead of a token.
func handoverFlags(cmd *cobra.Command) {
	cmd.Flags().Bool("handover", false, "Show a link instead of the token: it shows the token once, to whoever opens it first")
	cmd.Flags().String("for", "", "How long the link of --handover can be opened, from 1m to 7d (default 1h)")
}

// setHandover sets the field that handoverFlags are for.
func setHandover(cmd *cobra.Command, fields map[string]any) error {
	wanted, _ := cmd.Flags().GetBool("handover")
	lasts, _ := cmd.Flags().GetString("for")
	switch {
	case wanted:
		fields["handover"] = map[string]string{"for": lasts}
	case lasts != "":
		return errors.New("--for: it is how long a link can be opened, so it needs --handover")
	}
	return nil
}

// printLink prints the link of a hand-over, and what to do with it.
func (c *client) printLink(w io.Writer, view admin.Token) {
	fmt.Fprintf(w, "\n  %s\n\n", view.Handover.URL)
	fmt.Fprintf(w, "Send this link to %s, and only to them. It can be opened until %s,\n", view.Owner, until(view.Handover.ExpiresAt))
	fmt.Fprintln(w, "and shows the token once, to whoever opens it first. Just looking at the page does not use it up.")
	if view.StateReason == "" && view.State == token.StateActive { // somebody has the token
		fmt.Fprintln(w, "Until then, the old token keeps working.")
	}
	fmt.Fprintln(w, "The link will not be shown here again.")
	fmt.Fprintf(w, "\nIf they find it already opened, somebody else has the token. Then:\n\n  %s\n", c.hint("revoke "+view.ID))
}

// handoverText describes the last hand-over of a token; "" if there was none.
func handoverText(view admin.Token) string {
	h := view.Handover
	if h == nil {
		return ""
	}
	text := map[string]string{
		"waiting":   "waiting: its link can be opened until " + until(h.ExpiresAt),
		"suspended": "waiting, but the token is suspended: its link can be opened until " + until(h.ExpiresAt),
		"ended":     "its link ended unopened " + when(h.ExpiresAt),
		"opened":    "its link was opened " + when(h.OpenedAt),
	}[string(h.State)]
	switch {
	case h.Alarms == 1:
		text += "; somebody tried to open it once more: see the audit trail"
	case h.Alarms > 1:
		text += fmt.Sprintf("; somebody tried to open it %d times more: see the audit trail", h.Alarms)
	}
	return text
}

// listedState is the state of a token in lists. A token that nobody has yet stands out.
func listedState(view admin.Token) string {
	if h := view.Handover; h != nil && view.State == token.StateActive && h.State == "waiting" && view.StateReason != "" {
		return "handover until " + h.ExpiresAt.UTC().Format(listedTime(h.ExpiresAt))
	}
	return string(view.State)
}

// listedTime is the layout for a time in a list: without the date if it is soon.
func listedTime(at time.Time) string {
	if time.Until(at) < 12*time.Hour {
		return "15:04 UTC"
	}
	return "01-02 15:04"
}
