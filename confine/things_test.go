package confine

import (
	"fmt"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// thingsOf gives a Jira things inside, with an ID that begins with 1, and things
// outside, with 2. On Data Center boards have no location.
func thingsOf(j *standIn) {
	type object = map[string]any
	for n, project := range map[int]project{1: j.projects["10000"], 2: j.projects["20000"]} {
		id := func(k int) string { return fmt.Sprintf("%d%d", n, k) }
		j.things["/rest/api/2/version/"+id(1)] = object{"id": id(1), "projectId": map[int]int{1: 10000, 2: 20000}[n]}
		j.things["/rest/api/2/component/"+id(1)] = object{"id": id(1), "project": project.Key}
		j.things["/rest/api/2/issueLink/"+id(1)] = object{"id": id(1), "inwardIssue": object{"id": "10011"}, "outwardIssue": object{"id": map[int]string{1: "10012", 2: "20011"}[n]}}
		board := object{"id": id(1), "name": "Board"}
		if j.cloud {
			board["location"] = object{"projectId": map[int]int{1: 10000, 2: 20000}[n]}
		}
		j.things["/rest/agile/1.0/board/"+id(1)] = board
		j.things["/rest/agile/1.0/board/"+id(1)+"/project"] = object{"isLast": true, "values": []object{{"id": project.ID}}}
		j.things["/rest/agile/1.0/sprint/"+id(1)] = object{"id": id(1), "originBoardId": id(1)}
		j.things["/rest/servicedeskapi/servicedesk/"+id(1)] = object{"id": id(1), "projectId": project.ID}
		j.things["/rest/servicedeskapi/servicedesk/"+project.Key] = object{"id": id(1), "projectId": project.ID}
	}
}

func TestThings(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		thingsOf(a.jira)
		for _, request := range []string{
			"GET /rest/api/2/project/%s", "GET /rest/api/2/project/%s/versions",
			"GET /rest/api/2/version/%s", "GET /rest/api/2/component/%s", "DELETE /rest/api/2/component/11?moveIssuesTo=%s",
			"DELETE /rest/api/2/version/11?moveFixIssuesTo=%s", "DELETE /rest/api/2/version/11?moveAffectedIssuesTo=%s", "PUT /rest/api/2/version/11/mergeto/%s",
			"GET /rest/api/2/issueLink/%s", "DELETE /rest/api/2/issueLink/%s",
			"GET /rest/agile/1.0/board/%s", "GET /rest/agile/1.0/board/%s/sprint", "GET /rest/agile/1.0/sprint/%s", "DELETE /rest/agile/1.0/sprint/%s",
			"GET /rest/agile/1.0/board/11/sprint/%s/issue", "GET /rest/agile/1.0/issue/ABC-1/estimation?boardId=%s",
			"GET /rest/servicedeskapi/servicedesk/%s", "GET /rest/servicedeskapi/servicedesk/%s/queue/5/issue",
			"GET /rest/servicedeskapi/requesttype?serviceDeskId=%s",
		} {
			inside, outside, absent := "11", "21", "99"
			if strings.Contains(request, "/project/") {
				inside, outside, absent = "10000", "20000", "30000"
			}
			a.admitted(fmt.Sprintf(request, inside), "")
			said := a.refused(Outside, fmt.Sprintf(request, outside), "")
			if got := a.refused(Outside, fmt.Sprintf(request, absent), ""); got != nil && said != nil && strings.ReplaceAll(got.Error(), absent, outside) != said.Error() {
				t.Errorf("%s: %v if hidden, %v if absent", request, said, got)
			}
			for _, hostile := range []string{"11%2C21", "11%2021", "x", "-11", "11.0", "%2e%2e", "11%3F", "%D9%A1%D9%A1"} {
				a.refused(Outside, fmt.Sprintf(request, hostile), "")
			}
		}
		a.admitted("GET /rest/servicedeskapi/servicedesk/ABC", "")
		a.refused(Outside, "GET /rest/servicedeskapi/servicedesk/OUT", "")
		a.refused(Outside, "GET /rest/servicedeskapi/servicedesk/11/queue/x/issue", "")
	})
}

