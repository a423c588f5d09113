package gatewaytest

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/internal/openapitest"
)

// document is the OpenAPI document of the admin API and the page's API.
var document = sync.OnceValues(func() (*openapitest.Document, error) { return openapitest.Read(admin.OpenAPI()) })

// checkDocumented fails the test unless an answer of the admin API, or of the page's API, is as
// its OpenAPI document says. The harness calls it for every answer.
func checkDocumented(t *testing.T, answer *http.Response, body []byte) {
	t.Helper()
	path := answer.Request.URL.EscapedPath()
	rest, documented := strings.CutPrefix(path, admin.Base)
	if !documented {
		_, rest, documented = strings.Cut(path, "/api/v1/")
	}
	if !documented {
		return
	}
	d, err := document()
	if err == nil {
		err = d.Check(answer.Request.Method, rest, answer, body)
	}
	if err != nil {
		t.Errorf("%s %s is not as documented: %v", answer.Request.Method, path, err)
	}
}

// TestDocumentedAPI calls every operation that reads, and those that change a token, at both
// places: the harness checks the answers.
func TestDocumentedAPI(t *testing.T) {
	s := startPage(t)
	tok, held := s.furnish(t)
	event := s.firstEvent(t)
	d, err := document()
	if err != nil {
		t.Fatal(err)
	}
	queries := map[string]string{"explain": "?token=" + tok.ID + "&method=PUT&path=/rest/api/2/issue/DEMO-1&from=127.0.0.1"}
	session := s.signInToJira("root")
	for pattern, operations := range d.Operations {
		operation := operations[http.MethodGet]
		if operation == nil {
			continue
		}
		id := tok.ID
		if strings.HasPrefix(pattern, "approvals/") {
			id = held
		}
		path := strings.NewReplacer("{id}", id, "{owner}", "alice", "{name}", "default", "{event}", event).Replace(pattern)
		if status, answer := s.adminCall(http.MethodGet, admin.Base+path+queries[pattern], ""); status != http.StatusOK {
			t.Errorf("GET %s: HTTP %d: %s", path, status, answer)
		}
		want := http.StatusOK
		if operation.Needs == "admin-endpoint" {
			want = http.StatusNotFound
		}
		if status, answer := s.callAPI(t, http.MethodGet, path+queries[pattern], "", session); status != want {
			t.Errorf("GET %s of the page: HTTP %d, want %d: %s", path, status, want, answer)
		}

		// A parameter that the document does not have is refused, with a list of those that exist.
		status, answer := s.adminCall(http.MethodGet, admin.Base+path+"?nonsense=1", "")
		_, listed, _ := strings.Cut(strings.TrimRight(answer, "\"}\n"), "expected ")
		known := strings.Split(listed, ", ")
		slices.Sort(known)
		var documented []string
		for _, parameter := range operation.Parameters {
			documented = append(documented, parameter.Name)
		}
		slices.Sort(documented)
		if documented != nil && (status != http.StatusBadRequest || !slices.Equal(known, documented)) {
			t.Errorf("GET %s has the documented parameters %q, but says HTTP %d: %s", pattern, documented, status, answer)
		}
	}

	for _, place := range []func(path, body string) (int, string){
		func(path, body string) (int, string) { return s.adminCall(http.MethodPost, admin.Base+path, body) },
		func(path, body string) (int, string) { return s.callAPI(t, http.MethodPost, path, body, session) },
	} {
		post := func(want int, path, body string) (answer string) {
			t.Helper()
			if err := d.CheckBody(http.MethodPost, path, []byte(body)); body != "" && err != nil {
				t.Errorf("%s: the test's own body is not as documented: %v", path, err)
			}
			status, answer := place(path, body)
			if status != want {
				t.Errorf("POST %s: HTTP %d, want %d: %s", path, status, want, answer)
			}
			return answer
		}
		made := decoded[issued](t, post(http.StatusCreated, "tokens", `{"owner":"root","name":"documented","scope":"read","expires_at":"30d","confine":{"projects":["DEMO"],"hide":["internal-comments"]},"allow_ip":["127.0.0.0/8"],"max_concurrent":2,"limit":"600/m"}`))
		s.guard(made.Owner, made.Token)
		rotated := decoded[issued](t, post(http.StatusOK, "tokens/"+made.ID+"/rotate", `{"overlap":"1h"}`))
		s.guard(rotated.Owner, rotated.Token)
		post(http.StatusOK, "tokens/"+made.ID+"/rotate", `{"handover":{"for":"1h"}}`)
		for _, action := range []string{"disable", "enable", "revoke"} {
			post(http.StatusOK, "tokens/"+made.ID+"/"+action, "")
		}
		post(http.StatusConflict, "tokens/"+made.ID+"/enable", "")
		post(http.StatusBadRequest, "tokens", `{"owner":"root","name":""}`)
		post(http.StatusOK, "owners/alice/transfer", `{"to":"bea","check":true}`)
		post(http.StatusOK, "accounts/default/check", "")
		post(http.StatusOK, "jira/matches", `{"owner":"root","account":"default","confine":{"projects":["DEMO"]}}`)
	}
	s.callAPI(t, http.MethodPatch, "tokens/"+tok.ID, `{"name":"renamed"}`, session)
	s.callAPI(t, http.MethodPost, "approvals/"+held+"/reject", `{"reason":"for the test"}`, session)
	if status, answer := s.callAPI(t, http.MethodGet, "tokens", "", ""); status != http.StatusUnauthorized {
		t.Errorf("nobody: HTTP %d: %s", status, answer)
	}
}

// firstEvent returns the ID of the first event of the trail.
func (s *pageSite) firstEvent(t *testing.T) string {
	t.Helper()
	var page struct {
		Events []struct{ ID string } `json:"events"`
	}
	s.call(http.MethodGet, admin.Base+"audit?limit=1", nil, http.StatusOK, &page)
	return page.Events[0].ID
}

// callAPI calls the page's JSON API with a session of Jira's, or without one.
func (s *pageSite) callAPI(t *testing.T, method, path, body, session string) (status int, answer string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, s.origin()+"/tokens/api/v1/"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if session != "" {
		request.AddCookie(&http.Cookie{Name: "JSESSIONID", Value: session})
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	checkDocumented(t, response, text)
	return response.StatusCode, string(text)
}
