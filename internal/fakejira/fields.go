package fakejira

import (
	"fmt"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// field is a field of an issue: its description in GET field and its rendering.
type field struct {
	id, name string
	// kind and items are the schema's type and its items' type.
	kind, items string
	custom      bool
	// detail fields are included for one issue but, by default, not in a search.
	detail bool
	// create is set if createmeta lists the field.
	create, required bool
	show             func(*call, *issue) any
}

// fields are all fields of an issue, in the order of GET field.
var fields []field

func init() {
	// Assigned here to avoid an initialization cycle: the functions below use the
	// table to render linked issues.
	fields = []field{
		{id: "summary", name: "Summary", kind: "string", create: true, required: true, show: func(_ *call, i *issue) any { return i.summary }},
		{id: "issuetype", name: "Issue Type", kind: "issuetype", create: true, required: true, show: func(c *call, i *issue) any { return c.issueTypeJSON(i.kind) }},
		{id: "project", name: "Project", kind: "project", create: true, required: true, show: func(c *call, i *issue) any { return c.projectJSON(i.project, false) }},
		{id: "status", name: "Status", kind: "status", show: func(c *call, i *issue) any { return c.statusJSON(i.status) }},
		{id: "priority", name: "Priority", kind: "priority", create: true, show: func(c *call, i *issue) any { return c.catalogueJSON("priority", i.priority) }},
		{id: "resolution", name: "Resolution", kind: "resolution", show: func(c *call, i *issue) any { return c.catalogueJSON("resolution", i.resolution) }},
		{id: "resolutiondate", name: "Resolved", kind: "datetime", show: func(_ *call, i *issue) any {
			if i.resolved.IsZero() {
				return nil
			}
			return i.resolved.Format(jiraTime)
		}},
		{id: "assignee", name: "Assignee", kind: "user", create: true, show: func(c *call, i *issue) any { return c.userJSON(i.assignee) }},
		{id: "reporter", name: "Reporter", kind: "user", create: true, show: func(c *call, i *issue) any { return c.userJSON(i.reporter) }},
		{id: "creator", name: "Creator", kind: "user", show: func(c *call, i *issue) any { return c.userJSON(i.reporter) }},
		{id: "created", name: "Created", kind: "datetime", show: func(_ *call, i *issue) any { return i.created.Format(jiraTime) }},
		{id: "updated", name: "Updated", kind: "datetime", show: func(_ *call, i *issue) any { return i.updated.Format(jiraTime) }},
		{id: "duedate", name: "Due date", kind: "date", create: true, show: func(_ *call, i *issue) any {
			if i.due == "" {
				return nil
			}
			return i.due
		}},
		{id: "labels", name: "Labels", kind: "array", items: "string", create: true, show: func(_ *call, i *issue) any { return append([]string{}, i.labels...) }},
		{id: "description", name: "Description", kind: "string", create: true, show: func(c *call, i *issue) any { return i.description.json(c.version) }},
		{id: "components", name: "Components", kind: "array", items: "component", show: func(*call, *issue) any { return []any{} }},
		{id: "fixVersions", name: "Fix versions", kind: "array", items: "version", show: func(*call, *issue) any { return []any{} }},
		{id: "versions", name: "Affects versions", kind: "array", items: "version", show: func(*call, *issue) any { return []any{} }},
		{id: "parent", name: "Parent", kind: "issuelink", create: true, show: func(c *call, i *issue) any {
			if i.parent == nil {
				return nil
			}
			return c.linkedJSON(*i.parent)
		}},
		{id: "subtasks", name: "Sub-tasks", kind: "array", items: "issuelinks", show: func(c *call, i *issue) any {
			list := []any{}
			for _, sub := range c.server.site.subtasks(i.issueRef) {
				list = append(list, c.linkedJSON(sub.issueRef))
			}
			return list
		}},
		{id: "issuelinks", name: "Linked Issues", kind: "array", items: "issuelinks", show: func(c *call, i *issue) any {
			list := []any{}
			for _, l := range i.links {
				list = append(list, c.linkJSON(l, i.issueRef))
			}
			return list
		}},
		{id: "watches", name: "Watchers", kind: "watches", show: func(c *call, i *issue) any {
			return map[string]any{"self": c.issueURL(i.issueRef) + "/watchers", "watchCount": len(i.watchers), "isWatching": c.among(i.watchers)}
		}},
		{id: "votes", name: "Votes", kind: "votes", show: func(c *call, i *issue) any {
			return map[string]any{"self": c.issueURL(i.issueRef) + "/votes", "votes": len(i.voters), "hasVoted": c.among(i.voters)}
		}},
		{id: "customfield_10016", name: "Story Points", kind: "number", custom: true, create: true, show: func(_ *call, i *issue) any {
			if i.points == 0 {
				return nil
			}
			return i.points
		}},
		{id: "customfield_10020", name: "Sprint", kind: "array", items: "json", custom: true, show: func(c *call, i *issue) any {
			if s := c.sprintBy(i.sprint); s != nil {
				return []any{map[string]any{"id": s.id, "name": s.name, "state": s.state, "boardId": 1}}
			}
			return nil
		}},
		{id: "timetracking", name: "Time tracking", kind: "timetracking", detail: true, show: func(_ *call, i *issue) any {
			spent := 0
			for _, w := range i.worklogs {
				spent += w.seconds
			}
			if spent == 0 {
				return map[string]any{}
			}
			return map[string]any{"timeSpent": duration(spent), "timeSpentSeconds": spent}
		}},
		{id: "attachment", name: "Attachment", kind: "array", items: "attachment", detail: true, show: func(c *call, i *issue) any {
			list := []any{}
			for _, id := range i.attachments {
				if file := c.server.site.attachments[id]; file != nil {
					list = append(list, c.attachmentJSON(file))
				}
			}
			return list
		}},
		{id: "comment", name: "Comment", kind: "comments-page", detail: true, show: func(c *call, i *issue) any {
			page := c.commentPage(i, i.comments, 0, len(i.comments))
			page["self"] = c.issueURL(i.issueRef) + "/comment"
			return page
		}},
		{id: "worklog", name: "Log Work", kind: "array", items: "worklog", detail: true, show: func(c *call, i *issue) any {
			return c.worklogPage(i, 0, 20)
		}},
	}
}

// schema returns Jira's description of the field's type.
func (f *field) schema() map[string]any {
	schema := map[string]any{"type": f.kind}
	if f.items != "" {
		schema["items"] = f.items
	}
	if f.custom {
		id, _ := strconv.Atoi(strings.TrimPrefix(f.id, "customfield_"))
		schema["customId"] = id
		kind := "com.atlassian.jira.plugin.system.customfieldtypes:float"
		if f.items != "" {
			kind = "com.pyxis.greenhopper.jira:gh-sprint"
		}
		schema["custom"] = kind
	} else {
		schema["system"] = f.id
	}
	return schema
}

// selection is a selection of an issue's fields.
type selection struct {
	all, navigable bool
	only, without  []string
	// bare selects only the ID, which is search/jql's default.
	bare bool
}

// selectFields parses a list of fields from a request. An empty list selects the
// default.
func selectFields(list []string, otherwise selection) selection {
	var s selection
	for _, entry := range list {
		for name := range strings.SplitSeq(entry, ",") {
			name = strings.TrimSpace(name)
			switch {
			case name == "":
			case name == "*all":
				s.all = true
			case name == "*navigable":
				s.navigable = true
			case strings.HasPrefix(name, "-"):
				s.without = append(s.without, name[1:])
			default:
				s.only = append(s.only, name)
			}
		}
	}
	if !s.all && !s.navigable && len(s.only) == 0 {
		s.all, s.navigable, s.bare = otherwise.all, otherwise.navigable, otherwise.bare && len(s.without) == 0
	}
	return s
}

// wants reports whether a field is selected.
func (s selection) wants(f *field) bool {
	if slices.Contains(s.without, f.id) {
		return false
	}
	return s.all || s.navigable && !f.detail || slices.Contains(s.only, f.id)
}

// describe returns the names or schemas of the selected fields.
func (s selection) describe(what string) map[string]any {
	out := map[string]any{}
	for n := range fields {
		f := &fields[n]
		switch {
		case !s.wants(f):
		case what == "names":
			out[f.id] = f.name
		default:
			out[f.id] = f.schema()
		}
	}
	return out
}

// issueJSON renders an issue.
func (c *call) issueJSON(i *issue, s selection, expand []string) map[string]any {
	if s.bare {
		return map[string]any{"id": strconv.Itoa(i.id())}
	}
	shown := map[string]any{}
	for n := range fields {
		if f := &fields[n]; s.wants(f) {
			shown[f.id] = f.show(c, i)
		}
	}
	out := map[string]any{
		"expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
		"id":     strconv.Itoa(i.id()), "key": i.key(), "self": c.issueURL(i.issueRef), "fields": shown,
	}
	for _, what := range expand {
		switch what {
		case "names", "schema":
			out[what] = s.describe(what)
		case "renderedFields":
			rendered := map[string]any{}
			for id := range shown {
				rendered[id] = nil
			}
			if _, wanted := shown["description"]; wanted && !i.description.empty() {
				rendered["description"] = "<p>" + strings.ReplaceAll(html.EscapeString(i.description.text), "\n", "<br/>\n") + "</p>"
			}
			out["renderedFields"] = rendered
		case "changelog":
			out["changelog"] = map[string]any{"startAt": 0, "maxResults": 0, "total": 0, "histories": []any{}}
		case "transitions":
			out["transitions"] = c.transitionsJSON(false)
		}
	}
	return out
}

// issueURL returns an issue's self link.
func (c *call) issueURL(ref issueRef) string { return c.api() + "/issue/" + strconv.Itoa(ref.id()) }

// linkedJSON renders the short form of an issue, as in links and parents.
func (c *call) linkedJSON(ref issueRef) any {
	i := c.server.site.issueAt(ref)
	if i == nil {
		return nil
	}
	return map[string]any{
		"id": strconv.Itoa(i.id()), "key": i.key(), "self": c.issueURL(ref),
		"fields": map[string]any{
			"summary": i.summary, "status": c.statusJSON(i.status),
			"priority": c.catalogueJSON("priority", i.priority), "issuetype": c.issueTypeJSON(i.kind),
		},
	}
}

// linkJSON renders a link as seen from one of its issues.
func (c *call) linkJSON(l *link, seenFrom issueRef) any {
	out := map[string]any{
		"id": strconv.Itoa(l.id), "self": c.api() + "/issueLink/" + strconv.Itoa(l.id), "type": c.linkTypeJSON(l.kind),
	}
	if seenFrom == l.from {
		out["outwardIssue"] = c.linkedJSON(l.to)
	} else {
		out["inwardIssue"] = c.linkedJSON(l.from)
	}
	return out
}

// linkTypeJSON renders a link type.
func (c *call) linkTypeJSON(t *linkType) any {
	return map[string]any{"id": t.id, "name": t.name, "inward": t.inward, "outward": t.outward, "self": c.api() + "/issueLinkType/" + t.id}
}

// usersJSON renders a list of users.
func (c *call) usersJSON(users []*user) []any {
	list := []any{}
	for _, u := range users {
		list = append(list, c.userJSON(u))
	}
	return list
}

// userJSON renders a user as the product does. It returns nil for a nil user.
func (c *call) userJSON(u *user) any {
	if u == nil {
		return nil
	}
	out := map[string]any{
		"emailAddress": u.email, "displayName": u.display, "active": !u.inactive, "timeZone": "Etc/UTC",
	}
	if c.cloud() {
		out["accountId"], out["accountType"] = u.accountID, "atlassian"
		out["self"] = c.api() + "/user?accountId=" + url.QueryEscape(u.accountID)
		// Cloud's avatars are on a separate host, and the gateway must not rewrite
		// their URLs.
		const avatars = "https://avatar-management--avatars.us-west-2.prod.public.atl-paas.net/initials/X-0.png"
		out["avatarUrls"] = map[string]any{"48x48": avatars + "?size=48", "24x24": avatars + "?size=24", "16x16": avatars + "?size=16", "32x32": avatars + "?size=32"}
		return out
	}
	out["name"], out["key"] = u.name, u.key
	out["self"] = c.api() + "/user?username=" + url.QueryEscape(u.name)
	out["avatarUrls"] = c.avatars("/secure/useravatar?")
	return out
}

// avatars returns the URLs of an avatar in four sizes.
func (c *call) avatars(path string) any {
	at := func(size string) string { return c.base() + path + size + "avatarId=10122" }
	return map[string]any{"48x48": at(""), "24x24": at("size=small&"), "16x16": at("size=xsmall&"), "32x32": at("size=medium&")}
}

// statusJSON renders a status.
func (c *call) statusJSON(s *status) any {
	return map[string]any{
		"self": c.api() + "/status/" + s.id, "id": s.id, "name": s.name, "description": s.description,
		"iconUrl": c.base() + "/images/icons/statuses/generic.png", "statusCategory": c.categoryJSON(s.category),
	}
}

// categoryJSON renders a status category.
func (c *call) categoryJSON(s *statusCategory) any {
	return map[string]any{
		"self": fmt.Sprintf("%s/statuscategory/%d", c.api(), s.id), "id": s.id, "key": s.key, "colorName": s.color, "name": s.name,
	}
}

// issueTypeJSON renders an issue type.
func (c *call) issueTypeJSON(t *issueType) any {
	out := map[string]any{
		"self": c.api() + "/issuetype/" + t.id, "id": t.id, "name": t.name, "description": t.description, "subtask": t.subtask,
		"avatarId": 10300, "iconUrl": c.base() + "/secure/viewavatar?size=xsmall&avatarId=10300&avatarType=issuetype",
	}
	if c.cloud() {
		out["hierarchyLevel"] = t.level
		// go-jira and jira-cli display this name.
		out["untranslatedName"] = t.name
	}
	return out
}

// catalogueJSON renders a priority or resolution. It returns nil for nil.
func (c *call) catalogueJSON(kind string, n *named) any {
	if n == nil {
		return nil
	}
	out := map[string]any{"self": c.api() + "/" + kind + "/" + n.id, "id": n.id, "name": n.name, "description": n.description}
	if kind == "priority" {
		out["iconUrl"] = c.base() + "/images/icons/priorities/" + strings.ToLower(n.name) + ".svg"
		out["statusColor"] = "#ea4444"
	}
	return out
}

// among reports whether the caller is one of the users.
func (c *call) among(users []*user) bool { return c.who != nil && slices.Contains(users, c.who.user) }

// duration formats seconds in Jira's notation.
func duration(seconds int) string {
	var parts []string
	for _, unit := range []struct {
		seconds int
		letter  string
	}{{8 * 3600, "d"}, {3600, "h"}, {60, "m"}} {
		if n := seconds / unit.seconds; n > 0 {
			parts = append(parts, strconv.Itoa(n)+unit.letter)
			seconds %= unit.seconds
		}
	}
	if len(parts) == 0 {
		return "0m"
	}
	return strings.Join(parts, " ")
}
