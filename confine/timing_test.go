package confine

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// recorded answers a question that it has been asked before without any work.
type recorded struct {
	jira  *standIn
	known map[string]recordedAnswer
	asked int
}

type recordedAnswer struct {
	status int
	body   []byte
}

func (r *recorded) Key() string { return "jira as svc" }

func (r *recorded) Ask(ctx context.Context, method, uri string, body []byte) (int, []byte, error) {
	r.asked++
	if answer, ok := r.known[uri+string(body)]; ok {
		return answer.status, answer.body, nil
	}
	status, answer, err := r.jira.Ask(ctx, method, uri, body)
	r.known[uri+string(body)] = recordedAnswer{status, answer}
	return status, answer, err
}

// TestHiddenAndAbsentTakeTheSameWay: the time that a refusal takes must not tell what
// is hidden from what does not exist. Times are too noisy for a test, but the guard asks
// as many questions and allocates about as much.
func TestHiddenAndAbsentTakeTheSameWay(t *testing.T) {
	const most = 0.1 // of the allocations: Jira's answers differ
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
			a := newAsker(t, cloud, confinement)
			thingsOf(a.jira)
			a.jira.things["/rest/api/2/component/21"] = map[string]any{"id": "21", "project": "OUT", "projectId": 20000} // as Jira answers
			a.jira.things["/rest/api/2/issue/ABC-1/comment/21"] = map[string]any{"id": "21", "self": "https://jira.test/rest/api/2/issue/20011/comment/21"}
			a.jira.things["/rest/api/2/attachment/21"] = map[string]any{"id": "21", "created": a.clock.Now().Format("2006-01-02T15:04:05.000-0700")}
			a.guard.ttl = 0
			jira := &recorded{jira: a.jira, known: make(map[string]recordedAnswer)}
			for _, request := range []string{
				"GET /rest/api/2/issue/%s", "DELETE /rest/api/2/issue/%s", "GET /rest/api/2/issue/%s/comment", "GET /rest/api/2/project/%s",
				"DELETE /rest/api/2/version/%s", "DELETE /rest/api/2/component/%s", "DELETE /rest/api/2/issueLink/%s",
				"GET /rest/api/2/attachment/%s", "DELETE /rest/api/2/attachment/%s", "GET /rest/api/2/issue/ABC-1/comment/%s", "DELETE /rest/api/2/issue/ABC-1/comment/%s",
				"DELETE /rest/agile/1.0/sprint/%s", "GET /rest/agile/1.0/board/%s/issue", "GET /rest/servicedeskapi/servicedesk/%s",
			} {
				cost := func(name string) (questions int, allocations float64) {
					method, path, _ := strings.Cut(fmt.Sprintf(request, name), " ")
					access, match := a.operations.Access(method, path)
					once := func() {
						a.guard.memory.known.InvalidateAll()
						if _, err := a.guard.Admit(context.Background(), a.view, jira, &Request{Method: method, Changes: access.Changes(), Match: match}); err == nil {
							t.Fatalf("%s %s: admitted", method, path)
						}
					}
					once()
					jira.asked = 0
					once()
					questions = jira.asked
					// The race detector makes pools forget some of what they hold.
					allocations = math.Inf(1)
					for range 20 {
						allocations = min(allocations, testing.AllocsPerRun(1, once))
					}
					return questions, allocations
				}
				hidden, absent := "21", "99"
				switch {
				case strings.Contains(request, "/issue/%s"):
					hidden, absent = "OUT-1", "ZZZ-1"
				case strings.Contains(request, "/project/"):
					hidden, absent = "OUT", "ZZZ"
				}
				q, n := cost(hidden)
				q2, n2 := cost(absent)
				if q != q2 || n > n2*(1+most) || n2 > n*(1+most) {
					t.Errorf("%s: %d questions and %v allocations if hidden, %d and %v if absent", request, q, n, q2, n2)
				}
			}
		}
	})
}
