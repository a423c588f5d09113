package handler

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestOutcomesNameTheToken: what is counted for a token are the requests with its secret,
// and the bodies that came from Jira.
func TestOutcomesNameTheToken(t *testing.T) {
	x := newExchange(t, "https://jira.example.com")
	app := endpointApp{oneToken: x.app, outcomes: new([]Outcome), used: new(int), standing: x.app.Standing(nil)}
	x.handler.app = app
	body := `{"issues":["` + strings.Repeat("x", 100_000) + `"]}`
	x.answer = func(*http.Request) (*http.Response, error) {
		return answerOf(200, body, "Content-Type", "application/json"), nil
	}
	if got, err := io.ReadAll(x.send("GET", "/rest/api/2/search", nil).Body); err != nil || string(got) != body {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	x.send("PUT", "/rest/api/2/permissionscheme/1", strings.NewReader("{}"))
	x.answer = func(*http.Request) (*http.Response, error) {
		return answerOf(302, "", "Location", "https://id.atlassian.com/login"), nil
	}
	x.send("GET", "/rest/api/2/search", nil)
	r := from("192.0.2.1", "alice", token.New().Reveal())
	x.serve(r)
	want := []Outcome{
		{Decision: decisionAllowed, Bytes: uint64(len(body)), TokenID: app.ID()},
		{Decision: decisionDenied, Reason: ReasonScopeInsufficient, TokenID: app.ID()},
		{Decision: decisionDenied, Reason: ReasonJiraRejectedAccount, TokenID: app.ID()},
		{Decision: decisionDenied, Reason: ReasonInvalidToken},
	}
	if len(*app.outcomes) != len(want) {
		t.Fatalf("%+v", *app.outcomes)
	}
	for i, got := range *app.outcomes {
		if got.Decision != want[i].Decision || got.Reason != want[i].Reason || got.Bytes != want[i].Bytes || got.TokenID != want[i].TokenID {
			t.Errorf("outcome %+v, want %+v", got, want[i])
		}
	}
}
