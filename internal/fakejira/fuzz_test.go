package fakejira

import (
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func FuzzJQL(f *testing.F) {
	server := New(Options{})
	c := &call{server: server, who: server.accounts[0], version: 2}
	for _, seed := range []string{"project = DEMO", "key in (DEMO-1,'x\\'y') order by key", "not (a=1) OR (b=2", "created > -7d", "text ~ \"a*\"", "!!", "a in (", "order by"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, jql string) {
		q, err := c.parseJQL(jql)
		if err == nil {
			c.find(q, 0, 10)
		}
	})
}

func FuzzPath(f *testing.F) {
	for _, seed := range []string{"/rest/api/2/issue/DEMO-1", "/a/..;/b", "/%2e%2e/", "//", "/;"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		segments, err := tomcatSegments(raw)
		for _, segment := range segments {
			if err == nil && (segment == "" || segment == "." || segment == "..") {
				t.Errorf("%q has a segment %q", raw, segment)
			}
		}
	})
}

func FuzzRequest(f *testing.F) {
	servers := []*Server{New(Options{}), New(Options{Dress: DataCenter, ContextPath: "/jira"})}
	f.Cleanup(func() {
		for _, s := range servers {
			_ = s.Close()
		}
	})
	seeds := [][3]string{
		{"POST", "/rest/api/2/issue", `{"fields":{"project":{"key":"DEMO"},"issuetype":{"id":10002},"summary":"x","parent":{"key":"DEMO-1"}},"update":{"labels":[{"add":"x"}]}}`},
		{"PUT", "/jira/rest/api/2/issue/DEMO-1", `{"fields":{"assignee":{"name":null},"duedate":"2025-01-01"}}`},
		{"POST", "/rest/api/3/issue/DEMO-2/comment", `{"body":{"type":"doc","content":[{"content":[7]}]}}`},
		{"POST", "/rest/api/2/issue/DEMO-2/worklog", `{"timeSpent":"1h NaNm"}`},
		{"GET", "/rest/api/2/search?jql=key>DEMO-1&startAt=9223372036854775807&maxResults=-1&expand=names,schema", ""},
		{"POST", "/rest/api/3/search/jql", `{"jql":"id=1","nextPageToken":"x","fields":"a,b"}`},
		{"POST", "/rest/api/3/jql/match", `{"issueIds":[-1],"jqls":["x"]}`},
		{"POST", "/rest/api/2/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"DEMO-1"},"outwardIssue":7}`},
		{"GET", "/rest/agile/1.0/sprint/99/issue?maxResults=0", ""},
		{"DELETE", "/rest/api/2/issue/DEMO-2?deleteSubtasks=true", ""},
		{"POST", "/jira/rest/auth/1/session", `{"username":7}`},
	}
	for _, seed := range seeds {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, target, body string) {
		if !strings.HasPrefix(target, "/") {
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		for n, s := range servers {
			request := httptest.NewRequest("GET", "/", strings.NewReader(body))
			request.Method, request.URL, request.RequestURI = method, u, target
			request.Header.Set("Content-Type", "application/json")
			request.SetBasicAuth([]string{DefaultEmail, DefaultUser}[n], DefaultSecret)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, request)
			if w.Code >= 500 {
				t.Errorf("%s %s: %d %s", method, target, w.Code, w.Body)
			}
		}
	})
}