func TestThingsInBodies(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		thingsOf(a.jira)
		for _, test := range []struct{ request, body string }{
			{"POST /rest/api/2/version", `{"project":"ABC"}`},
			{"POST /rest/api/2/version", `{"projectId":10000,"moveUnfixedIssuesTo":"https://jira.example/rest/api/2/version/11"}`},
			{"PUT /rest/api/2/version/11", `{"name":"x"}`},
			{"POST /rest/api/2/component", `{"project":"ABC","name":"x"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"https://jira.example/rest/api/2/version/11"}`},
			{"POST /rest/api/2/version/11/move", `{"position":"First"}`},
			{"POST /rest/api/2/version/11/removeAndSwap", `{"moveFixIssuesTo":11,"customFieldReplacementList":[{"customFieldId":1,"moveTo":11}]}`},
			{"POST /rest/agile/1.0/sprint", `{"originBoardId":11,"name":"x"}`},
			{"POST /rest/agile/1.0/sprint/11/swap", `{"sprintToSwapWith":11}`},
			{"PUT /rest/agile/1.0/sprint/11", `{"incompleteIssuesDestinationId":11}`},
			{"PUT /rest/agile/1.0/sprint/11", `{"incompleteIssuesDestinationId":-1}`},
			{"PUT /rest/agile/1.0/sprint/11", `{"incompleteIssuesDestinationId":null}`},
			{"POST /rest/agile/1.0/sprint/11/issue", `{"issues":["ABC-1","10012"],"rankBeforeIssue":"ABC-2"}`},
			{"PUT /rest/agile/1.0/issue/rank", `{"issues":["ABC-1"],"rankAfterIssue":"ABC-2"}`},
			{"POST /rest/agile/1.0/backlog/issue", `{"issues":["ABC-1"]}`},
			{"POST /rest/agile/1.0/epic/ABC-1/issue", `{"issues":["ABC-2"]}`},
		} {
			a.admitted(test.request, test.body)
		}
		for _, test := range []struct{ request, body string }{
			{"POST /rest/api/2/version", `{"project":"OUT"}`},
			{"POST /rest/api/2/version", `{"project":"ABC","projectId":20000}`},
			{"POST /rest/api/2/version", `{"projectId":10000,"moveUnfixedIssuesTo":"https://jira.example/rest/api/2/version/21"}`},
			{"PUT /rest/api/2/version/11", `{"moveUnfixedIssuesTo":"https://jira.example/rest/api/2/version/21"}`},
			{"PUT /rest/api/2/version/11", `{"projectId":20000}`},
			{"PUT /rest/api/2/version/21", `{"name":"x"}`},
			{"POST /rest/api/2/component", `{"project":"OUT","name":"x"}`},
			{"PUT /rest/api/2/component/11", `{"project":"OUT"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"https://jira.example/rest/api/2/version/21"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"https://jira.example/rest/api/2/version/21?x=/version/11"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"https://jira.example/rest/api/2/version/21/version/11"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"https://jira.example/rest/api/2/version/21#/version/11"}`},
			{"POST /rest/api/2/version/11/move", `{"after":"21"}`},
			{"POST /rest/api/2/version/11/removeAndSwap", `{"moveFixIssuesTo":21}`},
			{"POST /rest/api/2/version/11/removeAndSwap", `{"customFieldReplacementList":[{"moveTo":11},{"moveTo":21}]}`},
			{"POST /rest/agile/1.0/sprint", `{"originBoardId":21}`},
			{"PUT /rest/agile/1.0/sprint/11", `{"originBoardId":21}`},
			{"PUT /rest/agile/1.0/sprint/11", `{"state":"closed","incompleteIssuesDestinationId":21}`},
			{"POST /rest/agile/1.0/sprint/11", `{"incompleteIssuesDestinationId":"21"}`},
			{"POST /rest/agile/1.0/sprint", `{"originBoardId":11,"incompleteIssuesDestinationId":21}`},
			{"POST /rest/agile/1.0/sprint/11/swap", `{"sprintToSwapWith":21}`},
			{"POST /rest/agile/1.0/sprint/11/issue", `{"issues":["ABC-1","OUT-1"]}`},
			{"POST /rest/agile/1.0/sprint/11/issue", `{"issues":["ABC-1"],"rankBeforeIssue":"OUT-1"}`},
			{"POST /rest/agile/1.0/sprint/21/issue", `{"issues":["ABC-1"]}`},
			{"PUT /rest/agile/1.0/issue/rank", `{"issues":["ABC-1"],"rankAfterIssue":"OUT-1"}`},
			{"POST /rest/agile/1.0/backlog/issue", `{"issues":["OUT-1"]}`},
			{"POST /rest/agile/1.0/epic/OUT-1/issue", `{"issues":["ABC-2"]}`},
			{"POST /rest/agile/1.0/epic/ABC-1/issue", `{"issues":["OUT-1"]}`},
		} {
			a.refused(Outside, test.request, test.body)
		}
		for _, test := range []struct{ request, body string }{
			{"POST /rest/agile/1.0/sprint", `{"originBoardId":[11]}`},
			{"PUT /rest/agile/1.0/issue/rank", `{"issues":["ABC-1"],"rankAfterIssue":["OUT-1"]}`},
			{"POST /rest/agile/1.0/backlog/issue", `{"issues":"OUT-1"}`},
			{"POST /rest/api/2/version/11/removeAndSwap", `{"customFieldReplacementList":{"moveTo":21}}`},
		} {
			a.refused(Ambiguous, test.request, test.body)
		}
		a.refused(NotConfinable, "POST /rest/api/2/version", `{"name":"x"}`)
	})
}

