package handler

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// confinedOperation is an operation of Atlassian's lists with its rule.
type confinedOperation struct {
	method, path string
	access       string
	rule, answer string
	parameters   []confinedParameter
}

type confinedParameter struct{ thing, in, name string }

// confinedOperations reads the tables by itself, not through the code under test.
func confinedOperations(t testing.TB) (operations []confinedOperation) {
	t.Helper()
	rules := make(map[string][]string)
	place := func(method, path string) string {
		return method + " " + regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(regexp.MustCompile(`^/rest/api/(2|3|latest|\{version\})/`).ReplaceAllString(path, "/rest/api/*/"), "{}")
	}
	for _, row := range readTable(t, "../jira/confinement.csv") {
		rules[place(row[0], row[1])] = row
	}
	seen := make(map[string]bool) // products and versions share most operations
	for _, row := range readTable(t, "../jira/operations.csv") {
		if seen[place(row[1], row[2])] {
			continue
		}
		seen[place(row[1], row[2])] = true
		rule, ok := rules[place(row[1], row[2])]
		if !ok {
			t.Errorf("%s %s has no rule", row[1], row[2])
			continue
		}
		op := confinedOperation{method: row[1], path: row[2], access: row[3], rule: rule[2], answer: rule[4]}
		names := regexp.MustCompile(`\{[^}]*\}`).FindAllString(row[2], -1)
		theirs := regexp.MustCompile(`\{[^}]*\}`).FindAllString(strings.Replace(rule[1], "{version}", "2", 1), -1)
		for text := range strings.SplitSeq(rule[3], ";") {
			if thing, where, ok := strings.Cut(text, "="); ok {
				in, name, _ := strings.Cut(where, ":")
				if i := slices.Index(theirs, "{"+name+"}"); in == "path" && i >= 0 {
					name = strings.Trim(names[i], "{}")
				}
				op.parameters = append(op.parameters, confinedParameter{thing, in, name})
			}
		}
		operations = append(operations, op)
	}
	return operations
}

func readTable(t testing.TB, name string) [][]string {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows[1:]
}

// choice is what one parameter is set to. Values with the same twin are of things
// that are outside and of things that do not exist: their answers must be alike.
type choice struct {
	name   string
	value  func(thing string) string
	inside bool
}

// things gives, by kind: inside, another inside, outside, absent.
var things = map[string][4]string{
	"issue": {"ABC-1", "10002", "OUT-1", "ZZZ-1"}, "issues": {"ABC-1", "10002", "OUT-1", "ZZZ-1"},
	"project": {"ABC", "10000", "OUT", "ZZZ"}, "projects": {"ABC", "10000", "OUT", "ZZZ"},
	"board": {"1", "1", "2", "9"}, "sprint": {"11", "11", "12", "99"}, "version": {"101", "103", "102", "999"}, "component": {"201", "203", "202", "999"},
	"attachment": {"301", "301", "302", "999"}, "link": {"401", "401", "403", "999"}, "servicedesk": {"1", "1", "2", "9"}, "queue": {"5", "5", "6", "9"},
	"jql": {"project = ABC", "key = ABC-1 ORDER BY created", "project = OUT", "project = ZZZ"},
	"fields": {
		`{"fields":{"project":{"key":"ABC"},"summary":"x"}}`, `{"fields":{"summary":"x"},"update":{"labels":[{"add":"x"}]}}`,
		`{"fields":{"project":{"key":"OUT"},"summary":"x"}}`, `{"fields":{"project":{"key":"ZZZ"},"summary":"x"}}`,
	},
}

// outsideByID are values for a thing outside, other than its first name.
var outsideByID = map[string][]string{
	"issue": {"20001", "ABC-9", "out-1", "20009"}, "issues": {"20001", "ABC-9"}, "project": {"20000", "out"}, "projects": {"20000"}, "link": {"402"},
	"jql": {
		`project = ABC) OR (project = OUT`, `key = OUT-1`, `parent = OUT-1`, `"Epic Link" = OUT-1`, `issueFunction in linkedIssuesOf("key = OUT-1")`, `issue in linkedIssues("OUT-1")`,
		`filter = 10000`, `project in (ABC, OUT) ORDER BY created`, `project != ABC`, `issue in issueHistory()`, `cf[10010] ~ x`, `Margin ~ x`, `project = ABC ORDER BY Margin`, `assignee in membersOf("x")`,
		"project = ABC\nOR project = OUT", `project = "ABC" OR "project" = "OU\u0054"`, `text ~ "x" OR (key in (OUT-1, OUT-2))`, `not (project = ABC)`,
	},
	"fields": {
		`{"fields":{"project":{"id":"20000"},"summary":"x"}}`, `{"fields":{"project":{"name":"LEAK project"},"summary":"x"}}`, `{"fields":{"project":{"key":"ABC","id":"20000"}}}`,
		`{"fields":{"project":{"key":"ABC"},"parent":{"key":"OUT-1"}}}`, `{"fields":{"project":{"key":"ABC"},"customfield_10014":"OUT-1"}}`,
		`{"fields":{"project":{"key":"ABC"}},"update":{"issuelinks":[{"add":{"type":{"name":"Blocks"},"outwardIssue":{"key":"OUT-1"}}}]}}`,
		`{"fields":{"project":{"key":"ABC"},"project":{"key":"OUT"}}}`, `{"update":{"parent":[{"set":{"id":"20001"}}]}}`, `{"update":{"project":[{"set":{"key":"OUT"}}]}}`,
		`{"fields":{"project":{"key":"ABC"},"customfield_10018":{"key":"OUT-1"}}}`, `{"fields":{"project":{"key":"ABC"},"customfield_10010":"x"}}`,
	},
}

