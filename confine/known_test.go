package confine

import (
	"context"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestKnown(t *testing.T) {
	for _, cloud := range []bool{true, false} {
		j := newStandIn(t, cloud)
		j.things["/rest/api/2/project"] = []any{j.projects["20000"], j.projects["10001"], j.projects["10000"]}
		j.things["/rest/api/2/field"] = []any{map[string]any{"id": "summary", "name": "Summary"}, map[string]any{"id": "customfield_10010", "name": "Margin"}}
		asked := 0
		j.answer = func(_ context.Context, method, path string) (int, string, error) {
			if method == http.MethodGet && strings.HasPrefix(path, "/rest/api/3/project/search") {
				asked++
				return http.StatusOK, `{"values":[{"id":"10001","key":"DEF","name":"Delta"},{"id":"10000","key":"ABC","name":"Alpha"}]}`, nil
			}
			return 0, "", nil
		}
		g, _ := guardAt()
		for range 2 {
			found, more, err := g.Projects(t.Context(), j, "a")
			want := []Project{{"ABC", "Alpha"}, {"DEF", "Delta"}}
			if err != nil || more || !reflect.DeepEqual(found, want) {
				t.Errorf("cloud %t: %v, %t, %v", cloud, found, more, err)
			}
		}
		if cloud && asked != 1 {
			t.Errorf("Jira was asked %d times", asked)
		}
		fields, err := g.Fields(t.Context(), j)
		if err != nil || !reflect.DeepEqual(fields, []Field{{"customfield_10010", "Margin"}, {"summary", "Summary"}}) {
			t.Errorf("fields: %v, %v", fields, err)
		}
		before := len(j.questions)
		for range 2 {
			if n, err := g.Matches(t.Context(), j, token.Confinement{JQL: "labels = acme"}); n != 3 || err != nil {
				t.Errorf("%d, %v", n, err)
			}
		}
		once := len(j.questions) - before
		if _, err := g.Matches(t.Context(), j, token.Confinement{JQL: "labels = other"}); err != nil || len(j.questions)-before != 2*once {
			t.Errorf("%d questions for one condition, %d for both: %v", once, len(j.questions)-before, err)
		}
	}
}

func TestManyProjects(t *testing.T) {
	j := newStandIn(t, false)
	var all []any
	for range MaxFound + 1 {
		all = append(all, j.projects["10000"])
	}
	j.things["/rest/api/2/project"] = all
	g, _ := guardAt()
	if found, more, err := g.Projects(t.Context(), j, ""); len(found) != MaxFound || !more || err != nil {
		t.Errorf("%d, %t, %v", len(found), more, err)
	}
}
