package fakejira

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

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
