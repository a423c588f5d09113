package confine

import (
	"context"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// issueBodyFields are what a body with an issue's fields may hold.
const issueBodyFields = " fields historyMetadata properties transition update "

var (
	errCreates = &Error{Kind: NotConfinable, Message: "A token that is confined by JQL alone cannot create issues: a new issue might not match."}
	errMoves   = &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira cannot move an issue to another project."}
)

// create checks the creation of issues: each in a project inside, and nothing in
// it that leads outside.
func (c *call) create(ctx context.Context) error {
	if !c.view.creates {
		return errCreates
	}
	if err := c.needed(ctx); err != nil {
		return err
	}
	if strings.HasPrefix(c.request.Match.Template, "/rest/servicedeskapi/") {
		return c.customerRequest(ctx)
	}
	return c.eachFields(func(body map[string]any) error { return c.issueBody(ctx, body, "") })
}

// customerRequestFields are what the body of a new customer request may hold. A
// form's answers are not among them: they can set fields that nobody here knows.
const customerRequestFields = " isAdfRequest raiseOnBehalfOf requestFieldValues requestParticipants requestTypeId serviceDeskId "

// customerRequest checks the creation of a customer request, in a service desk
// inside.
func (c *call) customerRequest(ctx context.Context) error {
	if c.body.object()["form"] != nil {
		return &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira cannot answer forms. Give the values in requestFieldValues."}
	}
	c.body.keepOnly(customerRequestFields)
	hidden, err := c.hidden(ctx)
	if err != nil {
		return err
	}
	w := &written{call: c, hidden: hidden}
	return w.fields(ctx, c.body.object()["requestFieldValues"])
}

// edit checks the change of an issue's fields: nothing in it leads outside, and
// the issue stays where it is.
func (c *call) edit(ctx context.Context) error {
	if err := c.everything(ctx); err != nil {
		return err
	}
	own, err := c.ownProject(ctx)
	if err != nil {
		return err
	}
	return c.eachFields(func(body map[string]any) error { return c.issueBody(ctx, body, own) })
}

// ownProject returns the ID of the project of the issue in the path; "" if it may
// be any.
func (c *call) ownProject(ctx context.Context) (string, error) {
	if c.view.seesAllProjects() {
		return "", nil
	}
	for _, p := range c.rule.Parameters {
		if p.Thing != thingIssue || p.In != "path" {
			continue
		}
		name, err := c.pathName(p)
		if err != nil {
			return "", err
		}
		found, err := c.issue(ctx, strings.ToUpper(name))
		if err == nil && found.Fields.Project.ID == "" {
			err = errNoIssue
		}
		return found.Fields.Project.ID, err
	}
	return "", errNoRule
}

// eachFields calls f with each object of the body that has an issue's fields.
func (c *call) eachFields(f func(body map[string]any) error) error {
	for _, p := range c.rule.Parameters {
		if p.Thing != thingFields {
			continue
		}
		err := c.body.visit(p.Name, func(values []any) ([]any, error) {
			for _, value := range values {
				body, ok := value.(map[string]any)
				if !ok {
					return nil, wrongKind(p.Name)
				}
				if err := f(body); err != nil {
					return nil, err
				}
			}
			return values, nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// issueBody checks an object with fields and update. own is the ID of the project
// in which the issue is and stays; "" for an issue that is created.
func (c *call) issueBody(ctx context.Context, body map[string]any, own string) error {
	for name := range body {
		if !isWordOf(issueBodyFields, name) {
			delete(body, name)
			c.body.changed = true
		}
	}
	hidden, err := c.hidden(ctx)
	if err != nil {
		return err
	}
	w := &written{call: c, hidden: hidden, own: own}
	if err := w.fields(ctx, body["fields"]); err != nil {
		return err
	}
	if err := w.update(ctx, body["update"]); err != nil {
		return err
	}
	if c.rule.Rule == jira.RuleCreate && w.projects == 0 && !c.view.seesAllProjects() {
		return noProject("")
	}
	return nil
}

// written checks the fields that a request writes.
type written struct {
	*call
	hidden hidden
	// own is the ID of the project of the issue; "" for an issue that is created.
	own string
	// projects counts how often the project was named.
	projects int
}

// fields checks an object of fields with their values.
func (w *written) fields(ctx context.Context, value any) error {
	if value == nil {
		return nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return wrongKind("fields")
	}
	for name, value := range fields {
		if err := w.field(ctx, name, value); err != nil {
			return err
		}
	}
	return nil
}

// update checks an object of fields with lists of operations, such as
// {"labels": [{"add": "x"}]}.
func (w *written) update(ctx context.Context, value any) error {
	if value == nil {
		return nil
	}
	fields, ok := value.(map[string]any)
	if !ok {
		return wrongKind("update")
	}
	for name, value := range fields {
		operations, ok := value.([]any)
		if !ok {
			return wrongKind("update")
		}
		for _, operation := range operations {
			verbs, ok := operation.(map[string]any)
			if !ok {
				return wrongKind("update")
			}
			for verb, value := range verbs {
				if err := w.verb(name, verb); err != nil {
					return err
				}
				if err := w.field(ctx, name, value); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// updateVerbs are the documented operations on fields. Others, such as copy, take what
// they write from another issue.
const updateVerbs = " add edit remove set "

var (
	errVerb  = &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira can only add, set, edit and remove values of fields."}
	errParts = &Error{Kind: NotConfinable, Message: "This token can only add comments and work logs in this way. Change them by issue/{issueIdOrKey}/comment/{id} and issue/{issueIdOrKey}/worklog/{id}."}
)

// verb checks an operation on a field. Comments and worklogs are changed by their
// IDs, which may be those of another issue or of an internal comment: see
// [call.requirePart].
func (w *written) verb(field, verb string) error {
	isPart := field == "comment" || field == "worklog"
	switch {
	case isPart && verb != "add" && (!w.view.seesAllProjects() || w.view.HidesInternalComments()):
		return errParts
	case !isWordOf(updateVerbs, verb) && !w.view.seesAllProjects():
		return errVerb
	}
	return nil
}

// plainFields are Jira's own fields that name no issue, project or board: texts,
// people, and values that Jira only looks for in the issue's project.
const plainFields = " assignee comment components description duedate environment fixVersions issuetype labels priority " +
	"reporter resolution security summary timetracking versions worklog "

// field checks a value that is written to a field.
func (w *written) field(ctx context.Context, name string, value any) error {
	switch {
	case w.hidden.has(name):
		return outside("Field '" + name + "' cannot be set. It is not on the appropriate screen, or unknown.")
	case w.view.seesAllProjects(), value == nil, isWordOf(plainFields, name):
		return nil
	case name == "project":
		return w.project(ctx, value)
	case strings.HasPrefix(name, "customfield_"):
		return w.customField(ctx, name, value)
	}
	return w.issueValue(ctx, value)
}

// project checks the project of an issue: an object with its id, its key, or both.
func (w *written) project(ctx context.Context, value any) error {
	object, ok := value.(map[string]any)
	if !ok {
		return wrongKind("project")
	}
	named := false
	for _, member := range []string{"id", "key"} {
		value, ok := object[member]
		if !ok || value == nil {
			continue
		}
		name, ok := scalar(value)
		if !ok {
			return wrongKind("project")
		}
		p, inside, err := w.projectNamed(ctx, name)
		switch {
		case err != nil:
			return err
		case !inside:
			return noProject(name)
		case w.own != "" && p.ID != w.own:
			return errMoves
		}
		named = true
	}
	if !named {
		return noProject("")
	}
	w.projects++
	return nil
}
