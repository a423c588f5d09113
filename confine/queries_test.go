package confine

import (
	"reflect"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestSearchRule(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, test := range []struct {
			confinement token.Confinement
			jql, want   string
		}{
			{onlyABC, "", "project IN (10000)"},
			{onlyABC, "labels = x ORDER BY created", `project IN (10000) AND labels = "x" ORDER BY created`},
			{onlyABC, "labels = x OR labels = y", `project IN (10000) AND (labels = "x" OR labels = "y")`},
			{abcAndDEF, "", "project IN (10000, 10001)"},
			{acme, "", `labels = "acme"`},
			{abcAcme, "", `project IN (10000) AND labels = "acme"`},
			{pinned, "", `project IN (10000) AND (project = "ABC" AND labels = "acme")`},
		} {
			a := newAsker(t, cloud, test.confinement)
			r, _ := a.admitted("GET /rest/api/2/search?jql="+escaped(test.jql), "")
			if got := queryOf(t, r, "jql"); !reflect.DeepEqual(got, []string{test.want}) {
				t.Errorf("%v %q: jql %q, want %q", test.confinement, test.jql, got, test.want)
			}
			r, _ = a.admitted("POST /rest/api/2/search", `{"jql":"`+test.jql+`","fields":["summary"],"filter":7,"validateQuery":"strict"}`)
			if got := parsed(t, r.Body); got["jql"] != test.want || got["filter"] != nil || got["fields"] == nil {
				t.Errorf("%v %q: body %s", test.confinement, test.jql, r.Body)
			}
			for _, request := range []string{
				"GET /rest/api/3/search/jql", "GET /rest/agile/1.0/epic/none/issue", "GET /rest/software/1.0/epic/none/issue",
			} {
				r, _ := a.admitted(request+"?jql="+escaped(test.jql), "")
				if got := queryOf(t, r, "jql"); !reflect.DeepEqual(got, []string{test.want}) {
					t.Errorf("%s %v %q: jql %q, want %q", request, test.confinement, test.jql, got, test.want)
				}
			}
			for _, request := range []string{"POST /rest/api/3/search/jql", "POST /rest/api/3/search/approximate-count"} {
				for _, body := range []string{`{"jql":"` + test.jql + `"}`, `{"jql":"` + test.jql + `","expand":"renderedFields"}`} {
					r, _ := a.admitted(request, body)
					if got := parsed(t, r.Body); got["jql"] != test.want || got["expand"] != nil && got["expand"] != "" {
						t.Errorf("%s %v: body %s", request, test.confinement, r.Body)
					}
				}
			}
		}
	})
}

func TestSearchWithoutAQuery(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	for _, body := range []string{"", "{}", `{"jql":null}`, `{"jql":""}`} {
		r, _ := a.admitted("POST /rest/api/3/search/jql", body)
		if got := parsed(t, r.Body); got["jql"] != "project IN (10000)" {
			t.Errorf("%q: body %s", body, r.Body)
		}
	}
	for _, body := range []string{`{"jql":["key = OUT-1"]}`, `{"jql":{"x":1}}`, `{"jql":1}`, `{"jql":"a","jql":"b"}`} {
		a.refused(Ambiguous, "POST /rest/api/3/search/jql", body)
	}
	for _, body := range []string{`{"jql":"project = ABC) OR (project = OUT"}`, `{"jql":"issueFunction in x()"}`} {
		a.refused(BadQuery, "POST /rest/api/3/search/jql", body)
	}
	a = newAsker(t, true, token.Confinement{Hide: []string{"internal-comments"}})
	r, _ := a.admitted("POST /rest/api/3/search/jql", `{"maxResults":1}`)
	if got := string(r.Body); got != `{"maxResults":1}` {
		t.Errorf("body %s", got)
	}
	r, _ = a.admitted("GET /rest/api/3/search/jql?maxResults=1", "")
	if r.RawQuery != "maxResults=1" {
		t.Errorf("query %s", r.RawQuery)
	}
}

func TestSearchCostsNoQuestion(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	a.admitted("GET /rest/api/3/search/jql?jql=labels%20%3D%20x", "")
	a.jira.asked()
	a.admitted("GET /rest/api/3/search/jql?jql=labels%20%3D%20y", "")
	if asked := a.jira.asked(); len(asked) > 0 {
		t.Errorf("Jira was asked %q", asked)
	}
}

func TestMatchAndParse(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	r, _ := a.admitted("POST /rest/api/3/jql/match", `{"jqls":["labels = x","project = ABC"],"issueIds":[10011,20011],"x":1}`)
	if got := string(r.Body); got != `{"issueIds":[10011],"jqls":["project IN (10000) AND labels = \"x\"","project IN (10000) AND project = 10000"]}` {
		t.Errorf("body %s", got)
	}
	r, _ = a.admitted("POST /rest/api/3/jql/parse?validation=strict", `{"queries":["labels = x"]}`)
	if string(r.Body) != `{"queries":["labels = x"]}` || r.RawQuery != "validation=none" {
		t.Errorf("body %s, query %s", r.Body, r.RawQuery)
	}
	a.refused(BadQuery, "POST /rest/api/3/jql/parse", `{"queries":["labels = x","key = OUT-1"]}`)
	a.refused(BadQuery, "POST /rest/api/3/jql/match", `{"jqls":["key = OUT-1"],"issueIds":[1]}`)
	for _, body := range []string{`{}`, `{"jqls":"x"}`, `{"jqls":[1]}`, `{"queries":{}}`, `{"queries":[["x"]]}`} {
		a.refused(Ambiguous, "POST /rest/api/3/jql/match", body)
		a.refused(Ambiguous, "POST /rest/api/3/jql/parse", body)
	}
}

func TestPermissionsRule(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	r, _ := a.admitted("POST /rest/api/3/permissions/check",
		`{"accountId":"x","globalPermissions":["ADMINISTER"],"projectPermissions":[{"permissions":["EDIT_ISSUES"],"projects":[10000,20000,30000],"issues":[10011,20011]},{"permissions":["X"],"issues":[20011]}]}`)
	want := `{"globalPermissions":["ADMINISTER"],"projectPermissions":[{"issues":[10011],"permissions":["EDIT_ISSUES"],"projects":[10000]},{"issues":["0"],"permissions":["X"]}]}`
	if got := string(r.Body); got != want {
		t.Errorf("body %s", got)
	}
}
