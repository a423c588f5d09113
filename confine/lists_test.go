package confine

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestProjectSearch(t *testing.T) {
	a := newAsker(t, true, abcAndDEF)
	for query, want := range map[string]string{
		"":                      "10000 10001",
		"?maxResults=1":         "10000 10001",
		"?id=10001&id=20000":    "10001",
		"?id=10001,20000":       "10001",
		"?keys=ABC&keys=OUT":    "10000",
		"?keys=ABC&id=10001":    "0",
		"?id=20000":             "0",
		"?keys=OUT":             "0",
		"?query=Outside":        "10000 10001",
		"?propertyQuery=x&id=":  "0",
		"?expand=insight,lead":  "10000 10001",
		"?keys=%61bc&startAt=0": "10000",
	} {
		r, _ := a.admitted("GET /rest/api/3/project/search"+query, "")
		if got := strings.Join(queryOf(t, r, "id"), " "); got != want || strings.Contains(r.RawQuery, "keys") || strings.Contains(r.RawQuery, "propertyQuery") || strings.Contains(r.RawQuery, "insight") {
			t.Errorf("%s: query %s, want id %s", query, r.RawQuery, want)
		}
	}
	r, _ := newAsker(t, true, acme).admitted("GET /rest/api/3/project/search", "")
	if r.RawQuery != "id=0" {
		t.Errorf("a condition without projects: query %s", r.RawQuery)
	}
	r, _ = newAsker(t, true, hides).admitted("GET /rest/api/3/project/search?keys=OUT", "")
	if r.RawQuery != "keys=OUT" {
		t.Errorf("hidden fields: query %s", r.RawQuery)
	}
}

func TestProjectSearchForManyProjects(t *testing.T) {
	var many token.Confinement
	a := newAsker(t, true, onlyABC)
	for i := range 70 {
		id, key := fmt.Sprint(40000+i), fmt.Sprintf("P%d", i)
		many.Projects = append(many.Projects, token.Project{ID: id, Key: key})
		a.jira.projects[id] = project{id, key, key}
	}
	a.view = viewOf(t, many)
	a.jira.answer = func(_ context.Context, _, path string) (int, string, error) {
		if path == "/rest/api/2/project/search" {
			return 200, `{"isLast":true,"values":[{"id":"40000"},{"id":"40001"},{"id":"40002"}]}`, nil
		}
		return 0, "", nil
	}
	_, admission := a.admitted("GET /rest/api/3/project/search?startAt=1&maxResults=3", "")
	want := `{"maxResults":3,"startAt":1,"total":6,"isLast":false,"values":[{"id":"40001"},{"id":"40002"},{"id":"40000"}]}`
	if got := string(admission.Answer()); got != want {
		t.Errorf("answer %s", got)
	}
}

func TestCreatemeta(t *testing.T) {
	a := newAsker(t, false, abcAndDEF)
	for query, want := range map[string]string{
		"":                                   "projectIds=10000%2C10001",
		"?projectKeys=ABC":                   "projectIds=10000",
		"?projectKeys=ABC,OUT":               "projectIds=10000",
		"?projectIds=10001&projectKeys=OUT":  "projectIds=10001",
		"?projectKeys=OUT":                   "projectIds=0",
		"?projectKeys=OUT&projectKeys=DEF":   "projectIds=10001",
		"?issuetypeNames=Bug&projectKeys=x%": "issuetypeNames=Bug&projectIds=10000%2C10001",
	} {
		r, _, err := a.admit("GET /rest/api/2/issue/createmeta"+query, "")
		if strings.HasSuffix(query, "%") {
			wantKind(t, err, Ambiguous)
			continue
		}
		if err != nil || r.RawQuery != want {
			t.Errorf("%s: query %s, %v", query, r.RawQuery, err)
		}
	}
}

