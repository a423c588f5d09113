package confine

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// View is the part of Jira that a token sees. It never changes.
type View struct {
	// limits are lists of projects. What is inside is in a project of each list;
	// without lists, the view is not limited to certain projects.
	limits [][]token.Project
	// condition is what every issue must match; nil means no condition.
	condition jql.Clause
	// creates is set if tokens can create issues. It is not if conditions alone
	// limit the view: nobody knows beforehand whether a new issue will match.
	creates bool
	hide    []string
	// key identifies the view among others, for what is remembered.
	key string
}

// NewView returns what is inside all of the given confinements, such as a
// gateway's and a token's; nil if none of them confines anything.
//
// A condition that names projects at its top level, as project = ACME AND …,
// limits the view to these projects as a list of projects does.
func NewView(confinements ...token.Confinement) (*View, error) {
	v := &View{}
	var conditions jql.And
	for _, c := range confinements {
		if len(c.Projects) > 0 {
			v.limits = append(v.limits, c.Projects)
			v.creates = true
		}
		if c.JQL != "" {
			clause, err := jql.ParseClause(c.JQL)
			if err != nil {
				return nil, err
			}
			conditions = append(conditions, clause)
			if pinned := pinnedProjects(clause); pinned != nil {
				v.limits = append(v.limits, pinned)
			}
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
	if v.limits == nil && v.condition == nil && v.hide == nil {
		return nil, nil
	}
	v.creates = v.creates || v.condition == nil
	v.key = v.identity()
	return v, nil
}

// isLimited reports whether the view is limited to certain projects.
func (v *View) isLimited() bool { return v.limits != nil }

// seesAllProjects reports whether the view only hides fields.
func (v *View) seesAllProjects() bool { return !v.isLimited() && v.condition == nil }

func (v *View) identity() string {
	var w strings.Builder
	for _, projects := range v.limits {
		for _, p := range projects {
			fmt.Fprintf(&w, "%s/%s,", p.ID, p.Key)
		}
		w.WriteByte(';')
	}
	if v.condition != nil {
		w.WriteString((&jql.Query{Where: v.condition}).String())
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

// String describes the view for an administrator.
func (v *View) String() string {
	var parts []string
	for _, projects := range v.limits {
		names := make([]string, len(projects))
		for i, p := range projects {
			names[i] = cmp.Or(p.Key, p.ID)
		}
		parts = append(parts, "projects "+strings.Join(names, ", "))
	}
	if v.condition != nil {
		parts = append(parts, "JQL "+(&jql.Query{Where: v.condition}).String())
	}
	if v.hide != nil {
		parts = append(parts, "hidden "+strings.Join(v.hide, ", "))
	}
	return strings.Join(parts, "; ")
}
