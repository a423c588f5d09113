package confine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// standIn is a small Jira in memory: what the tests do not define does not exist.
type standIn struct {
	t     testing.TB
	cloud bool

	mu        sync.Mutex
	questions []string
	projects  map[string]project // by ID
	formerly  map[string]string  // former keys of projects and issues: the ID
	issues    map[string]*testIssue
	things    map[string]any // what GET answers, by path
	// boards returns a page of the list of boards of a project.
	boards func(project string, start int) string
	// answer, if set, is asked first; it answers if the status is not 0.
	answer func(ctx context.Context, method, path string) (status int, body string, err error)
}

type testIssue struct {
	id, key, project, label string
	attachments             []string
	created, updated        string
}

func newStandIn(t testing.TB, cloud bool) *standIn {
	j := &standIn{t: t, cloud: cloud, formerly: map[string]string{}, things: map[string]any{}}
	j.projects = map[string]project{
		"10000": {"10000", "ABC", "Alpha"}, "10001": {"10001", "DEF", "Delta"}, "20000": {"20000", "OUT", "Outside"},
	}
	j.issues = make(map[string]*testIssue)
	j.add("10011", "ABC-1", "10000", "acme")
	j.add("10012", "ABC-2", "10000", "other")
	j.add("10021", "DEF-1", "10001", "acme")
	j.add("20011", "OUT-1", "20000", "acme")
	return j
}

func (j *standIn) add(id, key, project, label string) *testIssue {
	j.issues[id] = &testIssue{id: id, key: key, project: project, label: label, created: "2026-01-02T03:04:05.000+0000", updated: "2026-01-02T03:04:05.000+0000"}
	return j.issues[id]
}

func (j *standIn) Key() string { return "jira as svc" }

// asked returns the questions since it was last called.
func (j *standIn) asked() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	asked := j.questions
	j.questions = nil
	return asked
}

func (j *standIn) Ask(ctx context.Context, method, uri string, body []byte) (int, []byte, error) {
	path, rawQuery, _ := strings.Cut(uri, "?")
	j.mu.Lock()
	j.questions = append(j.questions, method+" "+path)
	answer := j.answer
	j.mu.Unlock()
	if answer != nil {
		if status, text, err := answer(ctx, method, path); status != 0 || err != nil {
			return status, []byte(text), err
		}
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		j.t.Errorf("query %q: %v", rawQuery, err)
	}
	question := map[string]any{}
	if body != nil {
		if err := json.Unmarshal(body, &question); err != nil {
			j.t.Errorf("body %q: %v", body, err)
		}
	}
	status, value := j.reply(method, path, query, question)
	text, err := json.Marshal(value)
	return status, text, err
}

func notThere() (int, any) {
	return 404, map[string]any{"errorMessages": []string{"Not there."}, "errors": map[string]any{}}
}

func (j *standIn) reply(method, path string, query url.Values, question map[string]any) (int, any) {
	if value, ok := j.things[path]; ok && method == "GET" {
		return 200, value
	}
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	name := segments[len(segments)-1]
	switch {
	case name == "serverInfo":
		return 200, map[string]any{"deploymentType": map[bool]string{true: "Cloud", false: "Server"}[j.cloud]}
	case strings.HasPrefix(path, "/rest/api/2/project/") && len(segments) == 5:
		return j.project(name)
	case strings.HasPrefix(path, "/rest/api/2/issue/") && len(segments) == 5:
		if issue := j.issue(name); issue != nil {
			return 200, j.issueJSON(issue)
		}
	case path == "/rest/agile/1.0/board" && j.boards != nil:
		start, err := strconv.Atoi(query.Get("startAt"))
		if err != nil {
			j.t.Error(err)
		}
		return 200, json.RawMessage(j.boards(query.Get("projectKeyOrId"), start))
	case path == "/rest/api/3/issue/bulkfetch" && j.cloud:
		return j.bulkFetch(question)
	case path == "/rest/api/3/jql/match" && j.cloud:
		return j.match(question)
	case path == "/rest/api/3/jql/parse" && j.cloud:
		return 200, map[string]any{"queries": []any{map[string]any{"query": "", "errors": []string{}}}}
	case path == "/rest/api/3/search/jql" && j.cloud, path == "/rest/api/2/search" && !j.cloud,
		path == "/rest/api/3/search/approximate-count" && j.cloud:
		if method == "GET" {
			question = map[string]any{"jql": query.Get("jql")}
		}
		return j.search(question)
	}
	return notThere()
}

func (j *standIn) project(name string) (int, any) {
	for id, p := range j.projects {
		if id == name || strings.EqualFold(p.Key, name) || j.formerly[strings.ToUpper(name)] == id {
			return 200, p
		}
	}
	return notThere()
}

func (j *standIn) issue(name string) *testIssue {
	if issue, ok := j.issues[name]; ok {
		return issue
	}
	for _, issue := range j.issues {
		if strings.EqualFold(issue.key, name) {
			return issue
		}
	}
	return j.issues[j.formerly[strings.ToUpper(name)]]
}

