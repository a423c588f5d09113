package confine

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

const (
	// maxIssues is how many issues a request may name: as many as Jira's bulk
	// operations take.
	maxIssues = 1000
	// maxSingly is the number of issues up to which each is looked up by itself,
	// which also finds former keys.
	maxSingly = 4
	// maxFetched is how many issues Jira Cloud returns at a time.
	maxFetched = 100
)

// issuesInside returns which of the issues with these IDs and keys are inside.
// If there are many, those that are named by a former key count as outside.
func (s *session) issuesInside(ctx context.Context, names []string) (map[string]bool, error) {
	if len(names) > maxIssues {
		return nil, &Error{Kind: NotConfinable, Message: "A token that sees only a part of Jira can name at most " + strconv.Itoa(maxIssues) + " issues in a request."}
	}
	inside := make(map[string]bool, len(names))
	var unknown []string
	for _, name := range names {
		if !isNumber(name) && !isIssueKey(name) {
			continue
		}
		if s.view.seesAllProjects() {
			inside[name] = true
		} else if !slices.Contains(unknown, name) {
			unknown = append(unknown, name)
		}
	}
	var err error
	var found []bool
	if len(unknown) <= maxSingly {
		found, err = s.singly(ctx, unknown)
	} else {
		found, err = s.together(ctx, unknown)
	}
	if err != nil {
		return nil, err
	}
	for i, name := range unknown {
		inside[name] = found[i]
	}
	return inside, nil
}

// singly looks issues up one by one, several at a time.
func (s *session) singly(ctx context.Context, names []string) ([]bool, error) {
	inside := make([]bool, len(names))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(maxConcurrent)
	for i, name := range names {
		group.Go(func() (err error) {
			inside[i], err = s.issueInside(ctx, name)
			return err
		})
	}
	return inside, group.Wait()
}

// together looks issues up with few questions, and never from memory.
func (s *session) together(ctx context.Context, names []string) ([]bool, error) {
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return nil, err
	}
	ask := s.searchMany
	if cloud {
		ask = s.fetchMany
	}
	known := make(map[string]bool)
	for chunk := range slices.Chunk(names, maxFetched) {
		found, err := ask(ctx, chunk)
		if err != nil {
			return nil, err
		}
		for _, i := range found {
			if !i.isWhole() {
				return nil, unanswered(errNonsense)
			}
			known[i.ID], known[i.Key] = true, true
			s.note(i)
		}
	}
	inside := make([]bool, len(names))
	for i, name := range names {
		inside[i] = known[strings.ToUpper(name)]
	}
	return inside, nil
}

// searchMany returns those of the named issues that are inside, on Data Center.
func (s *session) searchMany(ctx context.Context, names []string) ([]issue, error) {
	constraint, err := s.constraint(ctx)
	if errors.Is(err, errNoIssue) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	query := &jql.Query{Where: jql.And{constraint, namedIssues(names)}}
	lenient := false
	var answer struct {
		Issues []issue `json:"issues"`
	}
	_, err = s.search(ctx, question{JQL: query.String(), Fields: []string{"project"}, MaxResults: len(names), ValidateQuery: &lenient}, &answer)
	return answer.Issues, err
}

// namedIssues returns the condition that finds issues by ID and key.
func namedIssues(names []string) jql.Clause {
	var ids, keys jql.List
	for _, name := range names {
		if isNumber(name) {
			ids = append(ids, jql.Number(name))
		} else {
			keys = append(keys, jql.Value(name))
		}
	}
	byID := &jql.Comparison{Field: jql.Field{Name: "id"}, Operator: jql.In, Operand: ids}
	byKey := &jql.Comparison{Field: jql.Field{Name: "key"}, Operator: jql.In, Operand: keys}
	switch {
	case len(keys) == 0:
		return byID
	case len(ids) == 0:
		return byKey
	}
	return jql.Or{byID, byKey}
}

// fetchMany returns those of the named issues that are inside, on Jira Cloud.
func (s *session) fetchMany(ctx context.Context, names []string) ([]issue, error) {
	var answer struct {
		Issues []issue `json:"issues"`
	}
	wanted := map[string]any{"issueIdsOrKeys": names, "fields": []string{"project"}}
	if _, err := s.post(ctx, "/rest/api/3/issue/bulkfetch", wanted, &answer); err != nil {
		return nil, err
	}
	if s.view.condition != nil {
		return s.matching(ctx, answer.Issues)
	}
	inside, err := s.projects(ctx)
	return slices.DeleteFunc(answer.Issues, func(i issue) bool {
		return !containsProject(inside, i.Fields.Project.ID)
	}), err
}

// matching returns those of some issues that match the view's condition, on Jira
// Cloud.
func (s *session) matching(ctx context.Context, issues []issue) ([]issue, error) {
	constraint, err := s.constraint(ctx)
	if errors.Is(err, errNoIssue) || len(issues) == 0 {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(issues))
	for i, found := range issues {
		if ids[i], err = strconv.ParseInt(found.ID, 10, 64); err != nil {
			return nil, unanswered(errNonsense)
		}
	}
	var answer struct {
		Matches []struct {
			MatchedIssues []int64 `json:"matchedIssues"`
		} `json:"matches"`
	}
	wanted := map[string]any{"jqls": []string{(&jql.Query{Where: constraint}).String()}, "issueIds": ids}
	if accepted, err := s.post(ctx, "/rest/api/3/jql/match", wanted, &answer); err != nil || !accepted || len(answer.Matches) != 1 {
		return nil, err
	}
	return slices.DeleteFunc(issues, func(i issue) bool {
		id, _ := strconv.ParseInt(i.ID, 10, 64)
		return !slices.Contains(answer.Matches[0].MatchedIssues, id)
	}), nil
}
