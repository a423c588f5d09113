package token

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// confinementParts are the members of the field confine, each with the flag that
// sets it.
var confinementParts = []Part{
	{Name: "projects", Flag: "project", Help: "Project that the token sees, by key (repeatable)", Zero: []string(nil)},
	{Name: "jql", Flag: "jql", Help: "Condition, in JQL without ORDER BY, that an issue must match for the token to see it", Zero: ""},
	{Name: "hide", Flag: "hide", Help: "Field that the token does not see, by ID or name, or " + HideInternalComments + " (repeatable)", Zero: []string(nil)},
}

// confinementJSON is the confinement in the JSON of a token: projects by their keys
// alone. Their IDs are looked up when the token is confined.
type confinementJSON struct {
	Projects []string `json:"projects,omitempty"`
	JQL      string   `json:"jql,omitempty"`
	Hide     []string `json:"hide,omitempty"`
}

// confinementValue returns the confinement in JSON, or null if there is none.
func confinementValue(r *Record) any {
	if r.Confine.IsZero() {
		return nil
	}
	return confinementJSON{r.Confine.ProjectKeys(), r.Confine.JQL, r.Confine.Hide}
}

// setConfinement sets the parts of the confinement that value has. An empty part is
// removed.
func setConfinement(r *Record, value json.RawMessage, _ time.Time) error {
	var parts map[string]json.RawMessage
	if json.Unmarshal(value, &parts) != nil {
		return errors.New(`expected an object such as {"projects": ["ACME"], "jql": "…", "hide": ["internal-comments"]}`)
	}
	for name := range parts {
		if !slices.ContainsFunc(confinementParts, func(p Part) bool { return p.Name == name }) {
			return fmt.Errorf("unknown member %q: expected projects, jql or hide", name)
		}
	}
	c := r.Confine
	for _, part := range confinementParts {
		text, ok := parts[part.Name]
		if !ok || string(text) == "null" {
			continue
		}
		empty, err := c.setPart(part.Name, text)
		if err == nil && empty && r.Version == 0 {
			// Most likely a variable that is not set. The token would see everything.
			err = errors.New("empty: leave it out for a token that is not confined by it")
		}
		if err != nil {
			return fmt.Errorf("%s: %w", part.Name, err)
		}
	}
	if err := c.Check(); err != nil {
		return err
	}
	r.Confine = c
	return nil
}

// setPart sets a part of the confinement and reports whether it is now empty.
func (c *Confinement) setPart(name string, text json.RawMessage) (empty bool, err error) {
	if name == "jql" {
		err := json.Unmarshal(text, &c.JQL)
		if err != nil {
			err = errors.New("expected a string")
		}
		return c.JQL == "", err
	}
	var list []string
	if json.Unmarshal(text, &list) != nil {
		return false, errors.New("expected an array of strings")
	}
	if name == "projects" {
		c.Projects = c.projectsWith(list)
		return len(list) == 0, nil
	}
	c.Hide = nil
	for _, field := range list {
		if !slices.ContainsFunc(c.Hide, func(other string) bool { return strings.EqualFold(other, field) }) {
			c.Hide = append(c.Hide, field)
		}
	}
	return len(list) == 0, nil
}

// projectsWith returns the projects with these keys, without duplicates. Those that
// c has already keep their IDs.
func (c *Confinement) projectsWith(keys []string) []Project {
	var projects []Project
	for _, key := range keys {
		project := Project{Key: strings.ToUpper(key)} // Jira's keys are in upper case
		hasKey := func(p Project) bool { return p.Key == project.Key }
		if slices.ContainsFunc(projects, hasKey) {
			continue
		}
		if i := slices.IndexFunc(c.Projects, hasKey); i >= 0 {
			project = c.Projects[i]
		}
		projects = append(projects, project)
	}
	return projects
}

// withoutIDs returns the confinement without the IDs of its projects, which may be
// another Jira's.
func (c Confinement) withoutIDs() Confinement {
	projects := c.Projects
	c.Projects = nil
	for _, project := range projects {
		c.Projects = append(c.Projects, Project{Key: project.Key})
	}
	return c
}

// ProjectKeys returns the keys of the projects.
func (c Confinement) ProjectKeys() []string {
	keys := make([]string, len(c.Projects))
	for i, project := range c.Projects {
		keys[i] = project.Key
	}
	return keys
}

// String describes what is inside, for people.
func (c Confinement) String() string {
	if c.IsZero() {
		return "everything that its account sees"
	}
	var parts []string
	switch n := len(c.Projects); n {
	case 0:
	case 1:
		parts = append(parts, "project "+c.Projects[0].Key)
	default:
		parts = append(parts, fmt.Sprintf("%d projects (%s)", n, strings.Join(c.ProjectKeys(), ", ")))
	}
	if c.JQL != "" {
		parts = append(parts, "issues that match "+strings.Join(strings.Fields(c.JQL), " "))
	}
	if len(c.Hide) > 0 {
		if len(parts) == 0 {
			parts = append(parts, "everything")
		}
		parts = append(parts, "hidden: "+strings.Join(c.Hide, ", "))
	}
	return strings.Join(parts, "; ")
}
