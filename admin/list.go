package admin

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// filters are the query parameters of a list of tokens.
var filters = []string{
	"owner", "kind", "state", "search", "account", "scope", "project", "network", "expiring", "unused", "never_used",
	"created_after", "created_before", "used_after", "used_before", "exchanged", "sort", "cursor", "limit",
}

// aboutRecords are the filters that a list of damaged records cannot have: nothing is known
// about those but their ids.
var aboutRecords = []string{
	"kind", "account", "scope", "project", "network", "expiring", "unused", "never_used", "created_after", "created_before", "used_after", "used_before", "exchanged", "sort",
}

func (c *call) list() (int, any, error) {
	parameters, err := c.parameters(filters...)
	if err != nil {
		return 0, nil, err
	}
	query, err := parseTokenQuery(parameters, time.Now())
	if err != nil {
		return 0, nil, err
	}
	page, err := c.tokens.List(c.Context(), query)
	if err != nil {
		return 0, nil, err
	}
	views, err := c.app.Registry().Views(c.Context(), page.Records...)
	if err != nil {
		return 0, nil, err
	}
	listed := TokenPage{Tokens: make([]any, 0, len(views)+len(page.Damaged)), Next: page.Next}
	for _, view := range views {
		listed.Tokens = append(listed.Tokens, view)
	}
	for _, damaged := range page.Damaged {
		listed.Tokens = append(listed.Tokens, registry.ViewDamaged(damaged))
	}
	return http.StatusOK, listed, nil
}

// parseTokenQuery parses the parameters of a list of tokens.
func parseTokenQuery(parameters url.Values, now time.Time) (query registry.Query, err error) {
	query.Owner, query.Search, query.Cursor = parameters.Get("owner"), parameters.Get("search"), parameters.Get("cursor")
	query.Account, query.Project = parameters.Get("account"), parameters.Get("project")
	for _, parse := range []struct {
		field string
		into  func(text string) error
	}{
		{"kind", each(&query.Kinds, token.ParseKind)},
		{"scope", each(&query.Scopes, token.ParseScope)},
		{"state", one(&query.State, token.ParseState)},
		{"project", checkProject},
		{"network", one(&query.Network, token.ParseNetwork)},
		{"expiring", one(&query.Expiring, positiveSpan)},
		{"unused", one(&query.UnusedFor, positiveSpan)},
		{"never_used", one(&query.NeverUsed, parseBool)},
		{"exchanged", func(text string) error {
			exchanged, err := parseBool(text)
			query.Exchanged = &exchanged
			return err
		}},
		{"created_after", after(&query.Created, now)},
		{"created_before", before(&query.Created, now)},
		{"used_after", after(&query.Used, now)},
		{"used_before", before(&query.Used, now)},
		{"sort", one(&query.Sort, registry.ParseSort)},
	} {
		text := parameters.Get(parse.field)
		if text == "" {
			continue
		}
		if err := parse.into(text); err != nil {
			return query, registry.InvalidError{Field: parse.field, Err: err}
		}
	}
	if query.Limit, err = limit(parameters.Get("limit")); err != nil {
		return query, err
	}
	return query, checkTogether(&query, parameters)
}

// WrongFilters returns what is wrong with the values of filters of the list of tokens, by name.
func WrongFilters(parameters url.Values, now time.Time) map[string]string {
	wrong := make(map[string]string)
	for _, name := range filters {
		if text := parameters.Get(name); text != "" {
			_, err := parseTokenQuery(url.Values{name: {text}}, now)
			if invalid, ok := errors.AsType[registry.InvalidError](err); ok {
				wrong[name] = Plain(invalid.Err.Error())
			}
		}
	}
	return wrong
}

// checkTogether returns an error for filters that no token can match together.
func checkTogether(query *registry.Query, parameters url.Values) error {
	if query.State == token.StateDamaged {
		for _, name := range aboutRecords {
			if parameters.Get(name) != "" {
				return registry.InvalidError{Field: name, Err: errors.New("this cannot be combined with the state damaged: nothing is known about damaged tokens but their ids")}
			}
		}
	}
	switch {
	case query.Expiring > 0 && query.State == token.StateExpired:
		return registry.InvalidError{Field: "expiring", Err: errors.New("this cannot be combined with the state expired: leave one of them out")}
	case query.NeverUsed && !query.Used.IsZero():
		return registry.InvalidError{Field: "never_used", Err: errors.New("this cannot be combined with used_after and used_before: leave one of them out")}
	case isEmpty(query.Created):
		return registry.InvalidError{Field: "created_after", Err: errors.New("expected a time before that of created_before")}
	case isEmpty(query.Used):
		return registry.InvalidError{Field: "used_after", Err: errors.New("expected a time before that of used_before")}
	}
	return nil
}

func isEmpty(s registry.Span) bool {
	return !s.After.IsZero() && !s.Until.IsZero() && !s.After.Before(s.Until)
}

// one returns a function that parses a parameter.
func one[T any](into *T, parse func(string) (T, error)) func(string) error {
	return func(text string) (err error) {
		*into, err = parse(text)
		return err
	}
}

// each returns a function that parses values separated by commas.
func each[T any](into *[]T, parse func(string) (T, error)) func(string) error {
	return func(text string) error {
		for part := range strings.SplitSeq(text, ",") {
			value, err := parse(part)
			if err != nil {
				return err
			}
			*into = append(*into, value)
		}
		return nil
	}
}

// after and before return functions that parse the beginning of a span, which is inside it,
// and its end, which is not.
func after(span *registry.Span, now time.Time) func(string) error {
	return func(text string) error {
		t, err := parseMoment(text, now)
		span.After = t.Add(-1)
		return err
	}
}

func before(span *registry.Span, now time.Time) func(string) error {
	return func(text string) error {
		t, err := parseMoment(text, now)
		span.Until = t.Add(-1)
		return err
	}
}

func checkProject(text string) error {
	if !projectKey.MatchString(strings.ToUpper(text)) {
		return fmt.Errorf("invalid project %.30q: expected its key, such as ACME", text)
	}
	return nil
}

func parseBool(text string) (bool, error) {
	value, err := strconv.ParseBool(text)
	if err != nil {
		return false, fmt.Errorf("invalid value %.30q: expected true or false", text)
	}
	return value, nil
}

// positiveSpan parses a length of time.
func positiveSpan(text string) (time.Duration, error) {
	span, err := token.ParseSpan(text)
	if err == nil && span == 0 {
		err = fmt.Errorf("invalid length of time %q: expected more than 0", text)
	}
	return span, err
}
