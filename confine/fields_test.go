package confine

import (
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// fieldsOf gives a Jira the custom fields of the tests.
func fieldsOf(j *standIn) {
	type list = []map[string]any
	custom := func(id, name, kind string) map[string]any {
		return map[string]any{"id": id, "name": name, "schema": map[string]any{"custom": kind}}
	}
	j.things["/rest/api/2/field"] = list{
		custom("customfield_10010", "Margin", "com.atlassian.jira.plugin.system.customfieldtypes:float"),
		custom("customfield_10011", "Notes", "com.atlassian.jira.plugin.system.customfieldtypes:textfield"),
		custom("customfield_10014", "Epic Link", epicLinkType),
		custom("customfield_10015", "Parent Link", parentLinkType),
		custom("customfield_10016", "Team", "com.atlassian.jira.plugin.system.customfieldtypes:select"),
		custom("customfield_10017", "Site", projectType),
		custom("customfield_10020", "Sprint", sprintType),
		custom("customfield_10099", "Magic", "com.example:magic"),
	}
	for id, project := range map[string]int{"1": 10000, "2": 20000} {
		j.things["/rest/agile/1.0/board/"+id] = map[string]any{"id": id, "location": map[string]any{"projectId": project}}
		j.things["/rest/agile/1.0/sprint/3"+id] = map[string]any{"id": id, "originBoardId": id}
	}
}

// insideValues can be written to an issue of ABC, outsideValues cannot.
var (
	insideValues = []string{
		`"summary":"see OUT-1","description":"OUT-1","labels":["OUT-1","UTF-8"]`,
		`"parent":{"key":"ABC-2"}`,
		`"parent":{"id":"10012"}`,
		`"parent":{"id":10012,"key":"ABC-2"}`,
		`"parent":null`,
		`"components":[{"name":"x"}],"fixVersions":[{"id":"20000"}],"assignee":{"accountId":"5"},"priority":{"id":"3"}`,
		`"customfield_10010":20011.5,"customfield_10011":"OUT-1","customfield_10016":{"id":"20011","value":"x"}`,
		`"customfield_10014":"ABC-2"`,
		`"customfield_10014":""`,
		`"customfield_10014":null`,
		`"customfield_10017":{"key":"ABC"}`,
		`"customfield_10020":31`,
		`"customfield_10099":["hello","ABC-2",{"id":"10012"}]`,
		`"customfield_10098":"a text - with 5"`,
	}
	outsideValues = []string{
		`"parent":{"key":"OUT-1"}`,
		`"parent":{"key":"out-1"}`,
		`"parent":{"id":"20011"}`,
		`"parent":{"id":20011}`,
		`"parent":{"id":"10012","key":"OUT-1"}`,
		`"parent":{"key":"OUT-１"}`,
		`"parent":{"key":" OUT-1"}`,
		`"parent":"OUT-1"`,
		`"parent":{"x":{"key":"OUT-1"}}`,
		`"parent":[{"key":"OUT-1"}]`,
		`"issuelinks":[{"type":{"id":"10000"},"outwardIssue":{"key":"OUT-1"}}]`,
		`"issuelinks":[{"type":{"id":"10000"},"inwardIssue":{"id":"20011"}}]`,
		`"customfield_10014":"OUT-1"`,
		`"customfield_10014":"OUT-１"`,
		`"customfield_10014":"ABC-9"`,
		`"customfield_10014":20011`,
		`"customfield_10015":"OUT-1"`,
		`"customfield_10017":{"key":"OUT"}`,
		`"customfield_10017":{"id":"20000"}`,
		`"customfield_10020":32`,
		`"customfield_10020":"32"`,
		`"customfield_10020":[31,32]`,
		`"customfield_10020":{"id":32}`,
		`"customfield_10020":"３２"`,
		`"customfield_10099":"OUT-1"`,
		`"customfield_10099":{"issue":{"id":20011}}`,
		`"customfield_10099":{"key":"OUT-1","name":"x"}`,
		`"customfield_10098":" OUT-1 "`,
		`"unknown":{"key":"OUT-1"}`,
		`"Parent":{"key":"OUT-1"}`,
	}
)

// asUpdate writes fields as operations.
func asUpdate(fields string) string {
	name, value, _ := strings.Cut(fields, ":")
	return name + `:[{"set":` + value + `}]`
}

func TestCreateRule(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		fieldsOf(a.jira)
		project := `"project":{"key":"ABC"},`
		for _, fields := range insideValues {
			a.admitted("POST /rest/api/2/issue", `{"fields":{`+project+fields+`}}`)
			a.admitted("POST /rest/api/2/issue/bulk", `{"issueUpdates":[{"fields":{"project":{"id":10000}}},{"fields":{`+project+fields+`}}]}`)
		}
		for _, fields := range outsideValues {
			a.refused(Outside, "POST /rest/api/2/issue", `{"fields":{`+project+fields+`}}`)
			a.refused(Outside, "POST /rest/api/2/issue", `{"fields":{"project":{"key":"ABC"}},"update":{`+asUpdate(fields)+`}}`)
			a.refused(Outside, "POST /rest/api/2/issue/bulk", `{"issueUpdates":[{"fields":{"project":{"id":"10000"}}},{"fields":{`+project+fields+`}}]}`)
		}
		for _, body := range []string{
			`{"fields":{"project":{"key":"OUT"}}}`,
			`{"fields":{"project":{"id":"20000"}}}`,
			`{"fields":{"project":{"id":"10000","key":"OUT"}}}`,
			`{"fields":{"project":{"id":20000,"key":"ABC"}}}`,
			`{"fields":{"project":{"key":"ABC"}},"update":{"project":[{"set":{"key":"OUT"}}]}}`,
			`{"fields":{"project":{}}}`,
			`{"fields":{"summary":"x"}}`,
			`{}`,
		} {
			a.refused(Outside, "POST /rest/api/2/issue", body)
			a.refused(Outside, "POST /rest/api/2/issue/bulk", `{"issueUpdates":[{"fields":{"project":{"key":"ABC"}}},`+body+`]}`)
		}
		for _, body := range []string{
			`{"fields":{"project":"OUT"}}`, `{"fields":{"project":["OUT"]}}`, `{"fields":{"project":{"key":["ABC"]}}}`, `{"fields":[]}`,
			`{"fields":{"project":{"key":"ABC"},"project":{"key":"OUT"}}}`, `{"fields":{"project":{"key":"ABC"}},"fields":{"project":{"key":"OUT"}}}`,
			`{"fields":{"project":{"key":"ABC"}},"update":[]}`, `{"fields":{"project":{"key":"ABC"}},"update":{"parent":{"set":{"key":"OUT-1"}}}}`,
			`{"fields":{"project":{"key":"ABC"}},"update":{"parent":["OUT-1"]}}`, `[]`,
		} {
			a.refused(Ambiguous, "POST /rest/api/2/issue", body)
		}
		a.refused(Ambiguous, "POST /rest/api/2/issue/bulk", `{"issueUpdates":{"fields":{"project":{"key":"OUT"}}}}`)
		a.refused(Ambiguous, "POST /rest/api/2/issue/bulk", `{"issueUpdates":["x"]}`)

		r, _ := a.admitted("POST /rest/api/2/issue", `{"fields":{"project":{"key":"ABC"},"customfield_10010":12345678901234567890.10},"x":{"project":{"key":"OUT"}}}`)
		if got := string(r.Body); got != `{"fields":{"customfield_10010":12345678901234567890.10,"project":{"key":"ABC"}}}` {
			t.Errorf("body %s", got)
		}
	})
}

