package confine

import (
	"context"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// field is a field of Jira's issues.
type field struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	ClauseNames []string `json:"clauseNames"`
	Schema      struct {
		// Custom is the type of a custom field.
		Custom string `json:"custom"`
	} `json:"schema"`
	// Scope is set for fields of a team-managed project.
	Scope *struct {
		Project project `json:"project"`
	} `json:"scope"`
}

// isCalled reports whether the field goes by this name, in requests or in JQL.
func (f field) isCalled(name string) bool {
	return strings.EqualFold(f.ID, name) || strings.EqualFold(f.Name, name) ||
		slices.ContainsFunc(f.ClauseNames, func(clause string) bool { return strings.EqualFold(clause, name) })
}

// fields returns Jira's fields.
func (s *session) fields(ctx context.Context) ([]field, error) {
	return memo(ctx, s, "fields", projectLifetime, func(ctx context.Context) (fields []field, err error) {
		_, err = s.get(ctx, "/rest/api/2/field", &fields)
		return fields, err
	})
}

// hidden returns all names of the hidden fields: those in the view, and these
// fields' IDs, names, and names in JQL.
func (s *session) hidden(ctx context.Context) (hidden, error) {
	var names hidden
	fields := 0
	for _, name := range s.view.hide {
		names.add(name)
		if name != token.HideInternalComments {
			fields++
		}
	}
	if fields == 0 {
		return names, nil
	}
	known, err := s.fields(ctx)
	if err != nil {
		return nil, err
	}
	for _, f := range known {
		if slices.ContainsFunc(s.view.hide, f.isCalled) {
			names.add(f.ID, f.Name)
			names.add(f.ClauseNames...)
		}
	}
	names.addAliases()
	if names.has("parent") {
		for _, f := range known {
			if f.Schema.Custom == epicLinkType || f.Schema.Custom == parentLinkType {
				names.add(f.ID, f.Name)
			}
		}
	}
	return names, nil
}

// partFields name the field behind each part of an issue that has a path of its
// own. A path that ends with a slash stands for everything below it.
var partFields = []struct{ path, field string }{
	{"/issue/{issueIdOrKey}/assignee", "assignee"},
	{"/issue/{issueIdOrKey}/attachments", "attachment"},
	{"/attachment/", "attachment"},
	{"/issue/{issueIdOrKey}/comment", "comment"},
	{"/issue/{issueIdOrKey}/pinned-comments", "comment"},
	{"/issue/{issueIdOrKey}/subtask", "subtasks"},
	{"/issue/{issueIdOrKey}/votes", "votes"},
	{"/issue/{issueIdOrKey}/watchers", "watches"},
	{"/issue/{issueIdOrKey}/worklog", "worklog"},
	{"/issue/watching", "watches"},
	{"/bulk/issues/watch", "watches"},
	{"/bulk/issues/unwatch", "watches"},
	{"/issueLink", "issuelinks"},
	{"/request/{issueIdOrKey}/approval", "approvals"},
	{"/request/{issueIdOrKey}/attachment", "attachment"},
	{"/request/{issueIdOrKey}/comment", "comment"},
	{"/request/{issueIdOrKey}/participant", "participants"},
	{"/request/{issueIdOrKey}/status", "status"},
	{"/secure/{kind}/{id}", "attachment"},
}

// refuseHidden refuses operations on a part of an issue whose field is hidden.
func (c *call) refuseHidden(ctx context.Context) error {
	if len(c.view.hide) == 0 {
		return nil
	}
	hidden, err := c.hidden(ctx)
	if err != nil {
		return err
	}
	template := c.template()
	for _, part := range partFields {
		_, after, ok := strings.Cut(template, part.path)
		if ok && hidden.has(part.field) && (strings.HasSuffix(part.path, "/") || after == "" || after[0] == '/') {
			return errNoIssue
		}
	}
	return nil
}

// hidden is a set of names, in lower case.
type hidden map[string]bool

func (h *hidden) add(names ...string) {
	if *h == nil {
		*h = make(hidden)
	}
	for _, name := range names {
		(*h)[strings.ToLower(name)] = true
	}
}

func (h hidden) has(name string) bool { return h[strings.ToLower(name)] }

// hasBytes is like has. It takes no memory if the name is in lower case, as most fields' IDs are.
func (h hidden) hasBytes(name []byte) bool {
	for _, c := range name {
		if 'A' <= c && c <= 'Z' || c >= utf8.RuneSelf {
			return h.has(string(name))
		}
	}
	return h[string(name)]
}
