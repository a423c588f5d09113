package command

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// printNewToken prints a new token, which cannot be shown again, and a command to
// try it.
func (c *client) printNewToken(w io.Writer, view admin.Token, done string) {
	fmt.Fprintf(w, "%s token %s:\n\n", done, view.ID)
	var rows [][]string
	if view.State != token.StateActive {
		rows = append(rows, []string{"  state", stateText(view)})
	}
	because := limitsOf(view)
	for _, choice := range view.Choices {
		because[labelOf(choice.Field)] = "; " + choice.Because
	}
	printFields(func(name, value string) { rows = append(rows, []string{"  " + name, value + because[name]}) }, view)
	if issues := issuesNow(view); issues != "" {
		rows = append(rows, []string{"  sees now", issues})
	}
	printWrapped(w, rows)
	if view.Token == "" && view.Handover != nil {
		c.printLink(w, view)
		return
	}
	fmt.Fprintf(w, "\n  %s\n\n", view.Token)
	if view.PreviousUntil.After(time.Now()) {
		fmt.Fprintf(w, "The old token stops working %s.\n", when(view.PreviousUntil))
	}
	if view.State == token.StatePending {
		fmt.Fprintf(w, "It works once somebody has approved it:\n\n  %s\n\n", c.hint("approve "+view.ID))
	}
	gateway := view.GatewayURL
	if gateway == "" {
		fmt.Fprintln(w, "Save it now: it will not be shown again. To try it, with your gateway's URL:")
		gateway = "https://GATEWAY"
	} else {
		fmt.Fprintln(w, "Save it now: it will not be shown again. To try it:")
	}
	fmt.Fprintf(w, "\n  curl -u %s %s/rest/api/2/myself\n", shellQuote(view.Owner+":"+view.Token), gateway)
}

// limitsOf says, by the labels of fields, what the policy leaves of them.
func limitsOf(view admin.Token) map[string]string {
	texts := make(map[string]string)
	for _, limit := range view.Limits {
		texts[labelOf(limit.Field)] = "; " + limit.String()
	}
	return texts
}

