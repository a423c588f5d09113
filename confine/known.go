package confine

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// MaxFound is the maximum number of projects that Guard.Projects returns.
const MaxFound = 50

// Project is a project that an account sees.
type Project struct {
	Key  string `json:"key"`
	Name string `json:"name"`
}

// Field is a field of issues.
type Field struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// Projects returns the projects that an account sees and whose key or name contains search,
// by key. more reports whether there are more than MaxFound. Answers are remembered for a
// minute.
func (g *Guard) Projects(ctx context.Context, j Jira, search string) (found []Project, more bool, err error) {
	s := g.session(nil, j, false)
	cloud, err := s.isCloud(ctx)
	if err != nil {
		return nil, false, err
	}
	// Data Center lists all projects, and Jira Cloud searches.
	key, look := "all projects", s.allProjects
	if cloud {
		key = "projects like " + search
		look = func(ctx context.Context) ([]project, error) { return s.searchProjects(ctx, search) }
	}
	known, err := memo(ctx, s, key, thingLifetime, look)
	if err != nil {
		return nil, false, err
	}
	search = strings.ToLower(search)
	for _, p := range known {
		if strings.Contains(strings.ToLower(p.Key), search) || strings.Contains(strings.ToLower(p.Name), search) {
			found = append(found, Project{p.Key, p.Name})
		}
	}
	slices.SortFunc(found, func(a, b Project) int { return cmp.Compare(a.Key, b.Key) })
	if len(found) > MaxFound {
		return found[:MaxFound], true, nil
	}
	return found, false, nil
}

func (s *session) allProjects(ctx context.Context) (all []project, err error) {
	_, err = s.get(ctx, "/rest/api/2/project", &all)
	return all, err
}

func (s *session) searchProjects(ctx context.Context, search string) ([]project, error) {
	var page struct {
		Values []project `json:"values"`
	}
	_, err := s.get(ctx, "/rest/api/3/project/search?orderBy=key&maxResults="+strconv.Itoa(MaxFound+1)+"&query="+url.QueryEscape(search), &page)
	return page.Values, err
}

// Fields returns Jira's fields, by name. They are remembered for ten minutes.
func (g *Guard) Fields(ctx context.Context, j Jira) ([]Field, error) {
	known, err := g.session(nil, j, false).fields(ctx)
	if err != nil {
		return nil, err
	}
	fields := make([]Field, len(known))
	for i, f := range known {
		fields[i] = Field{f.ID, f.Name}
	}
	slices.SortFunc(fields, func(a, b Field) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)), cmp.Compare(a.ID, b.ID))
	})
	return fields, nil
}

// Matches returns how many issues are inside a confinement, as Check does. The number is
// remembered for a minute, but errors are not.
func (g *Guard) Matches(ctx context.Context, j Jira, c token.Confinement) (int, error) {
	key, err := json.Marshal(c)
	if err != nil {
		return 0, err
	}
	return memo(ctx, g.session(nil, j, false), "matches "+string(key), thingLifetime, func(ctx context.Context) (int, error) {
		_, matches, err := g.Check(ctx, j, c)
		return matches, err
	})
}
