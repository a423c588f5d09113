package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestBodies: what a body says that would be lost is refused, with the member's name and in
// plain words; nothing is done.
func TestBodies(t *testing.T) {
	a, _ := newApp(t)
	waiting, err := a.call((*call).create, "", `{"owner":"eve","name":"n"}`)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, body, want string
		serve            endpoint
	}{
		{"a name twice", `{"owner":"eve","name":"n","scope":"read","scope":"write"}`, `"scope" is there twice`, (*call).create},
		{"a name twice, written otherwise", `{"owner":"eve","name":"n","scope":"read","sc\u006fpe":"write"}`, `"scope" is there twice`, (*call).create},
		{"a name twice inside", `{"owner":"eve","name":"n","confine":{"projects":["A"],"projects":["DEMO"]},"check":false}`, `"confine.projects" is there twice`, (*call).create},
		{"another case", `{"owner":"eve","name":"n","Scope":"write"}`, "Scope", (*call).create},
		{"in a change", `{"name":"a","name":"b"}`, `"name" is there twice`, (*call).update},
		{"in a verdict", `{"reason":"a","reason":"b"}`, `"reason" is there twice`, (*call).reject},
		{"in a verdict, in another case", `{"Reason":"x"}`, `unknown member "Reason"`, (*call).reject},
		{"a number for a text", `{"reason":5}`, `"reason" has the wrong type: expected a string`, (*call).reject},
		{"a text for a number", `{"version":"5"}`, `"version" has the wrong type: expected a whole number`, (*call).rotate},
		{"a list", `[]`, "expected an object", (*call).rotate},
		{"a handover with a name twice", `{"handover":{"for":"1h","for":"2h"}}`, `"handover.for" is there twice`, (*call).rotate},
		{"a handover in another case", `{"handover":{"For":"1h"}}`, `such as {"for": "1h"}`, (*call).rotate},
		{"two values", `{} {}`, "invalid JSON at byte 3", (*call).rotate},
		{"half a value", `{"overlap":`, "invalid JSON at byte 11", (*call).rotate},
		{"not UTF-8", "{\"overlap\":\"\xff\"}", "invalid UTF-8", (*call).rotate},
		{"an account", `{"name":"a","name":"b"}`, `"name" is there twice`, (*call).addAccount},
		{"a long name", `{"` + strings.Repeat("x", 1000) + `":1}`, "unknown member", (*call).rotate},
	} {
		_, err := a.call(c.serve, waiting.ID, c.body)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "Go ") || strings.Contains(err.Error(), "json") || len(err.Error()) > 400 {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
	if record, err := a.registry.Show(t.Context(), waiting.ID); err != nil || record.Version != 1 || record.Status != token.StatusActive {
		t.Errorf("it has changed: %+v, %v", record, err)
	}
	for _, body := range []string{"", " \n", "{}", "null"} {
		if _, err := a.call((*call).rotate, waiting.ID, body); err != nil {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestParameters: a parameter that would be ignored is refused by every endpoint, as is a
// body where there is none to read.
func TestParameters(t *testing.T) {
	a, _ := newApp(t)
	created, err := a.call((*call).create, "", `{"owner":"eve","name":"n"}`)
	if err != nil {
		t.Fatal(err)
	}
	paths := strings.NewReplacer("{id}", created.ID, "{owner}", "eve", "{name}", "default", "{event}", "1-0")
	for path, methods := range endpoints {
		for method, serve := range methods {
			for _, query := range []string{"surplus=1", "owner=eve&owner=eve", "owner=eve&owner=bob", "owner=%zz", "owner=a;state=b"} {
				r := httptest.NewRequest(method, Base+paths.Replace(path), strings.NewReader(""))
				r.URL.RawQuery = query
				r.SetPathValue("id", created.ID)
				r.SetPathValue("owner", "eve")
				r.SetPathValue("name", "default")
				r.SetPathValue("event", "1-0")
				err := (&call{Request: r, w: httptest.NewRecorder(), app: a, tokens: a.registry}).answer(serve)
				if status := statusOf(err); status != http.StatusBadRequest {
					t.Errorf("%s %s?%s: %d %v", method, path, query, status, err)
				}
			}
		}
	}
	if record, err := a.registry.Show(t.Context(), created.ID); err != nil || record.Version != 1 {
		t.Errorf("it has changed: %+v, %v", record, err)
	}
	for name, serve := range map[string]endpoint{"disable": bare((*call).disable)} {
		if _, err := a.call(serve, created.ID, `{"overlap":"1h"}`); err == nil || !strings.Contains(err.Error(), `unknown member "overlap"`) {
			t.Errorf("%s with a body: %v", name, err)
		}
		if _, err := a.call(serve, created.ID, `{}`); err != nil {
			t.Errorf("%s with an empty body: %v", name, err)
		}
	}
}

func statusOf(err error) int {
	if err == nil {
		return http.StatusOK
	}
	return apiError(err).HTTPStatus
}
