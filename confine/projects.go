package confine

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// maxConcurrent is how many questions of one request are asked at a time.
const maxConcurrent = 8

// project is a project as Jira knows it now. The zero value stands for no project.
type project struct {
	ID   string `json:"id"`
	Key  string `json:"key"`
	Name string `json:"name"`
}

// projects returns the projects inside that still exist. A view that is not limited
// to projects has none; see [View.isLimited].
func (s *session) projects(ctx context.Context) ([]project, error) {
	var inside []project
	for i, limit := range s.view.limits {
		found, err := s.existing(ctx, limit)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			inside = found
			continue
		}
		inside = slices.DeleteFunc(inside, func(p project) bool { return !containsProject(found, p.ID) })
	}
	return inside, nil
}

// existing returns those of the named projects that exist.
func (s *session) existing(ctx context.Context, named []token.Project) ([]project, error) {
	found := make([]project, len(named))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, p := range named {
		group.Go(func() (err error) {
			found[i], err = s.project(ctx, cmp.Or(p.ID, p.Key))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(p project) bool { return p.ID == "" }), nil
}

// project returns the project with this ID or key; the zero value if there is none.
func (s *session) project(ctx context.Context, idOrKey string) (project, error) {
	return memo(ctx, s, "project "+strings.ToUpper(idOrKey), projectLifetime, func(ctx context.Context) (project, error) {
		return s.lookProject(ctx, idOrKey)
	})
}

// lookProject asks Jira for a project. The key may be a former one; Jira's answer
// has the current one.
func (s *session) lookProject(ctx context.Context, idOrKey string) (p project, err error) {
	found, err := s.get(ctx, "/rest/api/2/project/"+url.PathEscape(idOrKey), &p)
	if err == nil && found && (!isNumber(p.ID) || !token.IsProjectKey(p.Key)) {
		err = unanswered(errNonsense)
	}
	return p, err
}

// projectInside reports whether the project with this ID or key is inside.
func (s *session) projectInside(ctx context.Context, idOrKey string) (bool, error) {
	if s.view.seesAllProjects() {
		return true, nil
	}
	_, inside, err := s.projectNamed(ctx, idOrKey)
	return inside, err
}

// projectNamed returns the project inside with this ID or key.
func (s *session) projectNamed(ctx context.Context, idOrKey string) (p project, inside bool, err error) {
	if !isNumber(idOrKey) && !token.IsProjectKey(idOrKey) {
		return project{}, false, nil
	}
	projects, err := s.projects(ctx)
	if err != nil || len(projects) == 0 {
		return project{}, false, err
	}
	if p, inside = findProject(projects, idOrKey); inside && !s.fresh || isNumber(idOrKey) {
		return p, inside, nil
	}
	// It may be a former key. Before a change, ask even about a current one: another
	// project may have it now.
	p, err = current(ctx, s, "project now "+strings.ToUpper(idOrKey), thingLifetime, func(ctx context.Context) (project, error) {
		return s.lookProject(ctx, idOrKey)
	})
	return p, err == nil && containsProject(projects, p.ID), err
}

// findProject returns the project with this ID or current key.
func findProject(projects []project, idOrKey string) (project, bool) {
	i := slices.IndexFunc(projects, func(p project) bool { return p.ID == idOrKey || strings.EqualFold(p.Key, idOrKey) })
	if i < 0 {
		return project{}, false
	}
	return projects[i], true
}

func containsProject(projects []project, id string) bool {
	return slices.ContainsFunc(projects, func(p project) bool { return p.ID == id })
}

// constraint returns the condition that everything inside matches: the projects,
// by ID, and the view's condition. It is nil if all issues are inside.
func (s *session) constraint(ctx context.Context) (jql.Clause, error) {
	if !s.view.isLimited() {
		return s.view.condition, nil
	}
	inside, err := s.projects(ctx)
	switch {
	case err != nil:
		return nil, err
	case len(inside) == 0:
		return nil, errNoIssue
	}
	ids := make(jql.List, len(inside))
	for i, p := range inside {
		ids[i] = jql.Number(p.ID)
	}
	limit := &jql.Comparison{Field: jql.Field{Name: "project"}, Operator: jql.In, Operand: ids}
	if s.view.condition == nil {
		return limit, nil
	}
	return jql.And{limit, s.view.condition}, nil
}

// pinnedProjects returns the projects that a condition is limited to at its top
// level, as in project = ACME AND …; nil if there is no such limit. It reads keys
// and IDs. Jira may read a key as another project's name, but that shows nothing
// more: an issue must also be in the project with that key.
func pinnedProjects(condition jql.Clause) []token.Project {
	clauses, ok := condition.(jql.And)
	if !ok {
		clauses = jql.And{condition}
	}
	for _, clause := range clauses {
		if nested, ok := clause.(jql.And); ok {
			if pinned := pinnedProjects(nested); pinned != nil {
				return pinned
			}
			continue
		}
		comparison, ok := clause.(*jql.Comparison)
		if !ok || comparison.Field.CustomID != "" || len(comparison.Field.Properties) > 0 || !strings.EqualFold(comparison.Field.Name, "project") {
			continue
		}
		if pinned := namedProjects(comparison); pinned != nil {
			return pinned
		}
	}
	return nil
}

// namedProjects returns the projects that project = X or project IN (X, Y) names;
// nil if it does not name them all by key or ID.
func namedProjects(comparison *jql.Comparison) (named []token.Project) {
	operands := jql.List{comparison.Operand}
	switch list, isList := comparison.Operand.(jql.List); {
	case comparison.Operator == jql.In && isList:
		operands = list
	case comparison.Operator != jql.Equals:
		return nil
	}
	for _, operand := range operands {
		var text string
		switch operand := operand.(type) {
		case jql.Value:
			text = string(operand)
		case jql.Number:
			text = string(operand)
		}
		switch {
		case isNumber(text):
			named = append(named, token.Project{ID: text})
		case token.IsProjectKey(text):
			named = append(named, token.Project{Key: text})
		default:
			return nil
		}
	}
	return named
}
