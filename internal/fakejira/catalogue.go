package fakejira

import (
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
func priorities(s *site) []*named { return s.priorities }

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

// browse serves an issue's page in the web interface.
func browse(c *call) error {
	writePage(c.w, http.StatusOK, c.params[0])
	return nil
}
