package confine

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
)

// tableLine is a line of the table of operations, for the tests.
type tableLine struct {
	method, path, rule string
	parameters         []tableParameter
}

type tableParameter struct{ thing, in, name string }

func tableLines(t testing.TB) (lines []tableLine) {
	t.Helper()
	file, err := os.Open("../jira/confinement.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		line := tableLine{method: record[0], path: strings.ReplaceAll(record[1], "{version}", "3"), rule: record[2]}
		for text := range strings.SplitSeq(record[3], ";") {
			if thing, place, ok := strings.Cut(text, "="); ok {
				in, name, _ := strings.Cut(place, ":")
				line.parameters = append(line.parameters, tableParameter{thing, in, name})
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// insideThing is a thing of each kind that is inside, outsideThings are some that
// are not.
var insideThing = map[string]any{
	thingIssue: "ABC-1", thingIssues: "ABC-2", thingProject: "10000", thingProjects: "10000", thingBoard: "11", thingSprint: "11", thingVersion: "11",
	thingComponent: "11", thingAttachment: "7", thingLink: "11", thingServiceDesk: "11", thingQueue: "5", thingJQL: "labels = x",
	thingFields: map[string]any{"fields": map[string]any{"project": map[string]any{"key": "ABC"}}},
}

var outsideThings = map[string][]any{
	thingIssue: {"OUT-1", "20011", "ZZZ-1", "ABC-1,OUT-1"}, thingIssues: {"OUT-1", "20011", "ZZZ-1"},
	thingProject: {"OUT", "20000", "OUT,ABC"}, thingProjects: {"20000"},
	thingBoard: {"21", "99"}, thingSprint: {"21", "99"}, thingVersion: {"21", "99"}, thingComponent: {"21", "99"},
	thingAttachment: {"9", "99"}, thingLink: {"21", "99"}, thingServiceDesk: {"21", "OUT", "99"}, thingQueue: {"x"},
	thingJQL: {"key = OUT-1", "project = OUT", "labels = x) OR (key = OUT-1"},
	thingFields: {
		map[string]any{"fields": map[string]any{"project": map[string]any{"key": "OUT"}}},
		map[string]any{"fields": map[string]any{"project": map[string]any{"key": "ABC"}, "parent": map[string]any{"key": "OUT-1"}}},
	},
}

// request makes a request in which one parameter, by its index, has a value of
// its own, and all others are inside.
func (l tableLine) request(index int, value any) (request, body string) {
	path, query, document := l.path, url.Values{}, any(map[string]any{})
	for i, p := range l.parameters {
		v := insideThing[p.thing]
		if i == index {
			v = value
		}
		switch p.in {
		case "path":
			path = strings.ReplaceAll(path, "{"+p.name+"}", url.PathEscape(fmt.Sprint(v)))
		case "query":
			query.Set(p.name, fmt.Sprint(v))
		case "body":
			document = put(document, p.name, v)
		}
	}
	for strings.Contains(path, "{") {
		before, rest, _ := strings.Cut(path, "{")
		_, after, _ := strings.Cut(rest, "}")
		path = before + "5" + after
	}
	for _, p := range l.parameters {
		if p.in == "body" {
			text, _ := json.Marshal(document)
			body = string(text)
		}
	}
	return l.method + " " + path + "?" + query.Encode(), body
}

// put puts a value at a place of a document.
func put(document any, place string, value any) any {
	if place == "" {
		return value
	}
	object, _ := document.(map[string]any)
	if object == nil {
		object = map[string]any{}
	}
	name, rest, _ := strings.Cut(place, ".")
	if name, isArray := strings.CutSuffix(name, "[]"); isArray {
		first := any(nil)
		if list, ok := object[name].([]any); ok {
			first = list[0]
		}
		object[name] = []any{put(first, rest, value)}
		return object
	}
	object[name] = put(object[name], rest, value)
	return object
}

// whole returns an asker for a token of project ABC, at a Jira that has
// everything.
func whole(t *testing.T, cloud bool) *asker {
	a := newAsker(t, cloud, onlyABC)
	thingsOf(a.jira)
	attachmentsOf(a.jira)
	listBoardsOf(a.jira)
	for _, part := range []string{"comment", "worklog"} {
		a.jira.things["/rest/api/2/issue/ABC-1/"+part+"/5"] = map[string]any{"id": "5", "issueId": "10011"}
	}
	for _, part := range []string{"comment", "approval"} {
		a.jira.things["/rest/servicedeskapi/request/ABC-1/"+part+"/5"] = map[string]any{"id": "5"}
	}
	return a
}

func TestEveryOperation(t *testing.T) {
	eachProduct(t, func(t *testing.T, cloud bool) {
		a := whole(t, cloud)
		for _, line := range tableLines(t) {
			if line.rule == "none" || strings.HasPrefix(line.path, "/rest/atlassian-connect") {
				continue
			}
			request, body := line.request(-1, nil)
			if _, match := a.operations.Access(line.method, strings.Split(strings.TrimPrefix(request, line.method+" "), "?")[0]); match.Confinement == nil || match.Confinement.Rule == "none" {
				t.Errorf("%s: another operation", request)
				continue
			}
			a.admitted(request, body)
			for i, p := range line.parameters {
				if outsideThings[p.thing] == nil {
					t.Errorf("no tests for %s", p.thing)
				}
				for _, outside := range outsideThings[p.thing] {
					request, body := line.request(i, outside)
					r, _, err := a.admit(request, body)
					if err == nil && (p.in == "path" || r.Changes || strings.Contains(r.RawQuery+string(r.Body), fmt.Sprint(outside))) {
						t.Errorf("%s %s is admitted as %s %s", request, body, r.RawQuery, r.Body)
					}
				}
			}
		}
	})
}
