package confine

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestHiddenAndAbsentTakeTheSameWay: the time that a refusal takes must not tell what
// is hidden from what does not exist. Times are too noisy for a test, but nothing takes
// as long as a question to Jira.
func TestHiddenAndAbsentTakeTheSameWay(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
			a := newAsker(t, cloud, confinement)
			thingsOf(a.jira)
			a.jira.things["/rest/api/2/component/21"] = map[string]any{"id": "21", "project": "OUT", "projectId": 20000} // as Jira answers
			a.jira.things["/rest/api/2/issue/ABC-1/comment/21"] = map[string]any{"id": "21", "self": "https://jira.test/rest/api/2/issue/20011/comment/21"}
			a.jira.things["/rest/api/2/attachment/21"] = map[string]any{"id": "21", "created": a.clock.Now().Format("2006-01-02T15:04:05.000-0700")}
			a.guard.ttl = 0
			for _, request := range []string{
				"GET /rest/api/2/issue/%s", "DELETE /rest/api/2/issue/%s", "GET /rest/api/2/issue/%s/comment", "GET /rest/api/2/project/%s",
				"DELETE /rest/api/2/version/%s", "DELETE /rest/api/2/component/%s", "DELETE /rest/api/2/issueLink/%s",
				"GET /rest/api/2/attachment/%s", "DELETE /rest/api/2/attachment/%s", "GET /rest/api/2/issue/ABC-1/comment/%s", "DELETE /rest/api/2/issue/ABC-1/comment/%s",
				"DELETE /rest/agile/1.0/sprint/%s", "GET /rest/agile/1.0/board/%s/issue", "GET /rest/servicedeskapi/servicedesk/%s",
			} {
				questions := func(name string) int {
					method, path, _ := strings.Cut(fmt.Sprintf(request, name), " ")
					access, match := a.operations.Access(method, path)
					a.guard.memory.known.InvalidateAll()
					a.jira.asked()
					if _, err := a.guard.Admit(context.Background(), a.view, a.jira, &Request{Method: method, Changes: access.Changes(), Match: match}); err == nil {
						t.Fatalf("%s %s: admitted", method, path)
					}
					return len(a.jira.asked())
				}
				hidden, absent := "21", "99"
				switch {
				case strings.Contains(request, "/issue/%s"):
					hidden, absent = "OUT-1", "ZZZ-1"
				case strings.Contains(request, "/project/"):
					hidden, absent = "OUT", "ZZZ"
				}
				if n, m := questions(hidden), questions(absent); n != m {
					t.Errorf("%s: %d questions if hidden, %d if absent", request, n, m)
				}
			}
		}
	})
}
