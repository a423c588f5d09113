package handler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// pagedList is a list of Jira's that holds things that a token does not see.
type pagedList struct {
	path, array string
	// elements are JSON. What is outside or hidden has the word HIDDEN in it.
	elements []string
}

var pagedLists = []pagedList{
	{"/rest/api/2/field/search", "values", []string{
		`{"id":"customfield_10010","name":"HIDDEN"}`, `{"id":"summary","name":"Summary"}`, `{"id":"customfield_10099","name":"HIDDEN","scope":{"project":{"id":"20000"}}}`,
		`{"id":"labels","name":"Labels"}`, `{"id":"customfield_10098","name":"HIDDEN","scope":{"project":{"id":"20000"}}}`,
	}},
	{"/rest/api/2/statuses/search", "values", []string{
		`{"id":"9","name":"HIDDEN","scope":{"type":"PROJECT","project":{"id":"20000"}}}`, `{"id":"1","name":"Open"}`, `{"id":"2","name":"Done","scope":{"type":"PROJECT","project":{"id":"10000"}}}`,
	}},
	{"/rest/api/2/issue/ABC-1/comment", "comments", []string{
		`{"id":"1","body":"a","jsdPublic":true}`, `{"id":"2","body":"HIDDEN","jsdPublic":false}`, `{"id":"3","body":"HIDDEN","jsdPublic":false}`, `{"id":"4","body":"b","jsdPublic":true}`,
	}},
	{"/rest/servicedeskapi/request/ABC-1/comment", "values", []string{`{"id":"2","body":"HIDDEN","public":false}`, `{"id":"1","body":"a","public":true}`, `{"id":"3","body":"b","public":true}`}},
	{"/rest/api/2/issue/ABC-1/changelog", "values", []string{
		`{"id":"1","items":[{"field":"Link","to":"OUT-1","toString":"blocks OUT-1 HIDDEN"}]}`, `{"id":"2","items":[{"field":"status","toString":"Done"}]}`,
		`{"id":"3","items":[{"field":"HIDDEN","fieldId":"customfield_10010","toString":"x"}]}`, `{"id":"4","items":[{"field":"labels","toString":"x"}]}`,
	}},
	{"/rest/api/2/issue/createmeta/ABC/issuetypes/1", "fields", []string{`{"fieldId":"customfield_10010","name":"HIDDEN"}`, `{"fieldId":"summary","name":"Summary"}`, `{"fieldId":"labels","name":"Labels"}`}},
	{"/rest/api/2/issue/createmeta/ABC/issuetypes", "issueTypes", []string{`{"id":"9","name":"HIDDEN","scope":{"project":{"id":"20000"}}}`, `{"id":"1","name":"Task"}`}},
	{"/rest/agile/1.0/board/1/project", "values", []string{`{"id":"20000","key":"OUT","name":"HIDDEN"}`, `{"id":"10000","key":"ABC","name":"Project"}`}},
	{"/rest/agile/1.0/board/1/version", "values", []string{`{"id":102,"name":"HIDDEN","projectId":20000}`, `{"id":101,"name":"1.0","projectId":10000}`, `{"id":103,"name":"2.0","projectId":10000}`}},
	{"/rest/agile/1.0/board/1/sprint", "values", []string{`{"id":12,"name":"HIDDEN","originBoardId":2}`, `{"id":11,"name":"Sprint","originBoardId":1}`, `{"id":13,"name":"Next","originBoardId":1}`}},
	{"/rest/agile/1.0/board/1/epic", "values", []string{`{"id":20001,"key":"OUT-1","name":"HIDDEN"}`, `{"id":10001,"key":"ABC-1","name":"Epic"}`, `{"id":10002,"key":"ABC-2","name":"Epic"}`}},
	{"/rest/servicedeskapi/servicedesk", "values", []string{`{"id":"2","projectId":"20000","projectKey":"OUT","projectName":"HIDDEN"}`, `{"id":"1","projectId":"10000","projectKey":"ABC","projectName":"Support"}`}},
}

// without returns the list without what is outside or hidden.
func (l pagedList) without() pagedList {
	l.elements = slices.DeleteFunc(slices.Clone(l.elements), func(e string) bool { return strings.Contains(e, "HIDDEN") })
	return l
}

// page answers a request for a page. Jira gives at most two elements at once.
func (l pagedList) page(r *http.Request) string {
	number := func(name string, missing int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(name)); err == nil {
			return n
		}
		return missing
	}
	isServiceDesk := strings.HasPrefix(l.path, "/rest/servicedeskapi/")
	start, length := number("startAt", 0), number("maxResults", 50)
	if isServiceDesk {
		start, length = number("start", 0), number("limit", 50)
	}
	begin := min(start, len(l.elements))
	end := min(begin+min(length, 2), len(l.elements))
	text := fmt.Sprintf(`"%s":[%s]`, l.array, strings.Join(l.elements[begin:end], ","))
	if isServiceDesk {
		return fmt.Sprintf(`{"start":%d,"limit":%d,"size":%d,"isLastPage":%t,%s}`, start, length, end-begin, end == len(l.elements), text)
	}
	return fmt.Sprintf(`{"startAt":%d,"maxResults":%d,"total":%d,%s}`, start, length, len(l.elements), text)
}

// TestPagesTellNothing: a list with hidden elements has the same pages as one without
// them.
func TestPagesTellNothing(t *testing.T) {
	confinement := token.Confinement{Projects: []token.Project{{ID: "10000", Key: "ABC"}}, Hide: []string{"customfield_10010", token.HideInternalComments}}
	for _, list := range pagedLists {
		gates := [2]*gate{newConfinedGate(t, confinement), newConfinedGate(t, confinement)}
		for i, l := range []pagedList{list, list.without()} {
			jira := gates[i].jira
			gates[i].answer = func(r *http.Request) (*http.Response, error) {
				if r.URL.Path == l.path {
					return answerOf(http.StatusOK, l.page(r), "Content-Type", "application/json"), nil
				}
				return jira.RoundTrip(r)
			}
		}
		shown := list.without().elements
		for _, query := range []string{"", "maxResults=1&limit=1", "maxResults=2&limit=2", "maxResults=100&limit=100"} {
			for start := range len(list.elements) + 2 {
				target := fmt.Sprintf("%s?startAt=%d&start=%[2]d&%s", list.path, start, query)
				status, _, with, _ := gates[0].ask("GET", target, "")
				_, _, without, _ := gates[1].ask("GET", target, "")
				if status != http.StatusOK || with != without || strings.Contains(with, "HIDDEN") {
					t.Errorf("%s: HTTP %d\n%s\nwithout hidden elements\n%s", target, status, with, without)
				}
				_, body, _ := strings.Cut(with, "\n\n")
				var page map[string]json.RawMessage
				var elements []json.RawMessage
				if json.Unmarshal([]byte(body), &page) != nil || json.Unmarshal(page[list.array], &elements) != nil {
					t.Fatalf("%s: %s", target, body)
				}
				if strings.Contains(query, "=1&") && len(elements) != min(1, max(0, len(shown)-start)) {
					t.Errorf("%s: %d elements: %s", target, len(elements), body)
				}
				if total := page["total"]; total != nil && string(total) != strconv.Itoa(len(shown)) {
					t.Errorf("%s: total %s, want %d", target, total, len(shown))
				}
			}
		}
	}
}