func TestThingsAreRemembered(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, onlyABC)
		thingsOf(a.jira)
		for _, request := range []string{"GET /rest/agile/1.0/sprint/11", "GET /rest/api/2/version/11", "GET /rest/api/2/component/11"} {
			a.admitted(request, "")
			a.refused(Outside, strings.Replace(request, "11", "21", 1), "")
			a.jira.asked()
			a.admitted(request, "")
			a.refused(Outside, strings.Replace(request, "11", "21", 1), "")
			if asked := a.jira.asked(); len(asked) > 0 {
				t.Errorf("%s: Jira was asked %q again", request, asked)
			}
			a.clock.advance(thingLifetime)
			a.admitted(request, "")
			if asked := a.jira.asked(); len(asked) == 0 {
				t.Errorf("%s: Jira was not asked again", request)
			}
		}
		// A change is not judged by what is remembered.
		a.admitted("GET /rest/agile/1.0/board/11", "")
		a.jira.things["/rest/agile/1.0/board/11"] = map[string]any{"id": 11, "location": map[string]any{"projectId": 20000}}
		a.jira.things["/rest/agile/1.0/board/11/project"] = map[string]any{"isLast": true, "values": []any{map[string]any{"id": "20000"}}}
		a.refused(Outside, "POST /rest/agile/1.0/sprint", `{"originBoardId":11}`)
	})
}

func TestBoardsOfSeveralProjects(t *testing.T) {
	a := newAsker(t, false, onlyABC)
	board := func(id string, projects ...string) {
		values := []any{}
		for _, p := range projects {
			values = append(values, map[string]any{"id": p})
		}
		a.jira.things["/rest/agile/1.0/board/"+id] = map[string]any{"id": id}
		a.jira.things["/rest/agile/1.0/board/"+id+"/project"] = map[string]any{"isLast": true, "values": values}
	}
	board("1", "10000")
	board("2", "10000", "20000")
	board("3")
	a.admitted("GET /rest/agile/1.0/board/1", "")
	a.refused(Outside, "GET /rest/agile/1.0/board/2", "")
	a.refused(Outside, "GET /rest/agile/1.0/board/3", "")
	delete(a.jira.things, "/rest/agile/1.0/board/1/project")
	a.clock.advance(thingLifetime)
	a.refused(Outside, "GET /rest/agile/1.0/board/1", "")
}

func TestBoardsInAdmission(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	thingsOf(a.jira)
	if _, admission := a.admitted("GET /rest/agile/1.0/board/11/sprint", ""); !admission.Board("11") || admission.Board("21") || admission.Board("") {
		t.Error("the boards are wrong")
	}
	if _, admission := newAsker(t, true, hides).admitted("GET /rest/agile/1.0/board/21/sprint", ""); !admission.Board("21") {
		t.Error("a view that hides fields sees all boards")
	}
}

func TestBoardListsAreConstrained(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	thingsOf(a.jira)
	for _, request := range []string{
		"GET /rest/agile/1.0/board/11/issue", "GET /rest/agile/1.0/board/11/backlog", "GET /rest/agile/1.0/board/11/epic/none/issue",
		"GET /rest/agile/1.0/board/11/epic/ABC-1/issue", "GET /rest/agile/1.0/board/11/sprint/11/issue", "GET /rest/agile/1.0/sprint/11/issue",
		"GET /rest/agile/1.0/epic/ABC-1/issue", "GET /rest/software/1.0/board/11/issue/approximate-count",
	} {
		r, _ := a.admitted(request+"?jql=labels%3Dx", "")
		if got := queryOf(t, r, "jql"); len(got) != 1 || got[0] != `project IN (10000) AND labels = "x"` {
			t.Errorf("%s: jql %q", request, got)
		}
		r, _ = a.admitted(request, "")
		if got := queryOf(t, r, "jql"); len(got) != 1 || got[0] != "project IN (10000)" {
			t.Errorf("%s: jql %q", request, got)
		}
	}
	a.refused(Outside, "GET /rest/agile/1.0/board/11/epic/OUT-1/issue", "")
	a.refused(Outside, "GET /rest/agile/1.0/board/11/sprint/21/issue", "")
}