func TestBoardList(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := newAsker(t, cloud, abcAndDEF)
		listBoardsOf(a.jira)
		values := func(ids ...int) string {
			var boards []string
			for _, id := range ids {
				boards = append(boards, boardJSON(cloud, id))
			}
			return strings.Join(boards, ",")
		}
		for query, want := range map[string]string{
			"":                                    `{"maxResults":50,"startAt":0,"total":3,"isLast":true,"values":[` + values(1, 2, 3) + `]}`,
			"?startAt=1&maxResults=1":             `{"maxResults":1,"startAt":1,"total":3,"isLast":false,"values":[` + values(2) + `]}`,
			"?startAt=9":                          `{"maxResults":50,"startAt":9,"total":3,"isLast":true,"values":[]}`,
			"?projectKeyOrId=DEF":                 `{"maxResults":50,"startAt":0,"total":1,"isLast":true,"values":[` + values(3) + `]}`,
			"?projectLocation=OUT&includePrivate": `{"maxResults":50,"startAt":0,"total":3,"isLast":true,"values":[` + values(1, 2, 3) + `]}`,
		} {
			_, admission := a.admitted("GET /rest/agile/1.0/board"+query, "")
			if got := string(admission.Answer()); got != want {
				t.Errorf("%s: answer %s\nwant %s", query, got, want)
			}
		}
		a.refused(Outside, "GET /rest/agile/1.0/board?projectKeyOrId=OUT", "")
		a.refused(Outside, "GET /rest/agile/1.0/board?projectKeyOrId=99", "")
		a.refused(Ambiguous, "GET /rest/agile/1.0/board?startAt=-1", "")
		a.refused(Ambiguous, "GET /rest/agile/1.0/board?maxResults=x", "")

		_, admission := newAsker(t, cloud, acme).admitted("GET /rest/agile/1.0/board", "")
		if got := string(admission.Answer()); got != `{"maxResults":50,"startAt":0,"total":0,"isLast":true,"values":[]}` {
			t.Errorf("answer %s", got)
		}
		r, admission := newAsker(t, cloud, hides).admitted("GET /rest/agile/1.0/board?projectKeyOrId=OUT", "")
		if admission.Answer() != nil || r.RawQuery != "projectKeyOrId=OUT" {
			t.Errorf("query %s, answer %s", r.RawQuery, admission.Answer())
		}
	})
}

// listBoardsOf gives a Jira boards: 1 and 2 of ABC, 3 of DEF, and 9 of OUT, which
// shows issues of ABC and DEF too.
func listBoardsOf(j *standIn) {
	for id, project := range map[int]string{1: "10000", 2: "10000", 3: "10001", 9: "20000"} {
		board := fmt.Sprintf("/rest/agile/1.0/board/%d", id)
		j.things[board] = map[string]any{"id": id}
		j.things[board+"/project"] = map[string]any{"isLast": true, "values": []any{map[string]any{"id": project}}}
	}
	j.boards = func(project string, start int) string {
		all := []int{9, 1, 2}
		if project == "10001" || project == "DEF" {
			all = []int{3, 9}
		}
		var values []string
		for _, id := range all[start:min(start+2, len(all))] {
			values = append(values, boardJSON(j.cloud, id))
		}
		return fmt.Sprintf(`{"startAt":%d,"isLast":%v,"values":[%s]}`, start, start+2 >= len(all), strings.Join(values, ","))
	}
}

func boardJSON(cloud bool, id int) string {
	if !cloud {
		return fmt.Sprintf(`{"id":%d,"name":"B"}`, id)
	}
	return fmt.Sprintf(`{"id":%d,"location":{"projectId":%d},"name":"B"}`, id, map[int]int{1: 10000, 2: 10000, 3: 10001, 9: 20000}[id])
}

func TestArraysOfProjectsGoToJira(t *testing.T) {
	a := newAsker(t, false, onlyABC)
	for _, request := range []string{"GET /rest/api/2/project", "GET /rest/api/2/project/recent", "GET /rest/api/2/projects/picker?query=x"} {
		if _, admission := a.admitted(request, ""); admission.Answer() != nil || !admission.Project("10000", "") || admission.Project("20000", "") {
			t.Errorf("%s: wrong", request)
		}
	}
}

func TestServiceDeskLists(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	thingsOf(a.jira)
	a.jira.things["/rest/servicedeskapi/servicedesk"] = map[string]any{
		"isLastPage": true, "values": []any{map[string]any{"id": "11", "projectId": "10000"}, map[string]any{"id": "21", "projectId": "20000"}},
	}
	a.admitted("GET /rest/servicedeskapi/servicedesk", "")
	r, _ := a.admitted("GET /rest/servicedeskapi/requesttype?searchQuery=x", "")
	if got := queryOf(t, r, "serviceDeskId"); !reflect.DeepEqual(got, []string{"11"}) {
		t.Errorf("service desks %q", got)
	}
	r, _ = a.admitted("GET /rest/servicedeskapi/requesttype?serviceDeskId=11", "")
	if got := queryOf(t, r, "serviceDeskId"); !reflect.DeepEqual(got, []string{"11"}) {
		t.Errorf("service desks %q", got)
	}
	a.refused(Outside, "GET /rest/servicedeskapi/requesttype?serviceDeskId=11&serviceDeskId=21", "")
	newAsker(t, false, onlyABC).refused(NotConfinable, "GET /rest/servicedeskapi/requesttype", "")
	newAsker(t, true, acme).refused(Outside, "GET /rest/servicedeskapi/requesttype", "")
}

