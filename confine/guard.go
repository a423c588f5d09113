package confine

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// Guard checks the requests of confined tokens. It remembers for a short time what
// Jira says is inside, and is safe for concurrent use.
type Guard struct {
	// ttl is how long Jira's answers about what is inside are remembered.
	ttl    time.Duration
	memory *memory
}

// NewGuard returns a guard that remembers for ttl which issues are inside. With 0
// it asks Jira every time.
func NewGuard(ttl time.Duration) *Guard { return &Guard{ttl: ttl, memory: newMemory()} }

// Admit checks a request of a token with this view, and rewrites its query and body
// to confine it. The error is an [*Error].
func (g *Guard) Admit(ctx context.Context, v *View, j Jira, r *Request) (*Admission, error) {
	admission, err := g.admit(ctx, v, j, r)
	var refusal *Error
	if err != nil && !errors.As(err, &refusal) {
		err = unanswered(err)
	}
	return admission, err
}

func (g *Guard) admit(ctx context.Context, v *View, j Jira, r *Request) (*Admission, error) {
	rule := r.Match.Confinement
	if rule == nil || rule.Rule == jira.RuleNone {
		return nil, errNoRule
	}
	c := &call{session: g.session(v, j, r.Changes), request: r, rule: rule}
	c.explains = r.Explain
	if err := c.read(); err != nil {
		return nil, err
	}
	if err := c.refuseHidden(ctx); err != nil {
		return nil, err
	}
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if err := c.requirePart(ctx); err != nil {
		return nil, err
	}
	if err := c.collect(ctx); err != nil {
		return nil, err
	}
	if err := c.noteUpload(ctx); err != nil {
		return nil, err
	}
	if err := c.write(); err != nil {
		return nil, err
	}
	return c.admission(ctx)
}

// call is a request that is being checked.
type call struct {
	*session
	request    *Request
	rule       *jira.Confinement
	parameters parameters
	body       *document // nil if the rule does not read it
	// answer is the guard's own answer; nil if Jira answers.
	answer []byte
	// paging divides the answer into pages once it is redacted; nil if it is a page.
	paging *Paging
}

// template returns the template of the path, in which an issue is always named
// {issueIdOrKey}.
func (c *call) template() string {
	return strings.ReplaceAll(c.request.Match.Template, "{issueKey}", "{issueIdOrKey}")
}

// read reads the query and the body.
func (c *call) read() (err error) {
	if c.parameters, err = readParameters(c.request.RawQuery, c.rule); err != nil {
		return err
	}
	c.parameters.cutExpand()
	c.showMarks()
	for _, p := range c.rule.Parameters {
		if p.In == "body" {
			if c.body, err = readDocument(c.request.Body); err == nil {
				c.cutBodyExpand()
			}
			return err
		}
	}
	return nil
}

// write puts the changed query and body into the request.
func (c *call) write() (err error) {
	c.request.RawQuery = c.parameters.encode()
	if c.body != nil && c.body.changed {
		c.request.Body, err = c.body.encode()
	}
	return err
}

// check checks the request by the rule of its operation.
func (c *call) check(ctx context.Context) error {
	switch {
	case c.view.condition == nil:
	case slices.Contains(counts, c.rule.Answer):
		return errCounts
	case c.reachesSubtasks():
		return errSubtasks
	}
	switch c.rule.Rule {
	case jira.RuleProjects:
		return c.listProjects(ctx)
	case jira.RuleBoards:
		return c.listBoards(ctx)
	case jira.RuleServiceDesks:
		return c.listServiceDesks(ctx)
	case jira.RuleRequests, ruleQueue:
		return c.listRequests(ctx)
	case jira.RuleCreate:
		return c.create(ctx)
	case jira.RuleEdit:
		return c.edit(ctx)
	case jira.RuleMatch:
		return c.matchQueries(ctx)
	case jira.RuleParse:
		return c.parseQueries(ctx)
	case jira.RulePermissions:
		return c.permissions(ctx)
	case jira.RuleNeeded, ruleProject:
		return c.needed(ctx)
	case ruleSearch:
		c.cutSearch()
	case ruleIssue:
		c.keepSubtasks()
	}
	return c.everything(ctx)
}

// counts are the answers that count issues, whether or not they match a condition.
var counts = []string{"component-counts", "version-counts"}

var errCounts = &Error{Kind: NotConfinable, Message: "A token that is confined by JQL cannot count the issues of a version or component this way. Count them with a search instead."}

var errSubtasks = &Error{Kind: NotConfinable, Message: "A token that is confined by JQL can neither archive issues nor delete them in bulk: their subtasks might not match. Delete issues one by one instead."}

// reachesSubtasks reports whether the operation changes the subtasks of the issues
// that it names as well. Jira archives subtasks only together with their parents:
// https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issues/#api-rest-api-3-issue-archive-put
func (c *call) reachesSubtasks() bool {
	for _, end := range []string{"/archive", "/unarchive", "/restore", "/bulk/issues/delete"} {
		if strings.HasSuffix(c.request.Match.Template, end) {
			return true
		}
	}
	return false
}

// showMarks asks Jira to mark internal comments, if these are hidden. On Data
// Center the mark is a property of the comment.
func (c *call) showMarks() {
	if c.view.HidesInternalComments() && slices.Contains([]string{"comment", "comments", "pinned-comments"}, c.rule.Answer) {
		c.parameters.set("expand", "properties")
	}
}

// Rules with a step of their own besides checking what the request names.
const (
	ruleIssue   = "issue"
	ruleProject = "project"
	ruleQueue   = "queue"
	ruleSearch  = "search"
)

// keepSubtasks keeps a deletion from reaching subtasks, which may not match the
// view's condition even if the issue does. Jira then refuses to delete an issue
// that has subtasks.
func (c *call) keepSubtasks() {
	if c.view.condition != nil {
		c.parameters.set("deleteSubtasks")
	}
}