func TestCreateByConditions(t *testing.T) {
	body := `{"fields":{"project":{"key":"ABC"}}}`
	for _, confinement := range []token.Confinement{acme, pinned} {
		a := newAsker(t, true, confinement)
		a.refused(NotConfinable, "POST /rest/api/2/issue", body)
		a.refused(NotConfinable, "POST /rest/api/2/issue/bulk", `{"issueUpdates":[`+body+`]}`)
		a.refused(NotConfinable, "POST /rest/servicedeskapi/request", `{"serviceDeskId":"1"}`)
	}
	newAsker(t, true, abcAcme).admitted("POST /rest/api/2/issue", body)
	newAsker(t, true, acme, onlyABC).admitted("POST /rest/api/2/issue", body)
	newAsker(t, true, hides).admitted("POST /rest/api/2/issue", `{"fields":{"project":{"key":"OUT"},"parent":{"key":"OUT-1"}}}`)
}

func TestEditRule(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAndDEF} {
			a := newAsker(t, cloud, confinement)
			fieldsOf(a.jira)
			for _, request := range []string{"PUT /rest/api/2/issue/ABC-1", "PUT /rest/api/2/issue/ABC%2D1", "POST /rest/api/2/issue/ABC-1/transitions"} {
				for _, fields := range insideValues {
					a.admitted(request, `{"fields":{`+fields+`}}`)
				}
				a.admitted(request, `{"transition":{"id":"5"}}`)
				a.admitted(request, "")
				a.admitted(request, `{"fields":{"project":{"key":"ABC"}}}`)
				a.admitted(request, `{"update":{"comment":[{"add":{"body":"OUT-1"}}],"labels":[{"add":"x"}]}}`)
				for _, fields := range outsideValues {
					a.refused(Outside, request, `{"fields":{`+fields+`}}`)
					a.refused(Outside, request, `{"update":{`+asUpdate(fields)+`}}`)
				}
				a.refused(Outside, request, `{"update":{"issuelinks":[{"add":{"type":{"name":"Blocks"},"outwardIssue":{"key":"OUT-1"}}}]}}`)
				a.admitted(request, `{"update":{"issuelinks":[{"add":{"type":{"id":"1"},"outwardIssue":{"key":"ABC-2"}}}]}}`)
				a.refused(Outside, request, `{"fields":{"project":{"key":"OUT"}}}`)
				a.refused(Outside, request, `{"update":{"project":[{"set":{"key":"OUT"}}]}}`)
			}
			a.refused(Outside, "PUT /rest/api/2/issue/OUT-1", `{"fields":{"summary":"x"}}`)
			a.refused(Outside, "PUT /rest/api/2/issue/ABC-9", `{"fields":{"summary":"x"}}`)
		}
		a := newAsker(t, cloud, abcAndDEF)
		a.refused(NotConfinable, "PUT /rest/api/2/issue/ABC-1", `{"fields":{"project":{"key":"DEF"}}}`)
		a.refused(NotConfinable, "PUT /rest/api/2/issue/ABC%2d1", `{"fields":{"project":{"id":"10001"}}}`)
		a = newAsker(t, cloud, acme)
		a.admitted("PUT /rest/api/2/issue/ABC-1", `{"fields":{"parent":{"key":"DEF-1"}}}`)
		a.refused(Outside, "PUT /rest/api/2/issue/ABC-1", `{"fields":{"parent":{"key":"ABC-2"}}}`)
	})
}

