package leaktest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Jira is a hostile Jira with two projects: ABC (10000), which the token sees, and OUT
// (20000), which it does not. Everything of OUT carries the Marker. It answers the
// gateway's own questions as Jira would, and everything else with a body that holds as
// much of the outside as fits. It is safe for concurrent use.
type Jira struct {
	// DataCenter is set for Jira Data Center.
	DataCenter bool

	mu sync.Mutex
	// open is set while operations are asked that say nothing about projects.
	open bool
	// shape is the shape of the answer to the operation that is asked.
	shape string
	// arrived collects the requests that are not the gateway's own questions.
	arrived []string
}

// Expect prepares for requests of an operation.
func (j *Jira) Expect(op Operation) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.open, j.shape = op.Rule == "open", op.Shape
}

// Arrived returns the requests that have arrived since the last call, except for the
// gateway's own questions.
func (j *Jira) Arrived() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	arrived := j.arrived
	j.arrived = nil
	return arrived
}

// RoundTrip answers a request. The gateway's own questions are those without a request
// ID: clients' requests must have one.
func (j *Jira) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		var err error
		if body, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if r.Header.Get("X-Request-Id") != "" {
		j.arrived = append(j.arrived, r.Method+" "+r.URL.RequestURI()+" "+string(body))
	}
	status, answer := j.look(r, body)
	if answer == nil {
		answer = object{"errorMessages": []string{"No such thing as " + r.URL.Path + " " + Marker}, "errors": object{"customfield_10010": Marker, "summary": Marker}}
	}
	text, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	if !strings.Contains(r.URL.RawQuery+string(body), "names") { // of fields that no issue here has, they come only if asked for
		text = bytes.ReplaceAll(text, []byte(`"customfield_10099":"`+Marker+`",`), nil)
		text = bytes.ReplaceAll(text, []byte(`,"customfield_10099":"`+Marker+`"`), nil)
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header: http.Header{
			"Content-Type": {"application/json;charset=UTF-8"}, "Etag": {`"` + Marker + `"`}, "Link": {"<https://jira.test/" + Marker + ">"}, "Warning": {"199 " + Marker},
		},
		Body: io.NopCloser(bytes.NewReader(text)), ContentLength: int64(len(text)),
	}, nil
}

var apiPath = regexp.MustCompile(`^/rest/(?:api|agile|software)/[^/]+/|^/rest/servicedeskapi/`)

// look finds what a request asks for. A nil answer is an error with Jira's words.
func (j *Jira) look(r *http.Request, body []byte) (int, any) {
	method, u := r.Method, r.URL
	path := apiPath.ReplaceAllString(u.Path, "")
	segments := strings.Split(path, "/")
	query := u.Query()
	var in object
	_ = json.Unmarshal(body, &in)
	if text := query.Get("jql"); text != "" || in["jql"] != nil {
		if in["jql"] != nil {
			text = fmt.Sprint(in["jql"])
		}
		return j.search(text)
	}
	if j.shape == "versions" && strings.HasSuffix(path, "/version") {
		return 200, object{"values": meta("versions"), "isLast": true, "total": 2}
	}
	isClients := r.Header.Get("X-Request-Id") != "" || strings.HasPrefix(path, "issue/createmeta/") || path == "statuses/search"
	if answer := meta(j.shape); answer != nil && isClients {
		return 200, answer
	}
	switch {
	case path == "serverInfo":
		if j.DataCenter {
			return 200, object{"deploymentType": "Server", "version": "10.3.0", "baseUrl": "https://jira.test"}
		}
		return 200, object{"deploymentType": "Cloud", "version": "1001.0.0", "baseUrl": "https://jira.test"}
	case path == "field":
		return 200, fields
	case path == "field/search" || path == "customFields":
		return 200, object{"values": fields, "total": len(fields), "isLast": true}
	case path == "project" || path == "project/recent":
		return 200, []any{projectBody("10000"), projectBody("20000")}
	case path == "project/search":
		return 200, object{"values": []any{projectBody("10000"), projectBody("20000")}, "total": 2, "startAt": 0, "maxResults": 50, "isLast": true}
	case path == "project/type":
		return 200, j.own()
	case segments[0] == "project" && len(segments) == 2 && method == http.MethodGet:
		for id, key := range map[string]string{"10000": "ABC", "20000": "OUT"} {
			if strings.EqualFold(segments[1], key) || segments[1] == id {
				return 200, projectBody(id)
			}
		}
		return 404, nil
	case segments[0] == "jql" || segments[0] == "user":
		return 200, object{
			"matches": []any{object{"matchedIssues": []any{20001}}}, "queries": []any{object{"query": "project = ABC", "errors": []any{Marker}}},
			"visibleFieldNames": []any{object{"value": Marker, "displayName": Marker + " - cf[10099]", "cfid": "cf[10099]"}},
		}
	case path == "board" && method == http.MethodGet:
		boards := []any{}
		for id, project := range projectOf["board"] {
			if asked := query.Get("projectKeyOrId"); asked == "" || asked == project {
				boards = append(boards, thing("board", id, project))
			}
		}
		return 200, object{"values": boards, "total": len(boards), "startAt": 0, "maxResults": 50, "isLast": true}
	case segments[0] == "issueLink" && len(segments) == 2 && method == http.MethodGet:
		for id, ends := range map[string][2]issue{"401": {issues[0], issues[1]}, "402": {issues[0], issues[2]}, "403": {issues[2], issues[3]}} {
			if segments[1] == id {
				return 200, object{"id": id, "type": object{"name": "Blocks"}, "inwardIssue": ends[0].body(), "outwardIssue": ends[1].body()}
			}
		}
		return 404, nil
	case len(segments) >= 2 && (segments[0] == "issue" || segments[0] == "request" || segments[0] == "epic"):
		return j.issue(r, segments, in)
	case segments[0] == "attachment" && len(segments) > 2 || path == "attachment/meta":
		return 200, j.own()
	case len(segments) >= 2 && projectOf[segments[0]] != nil:
		project, ok := projectOf[segments[0]][segments[1]]
		switch {
		case !ok:
			return 404, nil
		case len(segments) == 2 && method == http.MethodGet:
			return 200, thing(segments[0], segments[1], project)
		case len(segments) == 3 && segments[2] == "project":
			return 200, object{"values": []any{projectBody(project)}, "total": 1, "isLast": true}
		}
	}
	switch {
	case method != http.MethodGet && method != http.MethodPost:
		return 204, object{}
	case slices.Contains(ownAnswers, j.shape):
		return 200, j.own()
	case j.open:
		return 200, sink()["values"]
	}
	return 200, sink()
}

