package fakejira

import (
	"net/http"
	"slices"
	"strconv"
)

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
