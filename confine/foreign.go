package confine

import (
	"context"
	"slices"
)

// foreignFields returns the names of fields of team-managed projects outside, unless
// a field inside has the same name.
func (s *session) foreignFields(ctx context.Context) (hidden, error) {
	known, err := s.fields(ctx)
	if err != nil {
		return nil, err
	}
	inside, err := s.projects(ctx)
	if err != nil {
		return nil, err
	}
	var foreign, ours hidden
	for _, f := range known {
		names := &ours
		if f.Scope != nil && !containsProject(inside, f.Scope.Project.ID) {
			names = &foreign
		}
		names.add(f.ID, f.Name)
		names.add(f.ClauseNames...)
	}
	for name := range ours {
		delete(foreign, name)
	}
	return foreign, nil
}

// namesFields reports whether the response names fields that the issues in it need
// not have.
func (c *call) namesFields() bool {
	if c.view.seesAllProjects() {
		return false
	}
	if c.rule.Answer == "jql-fields" {
		return true
	}
	expanded := c.parameters.list("expand")
	if c.body != nil {
		expanded = append(expanded, c.bodyExpand()...)
	}
	return slices.Contains(expanded, "names") || slices.Contains(expanded, "schema")
}
