package confine

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"
)

// question is a search of the guard's own.
type question struct {
	JQL           string   `json:"jql"`
	Fields        []string `json:"fields"`
	MaxResults    int      `json:"maxResults"`
	StartAt       int      `json:"startAt,omitzero"`
	NextPageToken string   `json:"nextPageToken,omitzero"`
	// ReconcileIssues is for Jira Cloud: the IDs of issues that must not come from a
	// stale index.
	ReconcileIssues []jsontext.Value `json:"reconcileIssues,omitzero"`
	// ValidateQuery is for Data Center: if false, a query may name issues that do not
	// exist.
	ValidateQuery *bool `json:"validateQuery,omitzero"`
}

// search runs a search. accepted is false if Jira rejects the query, for instance
// because it names an issue that does not exist.
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
