package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// serverInfo describes the site, even to anonymous callers.
func serverInfo(c *call) (reply, error) {
	version, kind := "10.3.0", "Server"
	if c.cloud() {
		version, kind = "1001.0.0-SNAPSHOT", "Cloud"
	}
	var numbers []int
	for _, part := range strings.SplitN(version, ".", 3) {
		n, _ := strconv.Atoi(strings.TrimSuffix(part, "-SNAPSHOT"))
		numbers = append(numbers, n)
	}
	return ok(map[string]any{
		"baseUrl": c.base(), "version": version, "versionNumbers": numbers, "deploymentType": kind, "buildNumber": 100300,
		"buildDate": "2025-01-01T00:00:00.000+0000", "serverTime": c.server.site.started.Format(jiraTime),
		"scmInfo": "fakejira", "serverTitle": "Stand-in Jira",
	})
}

// myself describes the caller.
func myself(c *call) (reply, error) {
	if c.who == nil {
		return reply{}, fail(http.StatusUnauthorized, "You are not authenticated. Authentication required to perform this operation.")
	}
	out := c.userJSON(c.who.user).(map[string]any)
	out["locale"] = "en_US"
	out["groups"] = map[string]any{"size": 1, "items": []any{}}
	out["applicationRoles"] = map[string]any{"size": 1, "items": []any{}}
	out["expand"] = "groups,applicationRoles"
	return ok(out)
}

// fieldList lists all fields.
func fieldList(*call) (reply, error) {
	list := []any{}
	for n := range fields {
		f := &fields[n]
		clauses := []string{f.id}
		if f.custom {
			clauses = []string{"cf[" + strings.TrimPrefix(f.id, "customfield_") + "]", f.name}
		}
		list = append(list, map[string]any{
			"id": f.id, "key": f.id, "name": f.name, "custom": f.custom, "orderable": true, "navigable": !f.detail,
			"searchable": true, "clauseNames": clauses, "schema": f.schema(),
		})
	}
	return ok(list)
}

// typeList lists the issue types.
func typeList(c *call) (reply, error) { return ok(c.typesJSON()) }

// typesJSON renders the issue types.
func (c *call) typesJSON() []any {
	list := []any{}
	for _, t := range c.server.site.types {
		list = append(list, c.issueTypeJSON(t))
	}
	return list
}

// typeGet returns one issue type.
func typeGet(c *call) (reply, error) {
	t, found := c.server.site.typeBy(c.params[0])
	if !found || t.id != c.params[0] {
		return reply{}, fail(http.StatusNotFound, "The issue type with id '%s' does not exist", c.params[0])
	}
	return ok(c.issueTypeJSON(t))
}

// catalogueList lists priorities or resolutions.
func catalogueList(kind string, of func(*site) []*named) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		list := []any{}
		for _, n := range of(c.server.site) {
			list = append(list, c.catalogueJSON(kind, n))
		}
		return ok(list)
	}
}

// catalogueGet returns one priority or resolution.
func catalogueGet(kind string, of func(*site) []*named) func(*call) (reply, error) {
	return func(c *call) (reply, error) {
		for _, n := range of(c.server.site) {
			if n.id == c.params[0] {
				return ok(c.catalogueJSON(kind, n))
			}
		}
		return reply{}, fail(http.StatusNotFound, "The %s with id '%s' does not exist", kind, c.params[0])
	}
}

// priorities and resolutions are the catalogues of the two functions above.
func priorities(s *site) []*named  { return s.priorities }
func resolutions(s *site) []*named { return s.resolutions }

// statusList lists the statuses.
func statusList(c *call) (reply, error) { return ok(c.statusesJSON()) }

// statusesJSON renders the statuses.
func (c *call) statusesJSON() []any {
	list := []any{}
	for _, s := range c.server.site.statuses {
		list = append(list, c.statusJSON(s))
	}
	return list
}

// statusGet returns one status, by ID or name.
func statusGet(c *call) (reply, error) {
	s, found := c.server.site.statusBy(c.params[0])
	if !found {
		return reply{}, fail(http.StatusNotFound, "The status with name or id '%s' does not exist", c.params[0])
	}
	return ok(c.statusJSON(s))
}