func TestRequestLists(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	thingsOf(a.jira)
	a.refused(Outside, "GET /rest/servicedeskapi/request", "") // no service desk is inside
	a.admitted("GET /rest/servicedeskapi/request?serviceDeskId=11", "")
	a.refused(Outside, "GET /rest/servicedeskapi/request?serviceDeskId=21", "")
	for _, confinement := range []token.Confinement{acme, pinned, abcAcme} {
		a := newAsker(t, true, confinement)
		thingsOf(a.jira)
		a.refused(NotConfinable, "GET /rest/servicedeskapi/request", "")
		a.refused(NotConfinable, "GET /rest/servicedeskapi/servicedesk/11/queue/5/issue", "")
	}
	a = newAsker(t, true, acme)
	a.admitted("GET /rest/servicedeskapi/request/ABC-1", "")
	a.refused(Outside, "GET /rest/servicedeskapi/request/ABC-2", "")
	a.refused(Outside, "POST /rest/servicedeskapi/request/ABC-2/comment", "")
}

// Pages of requests end where Jira ends them, which tells how many match.
func TestRequestsOutsideAreNotSearched(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	thingsOf(a.jira)
	desks := []any{map[string]any{"id": "11", "projectId": "10000"}, map[string]any{"id": "21", "projectId": "20000"}}
	a.jira.things["/rest/servicedeskapi/servicedesk"] = map[string]any{"isLastPage": true, "values": desks}
	for _, query := range []string{"", "?searchTerm=secret&limit=1", "?requestTypeId=5", "?serviceDeskId=&searchTerm=x"} {
		r, _ := a.admitted("GET /rest/servicedeskapi/request"+query, "")
		if got := queryOf(t, r, "serviceDeskId"); !reflect.DeepEqual(got, []string{"11"}) {
			t.Errorf("%s: service desks %q", query, got)
		}
	}
	a = newAsker(t, true, abcAndDEF)
	thingsOf(a.jira)
	a.jira.things["/rest/servicedeskapi/servicedesk"] = map[string]any{"isLastPage": true, "values": append(desks, map[string]any{"id": "12", "projectId": "10001"})}
	a.admitted("GET /rest/servicedeskapi/request?serviceDeskId=11&searchTerm=x", "")
	a.refused(NotConfinable, "GET /rest/servicedeskapi/request", "")
	a.refused(NotConfinable, "GET /rest/servicedeskapi/request?searchTerm=secret&limit=1", "")
}

// The fewer elements a list has, the more it tells about those that are taken out.
func TestShortListsAreAskedForWhole(t *testing.T) {
	a := newAsker(t, false, onlyABC)
	for target, want := range map[string]string{
		"/rest/api/2/projects/picker?query=x&maxResults=1": "maxResults=1000",
		"/rest/api/2/project?recent=1":                     "recent=20",
	} {
		r, _ := a.admitted("GET "+target, "")
		if !strings.Contains(r.RawQuery, want) {
			t.Errorf("%s: %s", target, r.RawQuery)
		}
	}
	r, _ := newAsker(t, true, onlyABC).admitted("POST /rest/api/3/changelog/bulkfetch", `{"issueIdsOrKeys":["ABC-1"],"maxResults":1,"nextPageToken":"x"}`)
	if got := string(r.Body); got != `{"issueIdsOrKeys":["ABC-1"],"nextPageToken":"x"}` {
		t.Error(got)
	}
}

func TestListsThatAreTooLong(t *testing.T) {
	a := newAsker(t, true, onlyABC)
	endless := `{"values":[` + strings.Repeat(`{"id":"summary"},`, 99) + `{"id":"summary"}],"isLast":false}`
	a.jira.answer = func(_ context.Context, _, path string) (int, string, error) {
		if path == "/rest/api/3/field/search" {
			return 200, endless, nil
		}
		return 0, "", nil
	}
	a.refused(NotConfinable, "GET /rest/api/3/field/search", "")
	for _, answer := range []string{`{"values":[],"isLast":"no"}`, `{"values":[]`} {
		endless = answer
		a.refused(Unanswered, "GET /rest/api/3/field/search", "")
	}
	for _, answer := range []string{`[]`, `{"total":1}`} { // not pages
		endless = answer
		if _, admission := a.admitted("GET /rest/api/3/field/search", ""); admission.Answer() != nil {
			t.Errorf("%s: %s", answer, admission.Answer())
		}
	}
}