func TestHiddenFieldsAreNotWritten(t *testing.T) {
	for _, name := range []string{"customfield_10010", "Margin"} {
		for _, confinement := range [][]token.Confinement{{{Hide: []string{name}}}, {{Hide: []string{name}}, onlyABC}} {
			a := newAsker(t, true, confinement...)
			fieldsOf(a.jira)
			for _, request := range []string{"POST /rest/api/2/issue", "PUT /rest/api/2/issue/ABC-1", "POST /rest/api/2/issue/ABC-1/transitions"} {
				a.refused(Outside, request, `{"fields":{"project":{"key":"ABC"},"customfield_10010":5}}`)
				a.refused(Outside, request, `{"fields":{"project":{"key":"ABC"}},"update":{"customfield_10010":[{"set":5}]}}`)
				a.admitted(request, `{"fields":{"project":{"key":"ABC"},"customfield_10011":"x"}}`)
			}
		}
	}
	a := newAsker(t, true, onlyABC, token.Confinement{Hide: []string{"comment", "attachment", "Assignee"}})
	a.jira.things["/rest/api/2/field"] = []any{map[string]any{"id": "assignee", "name": "Assignee"}}
	for _, request := range []string{
		"GET /rest/api/2/issue/ABC-1/comment", "GET /rest/api/2/issue/ABC-1/comment/5", "POST /rest/api/2/issue/ABC-1/attachments",
		"GET /rest/api/2/attachment/5", "GET /rest/api/3/attachment/content/5", "PUT /rest/api/2/issue/ABC-1/assignee",
		"GET /rest/servicedeskapi/request/ABC-1/comment", "GET /secure/attachment/5/x.txt",
	} {
		a.refused(Outside, request, "")
	}
	a.admitted("GET /rest/api/2/issue/ABC-1/watchers", "")
	a.admitted("GET /rest/api/2/issueLinkType", "")
}

