package confine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Check asks Jira about the confinement of a token that is about to be issued: its
// projects and hidden fields must exist, and Jira must accept its JQL. It returns
// the confinement with the projects' IDs and current keys, and the number of
// issues inside; -1 if the confinement only hides fields, so that all of them are
// inside. The error is for the person who issues the token; it is an [*Error] of kind
// Unanswered if Jira cannot be asked.
func (g *Guard) Check(ctx context.Context, j Jira, c token.Confinement) (resolved token.Confinement, matches int, err error) {
	if err := c.Check(); err != nil {
		return c, 0, err
	}
	view, err := NewView(c)
	if err != nil || view == nil {
		return c, -1, err
	}
	s := g.session(view, j, true)
	resolved = c
	if resolved.Projects, err = s.checkProjects(ctx, c.Projects); err != nil {
		return c, 0, err
	}
	if err := s.checkHidden(ctx); err != nil {
		return c, 0, err
	}
	if view, err = NewView(resolved); err != nil {
		return c, 0, err
	}
	s.view = view
	if c.JQL != "" {
		if err := s.checkJQL(ctx, c.JQL); err != nil {
			return c, 0, err
		}
	}
	matches, err = s.count(ctx)
	return resolved, matches, err
}

// checkProjects returns the projects with their IDs and current keys.
func (s *session) checkProjects(ctx context.Context, named []token.Project) ([]token.Project, error) {
	var resolved []token.Project
	for _, p := range named {
		found, err := s.lookProject(ctx, cmp.Or(p.ID, p.Key))
		switch {
		case err != nil:
			return nil, err
		case found.ID == "":
			return nil, fmt.Errorf("projects: %q: there is no such project, or the account may not see it", p.Key)
		}
		s.guard.memory.put(s.key("project "+found.ID), found, projectLifetime)
		if project := (token.Project{ID: found.ID, Key: found.Key}); !slices.Contains(resolved, project) {
			resolved = append(resolved, project)
		}
	}
	return resolved, nil
}

// unlistedFields can be hidden although not every Jira lists them among its fields.
var unlistedFields = hidden{token.HideInternalComments: true, "parent": true}

// checkHidden checks that the hidden fields exist: a misspelt one would not be
// hidden.
func (s *session) checkHidden(ctx context.Context) error {
	if len(s.view.hide) == 0 {
		return nil
	}
	known, err := s.fields(ctx)
	if err != nil || len(known) == 0 {
		return err
	}
	for _, name := range s.view.hide {
		isListed := slices.ContainsFunc(known, func(f field) bool { return f.isCalled(name) })
		if !isListed && !unlistedFields.has(name) {
			return fmt.Errorf("hide: %q: Jira has no field with this ID or name", name)
		}
	}
	return nil
}

// checkJQL returns an error if Jira rejects a condition.
func (s *session) checkJQL(ctx context.Context, text string) error {
	cloud, err := s.isCloud(ctx)
	if err != nil || !cloud {
		return err // Data Center rejects it when the issues are counted
	}
	question, err := json.Marshal(map[string]any{"queries": []string{text}})
	if err != nil {
		return err
	}
	status, body, err := s.ask(ctx, http.MethodPost, "/rest/api/3/jql/parse?validation=strict", question)
	if err != nil {
		return err
	}
	var answer struct {
		Queries []struct {
			Errors []string `json:"errors"`
		} `json:"queries"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || status > 299 && len(answer.Queries) == 0 {
		return refusedBy(status, body)
	}
	for _, query := range answer.Queries {
		if len(query.Errors) > 0 {
			return fmt.Errorf("jql: Jira does not accept it: %s", strings.Join(query.Errors, " "))
		}
	}
	return nil
}

// count returns how many issues are inside; -1 if all of them are.
func (s *session) count(ctx context.Context) (int, error) {
	constraint, err := s.constraint(ctx)
	switch {
	case errors.Is(err, errNoIssue):
		return 0, errors.New("jql: the projects that it names do not exist, or are not among the token's projects")
	case err != nil:
		return 0, err
	case constraint == nil:
		return -1, nil
	}
	return s.countMatches(ctx, (&jql.Query{Where: constraint}).String())
}

// countMatches returns how many issues match a query; approximately, on Jira
// Cloud.
func (s *session) countMatches(ctx context.Context, text string) (int, error) {
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return 0, err
	}
	method, uri, question := http.MethodGet, "/rest/api/2/search?maxResults=0&jql="+url.QueryEscape(text), []byte(nil)
	if cloud {
		method, uri = http.MethodPost, "/rest/api/3/search/approximate-count"
		if question, err = json.Marshal(map[string]string{"jql": text}); err != nil {
			return 0, err
		}
	}
	status, body, err := s.ask(ctx, method, uri, question)
	if err != nil {
		return 0, err
	}
	var answer struct {
		Count *int `json:"count"`
		Total *int `json:"total"`
	}
	switch {
	case status > 299:
		return 0, refusedBy(status, body)
	case json.Unmarshal(body, &answer) != nil:
	case answer.Count != nil:
		return *answer.Count, nil
	case answer.Total != nil:
		return *answer.Total, nil
	}
	return 0, unanswered(errNonsense)
}

// refusedBy returns Jira's own reasons for rejecting a condition.
func refusedBy(status int, body []byte) error {
	var answer struct {
		ErrorMessages []string `json:"errorMessages"`
	}
	if json.Unmarshal(body, &answer) != nil || len(answer.ErrorMessages) == 0 {
		return unanswered(fmt.Errorf("status %d in answer to a query", status))
	}
	return fmt.Errorf("jql: Jira does not accept it: %s", strings.Join(answer.ErrorMessages, " "))
}
