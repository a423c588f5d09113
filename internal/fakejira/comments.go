package fakejira

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"
)

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
