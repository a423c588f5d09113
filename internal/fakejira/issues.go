package fakejira

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// errNoIssue returns Jira's error for an issue that does not exist or is hidden
// from the caller.
func errNoIssue() error {
	return fail(http.StatusNotFound, "Issue does not exist or you do not have permission to see it.")
}

// issue finds the issue named by the path's first parameter.
func (c *call) issue() (*issue, error) { return c.issueNamed(c.params[0]) }

// issueNamed finds an issue for the caller. Anonymous callers see none.
func (c *call) issueNamed(keyOrID string) (*issue, error) {
	if c.who != nil {
		if i := c.server.site.issueBy(keyOrID); i != nil {
			return i, nil
		}
	}
	return nil, errNoIssue()
}

// changed finds the issue named in the path and prepares it for a change.
func (c *call) changed() (*issue, error) {
	i, err := c.issue()
	if err != nil {
		return nil, err
	}
	c.server.site.keep(i)
	return i, nil
}

// touch sets the issue's update time to now.
func (i *issue) touch() { i.updated = time.Now().UTC() }

// issueGet returns an issue.
func issueGet(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	query := c.r.URL.Query()
	wanted := selectFields(query["fields"], selection{all: true})
	return ok(c.issueJSON(i, wanted, listOf(query["expand"])))
}

// listOf splits comma-separated values.
func listOf(values []string) []string {
	var list []string
	for _, value := range values {
		for part := range strings.SplitSeq(value, ",") {
			if part = strings.TrimSpace(part); part != "" {
				list = append(list, part)
			}
		}
	}
	return list
}

// issuePost creates an issue.
func issuePost(c *call) (reply, error) {
	var in struct {
		Fields     map[string]any `json:"fields"`
		Update     map[string]any `json:"update"`
		Transition map[string]any `json:"transition"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	i, err := c.create(in.Fields, in.Update)
	if err != nil {
		return reply{}, err
	}
	short := c.createdJSON(i)
	return created(short, c.issueURL(i.issueRef))
}

// createdJSON renders an issue in the response to its creation.
func (c *call) createdJSON(i *issue) map[string]any {
	return map[string]any{"id": strconv.Itoa(i.id()), "key": i.key(), "self": c.issueURL(i.issueRef)}
}

// issueBulkPost creates several issues, each of which may fail independently.
func issueBulkPost(c *call) (reply, error) {
	var in struct {
		IssueUpdates []struct {
			Fields map[string]any `json:"fields"`
			Update map[string]any `json:"update"`
		} `json:"issueUpdates"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	issues, problems := []any{}, []any{}
	for n, entry := range in.IssueUpdates {
		i, err := c.create(entry.Fields, entry.Update)
		if err != nil {
			problem := map[string]any{"status": http.StatusBadRequest, "failedElementNumber": n}
			if f, isFailure := err.(*failure); isFailure {
				problem["elementErrors"] = map[string]any{"errorMessages": append([]string{}, f.messages...), "errors": f.fields}
			}
			problems = append(problems, problem)
			continue
		}
		issues = append(issues, c.createdJSON(i))
	}
	status := http.StatusCreated
	if len(issues) == 0 {
		status = http.StatusBadRequest
	}
	return reply{status: status, body: map[string]any{"issues": issues, "errors": problems}}, nil
}

// create creates an issue from the fields in a request.
func (c *call) create(values, update map[string]any) (*issue, error) {
	site := c.server.site
	problems := map[string]string{}
	p := site.projectBy(referred(values["project"], "key", "id"))
	if p == nil {
		problems["project"] = "Specify a valid project ID or key"
	}
	kind, found := site.typeBy(referred(values["issuetype"], "id", "name"))
	if !found {
		problems["issuetype"] = "Specify an issue type"
	}
	if text, _ := values["summary"].(string); strings.TrimSpace(text) == "" {
		problems["summary"] = "You must specify a summary of the issue."
	}
	if len(problems) > 0 {
		return nil, &failure{status: http.StatusBadRequest, fields: problems}
	}
	now := time.Now().UTC()
	i := &issue{
		issueRef: issueRef{p, p.last + 1}, kind: kind, status: site.statuses[0], priority: site.priorities[2],
		reporter: c.who.user, created: now, updated: now, watchers: []*user{c.who.user},
	}
	rest := map[string]any{}
	for name, value := range values {
		if name != "project" && name != "issuetype" {
			rest[name] = value
		}
	}
	if err := c.apply(i, rest, update); err != nil {
		return nil, err
	}
	if kind.subtask && i.parent == nil {
		return nil, invalid("parent", "Issue type is a sub-task but parent issue key or id not specified.")
	}
	p.last++
	site.keep(i)
	return i, nil
}

// issuePut edits an issue atomically.
func issuePut(c *call) (reply, error) {
	var in struct {
		Fields map[string]any `json:"fields"`
		Update map[string]any `json:"update"`
	}
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	draft := *i
	draft.labels = slices.Clone(i.labels)
	draft.comments = slices.Clone(i.comments)
	if err := c.apply(&draft, in.Fields, in.Update); err != nil {
		return reply{}, err
	}
	draft.touch()
	c.server.site.keep(&draft)
	if c.cloud() && c.query("returnIssue") == "true" {
		return ok(c.issueJSON(&draft, selection{all: true}, nil))
	}
	return done()
}

// issueDelete deletes an issue.
func issueDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	subtasks := c.server.site.subtasks(i.issueRef)
	if len(subtasks) > 0 && c.query("deleteSubtasks") != "true" {
		return reply{}, fail(http.StatusBadRequest, "The issue '%s' has subtasks. You must specify the 'deleteSubtasks' parameter to delete this issue and all its subtasks.", i.key())
	}
	for _, sub := range subtasks {
		if err := c.server.site.remove(sub); err != nil {
			return reply{}, err
		}
	}
	if err := c.server.site.remove(i); err != nil {
		return reply{}, err
	}
	return done()
}

