package confine

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestQuestionsForAnIssue(t *testing.T) {
	for _, test := range []struct {
		name        string
		confinement token.Confinement
		cloud       bool
		want        string
	}{
		{"projects", onlyABC, true, "GET /rest/api/2/issue/ABC-1"},
		{"projects, data center", onlyABC, false, "GET /rest/api/2/issue/ABC-1"},
		{"a condition", acme, true, "GET /rest/api/2/serverInfo, POST /rest/api/3/search/jql"},
		{"a condition, data center", acme, false, "GET /rest/api/2/serverInfo, POST /rest/api/2/search"},
		{"hidden fields", token.Confinement{Hide: []string{"internal-comments"}}, true, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := newAsker(t, test.cloud, test.confinement)
			a.admitted("GET /rest/api/2/issue/ABC-1", "")
			if got := strings.Join(a.jira.asked(), ", "); got != test.want {
				t.Errorf("Jira was asked %s", got)
			}
			a.admitted("GET /rest/api/2/issue/ABC-1/worklog", "")
			if asked := a.jira.asked(); len(asked) > 0 {
				t.Errorf("within the ttl Jira was asked %q", asked)
			}
			a.clock.advance(a.guard.ttl)
			a.admitted("GET /rest/api/2/issue/ABC-1", "")
			if asked := a.jira.asked(); len(asked) > 1 || len(asked) == 0 && test.want != "" {
				t.Errorf("after the ttl Jira was asked %q", asked)
			}
		})
	}
}

func TestHiddenAndAbsentAskAlike(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, acme} {
			for _, method := range []string{"GET", "DELETE"} {
				asked := func(name string) string {
					a := newAsker(t, cloud, confinement)
					a.refused(Outside, method+" /rest/api/2/issue/"+name, "")
					return strings.ReplaceAll(strings.Join(a.jira.asked(), ", "), name, "X")
				}
				if hidden, absent := asked(map[bool]string{true: "ABC-2", false: "OUT-1"}[confinement.JQL != ""]), asked("ZZZ-1"); hidden != absent {
					t.Errorf("%s: %s for a hidden issue, %s for an absent one", method, hidden, absent)
				}
			}
		}
	})
}

func TestChangesAreNotJudgedByWhatIsRemembered(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
			a := newAsker(t, cloud, confinement)
			a.admitted("GET /rest/api/2/issue/ABC-1", "")
			a.admitted("PUT /rest/api/2/issue/ABC-1/assignee", `{}`)
			a.jira.issues["10011"].project, a.jira.issues["10011"].label = "20000", "x"
			a.refused(Outside, "PUT /rest/api/2/issue/ABC-1/assignee", `{}`)
			a.refused(Outside, "GET /rest/api/2/issue/ABC-1", "") // the change has learnt it
		}
	})
}

func TestReconcilesForChangesOnCloud(t *testing.T) {
	a := newAsker(t, true, acme)
	a.admitted("DELETE /rest/api/2/issue/ABC-1", "")
	if got := strings.Join(a.jira.asked(), ", "); got != "GET /rest/api/2/issue/ABC-1, GET /rest/api/2/serverInfo, POST /rest/api/3/search/jql" {
		t.Errorf("Jira was asked %s", got)
	}
}

func TestLookUpsAreShared(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	a.jira.answer = func(ctx context.Context, _, path string) (int, string, error) {
		if path == "/rest/api/2/issue/ABC-1" {
			asked <- struct{}{}
			<-release
		}
		return 0, "", nil
	}
	var all sync.WaitGroup
	ctx, cancel := context.WithCancel(context.Background())
	first := make(chan error)
	_, match := a.operations.Access("GET", "/rest/api/2/issue/ABC-1")
	go func() {
		_, err := a.guard.Admit(ctx, a.view, a.jira, &Request{Method: "GET", Match: match})
		first <- err
	}()
	<-asked
	for range 20 {
		all.Go(func() {
			if _, err := a.guard.Admit(context.Background(), a.view, a.jira, &Request{Method: "GET", Match: match}); err != nil {
				t.Error(err)
			}
		})
	}
	// The first one leaves; its look-up goes on for the others.
	cancel()
	wantKind(t, <-first, Unanswered)
	close(release)
	all.Wait()
	if n := len(a.jira.asked()); n != 1 {
		t.Errorf("Jira was asked %d times", n)
	}
}

