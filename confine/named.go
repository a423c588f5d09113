package confine

import (
	"context"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// everything checks that everything the request names is inside, and joins its
// queries with what is inside.
func (c *call) everything(ctx context.Context) error {
	_, err := c.named(ctx)
	return err
}

// needed is like everything, but refuses requests that name nothing: they would be
// about all projects.
func (c *call) needed(ctx context.Context) error {
	n, err := c.named(ctx)
	if err == nil && n == 0 {
		return &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira must say which project or issue this is about: " + c.places() + "."}
	}
	return err
}

// places lists the parameters by which a request can name something.
func (c *call) places() string {
	var names []string
	for _, p := range c.rule.Parameters {
		names = append(names, p.Name+" ("+p.In+")")
	}
	return strings.Join(names, ", ")
}

// named does the same as everything, and returns the number of things named.
func (c *call) named(ctx context.Context) (n int, err error) {
	for _, p := range c.rule.Parameters {
		found, err := 0, error(nil)
		switch p.In {
		case "path":
			found, err = c.inPath(ctx, p)
		case "query":
			found, err = c.inQuery(ctx, p)
		case "body":
			found, err = c.inBody(ctx, p)
		}
		if err != nil {
			return n, err
		}
		n += found
	}
	return n, nil
}

func (c *call) inPath(ctx context.Context, p jira.Parameter) (int, error) {
	name, err := c.pathName(p)
	if err != nil {
		return 0, err
	}
	return 1, c.requireThing(ctx, p.Thing, name)
}

// pathName returns the ID or key that the path names.
func (c *call) pathName(p jira.Parameter) (string, error) {
	raw, ok := c.request.Match.Param(p.Name)
	name, err := url.PathUnescape(raw)
	if !ok || err != nil {
		return "", unclear("The path does not say which %s is meant.", p.Thing)
	}
	return name, nil
}

func (c *call) inQuery(ctx context.Context, p jira.Parameter) (int, error) {
	if p.Thing == thingJQL {
		return 1, c.joinQuery(ctx, p.Name)
	}
	names := []string{c.parameters.get(p.Name)}
	if isList(p.Name) {
		names = c.parameters.list(p.Name)
	}
	n := 0
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := c.requireThing(ctx, p.Thing, name); err != nil {
			return n, err
		}
		n++
	}
	if n == 0 {
		c.parameters.set(p.Name) // an empty one could mean all
	}
	return n, nil
}

// inBody checks what a body names. From a read of many issues, those outside are
// removed; every other request is refused as a whole.
func (c *call) inBody(ctx context.Context, p jira.Parameter) (n int, err error) {
	switch p.Thing {
	case thingJQL:
		return 1, c.joinBody(ctx, p.Name)
	case thingFields:
		return 1, nil // for create and edit
	}
	err = c.body.visit(p.Name, func(values []any) ([]any, error) {
		if p.Thing == thingIssues {
			n += len(values)
			return c.issuesIn(ctx, p.Name, values)
		}
		for _, value := range values {
			if namesNothing(p, value) {
				continue
			}
			if err := c.requireValue(ctx, p, value); err != nil {
				return nil, err
			}
			n++
		}
		return values, nil
	})
	return n, err
}

// namesNothing reports whether a value in a body stands for no thing: an empty
// text, or for a sprint a number that no sprint has, such as that of the backlog.
func namesNothing(p jira.Parameter, value any) bool {
	number, ok := value.(jsontext.Value)
	return value == "" || ok && p.Thing == thingSprint && (number[0] == '-' || string(number) == "0")
}

// requireValue checks a thing in a body: an ID or a key or, for an issue, an object
// that holds them.
func (c *call) requireValue(ctx context.Context, p jira.Parameter, value any) error {
	if object, ok := value.(map[string]any); ok && p.Thing == thingIssue {
		return c.requireIssueObject(ctx, object)
	}
	name, ok := scalar(value)
	if !ok {
		return wrongKind(p.Name)
	}
	return c.requireThing(ctx, p.Thing, name)
}

// requireIssueObject checks an issue that is named by an object with its id, its
// key, or both.
func (c *call) requireIssueObject(ctx context.Context, object map[string]any) error {
	named := false
	for _, name := range []string{"id", "key"} {
		value, ok := object[name]
		if !ok || value == nil {
			continue
		}
		text, ok := scalar(value)
		if !ok {
			return wrongKind(name)
		}
		if err := c.requireThing(ctx, thingIssue, text); err != nil {
			return err
		}
		named = true
	}
	if !named {
		return errNoIssue
	}
	return nil
}

// noIssue is an ID that no issue has. A read asks for it when none of the issues
// that it names is inside, so that Jira answers as if they did not exist.
const noIssue = "0"

// issuesIn returns the issues to leave in the body.
func (c *call) issuesIn(ctx context.Context, place string, values []any) ([]any, error) {
	names := make([]string, len(values))
	for i, value := range values {
		name, ok := scalar(value)
		if !ok {
			return nil, wrongKind(place)
		}
		names[i] = name
	}
	inside, err := c.issuesInside(ctx, names)
	if err != nil {
		return nil, err
	}
	var kept []any
	for i, name := range names {
		if inside[name] {
			kept = append(kept, values[i])
		}
	}
	switch {
	case len(kept) < len(values) && c.request.Changes:
		return nil, errNoIssue
	case len(kept) == 0 && len(values) > 0:
		c.body.changed = true
		return []any{noIssue}, nil
	}
	return kept, nil
}
