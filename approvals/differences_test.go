package approvals

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// jiraHas answers what Jira has by the URI.
var jiraHas = map[string]string{
	"/rest/api/2/issue/A-1?fields=summary%2Ccustomfield_1%2Cgone%2Clabels": `{"fields":{"summary":"old","customfield_1":{"value":"low"},"labels":["x"],"gone":null}}`,
	"/rest/api/2/issue/A-1?fields=summary":                                 `{"fields":{"summary":"old"}}`,
	"/rest/api/2/issue/A-1?fields=status":                                  `{"fields":{"status":{"name":"To Do"}}}`,
	"/rest/api/2/issue/A-1?fields=assignee":                                `{"fields":{"assignee":{"name":"bob"}}}`,
	"/rest/api/2/issue/A-1/transitions":                                    `{"transitions":[{"id":"31","name":"Finish","to":{"name":"Done"}}]}`,
	"/rest/api/2/issue/A-1/comment/7":                                      `{"body":"old words"}`,
	"/rest/api/2/field":                                                    `[{"id":"customfield_1","name":"Severity"},{"id":"customfield_2","name":"Other"}]`,
}

func TestCompare(t *testing.T) {
	for _, test := range []struct{ method, path, body, does, differences string }{
		{"PUT", "/rest/api/2/issue/A-1", `{"fields":{"summary":"new","customfield_1":{"value":"high"},"gone":1},"update":{"labels":[{"add":"y"}]},"notify":true}`, "Changes A-1",
			`Severity customfield_1 {"value":"low"} → {"value":"high"}; gone  → 1; summary "old" → "new"; labels ["x"] → [{"add":"y"}]; notify  → true`},
		{"POST", "/rest/api/2/issue", `{"fields":{"summary":"new","customfield_1":1}}`, "Creates an issue", `Severity customfield_1  → 1; summary  → "new"`},
		{"POST", "/rest/api/2/issue/A-1/comment", `{"body":"words","visibility":{"type":"role"}}`, "Adds a comment to A-1", `comment  → "words"; visibility  → {"type":"role"}`},
		{"PUT", "/rest/api/2/issue/A-1/comment/7", `{"body":"words"}`, "Changes a comment of A-1", `comment "old words" → "words"`},
		{"DELETE", "/rest/api/2/issue/A-1/comment/7", ``, "Deletes a comment of A-1", `comment "old words" → `},
		{"DELETE", "/rest/api/2/issue/A-1", ``, "Deletes A-1", `summary "old" → `},
		{"PUT", "/rest/api/2/issue/A-1/assignee", `{"name":"eve"}`, "Assigns A-1", `assignee {"name":"bob"} → {"name":"eve"}`},
		{"POST", "/rest/api/2/issue/A-1/transitions", `{"transition":{"id":"31"},"fields":{"resolution":{"name":"Fixed"}}}`, "Changes the status of A-1: Finish",
			`status "To Do" → "Done"; resolution  → {"name":"Fixed"}`},
		{"POST", "/rest/api/2/issue/A-1/transitions", `{"transition":{"id":"99"}}`, "Changes the status of A-1", `transition "To Do" → {"id":"99"}`},
		{"POST", "/rest/api/2/issue/A-1/transitions", `{"transition":{"id":"11","ID":"31"}}`, "Changes the status of A-1",
			`transition "To Do" → {"id":"11","ID":"31"}`},
		{"POST", "/rest/api/2/issue/A-1/transitions", `{"transition":{"id":"31","ID":"11"}}`, "Changes the status of A-1: Finish",
			`status "To Do" → "Done"; transition "To Do" → {"id":"31","ID":"11"}`},
		{"POST", "/rest/api/2/issue/bulk", `{"issueUpdates":[]}`, "POST /rest/api/2/issue/bulk", ""},
		{"POST", "/rest/agile/1.0/sprint", `{}`, "POST /rest/agile/1.0/sprint", ""},
		{"PUT", "/rest/api/2/issue/A-1", `not JSON`, "PUT /rest/api/2/issue/A-1", ""},
	} {
		read := func(_ context.Context, uri string) (int, []byte, error) {
			if answer, ok := jiraHas[uri]; ok {
				return 200, []byte(answer), nil
			}
			// Fields are asked for in any order.
			if strings.HasPrefix(uri, "/rest/api/2/issue/A-1?fields=summary%2C") {
				return 200, []byte(jiraHas["/rest/api/2/issue/A-1?fields=summary%2Ccustomfield_1%2Cgone%2Clabels"]), nil
			}
			return 404, []byte(`{}`), nil
		}
		got := Compare(t.Context(), read, Request{Method: test.method, Size: len(test.body)}, test.path, []byte(test.body))
		if got.Does != test.does || texts(got) != test.differences || got.Error != "" {
			t.Errorf("%s %s: %s: %s %s\nwant %s", test.method, test.path, got.Does, texts(got), got.Error, test.differences)
		}
	}
}

// TestCompareWithoutJira: what a request sets is shown even if Jira cannot be asked, or
// the issue is outside the token's confinement.
func TestCompareWithoutJira(t *testing.T) {
	for name, read := range map[string]Reader{
		"away":      func(context.Context, string) (int, []byte, error) { return 0, nil, errors.New("no answer") },
		"not there": func(context.Context, string) (int, []byte, error) { return 404, []byte(`{}`), nil },
		"no JSON":   func(context.Context, string) (int, []byte, error) { return 200, []byte(`<html>`), nil },
	} {
		body := []byte(`{"fields":{"summary":"new"}}`)
		got := Compare(t.Context(), read, Request{Method: "PUT", Size: len(body)}, "/rest/api/2/issue/A-1", body)
		if texts(got) != `summary  → "new"` || got.Error == "" {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// TestCompareWithoutBody: nothing is said about what nobody can see.
func TestCompareWithoutBody(t *testing.T) {
	read := func(context.Context, string) (int, []byte, error) {
		return 200, []byte(`{"fields":{"summary":"old"}}`), nil
	}
	got := Compare(t.Context(), read, Request{Method: "PUT", Size: 70000, ContentType: "application/json", Digest: "sha256:abc"}, "/rest/api/2/issue/A-1", nil)
	if len(got.Differences) > 0 || got.Does != "PUT /rest/api/2/issue/A-1" || !strings.Contains(got.Error, "70000 bytes") || !strings.Contains(got.Error, "sha256:abc") {
		t.Errorf("%+v", got)
	}
}

func texts(c Comparison) string {
	var all []string
	for _, d := range c.Differences {
		text := d.Field
		if d.ID != "" {
			text += " " + d.ID
		}
		all = append(all, text+" "+string(d.Old)+" → "+string(d.New))
	}
	if _, err := json.Marshal(c); err != nil {
		return err.Error()
	}
	return strings.Join(all, "; ")
}
