package confine

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// issue is an issue as Jira returned it. The zero value is none.
type issue struct {
	ID     string `json:"id"`
	Key    string `json:"key"`
	Fields struct {
		Project project `json:"project"`
	} `json:"fields"`
}

// issueInside reports whether the issue with this ID or key is inside. The key
// may be a former one: what Jira returns counts.
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
	s.inside[found.ID], s.insideKeys[found.Key] = true, true
	return true, nil
}

// issue looks an issue up among those inside; the zero value is returned if it is
// not there.
func (s *session) issue(ctx context.Context, idOrKey string) (issue, error) {
	if s.view.condition != nil {
		return current(ctx, s, "match "+idOrKey+"\n"+s.view.key, s.guard.ttl, func(ctx context.Context) (issue, error) { return s.match(ctx, idOrKey) })
	}
	found, err := current(ctx, s, "issue "+idOrKey, s.guard.ttl, func(ctx context.Context) (found issue, err error) {
		_, err = s.get(ctx, "/rest/api/2/issue/"+url.PathEscape(idOrKey)+"?fields=project", &found)
		return found, err
	})
	if err != nil || found.ID == "" {
		return issue{}, err
	}
	inside, err := s.projects(ctx)
	if err != nil || !containsProject(inside, found.Fields.Project.ID) {
		return issue{}, err
	}
	return found, nil
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
	field, operand := "key", jql.Operand(jql.Value(idOrKey))
	if isNumber(idOrKey) {
		field, operand = "id", jql.Number(idOrKey)
	}
	only := &jql.Comparison{Field: jql.Field{Name: field}, Operator: jql.Equals, Operand: operand}
	issues, err := s.search(ctx, jql.And{only, constraint}, 1)
	if err != nil || len(issues) != 1 {
		return issue{}, err
	}
	return issues[0], nil
}

// search returns at most limit issues that match a condition. A condition that
// Jira does not accept, because it names an issue that does not exist, finds none.
func (s *session) search(ctx context.Context, condition jql.Clause, limit int) ([]issue, error) {
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return nil, err
	}
	uri := "/rest/api/2/search"
	if cloud {
		uri = "/rest/api/3/search/jql"
	}
	question := map[string]any{"jql": (&jql.Query{Where: condition}).String(), "fields": []string{"project"}, "maxResults": limit}
	var answer struct {
		Issues []issue `json:"issues"`
	}
	_, err = s.post(ctx, uri, question, &answer)
	return answer.Issues, err
}

// isIssueKey reports whether s can be the key of an issue: a project's key, a
// hyphen and a number.
func isIssueKey(s string) bool {
	i := strings.LastIndexByte(s, '-')
	return i > 0 && isNumber(s[i+1:]) && token.IsProjectKey(s[:i])
}
