package fakejira

import (
	"net/http"
	"strings"
)

// projectJSON renders a project, with all details if full is set.
func (c *call) projectJSON(p *project, full bool) any {
	out := map[string]any{
		"self": c.api() + "/project/" + p.id, "id": p.id, "key": p.key, "name": p.name, "projectTypeKey": "software",
		"avatarUrls": c.avatars("/secure/projectavatar?pid=" + p.id + "&"),
	}
	if c.cloud() {
		out["simplified"] = false
	}
	if full {
		out["description"], out["lead"], out["issueTypes"] = p.description, c.userJSON(p.lead), c.typesJSON()
		out["components"], out["versions"], out["roles"] = []any{}, []any{}, map[string]any{}
		out["assigneeType"], out["expand"] = "UNASSIGNED", "description,lead,issueTypes,url,projectKeys"
	}
	return out
}

// projectList lists the projects.
func projectList(c *call) (reply, error) {
	list := []any{}
	if c.who != nil {
		for _, p := range c.server.site.projects {
			list = append(list, c.projectJSON(p, false))
		}
	}
	return ok(list)
}

// projectSearch lists the projects in pages, on Cloud.
func projectSearch(c *call) (reply, error) {
	all := []any{}
	typed := strings.ToLower(c.query("query"))
	for _, p := range c.server.site.projects {
		if c.who != nil && strings.Contains(strings.ToLower(p.key+"\n"+p.name), typed) {
			all = append(all, c.projectJSON(p, false))
		}
	}
	start, end, err := c.page(len(all), 50)
	if err != nil {
		return reply{}, err
	}
	return ok(c.paged(start, end, len(all), append([]any{}, window(all, start, end)...)))
}

// project finds the project named in the path.
func (c *call) project() (*project, error) {
	if p := c.server.site.projectBy(c.params[0]); p != nil && c.who != nil {
		return p, nil
	}
	return nil, fail(http.StatusNotFound, "No project could be found with key '%s'.", c.params[0])
}

// projectGet returns one project.
func projectGet(c *call) (reply, error) {
	p, err := c.project()
	if err != nil {
		return reply{}, err
	}
	return ok(c.projectJSON(p, true))
}

// projectStatuses lists the statuses of each issue type of a project.
func projectStatuses(c *call) (reply, error) {
	if _, err := c.project(); err != nil {
		return reply{}, err
	}
	list := []any{}
	for _, t := range c.server.site.types {
		list = append(list, map[string]any{
			"self": c.api() + "/issuetype/" + t.id, "id": t.id, "name": t.name, "subtask": t.subtask, "statuses": c.statusesJSON(),
		})
	}
	return ok(list)
}

// projectNothing returns an empty list, for versions and components, which the
// sample projects lack.
func projectNothing(c *call) (reply, error) {
	if _, err := c.project(); err != nil {
		return reply{}, err
	}
	return ok([]any{})
}

// metaJSON describes the values that a field accepts when an issue is created or
// edited.
func (c *call) metaJSON(f *field, p *project) map[string]any {
	out := map[string]any{
		"required": f.required, "schema": f.schema(), "name": f.name, "key": f.id, "fieldId": f.id,
		"hasDefaultValue": false, "operations": []string{"set"},
	}
	values := []any{}
	switch f.id {
	case "priority":
		for _, n := range c.server.site.priorities {
			values = append(values, c.catalogueJSON("priority", n))
		}
	case "issuetype":
		values = c.typesJSON()
	case "project":
		if p != nil {
			values = append(values, c.projectJSON(p, false))
		}
	case "assignee", "reporter":
		out["autoCompleteUrl"] = c.api() + "/user/assignable/search?query="
		return out
	default:
		return out
	}
	out["allowedValues"] = values
	return out
}

// createMeta is the old operation, for several projects at once.
func createMeta(c *call) (reply, error) {
	query := c.r.URL.Query()
	keys, ids := listOf(query["projectKeys"]), listOf(query["projectIds"])
	typeNames, typeIDs := query["issuetypeNames"], listOf(query["issuetypeIds"])
	withFields := strings.Contains(query.Get("expand"), "projects.issuetypes.fields")
	projects := []any{}
	for _, p := range c.server.site.projects {
		if c.who == nil || len(keys)+len(ids) > 0 && !containsFold(keys, p.key) && !containsFold(ids, p.id) {
			continue
		}
		types := []any{}
		for _, t := range c.server.site.types {
			if len(typeNames)+len(typeIDs) > 0 && !containsFold(typeNames, t.name) && !containsFold(typeIDs, t.id) {
				continue
			}
			entry := c.issueTypeJSON(t).(map[string]any)
			if withFields {
				meta := map[string]any{}
				for n := range fields {
					if f := &fields[n]; f.create {
						meta[f.id] = c.metaJSON(f, p)
					}
				}
				entry["fields"] = meta
			}
			types = append(types, entry)
		}
		entry := c.projectJSON(p, false).(map[string]any)
		entry["issuetypes"] = types
		projects = append(projects, entry)
	}
	return ok(map[string]any{"expand": "projects", "projects": projects})
}

// metaPage returns a page of the new createmeta operations, whose list has
// different names on Cloud and Data Center.
func (c *call) metaPage(cloudName string, all []any) (reply, error) {
	start, end, err := c.page(len(all), 50)
	if err != nil {
		return reply{}, err
	}
	name := "values"
	if c.cloud() {
		name = cloudName
	}
	return ok(map[string]any{
		"startAt": start, "maxResults": 50, "total": len(all), "isLast": end >= len(all),
		name: append([]any{}, window(all, start, end)...),
	})
}

// createMetaTypes lists the issue types of a project.
func createMetaTypes(c *call) (reply, error) {
	if _, err := c.project(); err != nil {
		return reply{}, err
	}
	return c.metaPage("issueTypes", c.typesJSON())
}

// createMetaFields lists the fields of an issue type.
func createMetaFields(c *call) (reply, error) {
	p, err := c.project()
	if err != nil {
		return reply{}, err
	}
	if _, found := c.server.site.typeBy(c.params[1]); !found {
		return reply{}, fail(http.StatusBadRequest, "Issue type with id '%s' does not exist in the project.", c.params[1])
	}
	all := []any{}
	for n := range fields {
		if f := &fields[n]; f.create {
			all = append(all, c.metaJSON(f, p))
		}
	}
	return c.metaPage("fields", all)
}