// hostile turns the name of a thing outside into what another server might take
// for it, or the name of one inside into what might lead outside.
func hostile(inside, outside string) []string {
	return []string{
		outside + ".json", inside + "/../" + outside, inside + "%2f..%2f" + outside, "%" + fmt.Sprintf("%02x", outside[0]) + outside[1:], inside + "," + outside, outside + "%00",
		"%20" + outside, outside + "%20", inside + ";x=" + outside, inside + "%3b" + outside, outside + "%2e", "..%2f" + outside, inside + "%0a" + outside, "＋" + outside, inside + "%26" + outside, inside + "%23", inside + "%3fx=" + outside,
	}
}

// gate is a gateway in front of the stand-in.
type gate struct {
	*exchange
	jira *standIn
	// strict is set if everything that has a rule must work inside.
	strict bool
}

func newConfinedGate(t testing.TB, confinement token.Confinement) *gate {
	g := &gate{jira: &standIn{known: make(map[string]answered)}}
	g.exchange = newExchange(t, "https://jira.test")
	g.answer = g.jira.answer
	record := *g.app.record
	record.Scope, record.Confine = token.ScopeAdmin, confinement
	g.app.record = &record
	g.handler.app = g.app
	g.handler.guard = confine.NewGuard(time.Hour)
	return g
}

// ask sends a request and returns the status, the reason and the whole response
// as text, and what reached Jira except for the gateway's questions.
func (g *gate) ask(method, target, body string) (status int, reason, whole string, reached []string) {
	g.t.Helper()
	g.jira.reached = nil
	w := httptest.NewRecorder()
	r, err := http.NewRequest(method, "http://gateway"+target, strings.NewReader(body))
	if err != nil {
		return 0, "", "", nil // no client can send it
	}
	r.RequestURI, r.RemoteAddr = target, "127.0.0.1:1"
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	} else {
		r.Body = http.NoBody
	}
	r.Header.Set("Authorization", basicOf("alice", g.app.Reveal()))
	r.Header.Set("X-Request-Id", "1")
	next := handlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		out := r.Clone(r.Context())
		out.URL.Scheme, out.URL.Host = "https", "jira.test"
		response, err := g.transport.RoundTrip(out)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		maps.Copy(w.Header(), response.Header)
		w.WriteHeader(response.StatusCode)
		_, err = io.Copy(w, response.Body)
		for name, values := range response.Trailer {
			w.Header()["Trailer:"+name] = values
		}
		return err
	})
	if err := g.handler.ServeHTTP(w, r, next); err != nil {
		fmt.Fprintf(w, "error: %v", err)
	}
	response := w.Result()
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(response.Header)) {
		fmt.Fprintf(&text, "%s: %s\n", name, response.Header[name])
	}
	text.WriteString("\n" + w.Body.String())
	return response.StatusCode, response.Header.Get(headerReason), text.String(), g.jira.reached
}

// request builds a request of an operation with its parameters set.
func (op confinedOperation) request(values []string, extra string) (target, body string) {
	target = op.path
	query := url.Values{}
	var fields any
	for i, p := range op.parameters {
		switch p.in {
		case "path":
			target = strings.Replace(target, "{"+p.name+"}", values[i], 1)
		case "query":
			query.Set(p.name, unescape(values[i]))
		case "body":
			fields = set(fields, p.name, p.thing, unescape(values[i]))
		}
	}
	target = regexp.MustCompile(`\{[^}]*\}`).ReplaceAllString(target, "7")
	if len(query) > 0 || extra != "" {
		target += "?" + query.Encode() + extra
	}
	if fields != nil {
		text, _ := json.Marshal(fields)
		body = string(text)
		if raw, ok := fields.(json.RawMessage); ok {
			body = string(raw)
		}
	}
	return target, body
}

func unescape(s string) string {
	if u, err := url.PathUnescape(s); err == nil {
		return u
	}
	return s
}

// set puts a value into a JSON body at a way such as issueUpdates[].fields.
func set(at any, way, thing, value string) any {
	name, rest, _ := strings.Cut(way, ".")
	if way == "" {
		return json.RawMessage(value)
	}
	name, isArray := strings.CutSuffix(name, "[]")
	o, _ := at.(object)
	if o == nil {
		o = object{}
	}
	var inner any = value
	if thing == "fields" {
		inner = json.RawMessage(value)
		if !json.Valid([]byte(value)) {
			inner = value
		}
	}
	if rest != "" {
		var before any
		if list, ok := o[name].([]any); ok {
			before = list[0]
		}
		inner = set(before, rest, thing, value)
	}
	if isArray {
		o[name] = []any{inner}
	} else {
		o[name] = inner
	}
	return o
}

