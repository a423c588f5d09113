package confine

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// issue is an issue as Jira returned it. The zero value stands for no issue.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Project project `json:"project"`
	} `json:"fields"`
}

// issueInside reports whether the issue with this ID or key is inside. The key may
// be a former one: what Jira returns decides.
func (s *session) issueInside(ctx context.Context, idOrKey string) (bool, error) {
	if !isNumber(idOrKey) && !isIssueKey(idOrKey) {
		return false, nil
	}
	if s.view.seesAllProjects() {
		return true, nil
	}
	found, err := s.issue(ctx, strings.ToUpper(idOrKey))
	if err != nil || found.ID == "" {
		return false, err
	}
	s.note(found)
	return true, nil
}

// issue returns the issue inside with this ID or key; the zero value if there is
// none.
func (s *session) issue(ctx context.Context, idOrKey string) (issue, error) {
	if s.view.condition != nil {
		return current(ctx, s, "match "+idOrKey+"\n"+s.view.key, s.guard.ttl, func(ctx context.Context) (issue, error) { return s.match(ctx, idOrKey) })
	}
	found, err := current(ctx, s, "issue "+idOrKey, s.guard.ttl, func(ctx context.Context) (issue, error) {
		return s.lookIssue(ctx, idOrKey)
	})
	if err != nil {
		return issue{}, err
	}
	inside, err := s.projects(ctx) // even if there is no such issue, so that timing reveals nothing
	if err != nil || !containsProject(inside, found.Fields.Project.ID) {
		return issue{}, err
	}
	return found, nil
}

// lookInside is issue, but asks Jira whatever is remembered.
func (s *session) lookInside(ctx context.Context, idOrKey string) (issue, error) {
	if s.view.condition != nil {
		return s.match(ctx, idOrKey)
	}
	found, err := s.lookIssue(ctx, idOrKey)
	if err != nil {
		return issue{}, err
	}
	inside, err := s.projects(ctx)
	if err != nil || !containsProject(inside, found.Fields.Project.ID) {
		return issue{}, err
	}
	return found, nil
}

// absentIssue stands for an issue that does not exist. It is in a project that no
// view sees, and as large as Jira's answer about an issue and its project, so that it
// takes as long to decode.
const absentIssue = `{"expand":"renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations","id":"0",` +
	`"self":"https://none.atlassian.net/rest/api/2/issue/0","key":"NONE-0","fields":{"project":{` +
	`"self":"https://none.atlassian.net/rest/api/2/project/0","id":"0","key":"NONE","name":"No project","projectTypeKey":"software",` +
	`"simplified":false,"avatarUrls":{"48x48":"https://none.atlassian.net/rest/api/2/universal_avatar/view/type/project/avatar/0",` +
	`"24x24":"https://none.atlassian.net/rest/api/2/universal_avatar/view/type/project/avatar/0?size=small",` +
	`"16x16":"https://none.atlassian.net/rest/api/2/universal_avatar/view/type/project/avatar/0?size=xsmall",` +
	`"32x32":"https://none.atlassian.net/rest/api/2/universal_avatar/view/type/project/avatar/0?size=medium"}}}}`

func (*issue) absent() string { return absentIssue }

// lookIssue asks Jira for an issue and its project; absentIssue if there is none. It
// does as much for an issue that does not exist as for one that is hidden, so that
// timing reveals nothing.
func (s *session) lookIssue(ctx context.Context, idOrKey string) (found issue, err error) {
	_, err = s.get(ctx, "/rest/api/2/issue/"+url.PathEscape(idOrKey)+"?fields=project", &found)
	switch {
	case err != nil:
		return issue{}, err
	case !found.isWhole():
		return issue{}, unanswered(errNonsense)
	}
	s.learn(found.Fields.Project)
	return found, nil
}

// isWhole reports whether Jira's answer identifies the issue and its project.
func (i issue) isWhole() bool {
	p := i.Fields.Project
	return isNumber(i.ID) && isIssueKey(i.Key) && isNumber(p.ID) && token.IsProjectKey(p.Key)
}

// note records that an issue is inside.
func (s *session) note(i issue) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inside[i.ID], s.inside[i.Key] = true, true
}

// learn remembers a project that was part of an answer.
func (s *session) learn(p project) {
	if _, known := s.guard.memory.peek(s.key("project " + p.ID)); p.Name != "" && !known {
		s.guard.memory.put(s.key("project "+p.ID), p, projectLifetime)
	}
}

// match searches for an issue among those that match the view's condition.
func (s *session) match(ctx context.Context, idOrKey string) (issue, error) {
	constraint, err := s.constraint(ctx)
	if errors.Is(err, errNoIssue) {
		return issue{}, nil
	}
	if err != nil {
		return issue{}, err
	}
	page := question{Fields: []string{"project"}, MaxResults: 1}
	if s.fresh {
		// Jira Cloud's search index lags behind changes, except for issues that the
		// search names by ID to be reconciled.
		known, err := s.lookIssue(ctx, idOrKey)
		if err != nil {
			return issue{}, err
		}
		// An issue that does not exist is searched for too, so that timing reveals
		// nothing.
		idOrKey, page.ReconcileIssues = known.ID, []jsontext.Value{jsontext.Value(known.ID)}
	}
	page.JQL = (&jql.Query{Where: jql.And{constraint, namedIssues([]string{idOrKey})}}).String()
	var answer struct {
		Issues []issue `json:"issues"`
	}
	// If Jira does not accept the query there is no such issue, or the condition
	// names something that no longer exists.
	if accepted, err := s.search(ctx, page, &answer); err != nil || !accepted || len(answer.Issues) == 0 {
		return issue{}, err
	}
	found := answer.Issues[0]
	if !found.isWhole() {
		return issue{}, unanswered(errNonsense)
	}
	s.learn(found.Fields.Project)
	return found, nil
}

// isIssueKey reports whether s can be the key of an issue: a project's key, a
// hyphen and a number.
func isIssueKey(s string) bool {
	i := strings.LastIndexByte(s, '-')
	return i > 0 && isNumber(s[i+1:]) && token.IsProjectKey(s[:i])
}
