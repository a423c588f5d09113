package confine

import (
	"context"
	"encoding/json"
	"errors"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The views of the tests.
var (
	onlyABC   = token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}}
	abcAndDEF = token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}, {ID: "10001", Key: "DEF"}}}
	acme      = token.Confinement{JQL: "labels = acme"}
	abcAcme   = token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}, JQL: "labels = acme"}
	pinned    = token.Confinement{JQL: "project = ABC AND labels = acme"}
	hides     = token.Confinement{Hide: []string{"customfield_10010"}}
)

func viewOf(t testing.TB, c ...token.Confinement) *View {
	t.Helper()
	v, err := NewView(c...)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// asker admits requests as one token.
type asker struct {
	t          testing.TB
	guard      *Guard
	clock      *clock
	jira       *standIn
	view       *View
	operations *jira.Operations
}

func newAsker(t testing.TB, cloud bool, c ...token.Confinement) *asker {
	t.Helper()
	operations, err := jira.DefaultOperations()
	if err != nil {
		t.Fatal(err)
	}
	guard, clock := guardAt()
	return &asker{t, guard, clock, newStandIn(t, cloud), viewOf(t, c...), operations}
}

// admit asks for "METHOD /path?query" with a body.
func (a *asker) admit(request, body string) (*Request, *Admission, error) {
	a.t.Helper()
	method, target, _ := strings.Cut(request, " ")
	path, rawQuery, _ := strings.Cut(target, "?")
	access, match := a.operations.Access(method, path)
	if match.Confinement == nil {
		a.t.Fatalf("%s: no rule", request)
	}
	r := &Request{Method: method, Changes: access.Changes(), Match: match, RawQuery: rawQuery}
	if body != "" {
		r.Body = []byte(body)
	}
	admission, err := a.guard.Admit(context.Background(), a.view, a.jira, r)
	var refusal *Error
	if err != nil && !errors.As(err, &refusal) {
		a.t.Errorf("%s: %v is not a *Error", request, err)
	}
	return r, admission, err
}

// refused checks that a request is refused for a reason.
func (a *asker) refused(kind Kind, request, body string) error {
	a.t.Helper()
	_, _, err := a.admit(request, body)
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Kind != kind {
		a.t.Errorf("%s %s: error %v, want kind %d", request, body, err, kind)
	}
	return err
}

// admitted checks that a request is admitted.
func (a *asker) admitted(request, body string) (*Request, *Admission) {
	a.t.Helper()
	r, admission, err := a.admit(request, body)
	if err != nil {
		a.t.Errorf("%s %s: %v", request, body, err)
		return r, &Admission{view: a.view}
	}
	return r, admission
}

// queryOf returns a parameter of a request.
func queryOf(t *testing.T, r *Request, name string) []string {
	t.Helper()
	values, err := url.ParseQuery(r.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	return values[name]
}

func eachProduct(t *testing.T, test func(t *testing.T, cloud bool)) {
	t.Run("cloud", func(t *testing.T) { test(t, true) })
	t.Run("data center", func(t *testing.T) { test(t, false) })
}

func TestIssueRule(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, test := range []struct {
			confinement token.Confinement
			inside      string
			outside     string
		}{
			{onlyABC, "ABC-1 ABC-2 abc-1 10011 ABC%2D1", "DEF-1 OUT-1 10021 20011 ABC-9 ZZZ-1 99999"},
			{abcAndDEF, "ABC-1 DEF-1 10021", "OUT-1 20011"},
			{acme, "ABC-1 DEF-1 OUT-1 10011 20011", "ABC-2 10012 ABC-9"},
			{abcAcme, "ABC-1 10011", "ABC-2 DEF-1 OUT-1"},
			{pinned, "ABC-1 10011", "ABC-2 DEF-1 OUT-1"},
			{hides, "ABC-1 OUT-1 ABC-9", ""},
		} {
			for _, request := range []string{"GET /rest/api/2/issue/", "DELETE /rest/api/2/issue/"} {
				a := newAsker(t, cloud, test.confinement)
				for name := range strings.FieldsSeq(test.inside) {
					a.admitted(request+name, "")
				}
				for name := range strings.FieldsSeq(test.outside) {
					if err := a.refused(Outside, request+name, ""); err == nil || err.Error() != errNoIssue.Message {
						t.Errorf("%s%s: %v", request, name, err)
					}
				}
			}
		}
	})
}