// paged returns a page of values.
func (c *call) paged(start, end, total int, values any) map[string]any {
	return map[string]any{
		"self": c.base() + c.r.URL.EscapedPath(), "startAt": start, "maxResults": max(0, end-start), "total": total,
		"isLast": end >= total, "values": values,
	}
}

// linkTypeList lists the issue link types.
func linkTypeList(c *call) (reply, error) {
	list := []any{}
	for _, t := range c.server.site.linkTypes {
		list = append(list, c.linkTypeJSON(t))
	}
	return ok(map[string]any{"issueLinkTypes": list})
}

// permissions are the permissions that the stand-in knows.
var permissions = []struct{ key, name, kind string }{
	{"BROWSE_PROJECTS", "Browse Projects", "PROJECT"},
	{"CREATE_ISSUES", "Create Issues", "PROJECT"},
	{"EDIT_ISSUES", "Edit Issues", "PROJECT"},
	{"DELETE_ISSUES", "Delete Issues", "PROJECT"},
	{"ADD_COMMENTS", "Add Comments", "PROJECT"},
	{"CREATE_ATTACHMENTS", "Create Attachments", "PROJECT"},
	{"WORK_ON_ISSUES", "Work On Issues", "PROJECT"},
	{"TRANSITION_ISSUES", "Transition Issues", "PROJECT"},
	{"ADMINISTER", "Administer Jira", "GLOBAL"},
	{"USER_PICKER", "Browse users and groups", "GLOBAL"},
}

// permissionList reports which permissions the caller has.
func permissionList(c *call) (reply, error) {
	wanted := listOf(c.r.URL.Query()["permissions"])
	if c.cloud() && len(wanted) == 0 {
		return reply{}, fail(http.StatusBadRequest, "The 'permissions' query parameter is required.")
	}
	out := map[string]any{}
	for n, p := range permissions {
		if len(wanted) > 0 && !containsFold(wanted, p.key) {
			continue
		}
		have := c.who != nil && (p.key == "BROWSE_PROJECTS" || p.key == "USER_PICKER" || !c.who.account.ReadOnly && p.key != "ADMINISTER")
		out[p.key] = map[string]any{
			"id": strconv.Itoa(10 + n), "key": p.key, "name": p.name, "type": p.kind, "description": p.name, "havePermission": have,
		}
	}
	return ok(map[string]any{"permissions": out})
}

// containsFold reports whether list contains text, ignoring case.
func containsFold(list []string, text string) bool {
	return slices.ContainsFunc(list, func(entry string) bool { return strings.EqualFold(entry, text) })
}

// filterJSON renders a filter.
func (c *call) filterJSON(f *filter) map[string]any {
	return map[string]any{
		"self": c.api() + "/filter/" + f.id, "id": f.id, "name": f.name, "jql": f.jql, "owner": c.userJSON(f.owner), "favourite": true,
		"viewUrl":   c.base() + "/issues/?filter=" + f.id,
		"searchUrl": c.api() + "/search?jql=" + strings.ReplaceAll(f.jql, " ", "+"), "sharePermissions": []any{},
	}
}

// filterList lists the filters. They are everyone's favorites.
func filterList(c *call) (reply, error) {
	list := []any{}
	for _, f := range c.server.site.filters {
		list = append(list, c.filterJSON(f))
	}
	return ok(list)
}

// filterSearch lists the filters as a page.
func filterSearch(c *call) (reply, error) {
	list := []any{}
	for _, f := range c.server.site.filters {
		list = append(list, c.filterJSON(f))
	}
	return ok(c.paged(0, len(list), len(list), list))
}

// filterGet returns one filter.
func filterGet(c *call) (reply, error) {
	for _, f := range c.server.site.filters {
		if f.id == c.params[0] && c.who != nil {
			return ok(c.filterJSON(f))
		}
	}
	return reply{}, fail(http.StatusBadRequest, "The selected filter is not available to you, perhaps it has been deleted or had its permissions changed.")
}

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

// sprintBy finds a sprint by ID, or returns nil.
func (c *call) sprintBy(id int) *sprint {
	for _, s := range c.server.site.sprints {
		if s.id == id {
			return s
		}
	}
	return nil
}

// agile returns the base URL of Jira Software's resources.
func (c *call) agile() string { return c.base() + "/rest/agile/1.0" }

