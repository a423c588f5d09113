package confine

import (
	"context"
	"strings"
)

// searchFields are what the body of a search may hold.
const searchFields = " expand fields fieldsByKeys jql maxResults nextPageToken properties startAt validateQuery "

// cutSearch removes from the body of a search what does more than find and show
// issues.
func (c *call) cutSearch() {
	if c.body != nil {
		c.body.keepOnly(searchFields)
	}
}

// cutBodyExpand does for the body what cutExpand does for the query. In a body,
// expand is an array or a string with commas.
func (c *call) cutBodyExpand() {
	kept := keepExpansions(c.bodyExpand())
	switch c.body.object()["expand"].(type) {
	case nil:
	case string:
		c.body.set("expand", strings.Join(kept, ","))
	case []any:
		c.body.set("expand", anyOf(kept))
	default:
		c.body.set("expand", nil)
	}
}

// bodyExpand returns what the body's expand names.
func (c *call) bodyExpand() (wanted []string) {
	switch expand := c.body.object()["expand"].(type) {
	case string:
		for name := range strings.SplitSeq(expand, ",") {
			wanted = append(wanted, strings.TrimSpace(name))
		}
	case []any:
		for _, name := range expand {
			if text, ok := name.(string); ok {
				wanted = append(wanted, text)
			}
		}
	}
	return wanted
}

func anyOf(texts []string) []any {
	values := make([]any, len(texts))
	for i, text := range texts {
		values[i] = text
	}
	return values
}

// joinQuery joins a query in the query string with what is inside. Without a
// query, what is inside is the query.
func (c *call) joinQuery(ctx context.Context, name string) error {
	joined, err := c.query(ctx, c.parameters.get(name))
	if err != nil {
		return err
	}
	if joined == "" {
		c.parameters.set(name)
	} else {
		c.parameters.set(name, joined)
	}
	return nil
}

// joinBody joins the query at the top of a body with what is inside.
func (c *call) joinBody(ctx context.Context, name string) error {
	text, ok := c.body.object()[name].(string)
	if !ok && c.body.object()[name] != nil {
		return wrongKind(name)
	}
	joined, err := c.query(ctx, text)
	if err == nil && joined != text {
		c.body.set(name, joined)
	}
	return err
}

// matchQueries joins the queries of jql/match with what is inside, and removes the
// issues outside.
func (c *call) matchQueries(ctx context.Context) error {
	c.body.keepOnly(" issueIds jqls ")
	err := c.body.visit("issueIds[]", func(values []any) ([]any, error) { return c.issuesIn(ctx, "issueIds", values) })
	if err != nil {
		return err
	}
	return c.eachQuery("jqls", func(text string) (string, error) { return c.query(ctx, text) })
}

// parseQueries checks the queries of jql/parse. It keeps Jira from validating their
// values, which would show whether something outside exists.
func (c *call) parseQueries(ctx context.Context) error {
	c.body.keepOnly(" queries ")
	c.parameters.set("validation", "none")
	return c.eachQuery("queries", func(text string) (string, error) {
		_, err := c.query(ctx, text)
		return text, err
	})
}

func (c *call) eachQuery(name string, change func(string) (string, error)) error {
	texts, ok := c.body.object()[name].([]any)
	if !ok {
		return unclear("The body must hold a list of queries at %q.", name)
	}
	changed := make([]any, len(texts))
	for i, value := range texts {
		text, ok := value.(string)
		if !ok {
			return unclear("The body must hold a list of queries at %q.", name)
		}
		var err error
		if changed[i], err = change(text); err != nil {
			return err
		}
	}
	c.body.set(name, changed)
	return nil
}

// permissions removes from permissions/check the projects and issues outside, as
// Jira's answer leaves out those that do not exist.
func (c *call) permissions(ctx context.Context) error {
	c.body.keepOnly(" globalPermissions projectPermissions ")
	err := c.body.visit("projectPermissions[].projects[]", func(values []any) (kept []any, err error) {
		for _, value := range values {
			name, _ := scalar(value)
			inside, err := c.projectInside(ctx, name)
			if err != nil {
				return nil, err
			}
			if inside {
				kept = append(kept, value)
			}
		}
		return kept, nil
	})
	if err != nil {
		return err
	}
	return c.body.visit("projectPermissions[].issues[]", func(values []any) ([]any, error) {
		return c.issuesIn(ctx, "issues", values)
	})
}
