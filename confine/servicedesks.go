package confine

import (
	"context"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// listServiceDesks limits the list of request types to those of the service desks
// inside. The list of service desks itself is redacted once it is collected: it
// names their projects.
func (c *call) listServiceDesks(ctx context.Context) error {
	n, err := c.named(ctx)
	if err != nil || n > 0 || c.view.seesAllProjects() || !strings.HasSuffix(c.request.Match.Template, "/requesttype") {
		return err
	}
	cloud, err := c.isCloud(ctx)
	switch {
	case err != nil:
		return err
	case !cloud:
		return &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira can ask for the request types of one service desk: servicedesk/{serviceDeskId}/requesttype."}
	}
	desks, err := c.serviceDesks(ctx)
	switch {
	case err != nil:
		return err
	case len(desks) == 0:
		return errNoServiceDesk
	}
	c.parameters.set("serviceDeskId", desks...)
	return nil
}

// serviceDesks returns the IDs of the service desks inside.
func (c *call) serviceDesks(ctx context.Context) ([]string, error) {
	type desk struct {
		ID        string `json:"id"`
		ProjectID string `json:"projectId"`
	}
	all, err := current(ctx, c.session, "service desks", thingLifetime, func(ctx context.Context) (desks []desk, err error) {
		for range maxListPages {
			var p struct {
				Values     []desk `json:"values"`
				IsLastPage bool   `json:"isLastPage"`
			}
			found, err := c.get(ctx, "/rest/servicedeskapi/servicedesk?limit=50&start="+strconv.Itoa(len(desks)), &p)
			desks = append(desks, p.Values...)
			if err != nil || !found || p.IsLastPage || len(p.Values) == 0 {
				return desks, err
			}
		}
		return desks, nil
	})
	if err != nil {
		return nil, err
	}
	inside, err := c.projects(ctx)
	var ids []string
	for _, d := range all {
		if containsProject(inside, d.ProjectID) {
			ids = append(ids, d.ID)
		}
	}
	return ids, err
}

// listRequests admits lists of customer requests. Jira cannot limit them by a query,
// so the response is redacted by the project in the issues' keys. With a condition,
// that does not say enough.
func (c *call) listRequests(ctx context.Context) error {
	if c.view.condition != nil {
		return &Error{Kind: NotConfinable, Message: "A token that is confined by JQL cannot list customer requests. Search for issues instead: search/jql, or search on Data Center."}
	}
	n, err := c.named(ctx)
	if err != nil || n > 0 || c.view.seesAllProjects() || c.rule.Rule != jira.RuleRequests {
		return err
	}
	return c.limitRequests(ctx)
}

// limitRequests limits the list of the requests of all service desks to those
// inside. Jira can limit it to one service desk only. If the response were redacted
// instead, where its pages end would tell how many requests there are outside.
func (c *call) limitRequests(ctx context.Context) error {
	desks, err := c.serviceDesks(ctx)
	switch {
	case err != nil:
		return err
	case len(desks) == 0:
		return errNoServiceDesk
	case len(desks) > 1:
		return &Error{Kind: NotConfinable, Message: "A token that sees several service desks can list the customer requests of one of them: give its serviceDeskId."}
	}
	c.parameters.set("serviceDeskId", desks...)
	return nil
}
