package confine

import (
	"testing"
)

func TestParameters(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	for _, test := range []struct{ request, want string }{
		{"GET /rest/api/3/issue/ABC-1?fields=summary&fields=status&expand=names,renderedFields&updateHistory=true", "fields=summary&fields=status&expand=names"},
		{"GET /rest/api/3/issue/ABC-1?expand=renderedFields,operations,versionedRepresentations,changelog,editmeta", "expand=changelog%2Ceditmeta"},
		{"GET /rest/api/3/issue/ABC-1?expand=renderedFields", ""},
		{"GET /rest/api/3/issue/ABC-1/comment?expand=renderedBody,properties&orderBy=-created&startAt=5", "orderBy=-created&startAt=5&expand=properties"},
		{"GET /rest/api/3/issue/ABC-1?JQL=x&jql=key%3DOUT-1&projectKey=OUT&&=&;a=b", ""},
		{"GET /rest/api/3/search/jql?jql=&x=1&maxResults=5&reconcileIssues=20011&filter=7", "maxResults=5&jql=project+IN+%2810000%29"},
		{"GET /rest/api/3/issue/ABC-1?fields=a%26b%3Dc%3Bd", "fields=a%26b%3Dc%3Bd"},
		{"GET /rest/api/3/mypermissions?projectKey=&issueKey=ABC-1&permissions=BROWSE_PROJECTS", "issueKey=ABC-1&permissions=BROWSE_PROJECTS"},
	} {
		r, _ := a.admitted(test.request, "")
		if r.RawQuery != test.want {
			t.Errorf("%s: query %q, want %q", test.request, r.RawQuery, test.want)
		}
	}
	for _, request := range []string{
		"GET /rest/api/3/search/jql?jql=a&jql=b",
		"GET /rest/api/3/search/jql?%6aql=a",
		"GET /rest/api/3/search/jql?jql=%zz",
		"GET /rest/api/3/search/jql?jql=%ff",
		"GET /rest/api/3/search/jql?jql=%00",
		"GET /rest/api/3/search/jql?startAt=1&startAt=2",
		"GET /rest/api/3/mypermissions?issueKey=ABC-1&issueKey=OUT-1",
		"GET /rest/agile/1.0/board?projectKeyOrId=ABC&projectKeyOr%49d=OUT",
	} {
		a.refused(Ambiguous, request, "")
	}
}

func TestParametersThatNameThings(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		for _, request := range []string{
			"GET /rest/api/2/mypermissions",
			"GET /rest/api/2/mypermissions?projectKey=ABC",
			"GET /rest/api/2/user/assignable/search?project=ABC&query=x",
			"GET /rest/api/2/user/assignable/search?issueKey=ABC-1",
			"GET /rest/api/2/user/assignable/multiProjectSearch?projectKeys=ABC",
			"GET /rest/api/3/issuetype/project?projectId=10000",
			"GET /rest/api/3/statuses/search?projectId=10000",
			"GET /rest/api/3/statuses/search",
		} {
			a.admitted(request, "")
		}
		for _, request := range []string{
			"GET /rest/api/2/mypermissions?projectKey=OUT",
			"GET /rest/api/2/mypermissions?projectId=20000",
			"GET /rest/api/2/mypermissions?projectKey=ABC&issueKey=OUT-1",
			"GET /rest/api/2/mypermissions?issueId=20011",
			"GET /rest/api/2/user/assignable/search?project=OUT",
			"GET /rest/api/2/user/assignable/search?project=ABC&issueKey=OUT-1",
			"GET /rest/api/2/user/assignable/multiProjectSearch?projectKeys=ABC,OUT",
			"GET /rest/api/2/user/assignable/multiProjectSearch?projectKeys=ABC&projectKeys=OUT",
			"GET /rest/api/2/user/viewissue/search?issueKey=OUT-1&projectKey=ABC",
			"GET /rest/api/3/issuetype/project?projectId=20000",
			"GET /rest/api/3/issuetype/project?projectId=10000,20000",
			"GET /rest/api/3/statuses/search?projectId=20000",
		} {
			a.refused(Outside, request, "")
		}
		for _, request := range []string{
			"GET /rest/api/2/user/assignable/search?query=x",
			"GET /rest/api/2/user/assignable/search?project=&query=x",
			"GET /rest/api/2/user/assignable/multiProjectSearch?query=x",
			"GET /rest/api/2/user/viewissue/search",
			"GET /rest/api/3/issuetype/project",
		} {
			a.refused(NotConfinable, request, "")
		}
	})
}

func TestOperationsWithoutARule(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	for _, request := range []string{"GET /rest/api/3/dashboard", "GET /rest/api/3/filter/1", "GET /rest/api/3/users/search", "POST /rest/api/3/expression/eval"} {
		a.refused(NotConfinable, request, "")
	}
	if asked := a.jira.asked(); len(asked) > 0 {
		t.Errorf("Jira was asked %q", asked)
	}
}
