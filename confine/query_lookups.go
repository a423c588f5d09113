package confine

import (
	"context"
	"net/url"
	"regexp"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// versionsOf returns a project's versions.
func (s *session) versionsOf(ctx context.Context, p project) ([]thing, error) {
	return s.thingsOf(ctx, p, "versions")
}

// componentsOf returns a project's components.
func (s *session) componentsOf(ctx context.Context, p project) ([]thing, error) {
	return s.thingsOf(ctx, p, "components")
}

func (s *session) thingsOf(ctx context.Context, p project, what string) ([]thing, error) {
	return memo(ctx, s, what+" of "+p.ID, thingLifetime, func(ctx context.Context) (found []thing, err error) {
		_, err = s.get(ctx, "/rest/api/2/project/"+p.ID+"/"+what, &found)
		return found, err
	})
}

// issueType is an issue type of a project, with the statuses of its workflow.
type issueType struct {
	thing
	Statuses []thing `json:"statuses"`
}

// workflowsOf returns a project's issue types and statuses.
func (s *session) workflowsOf(ctx context.Context, p project) ([]issueType, error) {
	return memo(ctx, s, "statuses of "+p.ID, thingLifetime, func(ctx context.Context) (found []issueType, err error) {
		_, err = s.get(ctx, "/rest/api/2/project/"+p.ID+"/statuses", &found)
		return found, err
	})
}

// issueTypesOf returns a project's issue types.
func (s *session) issueTypesOf(ctx context.Context, p project) (found []thing, err error) {
	workflows, err := s.workflowsOf(ctx, p)
	for _, t := range workflows {
		found = append(found, t.thing)
	}
	return found, err
}

// statusesOf returns a project's statuses.
func (s *session) statusesOf(ctx context.Context, p project) (found []thing, err error) {
	workflows, err := s.workflowsOf(ctx, p)
	for _, t := range workflows {
		found = append(found, t.Statuses...)
	}
	return found, err
}

// queryUser is a user to whom issues of a project can be assigned. Jira Cloud
// has account IDs, Data Center names and keys.
type queryUser struct {
	AccountID string `json:"accountId"`
	Name      string `json:"name"`
	Key       string `json:"key"`
	Email     string `json:"emailAddress"`
	Display   string `json:"displayName"`
}

// accountIDForm matches account IDs such as 5b10a2844c20165700ede21g and
// 712020:2f0d1b5e-…, which no name looks like.
var accountIDForm = regexp.MustCompile(`^([0-9a-z]+:)?[0-9a-zA-Z:-]{20,}$`)

// maxUserProjects limits the projects in which a user is looked for one by one.
const maxUserProjects = 20

// userValue checks that issues in a project inside can be assigned to a user, and
// spells the user as Jira does.
func (q *querying) userValue(ctx context.Context, f *queryField, operand jql.Operand) (jql.Operand, error) {
	if q.view.seesAllProjects() {
		return operand, nil
	}
	text, _ := textOf(operand)
	if err := q.count(); err != nil {
		return nil, err
	}
	user, found, err := q.user(ctx, text)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, badQuery("There is no user %s in the projects of this token. Use currentUser(), or the ID of a user to whom issues there can be assigned.", quoted(text))
	}
	return jql.Value(user), nil
}

// user returns Jira's spelling of the user whom text names.
func (q *querying) user(ctx context.Context, text string) (name string, found bool, err error) {
	inside, err := q.projects(ctx)
	if err != nil || len(inside) == 0 || text == "" {
		return "", false, err
	}
	keys := make([]string, len(inside))
	for i, p := range inside {
		keys[i] = p.Key
	}
	if len(keys) > 1 {
		// Some versions of Jira return only users who belong to all of the projects.
		// For the others, the projects are asked one by one.
		name, found, err = q.assignable(ctx, "/rest/api/2/user/assignable/multiProjectSearch?projectKeys="+url.QueryEscape(strings.Join(keys, ",")), text)
	}
	for i := 0; i < min(len(keys), maxUserProjects) && err == nil && !found; i++ {
		name, found, err = q.assignable(ctx, "/rest/api/2/user/assignable/search?project="+url.QueryEscape(keys[i]), text)
	}
	return name, found, err
}

// assignable looks for a user whom text names among those to whom issues can be
// assigned.
func (q *querying) assignable(ctx context.Context, uri, text string) (name string, found bool, err error) {
	cloud, err := q.isCloud(ctx)
	if err != nil {
		return "", false, err
	}
	parameter := "username"
	if cloud {
		parameter = "query"
		if accountIDForm.MatchString(text) && strings.ContainsAny(text, "0123456789") {
			parameter = "accountId"
		}
	}
	uri += "&maxResults=200&" + parameter + "=" + url.QueryEscape(text)
	users, err := memo(ctx, q.session, "users "+uri, thingLifetime, func(ctx context.Context) (users []queryUser, err error) {
		_, err = q.get(ctx, uri, &users)
		return users, err
	})
	for _, user := range users {
		if name, ok := user.named(text); ok {
			return name, true, err
		}
	}
	return "", false, err
}

// named reports whether text names the user, and returns the name to send to Jira.
func (u queryUser) named(text string) (name string, ok bool) {
	switch {
	case u.AccountID != "" && u.AccountID == text:
		return u.AccountID, true
	case u.Name != "" && (strings.EqualFold(u.Name, text) || u.Key == text):
		return u.Name, true
	case u.Email != "" && strings.EqualFold(u.Email, text):
		return u.Email, true
	case u.Display != "" && strings.EqualFold(u.Display, text):
		return u.Display, true
	}
	return "", false
}