func TestHostileIssueNames(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, acme} {
			a := newAsker(t, cloud, confinement)
			for _, name := range []string{
				"ABC-1%00", "ABC-1%20", "%20ABC-1", "10011,20011", "ABC-1%2C", "%2e%2e", "ABC-1%252e", "ABC-1%2FOUT-1", "ABC--1", "-1",
				"ABC-%EF%BC%91", "+10011", "0x271b", "ABC-1)%20OR%20(key=OUT-1", "99999999999999999999", "ABC-99999999999999999999", "%22", "%zz",
			} {
				_, match := a.operations.Access("GET", "/rest/api/2/issue/"+name)
				r := &Request{Method: "GET", Match: match}
				_, err := a.guard.Admit(context.Background(), a.view, a.jira, r)
				var refusal *Error
				if !errors.As(err, &refusal) || refusal.Kind == Unanswered {
					t.Errorf("%s: %v", name, err)
				}
			}
			if asked := a.jira.asked(); len(asked) > 0 {
				t.Errorf("Jira was asked: %q", asked)
			}
		}
	})
}

func TestMovedIssue(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		a.jira.add("10013", "OUT-2", "20000", "").key = "OUT-2"
		a.jira.formerly["ABC-3"] = "10013" // moved out
		a.jira.add("10014", "ABC-4", "10000", "")
		a.jira.formerly["OUT-3"] = "10014" // moved in
		a.refused(Outside, "GET /rest/api/2/issue/ABC-3", "")
		_, admission := a.admitted("GET /rest/api/2/issue/OUT-3", "")
		if !admission.Issue("10014", "ABC-4") {
			t.Error("the issue is not known to be inside")
		}
	})
}

func TestRenamedAndDeletedProject(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, abcAndDEF)
		a.jira.projects["10000"] = project{"10000", "NEW", "Alpha"}
		a.jira.formerly["ABC"] = "10000"
		a.jira.issues["10011"].key = "NEW-1"
		a.admitted("GET /rest/api/2/project/NEW", "")
		a.admitted("GET /rest/api/2/project/ABC", "")
		a.admitted("GET /rest/api/2/project/10000", "")
		_, admission := a.admitted("GET /rest/api/2/issue/NEW-1", "")
		if !admission.Issue("", "NEW-7") || admission.Issue("", "ABC-7") || admission.Issue("", "OUT-1") {
			t.Error("the current keys do not count")
		}

		// The key goes to another project.
		a.clock.advance(projectLifetime)
		delete(a.jira.formerly, "ABC")
		a.jira.projects["20001"] = project{"20001", "ABC", "Another"}
		a.refused(Outside, "GET /rest/api/2/project/ABC", "")
		a.refused(Outside, "PUT /rest/api/2/project/ABC/properties/x", "")

		// One project is deleted: the other is still inside.
		a.clock.advance(projectLifetime)
		delete(a.jira.projects, "10000")
		delete(a.jira.issues, "10011")
		a.refused(Outside, "GET /rest/api/2/project/10000", "")
		a.refused(Outside, "GET /rest/api/2/issue/NEW-1", "")
		r, _ := a.admitted("GET /rest/api/2/search", "")
		if got := queryOf(t, r, "jql"); !reflect.DeepEqual(got, []string{"project IN (10001)"}) {
			t.Errorf("jql %q", got)
		}

		// And then the other.
		a.clock.advance(projectLifetime)
		delete(a.jira.projects, "10001")
		delete(a.jira.issues, "10021")
		a.refused(Outside, "GET /rest/api/2/search", "")
		a.refused(Outside, "GET /rest/api/2/issue/DEF-1", "")
	})
}

