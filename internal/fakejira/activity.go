package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// page parses startAt and maxResults. Out-of-range values are clamped, and a
// page beyond the end is empty.
func (c *call) page(size, otherwise int) (start, end int, err error) {
	start, limit := 0, otherwise
	for name, into := range map[string]*int{"startAt": &start, "maxResults": &limit} {
		text := c.query(name)
		if text == "" {
			continue
		}
		n, parseErr := strconv.Atoi(text)
		if parseErr != nil {
			return 0, 0, fail(http.StatusBadRequest, "The value '%s' of '%s' is not a number.", text, name)
		}
		*into = n
	}
	if limit < 0 {
		limit = otherwise
	}
	limit = min(limit, c.server.maxResults())
	start = min(max(0, start), 1<<31)
	return start, min(size, start+limit), nil
}

// window returns one page of a list.
func window[T any](list []T, start, end int) []T {
	if start >= len(list) || start >= end {
		return nil
	}
	return list[start:min(end, len(list))]
}

// commentJSON renders a comment.
func (c *call) commentJSON(i *issue, m *comment) any {
	return map[string]any{
		"self": fmt.Sprintf("%s/comment/%d", c.issueURL(i.issueRef), m.id), "id": strconv.Itoa(m.id),
		"author": c.userJSON(m.author), "updateAuthor": c.userJSON(m.updater), "body": m.body.json(c.version),
		"created": m.created.Format(jiraTime), "updated": m.updated.Format(jiraTime),
	}
}

// commentPage renders a page of comments.
func (c *call) commentPage(i *issue, list []*comment, start, end int) map[string]any {
	out := []any{}
	for _, m := range window(list, start, end) {
		out = append(out, c.commentJSON(i, m))
	}
	return map[string]any{"startAt": start, "maxResults": max(end-start, len(out)), "total": len(list), "comments": out}
}

// addComment adds a comment to an issue that the caller has passed to keep.
func (c *call) addComment(i *issue, body document) *comment {
	now := time.Now().UTC()
	m := &comment{c.server.site.newID(), c.who.user, c.who.user, body, now, now}
	i.comments = append(i.comments, m)
	i.updated = now
	return m
}

// comment finds the comment named by the path's second parameter.
func (c *call) comment(i *issue) (*comment, error) {
	for _, m := range i.comments {
		if strconv.Itoa(m.id) == c.params[1] {
			return m, nil
		}
	}
	return nil, fail(http.StatusNotFound, "Can not find a comment for the id: %s.", c.params[1])
}

// commentBody parses the comment in a request.
func (c *call) commentBody() (document, error) {
	var in struct {
		Body any `json:"body"`
	}
	if err := c.decode(&in); err != nil {
		return document{}, err
	}
	body, valid := parseDocument(in.Body, c.version)
	if !valid || body.empty() {
		return document{}, invalid("comment", "Comment body is not valid!")
	}
	return body, nil
}

// commentList lists the comments of an issue.
func commentList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	list := i.comments
	if order := c.query("orderBy"); order == "-created" {
		list = slices.Clone(list)
		slices.Reverse(list)
	}
	start, end, err := c.page(len(list), 100)
	if err != nil {
		return reply{}, err
	}
	return ok(c.commentPage(i, list, start, end))
}

// commentGet returns one comment.
func commentGet(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	m, err := c.comment(i)
	if err != nil {
		return reply{}, err
	}
	return ok(c.commentJSON(i, m))
}

// commentPost adds a comment.
func commentPost(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	body, err := c.commentBody()
	if err != nil {
		return reply{}, err
	}
	m := c.addComment(i, body)
	return created(c.commentJSON(i, m), fmt.Sprintf("%s/comment/%d", c.issueURL(i.issueRef), m.id))
}

// commentPut edits a comment.
func commentPut(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	m, err := c.comment(i)
	if err != nil {
		return reply{}, err
	}
	body, err := c.commentBody()
	if err != nil {
		return reply{}, err
	}
	m.body, m.updater, m.updated = body, c.who.user, time.Now().UTC()
	i.touch()
	return ok(c.commentJSON(i, m))
}