func TestNothingIsRememberedWithoutATTL(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	a.guard.ttl = 0
	a.admitted("GET /rest/api/2/issue/ABC-1", "")
	a.jira.issues["10011"].project = "20000"
	a.refused(Outside, "GET /rest/api/2/issue/ABC-1", "")
}

func TestViewsDoNotShareWhatMatches(t *testing.T) {
	a := newAsker(t, true, acme)
	a.admitted("GET /rest/api/2/issue/ABC-1", "")
	a.view = viewOf(t, token.Confinement{JQL: "labels = other"})
	a.refused(Outside, "GET /rest/api/2/issue/ABC-1", "")
	a.view = viewOf(t, token.Confinement{Projects: []token.Project{{ID: "10001", Key: "DEF"}}})
	a.refused(Outside, "GET /rest/api/2/issue/ABC-1", "")
}

func TestJiraFails(t *testing.T) {
	for name, answer := range map[string]func(context.Context, string, string) (int, string, error){
		"away":          func(context.Context, string, string) (int, string, error) { return 0, "", errors.New("refused") },
		"error":         func(context.Context, string, string) (int, string, error) { return 500, `{"errorMessages":["x"]}`, nil },
		"unavailable":   func(context.Context, string, string) (int, string, error) { return 503, "", nil },
		"too many":      func(context.Context, string, string) (int, string, error) { return 429, "{}", nil },
		"unauthorized":  func(context.Context, string, string) (int, string, error) { return 401, "{}", nil },
		"redirect":      func(context.Context, string, string) (int, string, error) { return 302, "", nil },
		"page":          func(context.Context, string, string) (int, string, error) { return 200, "<html></html>", nil },
		"empty":         func(context.Context, string, string) (int, string, error) { return 200, "", nil },
		"nothing in it": func(context.Context, string, string) (int, string, error) { return 200, "{}", nil },
		"list":          func(context.Context, string, string) (int, string, error) { return 200, "[]", nil },
		"twice": func(context.Context, string, string) (int, string, error) {
			return 200, `{"id":"20011","id":"10011","key":"ABC-1","fields":{"project":{"id":"10000","key":"ABC"}}}`, nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
				a := newAsker(t, true, confinement)
				a.jira.answer = answer
				for _, request := range []string{
					"GET /rest/api/2/issue/ABC-1", "DELETE /rest/api/2/issue/ABC-1", "GET /rest/api/2/search/jql", "GET /rest/api/2/project/ABC",
				} {
					if name == "nothing in it" && confinement.JQL != "" && strings.Contains(request, "issue") {
						continue // a search that finds nothing
					}
					a.refused(Unanswered, request, "")
				}
				// It is asked again as soon as Jira answers.
				a.jira.answer = nil
				a.admitted("GET /rest/api/2/issue/ABC-1", "")
			}
		})
	}
}

