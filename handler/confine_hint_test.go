package handler

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestExplainConfinement: the administrator learns the rule, what is outside and
// the smallest change that lets the request pass.
func TestExplainConfinement(t *testing.T) {
	const (
		inABC   = `"fields":{"project":{"id":"10000","key":"ABC","name":"Alpha"}}}`
		inOUT   = `"fields":{"project":{"id":"20000","key":"OUT","name":"Beta"}}}`
		issues  = "/rest/api/3/issue/"
		nowhere = "--unconfine"
	)
	answers := map[string]string{
		"/rest/api/2/serverInfo":    `{"deploymentType":"Cloud"}`,
		"/rest/api/2/project/10000": `{"id":"10000","key":"ABC","name":"Alpha"}`,
		"/rest/api/2/project/ABC":   `{"id":"10000","key":"ABC","name":"Alpha"}`,
		"/rest/api/2/project/OUT":   `{"id":"20000","key":"OUT","name":"Beta"}`,
		"/rest/api/2/issue/ABC-1":   `{"id":"1","key":"ABC-1",` + inABC,
		"/rest/api/2/issue/OUT-1":   `{"id":"2","key":"OUT-1",` + inOUT,
		"/rest/api/2/field":         `[]`,
	}
	site := roundTripper(func(r *http.Request) (*http.Response, error) {
		if body, ok := answers[r.URL.Path]; ok {
			return answerOf(http.StatusOK, body, "Content-Type", "application/json"), nil
		}
		return answerOf(http.StatusNotFound, `{"errorMessages":["no"],"errors":{}}`, "Content-Type", "application/json"), nil
	})
	abc := token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}}
	for _, test := range []struct {
		token, gateway token.Confinement
		method, uri    string
		reason         Reason
		says           []string
		saysNot        []string
	}{
		{abc, token.Confinement{}, "GET", issues + "ABC-1", "", []string{"rule issue", "projects ABC"}, nil},
		{abc, token.Confinement{}, "GET", issues + "OUT-1", ReasonOutsideConfinement, []string{"It is in project OUT.", "update ID --project ABC --project OUT", "rule is issue"}, []string{"gateway", nowhere}},
		{abc, token.Confinement{}, "GET", issues + "NIX-1", ReasonOutsideConfinement, []string{"does not exist, or", "rule is issue"}, []string{"--project"}},
		{abc, token.Confinement{}, "GET", "/rest/api/3/project/OUT", ReasonOutsideConfinement, []string{"--project ABC --project OUT", "rule is project"}, nil},
		{abc, token.Confinement{}, "GET", "/rest/api/3/dashboard", ReasonNotConfinable, []string{"dashboards", "update ID --unconfine", "rule is none"}, []string{"gateway"}},
		{abc, token.Confinement{}, "GET", "/rest/tempo/1/x", ReasonNotConfinable, []string{"update ID --unconfine"}, []string{"rule is"}},
		{token.Confinement{}, abc, "GET", "/rest/api/3/dashboard", ReasonNotConfinable, []string{"gateway with the option confine"}, []string{nowhere}},
		{token.Confinement{}, abc, "GET", issues + "OUT-1", ReasonOutsideConfinement, []string{"option confine must list OUT"}, []string{"--project"}},
		{token.Confinement{JQL: "project = ABC"}, token.Confinement{}, "GET", "/rest/api/3/project/OUT", ReasonOutsideConfinement, []string{"It is in project OUT.", "The token's JQL must match it."}, []string{"--project"}},
		{abc, token.Confinement{}, "POST", "/rest/api/3/issue", ReasonOutsideConfinement, []string{"rule is create", "body of such a request"}, nil},
		{abc, token.Confinement{}, "POST", "/rest/api/3/search/jql", "", []string{"rule search", "body of such a request"}, nil},
	} {
		app := newToken(token.New(), token.ScopeWrite)
		app.record.Confine = test.token
		h := newHandler(t, app, frontAPI, passwordsDeny)
		h.confinement, h.guard = test.gateway, confine.NewGuard(time.Minute)
		e, err := h.Explain(t.Context(), Question{Record: app.record, Method: test.method, URI: test.uri, Jira: "https://jira.example", Transport: site})
		if err != nil {
			t.Fatal(err)
		}
		detail := ""
		for _, step := range e.Steps {
			if step.Step == "confine" {
				detail = strings.ReplaceAll(step.Detail, app.record.ID, "ID")
			}
		}
		if e.Reason != test.reason || e.Allowed != (test.reason == "") {
			t.Errorf("%s %s: %q, %s", test.method, test.uri, e.Reason, detail)
		}
		for _, want := range test.says {
			if !strings.Contains(detail, want) {
				t.Errorf("%s %s: %q, want %q in it", test.method, test.uri, detail, want)
			}
		}
		for _, lie := range test.saysNot {
			if strings.Contains(detail, lie) {
				t.Errorf("%s %s: %q, with %q in it", test.method, test.uri, detail, lie)
			}
		}
		if text, err := json.Marshal(e); err != nil || strings.Count(string(text), `"confine"`) != 1 {
			t.Errorf("%s %s: the step confine is not in it once: %s, %v", test.method, test.uri, text, err)
		}
	}
}
