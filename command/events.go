package command

import (
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
		table := admin.NewEventCSV(c.out)
		_ = table.Begin() // a later error says so too; without events, there is only the header
		return csvEvents{table}
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

// csvEvents prints events as CSV.
type csvEvents struct{ *admin.EventCSV }

func (p csvEvents) print(event admin.Event) error { return p.Write(event) }
