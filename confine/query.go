package confine

import (
	"context"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// query returns the query that finds what text finds inside.
func (s *session) query(ctx context.Context, text string) (string, error) {
	query, err := jql.Parse(text)
	if err != nil {
		return "", &Error{Kind: BadQuery, Message: err.Error()}
	}
	constraint, err := s.constraint(ctx)
	if err != nil || constraint == nil {
		return query.String(), err
	}
	return query.Constrained(constraint).String(), nil
}
