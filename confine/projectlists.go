package confine

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// maxSearchedProjects is the maximum number of IDs that project/search takes.
const maxSearchedProjects = 50

// listProjects limits a list of projects to those inside. Lists that cannot be
// asked for by ID are redacted when the response comes.
func (c *call) listProjects(ctx context.Context) error {
	if c.view.seesAllProjects() {
		return nil
	}
	switch template := c.request.Match.Template; {
	case strings.HasSuffix(template, "/project/search"):
		return c.searchProjects(ctx)
	case strings.HasSuffix(template, "/projects/picker"):
		c.parameters.set("maxResults", "1000") // fewer would show where those outside stand
	case strings.HasSuffix(template, "/project") && c.parameters.has("recent"):
		c.parameters.set("recent", "20") // as many as Jira remembers
	case strings.HasSuffix(template, "/issue/createmeta"):
		return c.limitCreatemeta(ctx)
	case len(c.rule.Parameters) > 0:
		return c.needed(ctx)
	}
	return nil
}

// noProjectID is an ID that no project has. It is asked for when none of the
// projects that a request names is inside, so that Jira answers as if they did not
// exist.
const noProjectID = "0"

// searchProjects limits project/search, by ID, to the projects inside, or to those
// of them that the request names.
func (c *call) searchProjects(ctx context.Context) error {
	inside, err := c.projects(ctx)
	if err != nil {
		return err
	}
	ids := idsOf(inside)
	if c.parameters.has("id") {
		asked := c.parameters.list("id")
		ids = slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(asked, id) })
	}
	if c.parameters.has("keys") {
		if ids, err = c.withKeys(ctx, ids, c.parameters.list("keys")); err != nil {
			return err
		}
		c.parameters.set("keys")
	}
	switch {
	case len(ids) == 0:
		c.parameters.set("id", noProjectID)
	case len(ids) <= maxSearchedProjects:
		c.parameters.set("id", ids...)
	default:
		return c.collectProjects(ctx, ids)
	}
	return nil
}

func idsOf(projects []project) []string {
	ids := make([]string, len(projects))
	for i, p := range projects {
		ids[i] = p.ID
	}
	return ids
}

// withKeys returns those of the project IDs that belong to one of the keys.
func (c *call) withKeys(ctx context.Context, ids, keys []string) ([]string, error) {
	var named []string
	for _, key := range keys {
		p, inside, err := c.projectNamed(ctx, key)
		if err != nil {
			return nil, err
		}
		if inside {
			named = append(named, p.ID)
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool { return !slices.Contains(named, id) }), nil
}

// collectProjects answers project/search for more projects than it takes IDs.
func (c *call) collectProjects(ctx context.Context, ids []string) error {
	query := make(url.Values)
	for _, p := range c.parameters {
		query.Add(p.name, p.value)
	}
	var projects []jsontext.Value
	for chunk := range slices.Chunk(ids, maxSearchedProjects) {
		query["id"] = chunk
		found, err := c.everyPage(ctx, "/rest/api/2/project/search", query)
		if err != nil {
			return err
		}
		projects = append(projects, found...)
	}
	return c.answerWith(projects)
}

// limitCreatemeta limits issue/createmeta to projects inside: to those of them that
// the request names, or else to all of them.
func (c *call) limitCreatemeta(ctx context.Context) error {
	inside, err := c.projects(ctx)
	if err != nil {
		return err
	}
	ids := idsOf(inside)
	if keys := append(c.parameters.list("projectKeys"), c.parameters.list("projectIds")...); len(keys) > 0 {
		if ids, err = c.withKeys(ctx, ids, keys); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		ids = []string{noProjectID}
	}
	c.parameters.set("projectKeys")
	c.parameters.set("projectIds", strings.Join(ids, ","))
	return nil
}