// shellQuote quotes s for a shell if necessary.
func shellQuote(s string) string {
	if strings.IndexFunc(s, func(c rune) bool { return !strings.ContainsRune(shellPlain, c) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

const shellPlain = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz@%+=:,./_-"

func printToken(w io.Writer, view admin.Token) {
	var rows [][]string
	row := func(name, value string) { rows = append(rows, []string{name, value}) }
	defer func() { printWrapped(w, rows) }()
	row("id", view.ID)
	if view.State == token.StateDamaged {
		row("state", string(view.State))
		row("error", view.Error)
		row("remedy", "delete it; then, if you have an export with it, import that with --restore")
		return
	}
	row("state", stateText(view))
	limits := limitsOf(view)
	printFields(func(name, value string) { row(name, value+limits[name]) }, view)
	if view.LastUsed != nil {
		row("last used", lastUsedText(*view.LastUsed))
	}
	row("created", when(view.CreatedAt))
	row("changed", when(view.UpdatedAt))
	if !view.RotatedAt.IsZero() {
		row("rotated", when(view.RotatedAt))
	}
	if view.PreviousUntil.After(time.Now()) {
		row("old token", "stops working "+when(view.PreviousUntil))
	}
	if text := handoverText(view); text != "" {
		row("hand-over", text)
	}
	row("version", strconv.FormatUint(view.Version, 10))
}

// stateText returns a token's state, and why it has it.
func stateText(view admin.Token) string {
	if view.StateReason == "" {
		return string(view.State)
	}
	return string(view.State) + ": " + view.StateReason
}

// whenUsed formats the time of a token's last use. It is known only to the minute,
// so anything less than two minutes ago is not given as a number.
func whenUsed(at time.Time) string {
	ago := "less than 2 minutes ago"
	if time.Since(at) >= 2*time.Minute {
		ago = relative(time.Until(at))
	}
	return ago + " (" + at.UTC().Format("2006-01-02 15:04 UTC") + ")"
}

func lastUsedText(use admin.Use) string {
	text := whenUsed(use.At) + " from " + use.Address.String()
	if use.UserAgent != "" {
		text += " by " + use.UserAgent
	}
	return text
}

// list prints up to limit tokens, page by page. A limit of 0 means all.
func (c *client) list(query url.Values, limit int) error {
	shown := 0
	rows := newRows(c)
	for pages := 1; ; pages++ {
		size := admin.MaxPageSize
		if limit > 0 {
			size = min(size, limit-shown)
		}
		query.Set("limit", strconv.Itoa(size))
		var page struct {
			Tokens []json.RawMessage `json:"tokens"`
			Next   string            `json:"next"`
		}
		if err := c.call(http.MethodGet, "tokens", query, nil, &page); err != nil {
			return err
		}
		if err := rows.add(page.Tokens); err != nil {
			return err
		}
		shown += len(page.Tokens)
		if page.Next == "" || limit > 0 && shown >= limit {
			return rows.end(page.Next != "")
		}
		query.Set("cursor", page.Next)
		if pages%10 == 0 {
			c.progress("Read %d tokens so far …", shown)
		}
	}
}

// rows prints a list page by page, so that a long list appears at once.
type rows struct {
	c     *client
	count int
}

func newRows(c *client) *rows {
	r := &rows{c: c}
	if c.json {
		fmt.Fprint(c.out, `{"tokens":[`)
	}
	return r
}

func (r *rows) add(tokens []json.RawMessage) error {
	if r.c.json {
		for _, text := range tokens {
			if r.count > 0 {
				fmt.Fprint(r.c.out, ",")
			}
			fmt.Fprintf(r.c.out, "\n%s", text)
			r.count++
		}
		return nil
	}
	views := make([]admin.Token, len(tokens))
	for i, text := range tokens {
		if err := json.Unmarshal(text, &views[i]); err != nil {
			return fmt.Errorf("reading the response of the admin API: %w", err)
		}
	}
	printRows(r.c.out, r.c.width, views, r.count == 0 && len(views) > 0)
	r.count += len(views)
	return nil
}

func (r *rows) end(more bool) error {
	switch {
	case r.c.json:
		fmt.Fprint(r.c.out, "\n]}\n")
	case r.count == 0:
		fmt.Fprintln(r.c.err, "No tokens.")
	case more:
		fmt.Fprintf(r.c.err, "These are the first %d; there are more.\n", r.count)
	}
	return nil
}

// explainRequest prints what would happen to a request.
func (c *client) explainRequest(query url.Values) error {
	var answer admin.Explanations
	if err := c.call(http.MethodGet, "explain", query, nil, &answer); err != nil {
		return err
	}
	return c.print(answer, func(w io.Writer) {
		for i, gateway := range answer.Gateways {
			if i > 0 {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "Gateway at %s for %s%s, front %s:\n", orUnknown(gateway.Site), orUnknown(gateway.Jira), gateway.ContextPath, gateway.Front)
			var rows [][]string
			for _, step := range gateway.Steps {
				mark := "ok"
				if !step.Passed {
					mark = "denied"
				}
				rows = append(rows, []string{step.Step, mark, step.Detail})
			}
			printWrapped(w, rows)
			switch {
			case gateway.Allowed && gateway.Endpoint != "":
				fmt.Fprintln(w, "The gateway itself would answer the request.")
			case !gateway.Allowed:
				fmt.Fprintf(w, "The request would be denied with %d %s.\n", gateway.Status, gateway.Reason)
			case gateway.AnyAddress:
				fmt.Fprintln(w, "The request would be forwarded.")
			default:
				fmt.Fprintln(w, "The request would be forwarded if it came from an address that the token works from; to check one, use --from ADDRESS.")
			}
		}
	})
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func orUnknown(text string) string {
	if text == "" {
		return "?"
	}
	return text
}

// check prints which Jira accepts which account, and returns an error unless all
// are accepted.
func (c *client) check(method, path string, query url.Values) error {
	var answer admin.CheckResults
	if err := c.call(method, path, query, nil, &answer); err != nil {
		return err
	}
	err := c.print(answer, func(w io.Writer) {
		rows := [][]string{{"ACCOUNT", "JIRA", "RESULT"}}
		for _, result := range answer.Accounts {
			text := result.Error
			if result.OK {
				text = "accepted as " + result.User + ", Jira " + result.Deployment + " " + result.Version
			}
			if result.ExpiresAt != nil {
				text += "; its credential " + expiry(*result.ExpiresAt)
			}
			rows = append(rows, []string{orNone(result.Account), orNone(result.Jira), text})
		}
		printWrapped(w, rows)
	})
	if err != nil {
		return err
	}
	for _, result := range answer.Accounts {
		if !result.OK {
			return errors.New("not all accounts were accepted")
		}
	}
	return nil
}

// progress prints a message to standard error.
func (c *client) progress(format string, args ...any) {
	fmt.Fprintf(c.err, format+"\n", args...)
}

// when formats a time both relative to now and exactly.
func when(t time.Time) string {
	return relative(time.Until(t)) + " (" + t.UTC().Format("2006-01-02 15:04 UTC") + ")"
}

// until formats the time at which something ends, exactly and relative to now.
func until(t time.Time) string {
	return t.UTC().Format("2006-01-02 15:04 UTC") + " (" + relative(time.Until(t)) + ")"
}

// expiry says when something expires or has expired.
func expiry(at time.Time) string {
	if at.Before(time.Now()) {
		return "expired " + when(at)
	}
	return "expires " + when(at)
}

// relative formats a duration from now in its largest unit.
func relative(d time.Duration) string {
	future := d > 0
	text := token.FormatRounded(d)
	switch {
	case text == "":
		return "now"
	case future:
		return "in " + text
	}
	return text + " ago"
}