func TestAKeyThatChangesHandsWithinTheMemory(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	a.admitted("GET /rest/api/2/project/ABC", "")
	a.jira.projects["10000"] = project{"10000", "NEW", "Alpha"}
	a.jira.projects["20001"] = project{"20001", "ABC", "Another"}
	a.refused(Outside, "POST /rest/api/2/issue", `{"fields":{"project":{"key":"ABC"}}}`)
	a.refused(Outside, "POST /rest/api/2/version", `{"project":"ABC","name":"1"}`)
	a.admitted("POST /rest/api/2/issue", `{"fields":{"project":{"key":"NEW"}}}`)
}

func TestViewsOfGatewayAndToken(t *testing.T) {
	a := newAsker(t, true, abcAndDEF, token.Confinement{Projects: []token.Project{{Key: "ABC"}, {Key: "OUT"}}})
	a.admitted("GET /rest/api/2/issue/ABC-1", "")
	a.refused(Outside, "GET /rest/api/2/issue/DEF-1", "")
	a.refused(Outside, "GET /rest/api/2/issue/OUT-1", "")
	a = newAsker(t, true, onlyABC, token.Confinement{Projects: []token.Project{{Key: "OUT"}}})
	a.refused(Outside, "GET /rest/api/2/issue/ABC-1", "")
	a.refused(Outside, "GET /rest/api/2/issue/OUT-1", "")
	a.refused(Outside, "GET /rest/api/2/search?jql=", "")
	a = newAsker(t, true, acme, onlyABC, hides)
	a.refused(Outside, "GET /rest/api/2/issue/ABC-2", "")
	a.refused(Outside, "GET /rest/api/2/issue/OUT-1", "")
	a.admitted("GET /rest/api/2/issue/ABC-1", "")
}

func TestAdmission(t *testing.T) {
	a := newAsker(t, true, abcAndDEF)
	_, admission := a.admitted("GET /rest/api/2/myself", "")
	for _, test := range []struct {
		id, key string
		want    bool
	}{
		{"10000", "", true}, {"10001", "DEF", true}, {"", "def", true}, {"20000", "ABC", false}, {"", "OUT", false}, {"", "", false},
	} {
		if got := admission.Project(test.id, test.key); got != test.want {
			t.Errorf("Project(%q, %q) is %v", test.id, test.key, got)
		}
	}
	for key, want := range map[string]bool{"ABC-1": true, "def-1": true, "OUT-1": false, "ABC": false, "": false, "-1": false, "OUT-ABC-1": false} {
		if got := admission.Issue("", key); got != want {
			t.Errorf("Issue(%q) is %v", key, got)
		}
	}

	a = newAsker(t, true, abcAcme)
	_, admission = a.admitted("GET /rest/api/2/issue/ABC-1", "")
	if !admission.Issue("10011", "ABC-1") || !admission.Issue("10011", "") || admission.Issue("10012", "ABC-2") || admission.Issue("", "") {
		t.Error("with a condition, the issues that were found count")
	}
	if !admission.Project("10000", "") || admission.Project("10001", "") {
		t.Error("the projects are wrong")
	}

	a = newAsker(t, true, token.Confinement{Hide: []string{"Margin", "internal-comments"}})
	a.jira.things["/rest/api/2/field"] = []any{map[string]any{"id": "customfield_10010", "name": "Margin", "clauseNames": []string{"cf[10010]"}}}
	_, admission = a.admitted("GET /rest/api/2/issue/OUT-1", "")
	if !admission.Hides([]byte("customfield_10010")) || !admission.Hides([]byte("MARGIN")) || admission.Hides([]byte("summary")) || !admission.HidesInternalComments() {
		t.Error("the hidden fields are wrong")
	}
	if !admission.Issue("", "OUT-1") || !admission.Project("20000", "OUT") {
		t.Error("a view that hides fields sees everything else")
	}
}

func escaped(text string) string { return url.QueryEscape(text) }

func parsed(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var value map[string]any
	if err := json.Unmarshal(body, &value); err != nil {
		t.Fatalf("body %q: %v", body, err)
	}
	return value
}
