package confine

import (
	"context"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

var errNoPart = outside("It does not exist or you do not have permission to see it.")

// partPlaces say where a path names a comment, a worklog or an approval of an issue,
// and how to ask Jira about it.
var partPlaces = []struct{ template, question, query string }{
	{"/issue/{issueIdOrKey}/comment/{", "/rest/api/2/issue/%/comment/", "?expand=properties"},
	{"/issue/{issueIdOrKey}/worklog/{", "/rest/api/2/issue/%/worklog/", ""},
	{"/request/{issueIdOrKey}/comment/{", "/rest/servicedeskapi/request/%/comment/", ""},
	{"/request/{issueIdOrKey}/approval/{", "/rest/servicedeskapi/request/%/approval/", ""},
}

// part is a comment, a worklog or an approval.
type part struct {
	ID jsontext.Value `json:"id"`
	// Self, IssueID and, of Jira Service Management, Links say which issue it
	// belongs to.
	Self    string         `json:"self"`
	IssueID jsontext.Value `json:"issueId"`
	Links   struct {
		Self string `json:"self"`
	} `json:"_links"`
	// Public and JSDPublic are false for internal comments, and so is a property
	// on Data Center.
	Public     *bool `json:"public"`
	JSDPublic  *bool `json:"jsdPublic"`
	Properties []struct {
		Key   string         `json:"key"`
		Value jsontext.Value `json:"value"`
	} `json:"properties"`
}

// requirePart returns an error unless the part that the path names belongs to the
// issue that it names, and is not hidden. Jira finds parts by their ID, and does not
// document that it compares the issue.
func (c *call) requirePart(ctx context.Context) error {
	template := c.template()
	for _, place := range partPlaces {
		_, rest, ok := strings.Cut(template, place.template)
		if !ok {
			continue
		}
		parameter, _, _ := strings.Cut(rest, "}")
		issueName, issueOK := c.request.Match.Param("issueIdOrKey")
		id, idOK := c.request.Match.Param(parameter)
		if !issueOK || !idOK || !isNumber(id) {
			return errNoPart
		}
		issueName, err := url.PathUnescape(issueName)
		if err != nil {
			return errNoPart
		}
		uri := strings.Replace(place.question, "%", url.PathEscape(issueName), 1) + id + place.query
		return c.lookPart(ctx, uri, strings.ToUpper(issueName))
	}
	return nil
}

func (c *call) lookPart(ctx context.Context, uri, issueName string) error {
	found, err := current(ctx, c.session, uri, c.guard.ttl, func(ctx context.Context) (p part, err error) {
		_, err = c.get(ctx, uri, &p)
		return p, err
	})
	if err != nil {
		return err
	}
	isThere := found.ID != nil && !(c.view.HidesInternalComments() && found.isInternal())
	if !c.view.seesAllProjects() {
		of, err := c.issue(ctx, issueName) // even if there is no such part, so that timing reveals nothing
		if err != nil {
			return err
		}
		isThere = isThere && found.belongsTo(of.ID)
	}
	if !isThere {
		return errNoPart
	}
	return nil
}

// belongsTo reports whether nothing says that the part belongs to another issue.
func (p part) belongsTo(issueID string) bool {
	if id := trimmed(p.IssueID); id != "" && id != issueID {
		return false
	}
	for _, link := range []struct{ url, before string }{{p.Self, "/issue/"}, {p.Links.Self, "/request/"}} {
		_, rest, _ := strings.Cut(link.url, link.before)
		if of, _, _ := strings.Cut(rest, "/"); isNumber(of) && of != issueID {
			return false
		}
	}
	return true
}

// isInternal reports whether the part is an internal comment of Jira Service
// Management.
func (p part) isInternal() bool {
	if p.Public != nil && !*p.Public || p.JSDPublic != nil && !*p.JSDPublic {
		return true
	}
	for _, property := range p.Properties {
		// Any value that is not known to mean public counts as internal.
		if property.Key == "sd.public.comment" && strings.ReplaceAll(string(property.Value), " ", "") != `{"internal":false}` {
			return true
		}
	}
	return false
}
