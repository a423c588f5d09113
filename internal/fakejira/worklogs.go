package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// worklogJSON renders a worklog.
func (c *call) worklogJSON(i *issue, w *worklog) any {
	return map[string]any{
		"self": fmt.Sprintf("%s/worklog/%d", c.issueURL(i.issueRef), w.id), "id": strconv.Itoa(w.id), "issueId": strconv.Itoa(i.id()),
		"author": c.userJSON(w.author), "updateAuthor": c.userJSON(w.updater), "comment": w.comment.json(c.version),
		"started": w.started.Format(jiraTime), "created": w.created.Format(jiraTime), "updated": w.updated.Format(jiraTime),
		"timeSpent": duration(w.seconds), "timeSpentSeconds": w.seconds,
	}
}

// worklogPage renders a page of worklogs.
func (c *call) worklogPage(i *issue, start, end int) map[string]any {
	out := []any{}
	for _, w := range window(i.worklogs, start, end) {
		out = append(out, c.worklogJSON(i, w))
	}
	return map[string]any{"startAt": start, "maxResults": max(end-start, len(out)), "total": len(i.worklogs), "worklogs": out}
}

// worklogList lists the worklogs of an issue.
func worklogList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	start, end, err := c.page(len(i.worklogs), 5000)
	if err != nil {
		return reply{}, err
	}
	return ok(c.worklogPage(i, start, end))
}

// worklogPost logs work.
func worklogPost(c *call) (reply, error) {
	var in struct {
		Comment any    `json:"comment"`
		Started string `json:"started"`
		Spent   string `json:"timeSpent"`
		Seconds int    `json:"timeSpentSeconds"`
	}
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	text, valid := parseDocument(in.Comment, c.version)
	if !valid {
		return reply{}, invalid("comment", "Comment body is not valid!")
	}
	seconds, err := spent(in.Spent, in.Seconds)
	if err != nil {
		return reply{}, err
	}
	now := time.Now().UTC()
	started := now
	if in.Started != "" {
		if started, err = time.Parse(jiraTime, in.Started); err != nil {
			return reply{}, fail(http.StatusBadRequest, "The value '%s' of 'started' is not a date.", in.Started)
		}
	}
	w := &worklog{
		id: c.server.site.newID(), author: c.who.user, updater: c.who.user, comment: text,
		started: started, created: now, updated: now, seconds: seconds,
	}
	i.worklogs = append(i.worklogs, w)
	i.touch()
	return created(c.worklogJSON(i, w), fmt.Sprintf("%s/worklog/%d", c.issueURL(i.issueRef), w.id))
}

// worklogGet returns one worklog.
func worklogGet(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	for _, w := range i.worklogs {
		if strconv.Itoa(w.id) == c.params[1] {
			return ok(c.worklogJSON(i, w))
		}
	}
	return reply{}, fail(http.StatusNotFound, "Cannot find worklog with id: '%s'.", c.params[1])
}

// worklogDelete deletes a worklog.
func worklogDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	rest := slices.DeleteFunc(slices.Clone(i.worklogs), func(w *worklog) bool { return strconv.Itoa(w.id) == c.params[1] })
	if len(rest) == len(i.worklogs) {
		return reply{}, fail(http.StatusNotFound, "Cannot find worklog with id: '%s'.", c.params[1])
	}
	i.worklogs = rest
	i.touch()
	return done()
}

// spent parses a duration in Jira's notation ("1h 30m") and adds it to seconds.
func spent(text string, seconds int) (int, error) {
	for part := range strings.FieldsSeq(text) {
		unit := map[byte]int{'w': 5 * 8 * 3600, 'd': 8 * 3600, 'h': 3600, 'm': 60}[part[len(part)-1]]
		n, err := strconv.ParseFloat(part[:len(part)-1], 64)
		if unit == 0 || err != nil || n < 0 || n > 1e6 {
			return 0, invalid("timeLogged", "Invalid time duration entered.")
		}
		seconds += int(n * float64(unit))
	}
	if seconds < 60 {
		return 0, invalid("timeLogged", "You must indicate the time spent working.")
	}
	return seconds, nil
}