// TestNothingOutside takes every operation of the table through a confined token,
// with every parameter inside, outside, absent, moved and hostile.
func TestNothingOutside(t *testing.T) {
	count := 0
	for name, confinement := range map[string]token.Confinement{
		"project":         {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, Hide: []string{"customfield_10010", token.HideInternalComments}},
		"project and jql": {Projects: []token.Project{{ID: "10000", Key: "ABC"}}, JQL: "summary ~ summary", Hide: []string{"customfield_10010", token.HideInternalComments}},
		"jql":             {JQL: "project = ABC AND summary ~ summary", Hide: []string{"customfield_10010", token.HideInternalComments}},
	} {
		t.Run(name, func(t *testing.T) {
			g := newConfinedGate(t, confinement)
			g.strict = name == "project"
			for _, op := range confinedOperations(t) {
				count += g.try(t, op)
			}
		})
	}
	t.Logf("%d requests", count)
	if count < 5000 {
		t.Errorf("only %d requests", count)
	}
}

// askedFor matches what requests for things outside and absent are told that they
// asked for.
var askedFor = regexp.MustCompile(`\b(OUT|ZZZ)(-1)?\b`)

var outsideText = regexp.MustCompile(marker + `|\bOUT\b|\b2000[0-9]\b`)

// try sends the requests of one operation and returns how many it sent.
func (g *gate) try(t *testing.T, op confinedOperation) (count int) {
	g.jira.answers, g.jira.open = op.answer, op.rule == "open"
	inside := make([]string, len(op.parameters))
	for i, p := range op.parameters {
		if inside[i] = things[p.thing][0]; p.thing == "project" && strings.HasSuffix(strings.TrimSuffix(p.name, "s"), "Id") {
			inside[i] = things[p.thing][1]
		}
	}
	check := func(what string, values []string, extra string) (answer string) {
		count++
		target, body := op.request(values, extra)
		status, reason, whole, reached := g.ask(op.method, target, body)
		if status == 0 {
			return ""
		}
		shown := whole
		if status >= 400 { // an error may name what was asked for
			shown = askedFor.ReplaceAllString(shown, "ASKED")
		}
		if strings.Contains(whole, marker) || status < 300 && outsideText.MatchString(whole) {
			t.Errorf("%s: %s %s %s: HTTP %d %s holds what is outside: %.1500s", what, op.method, target, body, status, reason, whole)
		}
		for _, line := range reached {
			if op.access != "read" && outsideText.MatchString(line) {
				t.Errorf("%s: %s %s %s: reached Jira: %s", what, op.method, target, body, line)
			}
		}
		if op.rule == "none" && (status != 403 || len(reached) > 0) {
			t.Errorf("%s %s: HTTP %d %s, %q reached Jira; expected 403", op.method, target, status, reason, reached)
		}
		return fmt.Sprint(status, "\n", shown)
	}
	extras := []string{"", "&expand=renderedFields,changelog,names,schema,editmeta,transitions,operations,versionedRepresentations&fields=*all&properties=*all&jql=project%3DOUT"}
	if op.rule == "none" {
		check("none", inside, "")
		return count
	}
	for i, extra := range extras {
		if answer := check("inside", inside, extra); g.strict && i == 0 && answer >= "4" {
			t.Errorf("%s %s is refused inside: %.300s", op.method, op.path, answer)
		}
	}
	for i, p := range op.parameters {
		with := func(value string) []string {
			values := slices.Clone(inside)
			values[i] = value
			return values
		}
		kinds := things[p.thing]
		check("another inside", with(kinds[1]), "")
		outside, absent := check("outside", with(kinds[2]), ""), check("absent", with(kinds[3]), "")
		if outside != absent {
			t.Errorf("%s %s: %s outside and absent differ: %.600s\n---\n%.600s", op.method, op.path, p.thing, outside, absent)
		}
		for _, value := range outsideByID[p.thing] {
			if p.in == "path" {
				value = strings.ReplaceAll(url.PathEscape(value), "+", "%2B")
			}
			check("outside", with(value), "")
			check("outside", with(value), extras[1])
		}
		if p.thing != "jql" && p.thing != "fields" {
			for _, value := range hostile(kinds[0], kinds[2]) {
				check("hostile", with(value), "")
			}
		}
		if p.in == "query" {
			for _, extra := range []string{"&" + p.name + "=" + url.QueryEscape(kinds[2]), "&" + strings.ToUpper(p.name) + "=" + url.QueryEscape(kinds[2]), "&" + p.name + "[]=" + url.QueryEscape(kinds[2]), "&%" + fmt.Sprintf("%02x", p.name[0]) + p.name[1:] + "=" + url.QueryEscape(kinds[2])} {
				check("repeated", inside, extra)
			}
		}
	}
	return count
}