// The history, Jira Software and Jira Service Management show fields under other
// names, and show values that follow from them.
func TestHiddenFieldsHaveOtherNames(t *testing.T) {
	for hide, others := range map[string]string{
		"issuelinks": "Link", "Fix versions": "fixVersions,fixVersion,Fix Version", "versions": "Version", "components": "Component",
		"subtasks": "Sub-task", "worklog": "WorklogId", "parent": "epic,Epic Link,customfield_10014,customfield_10015,IssueParentAssociation",
		"Sprint": "customfield_10020,closedSprints", "customfield_10014": "epic", "status": "currentStatus,statusCategory",
		"timetracking": "timespent,timeestimate,progress,aggregatetimespent", "timespent": "timetracking,aggregatetimespent,progress",
		"comment": "comments", "attachment": "attachments", "created": "createdDate",
	} {
		a := newAsker(t, true, token.Confinement{Hide: []string{hide}})
		fieldsOf(a.jira)
		a.jira.things["/rest/api/2/field"] = append(a.jira.things["/rest/api/2/field"].([]map[string]any),
			map[string]any{"id": "fixVersions", "name": "Fix versions", "clauseNames": []string{"fixVersion"}})
		_, admission := a.admitted("GET /rest/api/2/myself", "")
		for other := range strings.SplitSeq(others, ",") {
			if !admission.Hides([]byte(other)) {
				t.Errorf("hide %s: %s is shown", hide, other)
			}
		}
		if admission.Hides([]byte("summary")) || admission.Hides([]byte("customfield_10016")) {
			t.Errorf("hide %s: hides too much", hide)
		}
	}
	a := newAsker(t, true, onlyABC, token.Confinement{Hide: []string{"status", "watches", "Approvals"}})
	fieldsOf(a.jira)
	for _, request := range []string{
		"GET /rest/servicedeskapi/request/ABC-1/status", "GET /rest/servicedeskapi/request/ABC-1/approval", "POST /rest/api/3/issue/watching",
		"POST /rest/api/3/bulk/issues/watch",
	} {
		a.refused(Outside, request, "")
	}
}

// Jira says what fields are called that a search only asks for, and lists all for
// queries: those of team-managed projects outside too.
func TestForeignFieldsAreNotNamed(t *testing.T) {
	scoped := func(id, name, project string) map[string]any {
		return map[string]any{"id": id, "name": name, "clauseNames": []string{name + "[Number]"}, "scope": map[string]any{"project": map[string]any{"id": project}}}
	}
	for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
		a := newAsker(t, true, confinement)
		a.jira.things["/rest/api/2/field"] = []map[string]any{
			scoped("customfield_10098", "Size", "10000"), scoped("customfield_10099", "Secret", "20000"), scoped("customfield_10100", "Size", "20000"),
		}
		for request, body := range map[string]string{
			"GET /rest/api/3/search/jql?jql=&fields=customfield_10099&expand=names": "",
			"GET /rest/api/3/issue/ABC-1?expand=schema":                             "",
			"POST /rest/api/3/search/jql":                                           `{"expand":"names"}`,
			"POST /rest/api/2/search":                                               `{"expand":["names"]}`,
			"GET /rest/api/3/jql/autocompletedata":                                  "",
		} {
			_, admission := a.admitted(request, body)
			for _, name := range []string{"customfield_10099", "Secret", "Secret[Number]", "customfield_10100"} {
				if !admission.Hides([]byte(name)) {
					t.Errorf("%s: %s is named", request, name)
				}
			}
			if admission.Hides([]byte("Size")) || admission.Hides([]byte("customfield_10098")) {
				t.Errorf("%s: a field inside is not named", request)
			}
		}
	}
}