// issueAssign sets the assignee.
func issueAssign(c *call) (reply, error) {
	var in map[string]any
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	draft := *i
	if err := c.apply(&draft, map[string]any{"assignee": in}, nil); err != nil {
		return reply{}, err
	}
	draft.touch()
	c.server.site.keep(&draft)
	return done()
}

// bulkFetch returns several issues. It reads by POST.
func bulkFetch(c *call) (reply, error) {
	var in struct {
		IssueIDsOrKeys []string `json:"issueIdsOrKeys"`
		Fields         []string `json:"fields"`
		Expand         []string `json:"expand"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	if len(in.IssueIDsOrKeys) == 0 || len(in.IssueIDsOrKeys) > 100 {
		return reply{}, fail(http.StatusBadRequest, "issueIdsOrKeys must hold between 1 and 100 issues.")
	}
	wanted := selectFields(in.Fields, selection{navigable: true})
	issues, problems := []any{}, []any{}
	for _, name := range in.IssueIDsOrKeys {
		i, err := c.issueNamed(name)
		if err != nil {
			problems = append(problems, map[string]any{"id": name, "errorMessage": err.(*failure).messages[0]})
			continue
		}
		issues = append(issues, c.issueJSON(i, wanted, in.Expand))
	}
	return ok(map[string]any{"expand": "names,schema", "issues": issues, "issueErrors": problems})
}

// editMeta describes the editable fields of an issue.
func editMeta(c *call) (reply, error) {
	if _, err := c.issue(); err != nil {
		return reply{}, err
	}
	out := map[string]any{}
	for n := range fields {
		if f := &fields[n]; f.create && f.id != "project" {
			out[f.id] = c.metaJSON(f, nil)
		}
	}
	return ok(map[string]any{"fields": out})
}

// changelog returns an empty changelog, since no history is kept.
func changelog(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]any{
		"self": c.issueURL(i.issueRef) + "/changelog?maxResults=100&startAt=0", "maxResults": 100, "startAt": 0, "total": 0, "isLast": true, "values": []any{},
	})
}

// issuePicker suggests issues for a search text.
func issuePicker(c *call) (reply, error) {
	typed := strings.ToLower(c.query("query"))
	list := []any{}
	if c.who != nil {
		c.server.site.each(func(i *issue) bool {
			if typed != "" && (strings.Contains(strings.ToLower(i.key()), typed) || strings.Contains(strings.ToLower(i.summary), typed)) {
				list = append(list, map[string]any{"id": i.id(), "key": i.key(), "keyHtml": i.key(), "summary": i.summary, "summaryText": i.summary, "img": "/secure/viewavatar?size=xsmall&avatarId=10300&avatarType=issuetype"})
			}
			return len(list) < 20
		})
	}
	return ok(map[string]any{"sections": []any{map[string]any{"id": "cs", "label": "Current Search", "sub": "Showing matching issues", "issues": list}}})
}