func TestThingsByCondition(t *testing.T) {
	requests := []string{"GET /rest/agile/1.0/board/11", "GET /rest/api/2/version/11", "GET /rest/api/2/project/ABC", "GET /rest/servicedeskapi/servicedesk/11"}
	a := newAsker(t, true, acme) // names no project
	thingsOf(a.jira)
	for _, request := range requests {
		a.refused(Outside, request, "")
	}
	a = newAsker(t, true, pinned)
	thingsOf(a.jira)
	for _, request := range requests {
		a.admitted(request, "")
		a.refused(Outside, strings.NewReplacer("11", "21", "ABC", "OUT").Replace(request), "")
	}
	a = newAsker(t, true, hides)
	for _, request := range requests {
		a.admitted(strings.NewReplacer("11", "21", "ABC", "OUT").Replace(request), "")
	}
}

func TestHiddenAndAbsentThingsAskAlike(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, request := range []string{
			"GET /rest/api/2/version/%s", "GET /rest/api/2/component/%s", "GET /rest/api/2/issueLink/%s", "GET /rest/agile/1.0/sprint/%s",
			"GET /rest/agile/1.0/board/%s", "GET /rest/servicedeskapi/servicedesk/%s", "GET /rest/api/2/attachment/%s", "DELETE /rest/api/2/attachment/%s",
		} {
			asked := func(id string) int {
				a := newAsker(t, cloud, onlyABC)
				thingsOf(a.jira)
				a.jira.issues["20011"].attachments = []string{"21"}
				a.jira.things["/rest/api/2/attachment/21"] = map[string]any{"id": "21", "created": "2026-01-02T23:30:00.000+1300"}
				a.refused(Outside, fmt.Sprintf(request, id), "")
				return len(a.jira.asked())
			}
			if hidden, absent := asked("21"), asked("99"); hidden != absent {
				t.Errorf("%s: %d questions for a hidden one, %d for an absent one", request, hidden, absent)
			}
		}
	})
}

// Subtasks need not match a condition that their parents match.
func TestSubtasksAreNotReachedThroughTheirParents(t *testing.T) {
	for _, test := range []struct{ request, body string }{
		{"POST /rest/api/3/bulk/issues/delete", `{"selectedIssueIdsOrKeys":["ABC-1"]}`},
		{"PUT /rest/api/3/issue/archive", `{"issueIdsOrKeys":["ABC-1"]}`},
		{"PUT /rest/api/3/issue/unarchive", `{"issueIdsOrKeys":["ABC-1"]}`},
		{"PUT /rest/api/2/issue/ABC-1/archive", ""},
		{"PUT /rest/api/2/issue/ABC-1/restore", ""},
	} {
		newAsker(t, true, onlyABC).admitted(test.request, test.body)
		newAsker(t, true, abcAcme).refused(NotConfinable, test.request, test.body)
		newAsker(t, true, acme).refused(NotConfinable, test.request, test.body)
	}
}

// The number of questions must not tell a link outside from one that does not exist.
func TestLinksThatAreHiddenOrAbsentTakeAsManyQuestions(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		for _, confinement := range []token.Confinement{onlyABC, abcAcme} {
			for _, method := range []string{"GET", "DELETE"} {
				a := newAsker(t, cloud, confinement)
				for id, ends := range map[string][2]string{"21": {"20011", "20011"}, "22": {"10011", "20011"}, "23": {"20011", "10011"}} {
					a.jira.things["/rest/api/2/issueLink/"+id] = map[string]any{"id": id, "inwardIssue": map[string]any{"id": ends[0]}, "outwardIssue": map[string]any{"id": ends[1]}}
				}
				a.admitted("GET /rest/api/2/issue/ABC-1", "")
				for range 2 { // the second time, something is remembered
					counts := make(map[int]bool)
					for _, id := range []string{"98", "21", "22", "23", "99"} {
						a.jira.asked()
						a.refused(Outside, method+" /rest/api/2/issueLink/"+id, "")
						counts[len(a.jira.asked())] = true
					}
					if len(counts) != 1 {
						t.Errorf("%s with %v: %v questions", method, confinement, counts)
					}
				}
			}
		}
	})
}