// commentDelete deletes a comment.
func commentDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	m, err := c.comment(i)
	if err != nil {
		return reply{}, err
	}
	i.comments = slices.DeleteFunc(slices.Clone(i.comments), func(other *comment) bool { return other == m })
	i.touch()
	return done()
}

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

// transitionsJSON renders the transitions, all of which are always available.
func (c *call) transitionsJSON(withFields bool) []any {
	list := []any{}
	for _, t := range c.server.site.transitions {
		entry := map[string]any{"id": t.id, "name": t.name, "to": c.statusJSON(t.to)}
		if c.cloud() {
			entry["hasScreen"], entry["isGlobal"], entry["isInitial"], entry["isAvailable"], entry["isConditional"] = false, true, false, true, false
		}
		if withFields {
			entry["fields"] = map[string]any{}
		}
		list = append(list, entry)
	}
	return list
}

// transitionList lists an issue's transitions.
func transitionList(c *call) (reply, error) {
	if _, err := c.issue(); err != nil {
		return reply{}, err
	}
	withFields := strings.Contains(c.query("expand"), "transitions.fields")
	return ok(map[string]any{"expand": "transitions", "transitions": c.transitionsJSON(withFields)})
}

// transitionPost moves an issue to another status.
func transitionPost(c *call) (reply, error) {
	var in struct {
		Transition any            `json:"transition"`
		Fields     map[string]any `json:"fields"`
		Update     map[string]any `json:"update"`
	}
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	id := referred(in.Transition, "id", "name")
	site := c.server.site
	at := slices.IndexFunc(site.transitions, func(t transition) bool { return t.id == id || t.name == id })
	if at < 0 {
		return reply{}, fail(http.StatusBadRequest, "It seems that you have tried to perform a workflow operation (%s) that is not valid for the current state of this issue.", id)
	}
	draft := *i
	draft.comments = slices.Clone(i.comments)
	// The resolution can be set only together with a transition.
	resolution, resolves := in.Fields["resolution"]
	delete(in.Fields, "resolution")
	if err := c.apply(&draft, in.Fields, in.Update); err != nil {
		return reply{}, err
	}
	draft.status = site.transitions[at].to
	draft.touch()
	if draft.status.category.key == "done" {
		draft.resolution, draft.resolved = site.resolutions[0], draft.updated
		if resolves {
			chosen, found := site.resolutionBy(referred(resolution, "id", "name"))
			if !found {
				return reply{}, invalid("resolution", "Specify a valid resolution.")
			}
			draft.resolution = chosen
		}
	} else {
		draft.resolution, draft.resolved = nil, time.Time{}
	}
	site.keep(&draft)
	return done()
}

// watcherList lists the watchers of an issue.
func watcherList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	list := c.usersJSON(i.watchers)
	return ok(map[string]any{"self": c.issueURL(i.issueRef) + "/watchers", "isWatching": c.among(i.watchers), "watchCount": len(list), "watchers": list})
}

// watcherPost adds a watcher: the user named in the body, a JSON string, or else
// the caller.
func watcherPost(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	watcher := c.who.user
	if len(c.body) > 0 {
		var name string
		if err := c.decode(&name); err != nil {
			return reply{}, err
		}
		if watcher, err = c.userNamed(name); err != nil {
			return reply{}, err
		}
	}
	if !slices.Contains(i.watchers, watcher) {
		i.watchers = append(slices.Clone(i.watchers), watcher)
	}
	return done()
}

// userNamed finds a user by name or account ID.
func (c *call) userNamed(name string) (*user, error) {
	u := c.server.site.userBy(name)
	if u == nil {
		return nil, fail(http.StatusNotFound, "The user \"%s\" does not exist.", name)
	}
	return u, nil
}