func TestTimeout(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	a.jira.answer = func(ctx context.Context, _, _ string) (int, string, error) {
		<-ctx.Done()
		return 0, "", ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	_, match := a.operations.Access("GET", "/rest/api/2/issue/ABC-1")
	_, err := a.guard.Admit(ctx, a.view, a.jira, &Request{Method: "GET", Match: match})
	wantKind(t, err, Unanswered)
	_, err = a.guard.Admit(ctx, a.view, a.jira, &Request{Method: "DELETE", Match: match, Changes: true})
	wantKind(t, err, Unanswered)
}

func TestManyIssues(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAcme, acme} {
			a := newAsker(t, cloud, confinement)
			a.jira.formerly["OLD-1"] = "10011"
			want := `["ABC-1","10011"]`
			r, admission := a.admitted("POST /rest/api/3/issue/bulkfetch",
				`{"issueIdsOrKeys":["ABC-1","10011","DEF-9","20012","ZZZ-1","99","x"],"fields":["summary"],"expand":["names","renderedFields"]}`)
			if got := string(r.Body); got != `{"expand":["names"],"fields":["summary"],"issueIdsOrKeys":`+want+`}` {
				t.Errorf("%v: body %s", confinement, got)
			}
			if !admission.Issue("10011", "ABC-1") {
				t.Error("the issues are not known to be inside")
			}
			// A few are looked up one by one.
			r, _ = a.admitted("POST /rest/api/3/issue/bulkfetch", `{"issueIdsOrKeys":["ABC-1","DEF-9",20012]}`)
			if got := string(r.Body); got != `{"issueIdsOrKeys":["ABC-1"]}` {
				t.Errorf("body %s", got)
			}
			// None is left.
			for _, ids := range []string{`["ZZZ-1"]`, `["ZZZ-1","ZZZ-2","ZZZ-3","ZZZ-4","ZZZ-5"]`} {
				r, _ = a.admitted("POST /rest/api/3/issue/bulkfetch", `{"issueIdsOrKeys":`+ids+`}`)
				if got := string(r.Body); got != `{"issueIdsOrKeys":["0"]}` {
					t.Errorf("body %s", got)
				}
			}
			// Changes are refused as a whole.
			a.admitted("POST /rest/api/3/bulk/issues/watch", `{"selectedIssueIdsOrKeys":["ABC-1","10011"]}`)
			a.refused(Outside, "POST /rest/api/3/bulk/issues/watch", `{"selectedIssueIdsOrKeys":["ABC-1","ZZZ-1"]}`)
			a.refused(Outside, "POST /rest/api/3/bulk/issues/watch", `{"selectedIssueIdsOrKeys":["ABC-1","10011","abc-1","ZZZ-1","ZZZ-2"]}`)
			a.refused(Outside, "POST /rest/api/3/bulk/issues/transition",
				`{"bulkTransitionInputs":[{"selectedIssueIdsOrKeys":["ABC-1"],"transitionId":"5"},{"selectedIssueIdsOrKeys":["ZZZ-1"],"transitionId":"5"}]}`)
			a.admitted("POST /rest/api/3/bulk/issues/transition", `{"bulkTransitionInputs":[{"selectedIssueIdsOrKeys":["ABC-1"],"transitionId":"5"}]}`)
		}
	})
}

func TestTooManyIssues(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	names := strings.TrimSuffix(strings.Repeat(`"ABC-1",`, maxIssues+1), ",")
	a.refused(NotConfinable, "POST /rest/api/3/issue/bulkfetch", `{"issueIdsOrKeys":[`+names+`]}`)
	if asked := a.jira.asked(); len(asked) > 0 {
		t.Errorf("Jira was asked %q", asked)
	}
}

func TestHostileLists(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	for _, body := range []string{
		`{"issueIdsOrKeys":"ABC-1"}`, `{"issueIdsOrKeys":[["ABC-1"]]}`, `{"issueIdsOrKeys":[null]}`, `{"issueIdsOrKeys":{"0":"ABC-1"}}`,
		`{"issueIdsOrKeys":[{"id":"10011"}]}`, `{"issueIdsOrKeys":[1.5]}`, `{"issueIdsOrKeys":[1e4]}`, `{"issueIdsOrKeys":[true]}`,
		`{"issueIdsOrKeys":["ABC-1"],"issueIdsOrKeys":["OUT-1"]}`, `{"issueIdsOrKeys":["ABC-1"],"\u0069ssueIdsOrKeys":["OUT-1"]}`,
		`["ABC-1"]`, `null`, `"x"`, `{`, `{} {}`, ` `, "{\"issueIdsOrKeys\":[\"\xff\"]}",
	} {
		a.refused(Ambiguous, "POST /rest/api/3/issue/bulkfetch", body)
		a.refused(Ambiguous, "POST /rest/api/3/bulk/issues/watch", strings.NewReplacer("\\u0069ssueIdsOrKeys", "\\u0073electedIssueIdsOrKeys", "issueIdsOrKeys", "selectedIssueIdsOrKeys").Replace(body))
	}
	if asked := a.jira.asked(); len(asked) > 0 {
		t.Errorf("Jira was asked %q", asked)
	}
}
