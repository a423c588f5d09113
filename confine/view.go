package confine

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// View is the part of Jira that a token sees. It never changes.
type View struct {
	// projects are those that it is limited to; nil means that no projects are
	// named, though the condition may name some.
	projects []token.Project
	// nothing is set when confinements exclude each other: no project is in all
	// of their lists.
	nothing bool
	// condition is what every issue must match; nil means no condition.
	condition jql.Clause
	hide      []string
	// key identifies the view among others, for what is remembered.
	key string
}

// NewView returns what is inside all of the given confinements, such as a
// gateway's and a token's; nil if none of them confines anything.
func NewView(confinements ...token.Confinement) (*View, error) {
	v := &View{}
	var conditions jql.And
	for _, c := range confinements {
		if c.IsZero() {
			continue
		}
		v.limit(c.Projects)
		if c.JQL != "" {
			clause, err := jql.ParseClause(c.JQL)
			if err != nil {
				return nil, fmt.Errorf("jql: %w", err)
			}
			conditions = append(conditions, clause)
		}
		for _, field := range c.Hide {
			if !v.Hides(field) {
				v.hide = append(v.hide, field)
			}
		}
	}
	switch len(conditions) {
	case 0:
	case 1:
		v.condition = conditions[0]
	default:
		v.condition = conditions
	}
	if v.projects == nil && !v.nothing && v.condition == nil && v.hide == nil {
		return nil, nil
	}
	v.key = v.identity()
	return v, nil
}

// limit leaves the projects that are in the list too. Projects are the same if
// their IDs are, or, where one is unknown, their keys.
func (v *View) limit(projects []token.Project) {
	switch {
	case len(projects) == 0:
		return
	case v.projects == nil && !v.nothing:
		v.projects = slices.Clone(projects)
		return
	}
	v.projects = slices.DeleteFunc(v.projects, func(a token.Project) bool {
		return !slices.ContainsFunc(projects, func(b token.Project) bool {
			if a.ID != "" && b.ID != "" {
				return a.ID == b.ID
			}
			return strings.EqualFold(a.Key, b.Key)
		})
	})
	v.nothing = len(v.projects) == 0
}

func (v *View) identity() string {
	var w strings.Builder
	for _, p := range v.projects {
		fmt.Fprintf(&w, "%s/%s,", p.ID, p.Key)
	}
	if v.condition != nil {
		w.WriteString(";" + (&jql.Query{Where: v.condition}).String())
	}
	return w.String()
}

// Hides reports whether the view hides the field with this ID or name, without
// regard to letter case.
func (v *View) Hides(field string) bool {
	return slices.ContainsFunc(v.hide, func(hidden string) bool { return strings.EqualFold(hidden, field) })
}

// HidesInternalComments reports whether the view hides the internal comments of
// Jira Service Management.
func (v *View) HidesInternalComments() bool { return v.Hides(token.HideInternalComments) }
