package admin

import (
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"
	"strings"
	"time"
)

// EventCSV writes events as CSV, with a header. No spreadsheet takes its cells for
// formulas.
type EventCSV struct {
	out    *csv.Writer
	headed bool
}

// NewEventCSV returns a writer of events.
func NewEventCSV(w io.Writer) *EventCSV { return &EventCSV{out: csv.NewWriter(w)} }

var eventColumns = []string{
	"id", "seq", "at", "until", "count", "action", "token_id", "owner", "name", "document",
	"actor_kind", "actor_name", "actor_address", "actor_claim",
	"method", "path", "operation", "access", "account", "project", "issue", "status", "reason", "jira_request_id", "claimed_token_id",
	"changes",
}

// Begin writes the header, unless it has been written.
func (c *EventCSV) Begin() error {
	if !c.headed {
		_ = c.out.Write(eventColumns) // Error reports it
		c.headed = true
		c.out.Flush()
	}
	return c.out.Error()
}

// Write writes an event.
func (c *EventCSV) Write(event Event) error {
	if err := c.Begin(); err != nil {
		return err
	}
	var request EventRequest
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
	_ = c.out.Write(cells)
	c.out.Flush()
	return c.out.Error()
}

// inert returns a cell that a spreadsheet does not take for a formula: see
// https://owasp.org/www-community/attacks/CSV_Injection.
func inert(cell string) string {
	if strings.IndexFunc(cell, func(c rune) bool { return strings.ContainsRune("=+-@\t\r\n＝＋－＠", c) }) == 0 {
		return "'" + cell
	}
	return cell
}