// watcherDelete removes a watcher.
func watcherDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	name := c.query("username")
	if c.cloud() {
		name = c.query("accountId")
	}
	u, err := c.userNamed(name)
	if err != nil {
		return reply{}, err
	}
	i.watchers = slices.DeleteFunc(slices.Clone(i.watchers), func(other *user) bool { return other == u })
	return done()
}

// voteList lists the voters of an issue.
func voteList(c *call) (reply, error) {
	i, err := c.issue()
	if err != nil {
		return reply{}, err
	}
	list := c.usersJSON(i.voters)
	return ok(map[string]any{"self": c.issueURL(i.issueRef) + "/votes", "votes": len(list), "hasVoted": c.among(i.voters), "voters": list})
}

// votePost adds the caller's vote.
func votePost(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	if !c.among(i.voters) {
		i.voters = append(slices.Clone(i.voters), c.who.user)
	}
	return done()
}

// voteDelete withdraws the caller's vote.
func voteDelete(c *call) (reply, error) {
	i, err := c.changed()
	if err != nil {
		return reply{}, err
	}
	i.voters = slices.DeleteFunc(slices.Clone(i.voters), func(u *user) bool { return u == c.who.user })
	return done()
}

// linkPost links two issues.
func linkPost(c *call) (reply, error) {
	var in struct {
		Type    any            `json:"type"`
		Inward  any            `json:"inwardIssue"`
		Outward any            `json:"outwardIssue"`
		Comment map[string]any `json:"comment"`
	}
	if err := c.decode(&in); err != nil {
		return reply{}, err
	}
	site := c.server.site
	kind, found := byName(site.linkTypes, func(t *linkType) named { return t.named }, referred(in.Type, "id", "name"))
	if !found {
		return reply{}, fail(http.StatusNotFound, "No issue link type with name '%s' found.", referred(in.Type, "name", "id"))
	}
	// Jira calls the source of a link its inward issue.
	from, err := c.issueNamed(referred(in.Inward, "key", "id"))
	if err != nil {
		return reply{}, err
	}
	to, err := c.issueNamed(referred(in.Outward, "key", "id"))
	if err != nil {
		return reply{}, err
	}
	if from.issueRef == to.issueRef {
		return reply{}, fail(http.StatusBadRequest, "You cannot link an issue to itself.")
	}
	site.keep(from)
	site.keep(to)
	l := &link{site.newID(), kind, from.issueRef, to.issueRef}
	from.links = append(slices.Clone(from.links), l)
	to.links = append(slices.Clone(to.links), l)
	return created(nil, c.api()+"/issueLink/"+strconv.Itoa(l.id))
}

// linkNamed finds the link named in the path.
func (c *call) linkNamed() (*link, error) {
	for _, p := range c.server.site.projects {
		for _, i := range p.issues {
			for _, l := range i.links {
				if strconv.Itoa(l.id) == c.params[0] {
					return l, nil
				}
			}
		}
	}
	return nil, fail(http.StatusNotFound, "No issue link with id '%s' exists.", c.params[0])
}

// linkGet returns a link with both its issues.
func linkGet(c *call) (reply, error) {
	l, err := c.linkNamed()
	if err != nil {
		return reply{}, err
	}
	return ok(map[string]any{
		"id": strconv.Itoa(l.id), "self": c.api() + "/issueLink/" + strconv.Itoa(l.id), "type": c.linkTypeJSON(l.kind),
		"inwardIssue": c.linkedJSON(l.from), "outwardIssue": c.linkedJSON(l.to),
	})
}

// linkDelete deletes a link.
func linkDelete(c *call) (reply, error) {
	l, err := c.linkNamed()
	if err != nil {
		return reply{}, err
	}
	c.server.site.removeLink(l)
	return done()
}

// remoteLinkList returns an empty list: the sample data has no remote links.
func remoteLinkList(c *call) (reply, error) {
	if _, err := c.issue(); err != nil {
		return reply{}, err
	}
	return ok([]any{})
}