// boardJSON renders the only board.
func (c *call) boardJSON() any {
	p := c.server.site.projects[0]
	return map[string]any{
		"id": 1, "self": c.agile() + "/board/1", "name": "DEMO board", "type": "scrum",
		"location": map[string]any{"projectId": 10000, "projectKey": p.key, "projectName": p.name, "displayName": p.name + " (" + p.key + ")", "projectTypeKey": "software"},
	}
}

// sprintJSON renders a sprint.
func (c *call) sprintJSON(s *sprint) any {
	out := map[string]any{"id": s.id, "self": fmt.Sprintf("%s/sprint/%d", c.agile(), s.id), "state": s.state, "name": s.name, "originBoardId": 1}
	if !s.start.IsZero() {
		out["startDate"], out["endDate"] = s.start.Format(jiraTime), s.end.Format(jiraTime)
	}
	return out
}

// boardList lists the boards, of which there is one.
func boardList(c *call) (reply, error) {
	list := []any{}
	wanted := c.query("projectKeyOrId")
	if p := c.server.site.projects[0]; c.who != nil && (wanted == "" || strings.EqualFold(wanted, p.key) || wanted == p.id) {
		list = append(list, c.boardJSON())
	}
	start, end, err := c.page(len(list), 50)
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"startAt": start, "maxResults": 50, "total": len(list), "isLast": end >= len(list), "values": append([]any{}, window(list, start, end)...)})
}

// board returns an error unless the path names the only board.
func (c *call) board() error {
	if c.params[0] != "1" || c.who == nil {
		return fail(http.StatusNotFound, "The requested board cannot be viewed because it either does not exist or you do not have permission to view it.")
	}
	return nil
}

// boardGet returns the board.
func boardGet(c *call) (reply, error) {
	if err := c.board(); err != nil {
		return reply{}, err
	}
	return ok(c.boardJSON())
}

// boardSprints lists the board's sprints.
func boardSprints(c *call) (reply, error) {
	if err := c.board(); err != nil {
		return reply{}, err
	}
	all := []any{}
	states := listOf(c.r.URL.Query()["state"])
	for _, s := range c.server.site.sprints {
		if len(states) == 0 || containsFold(states, s.state) {
			all = append(all, c.sprintJSON(s))
		}
	}
	start, end, err := c.page(len(all), 50)
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]any{"startAt": start, "maxResults": 50, "total": len(all), "isLast": end >= len(all), "values": append([]any{}, window(all, start, end)...)})
}

// boardIssues searches the issues on the board.
func boardIssues(c *call) (reply, error) {
	if err := c.board(); err != nil {
		return reply{}, err
	}
	board := c.server.site.projects[0]
	return c.agileIssues(func(i *issue) bool { return i.project == board })
}

// sprintGet returns a sprint.
func sprintGet(c *call) (reply, error) {
	s, err := c.sprint()
	if err != nil {
		return reply{}, err
	}
	return ok(c.sprintJSON(s))
}

// sprint finds the sprint named in the path.
func (c *call) sprint() (*sprint, error) {
	id, err := strconv.Atoi(c.params[0])
	if s := c.sprintBy(id); err == nil && s != nil && c.who != nil {
		return s, nil
	}
	return nil, fail(http.StatusNotFound, "Sprint does not exist.")
}

// sprintIssues searches the issues in a sprint.
func sprintIssues(c *call) (reply, error) {
	s, err := c.sprint()
	if err != nil {
		return reply{}, err
	}
	board := c.server.site.projects[0]
	return c.agileIssues(func(i *issue) bool { return i.project == board && i.sprint == s.id })
}

// agileIssues searches the issues that meet a condition.
func (c *call) agileIssues(among condition) (reply, error) {
	in, q, err := c.searchQuery()
	if err != nil {
		return reply{}, err
	}
	inner := q.where
	q.where = func(i *issue) bool { return among(i) && (inner == nil || inner(i)) }
	page, total := c.find(q, in.StartAt, in.MaxResults)
	return ok(map[string]any{
		"expand": "schema,names", "startAt": in.StartAt, "maxResults": in.MaxResults, "total": total,
		"issues": c.issueList(page, selectFields(in.Fields, selection{all: true}), in.Expand),
	})
}

// browse serves an issue's page in the web interface.
func browse(c *call) error {
	writePage(c.w, http.StatusOK, c.params[0])
	return nil
}
