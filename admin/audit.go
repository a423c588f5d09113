package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// audit returns a page of the audit trail.
func (c *call) audit() (int, any, error) {
	parameters, err := c.parameters("owner", "token", "action", "actor", "project", "since", "until", "order", "cursor", "limit")
	if err != nil {
		return 0, nil, err
	}
	query, err := eventQuery(parameters, time.Now())
	if err != nil {
		return 0, nil, err
	}
	read := c.tokens.Events
	switch order := parameters.Get("order"); order {
	case "", "oldest":
	case "newest":
		read = c.tokens.NewestEvents
	default:
		return 0, nil, registry.InvalidError{Field: "order", Err: fmt.Errorf("invalid order %.20q: expected oldest or newest", order)}
	}
	page, err := read(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, EventPage{append([]Event{}, page.Events...), page.Next, page.More}, nil
}

// event returns one event of the audit trail.
func (c *call) event() (int, any, error) {
	event, err := c.app.Registry().Event(c.Context(), c.PathValue("event"))
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, event, nil
}

var projectKey = regexp.MustCompile(`^[A-Z][A-Z0-9_]+$`)

// eventQuery returns the query that selects the events for a list.
func eventQuery(parameters url.Values, now time.Time) (registry.EventQuery, error) {
	query := registry.EventQuery{
		TokenID: parameters.Get("token"), Owner: parameters.Get("owner"), Actor: parameters.Get("actor"),
		Project: strings.ToUpper(parameters.Get("project")), Cursor: parameters.Get("cursor"),
	}
	if query.TokenID != "" && !token.ValidID(query.TokenID) {
		return query, registry.InvalidError{Field: "token", Err: errors.New("invalid token id: expected 10 characters of 0-9, A-Z, a-z")}
	}
	if query.Project != "" && !projectKey.MatchString(query.Project) {
		return query, registry.InvalidError{Field: "project", Err: fmt.Errorf("invalid project %.30q: expected its key, such as ACME", query.Project)}
	}
	query.Actions = slices.DeleteFunc(strings.Split(parameters.Get("action"), ","), func(action string) bool { return action == "" })
	for _, action := range query.Actions {
		if known := Actions(); !slices.Contains(known, action) {
			return query, registry.InvalidError{Field: "action", Err: fmt.Errorf("unknown action %.30q: expected one of %s", action, strings.Join(known, ", "))}
		}
	}
	for name, moment := range map[string]*time.Time{"since": &query.Since, "until": &query.Until} {
		text := parameters.Get(name)
		if text == "" {
			continue
		}
		var err error
		if *moment, err = parseMoment(text, now); err != nil {
			return query, registry.InvalidError{Field: name, Err: err}
		}
	}
	var err error
	query.Limit, err = limit(parameters.Get("limit"))
	return query, err
}

// parseMoment parses a length of time before now, a date or a time.
func parseMoment(text string, now time.Time) (time.Time, error) {
	if ago, err := token.ParseSpan(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("invalid time %q: expected how long ago, such as 24h or 7d, a date such as 2027-01-31, or a time such as 2027-01-31T18:00:00Z", text)
}