func (j *standIn) issueJSON(issue *testIssue) map[string]any {
	attachments := []any{}
	for _, id := range issue.attachments {
		attachments = append(attachments, map[string]any{"id": id})
	}
	return map[string]any{"id": issue.id, "key": issue.key, "fields": map[string]any{
		"project": j.projects[issue.project], "attachment": attachments,
	}}
}

func (j *standIn) bulkFetch(question map[string]any) (int, any) {
	found := []any{}
	for _, name := range question["issueIdsOrKeys"].([]any) {
		if issue := j.issue(name.(string)); issue != nil {
			found = append(found, j.issueJSON(issue))
		}
	}
	return 200, map[string]any{"issues": found, "issueErrors": []any{}}
}

func (j *standIn) match(question map[string]any) (int, any) {
	matches := []any{}
	for _, text := range question["jqls"].([]any) {
		found := []any{}
		query, err := jql.Parse(text.(string))
		if err != nil {
			return 400, map[string]any{"errorMessages": []string{err.Error()}}
		}
		for _, id := range question["issueIds"].([]any) {
			issue := j.issues[strconv.Itoa(int(id.(float64)))]
			if issue == nil {
				continue
			}
			if ok, err := j.holds(query.Where, issue); err == nil && ok {
				found = append(found, id)
			}
		}
		matches = append(matches, map[string]any{"matchedIssues": found, "errors": []any{}})
	}
	return 200, map[string]any{"matches": matches}
}

func (j *standIn) search(question map[string]any) (int, any) {
	query, err := jql.Parse(question["jql"].(string))
	if err != nil {
		return 400, map[string]any{"errorMessages": []string{err.Error()}}
	}
	found := []any{}
	for _, id := range slices.Sorted(maps.Keys(j.issues)) {
		issue := j.issues[id]
		ok, err := j.holds(query.Where, issue)
		if err != nil && question["validateQuery"] != false {
			return 400, map[string]any{"errorMessages": []string{err.Error()}}
		}
		if ok {
			found = append(found, j.issueJSON(issue))
		}
	}
	return 200, map[string]any{"issues": found, "total": len(found), "count": len(found)}
}

// holds evaluates a condition. As in Jira, values that do not exist are errors.
func (j *standIn) holds(clause jql.Clause, issue *testIssue) (bool, error) {
	switch clause := clause.(type) {
	case nil:
		return true, nil
	case jql.And:
		all := true
		var failed error
		for _, c := range clause {
			ok, err := j.holds(c, issue)
			failed = errors.Join(failed, err)
			all = all && ok
		}
		return all, failed
	case jql.Or:
		anyone := false
		var failed error
		for _, c := range clause {
			ok, err := j.holds(c, issue)
			failed = errors.Join(failed, err)
			anyone = anyone || ok
		}
		return anyone, failed
	case jql.Not:
		ok, err := j.holds(clause.Clause, issue)
		return !ok, err
	case *jql.Comparison:
		return j.compares(clause, issue)
	}
	return false, fmt.Errorf("cannot evaluate %T", clause)
}

func (j *standIn) compares(c *jql.Comparison, issue *testIssue) (bool, error) {
	operands, isList := c.Operand.(jql.List)
	if !isList {
		operands = jql.List{c.Operand}
	}
	holds := false
	var failed error
	for _, operand := range operands {
		text := ""
		switch operand := operand.(type) {
		case jql.Value:
			text = string(operand)
		case jql.Number:
			text = string(operand)
		}
		switch strings.ToLower(c.Field.Name) {
		case "project":
			status, value := j.project(text)
			if status != 200 {
				return false, fmt.Errorf("The value '%s' does not exist for the field 'project'.", text)
			}
			holds = holds || value.(project).ID == issue.project
		case "id", "key", "issuekey", "issue":
			named := j.issue(text)
			if named == nil {
				failed = errors.Join(failed, fmt.Errorf("An issue with key '%s' does not exist for field '%s'.", text, c.Field.Name))
				continue
			}
			holds = holds || named == issue
		case "labels":
			holds = holds || text == issue.label
		case "attachments":
			return len(issue.attachments) > 0, nil
		case "created":
			return c.Operator == jql.LessEqual && issue.created[:10] <= text || c.Operator == jql.GreaterEqual && issue.created[:10] >= text, nil
		case "updated":
			return issue.updated[:10] >= text, nil
		default:
			return false, fmt.Errorf("Field '%s' does not exist.", c.Field.Name)
		}
	}
	if c.Operator == jql.NotEquals || c.Operator == jql.NotIn {
		holds = !holds
	}
	return holds, failed
}

// clock is a clock that tests set.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// guardAt returns a guard with a clock.
func guardAt() (*Guard, *clock) {
	g := NewGuard(10 * time.Second)
	c := &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	g.memory.now = c.Now
	return g, c
}

// wantKind checks that err is an *Error of this kind.
func wantKind(t *testing.T, err error, kind Kind) {
	t.Helper()
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Kind != kind {
		t.Errorf("error %v, want kind %d", err, kind)
	}
}
