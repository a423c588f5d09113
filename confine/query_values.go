package confine

import (
	"context"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// noThing refuses a value. The words are the same for what is outside and for
// what does not exist.
func noThing(what, text string) error {
	return badQuery("There is no %s %s in the projects of this token.", what, quoted(text))
}

// projectValue replaces a project with its ID.
func (q *querying) projectValue(ctx context.Context, _ *queryField, operand jql.Operand) (jql.Operand, error) {
	if q.view.seesAllProjects() {
		return operand, nil
	}
	text, number := textOf(operand)
	p, err := q.projectNamed(ctx, text, number)
	return jql.Number(p.ID), err
}

// projectNamed returns the project inside with this ID, key or name. Like Jira,
// it reads a number as an ID first and text as a key.
func (q *querying) projectNamed(ctx context.Context, text string, number bool) (project, error) {
	inside, err := q.projects(ctx)
	if err != nil {
		return project{}, err
	}
	matches := []func(project) bool{
		func(p project) bool { return number && p.ID == text },
		func(p project) bool { return strings.EqualFold(p.Key, text) },
		func(p project) bool { return strings.EqualFold(p.Name, text) },
		func(p project) bool { return p.ID == text },
	}
	for _, matches := range matches {
		for _, p := range inside {
			if matches(p) {
				return p, nil
			}
		}
	}
	// It may be a former key.
	if token.IsProjectKey(text) {
		p, err := q.project(ctx, text)
		switch {
		case err != nil || containsProject(inside, p.ID):
			return p, err
		case p.ID != "" && q.explains:
			return project{}, inProject(noThing("project", text), p)
		}
	}
	return project{}, noThing("project", text)
}

// issueValue notes an issue, for [querying.requireIssues].
func (q *querying) issueValue(_ context.Context, _ *queryField, operand jql.Operand) (jql.Operand, error) {
	text, _ := textOf(operand)
	q.issues = append(q.issues, text)
	if isNumber(text) {
		return jql.Number(text), nil
	}
	return jql.Value(text), nil
}

// requireIssues checks that all issues named by the query are inside. It asks about
// them together.
func (q *querying) requireIssues(ctx context.Context) error {
	if len(q.issues) > maxIssues {
		return badQuery("The query names more than %d issues: divide it into several.", maxIssues)
	}
	inside, err := q.issuesInside(ctx, q.issues)
	if err != nil {
		return err
	}
	for _, name := range q.issues {
		if !inside[name] {
			return q.explained(ctx, noThing("issue", name), thingIssue, name)
		}
	}
	return nil
}

// sprintValue checks that a sprint's board is inside. Sprints can only be named by
// ID, because Jira looks for names on all boards.
func (q *querying) sprintValue(ctx context.Context, _ *queryField, operand jql.Operand) (jql.Operand, error) {
	if q.view.seesAllProjects() {
		return operand, nil
	}
	text, _ := textOf(operand)
	if err := q.count(); err != nil {
		return nil, err
	}
	inside := false
	if isNumber(text) {
		var err error
		if inside, err = q.sprintInside(ctx, text); err != nil {
			return nil, err
		}
	}
	if !inside {
		return nil, badQuery("There is no sprint with the ID %s in the projects of this token. Sprints can be named by ID, or with openSprints().", quoted(text))
	}
	return jql.Number(text), nil
}

// thing is something that belongs to a project, such as a version.
type thing struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// things returns a check of values that must be among those of the projects
// inside, by name or ID. Like Jira, it reads a number as an ID first and text as
// a name, and it replaces the value by the ID or name that is meant.
func things(what string, of func(*session, context.Context, project) ([]thing, error)) valueCheck {
	return func(q *querying, ctx context.Context, _ *queryField, operand jql.Operand) (jql.Operand, error) {
		if q.view.seesAllProjects() {
			return operand, nil
		}
		inside, err := q.projects(ctx)
		if err != nil {
			return nil, err
		}
		text, number := textOf(operand)
		var otherwise jql.Operand
		for _, p := range inside {
			known, err := of(q.session, ctx, p)
			if err != nil {
				return nil, err
			}
			for _, t := range known {
				byID, byName := t.ID == text, strings.EqualFold(t.Name, text)
				switch {
				case byID && number:
					return jql.Number(t.ID), nil
				case byName && !number:
					return jql.Value(t.Name), nil
				case otherwise != nil:
				case byID:
					otherwise = jql.Number(t.ID)
				case byName:
					otherwise = jql.Value(t.Name)
				}
			}
		}
		if otherwise == nil {
			return nil, noThing(what, text)
		}
		return otherwise, nil
	}
}