// Comments and work logs are found by their ID, which may be that of another
// issue's, or of an internal comment.
func TestEditsChangeNoOtherIssuesComments(t *testing.T) {
	for _, confinement := range []token.Confinement{onlyABC, acme, {Hide: []string{token.HideInternalComments}}} {
		a := newAsker(t, true, confinement)
		fieldsOf(a.jira)
		for _, request := range []string{"PUT /rest/api/2/issue/ABC-1", "POST /rest/api/2/issue/ABC-1/transitions"} {
			a.refused(NotConfinable, request, `{"update":{"comment":[{"edit":{"id":"20500","body":"x"}}]}}`)
			a.refused(NotConfinable, request, `{"update":{"comment":[{"add":{"body":"x"}},{"remove":{"id":"20500"}}]}}`)
			a.refused(NotConfinable, request, `{"update":{"worklog":[{"edit":{"id":"20600","timeSpent":"1m"}}]}}`)
			a.refused(NotConfinable, request, `{"update":{"worklog":[{"add":{"timeSpent":"1m"},"remove":{"id":"20600"}}]}}`)
			a.admitted(request, `{"update":{"comment":[{"add":{"body":"x"}}],"worklog":[{"add":{"timeSpent":"1m"}}],"labels":[{"remove":"x"}]}}`)
		}
	}
	a := newAsker(t, true, onlyABC)
	fieldsOf(a.jira)
	a.refused(NotConfinable, "PUT /rest/api/2/issue/ABC-1", `{"update":{"attachment":[{"copy":{"sourceIssueId":20011}}]}}`)
	newAsker(t, true, hides).admitted("PUT /rest/api/2/issue/ABC-1", `{"update":{"comment":[{"edit":{"id":"20500","body":"x"}}]}}`)
}

func TestLinkBodies(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	a.admitted("POST /rest/api/2/issueLink", `{"type":{"name":"Blocks"},"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"id":"10012"}}`)
	for _, body := range []string{
		`{"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"key":"OUT-1"}}`,
		`{"inwardIssue":{"key":"OUT-1"},"outwardIssue":{"key":"ABC-1"}}`,
		`{"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"id":20011}}`,
		`{"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"id":"10011","key":"OUT-1"}}`,
		`{"inwardIssue":{"key":"ABC-1"},"outwardIssue":{}}`,
		`{"inwardIssue":{"key":"ABC-1"},"outwardIssue":{"self":"https://jira.example/rest/api/2/issue/20011"}}`,
	} {
		a.refused(Outside, "POST /rest/api/2/issueLink", body)
	}
	a.refused(Ambiguous, "POST /rest/api/2/issueLink", `{"inwardIssue":{"key":["ABC-1"]},"outwardIssue":{"key":"ABC-1"}}`)
	a.refused(Ambiguous, "POST /rest/api/2/issueLink", `{"inwardIssue":[{"key":"OUT-1"}],"outwardIssue":{"key":"ABC-1"}}`)
}

func TestCustomerRequests(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	fieldsOf(a.jira)
	a.jira.things["/rest/servicedeskapi/servicedesk/1"] = map[string]any{"id": "1", "projectId": "10000"}
	a.jira.things["/rest/servicedeskapi/servicedesk/2"] = map[string]any{"id": "2", "projectId": "20000"}
	r, _ := a.admitted("POST /rest/servicedeskapi/request", `{"serviceDeskId":"1","requestTypeId":"5","requestFieldValues":{"summary":"x"},"other":1}`)
	if got := string(r.Body); got != `{"requestFieldValues":{"summary":"x"},"requestTypeId":"5","serviceDeskId":"1"}` {
		t.Errorf("body %s", got)
	}
	a.refused(Outside, "POST /rest/servicedeskapi/request", `{"serviceDeskId":"2"}`)
	a.refused(Outside, "POST /rest/servicedeskapi/request", `{"serviceDeskId":2}`)
	a.refused(Outside, "POST /rest/servicedeskapi/request", `{"serviceDeskId":"1","requestFieldValues":{"customfield_10014":"OUT-1"}}`)
	a.refused(Outside, "POST /rest/servicedeskapi/request", `{"serviceDeskId":"1","requestFieldValues":{"project":{"key":"OUT"}}}`)
	a.refused(NotConfinable, "POST /rest/servicedeskapi/request", `{"requestTypeId":"5"}`)
	a.refused(NotConfinable, "POST /rest/servicedeskapi/request", `{"requestTypeId":"5","serviceDeskId":""}`)
	a.refused(NotConfinable, "POST /rest/api/2/version", `{"name":"x","project":""}`)
	a.refused(NotConfinable, "POST /rest/servicedeskapi/request", `{"serviceDeskId":"1","form":{"answers":{}}}`)
	a.refused(Ambiguous, "POST /rest/servicedeskapi/request", `{"serviceDeskId":["1"]}`)
}
