package confine

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestCheck(t *testing.T) {
	for _, cloud := range []bool{true, false} {
		for _, test := range []struct {
			confinement token.Confinement
			projects    []token.Project
			matches     int
		}{
			{token.Confinement{Projects: []token.Project{{Key: "abc"}}}, []token.Project{{ID: "10000", Key: "ABC"}}, 2},
			{token.Confinement{Projects: []token.Project{{Key: "ABC"}, {Key: "DEF"}, {Key: "abc"}}}, []token.Project{{ID: "10000", Key: "ABC"}, {ID: "10001", Key: "DEF"}}, 3},
			{token.Confinement{JQL: "labels = acme"}, nil, 3},
			{token.Confinement{JQL: "project = OUT AND labels = acme"}, nil, 1},
			{token.Confinement{Projects: []token.Project{{Key: "ABC"}}, JQL: "labels = acme"}, []token.Project{{ID: "10000", Key: "ABC"}}, 1},
			{token.Confinement{Hide: []string{"internal-comments", "Margin", "cf[10010]"}}, nil, -1},
		} {
			j := newStandIn(t, cloud)
			j.things["/rest/api/2/field"] = []any{map[string]any{"id": "customfield_10010", "name": "Margin", "clauseNames": []string{"cf[10010]"}}}
			g, _ := guardAt()
			resolved, matches, err := g.Check(context.Background(), j, test.confinement)
			if err != nil || matches != test.matches || !reflect.DeepEqual(resolved.Projects, test.projects) || resolved.JQL != test.confinement.JQL {
				t.Errorf("Check(%+v) = %+v, %d, %v", test.confinement, resolved, matches, err)
			}
		}
	}
}

func TestCheckErrors(t *testing.T) {
	for _, cloud := range []bool{true, false} {
		for _, test := range []struct {
			confinement token.Confinement
			want        string
		}{
			{token.Confinement{Projects: []token.Project{{Key: "NOPE"}}}, `"NOPE"`},
			{token.Confinement{Projects: []token.Project{{Key: "../myself"}}}, `"../myself"`},
			{token.Confinement{JQL: "project = ABC ORDER BY created"}, "ORDER BY"},
			{token.Confinement{JQL: "project = ABC) OR (project = OUT"}, "JQL"},
			{token.Confinement{JQL: "nonsense = ABC"}, "Field 'nonsense' does not exist."},
			{token.Confinement{JQL: "project = NOPE"}, "projects"},
			{token.Confinement{Projects: []token.Project{{Key: "ABC"}}, JQL: "project = OUT"}, "projects"},
			{token.Confinement{Hide: []string{"Margn"}}, `"Margn"`},
		} {
			j := newStandIn(t, cloud)
			j.things["/rest/api/2/field"] = []any{map[string]any{"id": "customfield_10010", "name": "Margin"}}
			g, _ := guardAt()
			_, _, err := g.Check(context.Background(), j, test.confinement)
			var refusal *Error
			if err == nil || errors.As(err, &refusal) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Check(%+v): %v", test.confinement, err)
			}
		}
	}
}

func TestCheckTellsWhatCloudSays(t *testing.T) {
	j := newStandIn(t, true)
	j.answer = func(_ context.Context, _, path string) (int, string, error) {
		if path == "/rest/api/3/jql/parse" {
			return 200, `{"queries":[{"query":"x","errors":["The value 'x' does not exist."]}]}`, nil
		}
		return 0, "", nil
	}
	g, _ := guardAt()
	_, _, err := g.Check(context.Background(), j, token.Confinement{JQL: "labels = x"})
	if err == nil || !strings.Contains(err.Error(), "The value 'x' does not exist.") {
		t.Error(err)
	}
}

func TestCheckWithJiraAway(t *testing.T) {
	for name, answer := range map[string]func(context.Context, string, string) (int, string, error){
		"refused": func(context.Context, string, string) (int, string, error) {
			return 0, "", errors.New("connection refused")
		},
		"error":       func(context.Context, string, string) (int, string, error) { return 500, "{}", nil },
		"page":        func(context.Context, string, string) (int, string, error) { return 200, "<html>", nil },
		"not allowed": func(context.Context, string, string) (int, string, error) { return 401, "{}", nil },
	} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []token.Confinement{
				{Projects: []token.Project{{Key: "ABC"}}}, {JQL: "labels = acme"}, {Hide: []string{"Margin"}},
			} {
				j := newStandIn(t, true)
				j.answer = answer
				g, _ := guardAt()
				_, _, err := g.Check(context.Background(), j, c)
				wantKind(t, err, Unanswered)
			}
		})
	}
}
