package confine

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// question is a search.
type question struct {
	JQL           string   `json:"jql"`
	Fields        []string `json:"fields"`
	MaxResults    int      `json:"maxResults"`
	StartAt       int      `json:"startAt,omitzero"`
	NextPageToken string   `json:"nextPageToken,omitzero"`
	// ReconcileIssues is for Jira Cloud: the issues that it reads anew.
	ReconcileIssues []jsontext.Value `json:"reconcileIssues,omitzero"`
	// ValidateQuery is for Data Center: false finds the issues that exist where a
	// query names some that do not.
	ValidateQuery *bool `json:"validateQuery,omitzero"`
}

// search asks a search of the guard's own. accepted is false if Jira does not
// accept the query, for instance because it names an issue that does not exist.
func (s *session) search(ctx context.Context, q question, answer any) (accepted bool, err error) {
	cloud, err := s.isCloud(ctx)
	switch {
	case err != nil:
		return false, err
	case cloud:
		q.StartAt, q.ValidateQuery = 0, nil
		return s.post(ctx, "/rest/api/3/search/jql", q, answer)
	}
	q.ReconcileIssues = nil
	return s.post(ctx, "/rest/api/2/search", q, answer)
}
