package command

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
)

// eventPrinter prints events one by one.
type eventPrinter interface {
	print(event admin.Event) error
}

// newEventPrinter returns a printer for the format that --output asks for.
func newEventPrinter(c *client) eventPrinter {
	switch {
	case c.csv:
		return &csvEvents{out: csv.NewWriter(c.out)}
	case c.json:
		return jsonEvents{json.NewEncoder(c.out)}
	}
	return textEvents{c.out}
}

// jsonEvents prints events as lines of JSON.
type jsonEvents struct{ *json.Encoder }

func (p jsonEvents) print(event admin.Event) error { return p.Encode(event) }

// textEvents prints events for people.
type textEvents struct{ out io.Writer }

func (p textEvents) print(event admin.Event) error {
	what := "account " + event.Name
	switch {
	case strings.HasPrefix(event.Document, "own_account/"):
		what = "account " + ownLabel(event.Owner)
	case event.Document != "":
		kind, _, _ := strings.Cut(event.Document, "/")
		what = kind + " " + event.Name
	case event.TokenID != "":
		what = fmt.Sprintf("%s of %s (%s)", event.TokenID, event.Owner, event.Name)
	case event.Request != nil:
		what = "no valid token"
		if event.Request.ClaimedTokenID != "" {
			what += ", claims to be " + event.Request.ClaimedTokenID
		}
	case event.Name == "":
		what = ""
	}
	if _, err := fmt.Fprintf(p.out, "%s  %-8s  %s  by %s\n", event.At.UTC().Format(time.RFC3339), event.Action, what, actorText(event.Actor)); err != nil {
		return err
	}
	if event.Request != nil {
		fmt.Fprintf(p.out, "    %s\n", requestText(*event.Request))
	}
	if event.Count > 0 {
		fmt.Fprintf(p.out, "    %d times until %s\n", event.Count, event.Until.UTC().Format(time.RFC3339))
	}
	for _, change := range event.Changes {
		fmt.Fprintf(p.out, "    %s: %s → %s\n", change.Field, valueOrNone(change.Old), valueOrNone(change.New))
	}
	return nil
}

func actorText(actor admin.Actor) string {
	parts := []string{actor.Kind}
	for _, more := range []string{actor.Name, actor.Address} {
		if more != "" {
			parts = append(parts, more)
		}
	}
	text := strings.Join(parts, ", ")
	if actor.Claim != "" {
		text += fmt.Sprintf(" (calls itself %q)", actor.Claim)
	}
	return text
}

// requestText describes a request and what became of it.
func requestText(r admin.EventRequest) string {
	if r.Method == "" {
		return "requests that differ"
	}
	text := r.Method + " " + r.Path
	if r.Status > 0 {
		text += " → " + strconv.Itoa(r.Status)
	}
	if r.Reason != "" {
		text += " " + r.Reason
	}
	parts := []string{text}
	for _, more := range []struct{ name, value string }{
		{"issue", r.Issue}, {"account", r.Account}, {"Jira's request", r.JiraRequestID},
	} {
		if more.value != "" {
			parts = append(parts, more.name+" "+more.value)
		}
	}
	return strings.Join(parts, ", ")
}

func valueOrNone(value json.RawMessage) string {
	if len(value) == 0 {
		return "–"
	}
	return string(value)
}

// csvEvents prints events as CSV, with a header.
type csvEvents struct {
	out    *csv.Writer
	headed bool
}

var eventColumns = []string{
	"id", "seq", "at", "until", "count", "action", "token_id", "owner", "name", "document",
	"actor_kind", "actor_name", "actor_address", "actor_claim",
	"method", "path", "operation", "access", "account", "project", "issue", "status", "reason", "jira_request_id", "claimed_token_id",
	"changes",
}

func (p *csvEvents) print(event admin.Event) error {
	if !p.headed {
		_ = p.out.Write(eventColumns) // Error reports it
		p.headed = true
	}
	var request admin.EventRequest
	if event.Request != nil {
		request = *event.Request
	}
	until, status, changes := "", "", []byte(nil)
	if !event.Until.IsZero() {
		until = event.Until.UTC().Format(time.RFC3339Nano)
	}
	if request.Status > 0 {
		status = strconv.Itoa(request.Status)
	}
	if len(event.Changes) > 0 {
		var err error
		if changes, err = json.Marshal(event.Changes); err != nil {
			return err
		}
	}
	cells := []string{
		event.ID, strconv.FormatUint(event.Seq, 10), event.At.UTC().Format(time.RFC3339Nano), until, strconv.FormatUint(max(1, event.Count), 10), event.Action,
		event.TokenID, event.Owner, event.Name, event.Document,
		event.Actor.Kind, event.Actor.Name, event.Actor.Address, event.Actor.Claim,
		request.Method, request.Path, request.Operation, request.Access, request.Account, request.Project, request.Issue,
		status, request.Reason, request.JiraRequestID, request.ClaimedTokenID, string(changes),
	}
	for i := range cells {
		cells[i] = inert(cells[i])
	}
	_ = p.out.Write(cells)
	p.out.Flush()
	return p.out.Error()
}

// inert returns a cell that a spreadsheet does not take for a formula: see
// https://owasp.org/www-community/attacks/CSV_Injection.
func inert(cell string) string {
	if strings.IndexFunc(cell, func(c rune) bool { return strings.ContainsRune("=+-@\t\r\n＝＋－＠", c) }) == 0 {
		return "'" + cell
	}
	return cell
}