func thing(kind, id, project string) object {
	number, _ := strconv.Atoi(id)
	projectID, _ := strconv.Atoi(project)
	t := object{"id": id, "name": worded(project, kind), "projectId": projectID, "self": "https://jira.test/rest/x/" + kind + "/" + id}
	switch kind {
	case "board":
		t["id"], t["type"], t["location"] = number, "scrum", object{"projectId": projectID, "displayName": worded(project, "project")}
		delete(t, "projectId")
	case "sprint":
		t["id"], t["originBoardId"] = number, map[string]int{"10000": 1, "20000": 2}[project]
		delete(t, "projectId")
	case "component":
		t["project"] = projectBody(project)["key"]
	case "attachment":
		t["filename"], t["created"] = worded(project, "file.txt"), "2026-01-15T10:00:00.000+0000"
		delete(t, "projectId")
	case "servicedesk":
		t["projectId"], t["projectKey"], t["projectName"] = project, projectBody(project)["key"], worded(project, "project")
	}
	return t
}

// fetch returns the issues that a body asks for.
func (j *Jira) fetch(body object) object {
	found := []any{}
	asked, _ := body["issueIdsOrKeys"].([]any)
	for _, i := range issues {
		if slices.Contains(asked, any(i.id)) || slices.Contains(asked, any(i.key)) || i.former != "" && slices.Contains(asked, any(i.former)) {
			found = append(found, i.body())
		}
	}
	return object{"issues": found, "issueErrors": []any{Marker}, "names": object{"customfield_10010": Marker, "customfield_10099": Marker}}
}

func (j *Jira) issue(r *http.Request, segments []string, asked object) (int, any) {
	method := r.Method
	for _, i := range issues {
		name := segments[1]
		if name != i.id && !strings.EqualFold(name, i.key) && (i.former == "" || !strings.EqualFold(name, i.former)) {
			continue
		}
		switch {
		case method != http.MethodGet:
			return 204, object{}
		case segments[0] == "issue" && len(segments) == 2 && r.URL.RawQuery == "fields=project":
			return 200, object{"id": i.id, "key": i.key, "fields": object{"project": object{"id": i.project, "key": i.key[:3]}}}
		case segments[0] == "issue" && len(segments) == 2:
			body := i.body()
			body["fields"].(object)["attachment"] = []any{object{"id": map[string]string{"10000": "301", "20000": "302"}[i.project], "filename": worded(i.project, "file.txt")}}
			return 200, body
		}
		if slices.Contains(ownAnswers, j.shape) {
			return 200, j.own()
		}
		if answer := i.part(j.shape); answer != nil {
			return 200, answer
		}
		everything := sink()
		maps.Copy(everything, i.body())
		return 200, everything
	}
	switch {
	case method != http.MethodGet && slices.Contains([]string{"none", "rank", "archive", "unarchive"}, segments[1]):
		return 204, object{}
	case segments[1] == "bulk":
		return 201, object{"issues": []any{object{"id": "10009", "key": "ABC-9"}}, "errors": []any{object{"elementErrors": object{"errorMessages": []any{Marker}}}}}
	}
	if segments[1] == "bulkfetch" {
		return 200, j.fetch(asked)
	}
	if segments[1] == "createmeta" || segments[1] == "watching" {
		return 200, sink()
	}
	return 404, nil
}
