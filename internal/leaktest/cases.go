package leaktest

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Case is a request to try.
type Case struct {
	// What says what the request tries.
	What                 string
	Method, Target, Body string
	// Greedy is set if the request also asks for all that a response can hold.
	Greedy bool
	// Inside is set if the request only names what is inside.
	Inside bool
	// Twin, if not empty, is the same in two requests: one for a thing outside and
	// one for a thing that does not exist. Their answers must be alike.
	Twin string
}

func (c Case) String() string {
	return strings.TrimSpace(fmt.Sprintf("%s: %s %s %s", c.What, c.Method, c.Target, c.Body))
}

// things gives, by kind: inside, another inside.
var things = map[string][2]string{
	"issue": {"ABC-1", "10002"}, "issues": {"ABC-1", "10002"}, "project": {"ABC", "10000"}, "projects": {"ABC", "10000"},
	"board": {"1", "1"}, "sprint": {"11", "11"}, "version": {"101", "103"}, "component": {"201", "203"},
	"attachment": {"301", "301"}, "link": {"401", "401"}, "servicedesk": {"1", "1"}, "queue": {"5", "5"},
	"jql":    {"project = ABC", "key = ABC-1 ORDER BY created"},
	"fields": {`{"fields":{"project":{"key":"ABC"},"summary":"x"}}`, `{"fields":{"summary":"x"},"update":{"labels":[{"add":"x"}]}}`},
}

// twins gives, by kind, pairs of things that are outside and that do not exist. Both
// have the same length, so that answers that repeat them do too.
var twins = map[string][][2]string{
	"issue": {{"OUT-1", "ZZZ-1"}, {"20001", "29991"}, {"ABC-9", "ABC-8"}, {"out-1", "zzz-1"}}, "issues": {{"OUT-1", "ZZZ-1"}, {"20001", "29991"}, {"ABC-9", "ABC-8"}},
	"project": {{"OUT", "ZZZ"}, {"20000", "29990"}, {"out", "zzz"}}, "projects": {{"OUT", "ZZZ"}, {"20000", "29990"}},
	"board": {{"2", "9"}}, "sprint": {{"12", "99"}}, "version": {{"102", "999"}}, "component": {{"202", "999"}},
	"attachment": {{"302", "999"}}, "link": {{"403", "999"}, {"402", "998"}}, "servicedesk": {{"2", "9"}}, "queue": {{"6", "9"}},
	"jql": {
		{"project = OUT", "project = ZZZ"},
		{"project = 20000", "project = 29990"},
		{"key = OUT-1", "key = ZZZ-1"},
		{"id = 20001", "id = 29991"},
		{"key in (ABC-1, OUT-1)", "key in (ABC-1, ZZZ-1)"},
		{"key = ABC-9", "key = ABC-8"},
		{"parent = OUT-1", "parent = ZZZ-1"},
		{`"Epic Link" = OUT-1`, `"Epic Link" = ZZZ-1`},
		{"not (project = OUT)", "not (project = ZZZ)"},
	},
	"fields": {
		{`{"fields":{"project":{"key":"OUT"},"summary":"x"}}`, `{"fields":{"project":{"key":"ZZZ"},"summary":"x"}}`},
		{`{"fields":{"project":{"id":"20000"},"summary":"x"}}`, `{"fields":{"project":{"id":"29990"},"summary":"x"}}`},
		{`{"fields":{"project":{"key":"ABC"},"parent":{"key":"OUT-1"}}}`, `{"fields":{"project":{"key":"ABC"},"parent":{"key":"ZZZ-1"}}}`},
		{`{"fields":{"project":{"key":"ABC"},"parent":{"id":"20001"}}}`, `{"fields":{"project":{"key":"ABC"},"parent":{"id":"29991"}}}`},
	},
}

// asked matches the names in twins.
var asked = regexp.MustCompile(`(?i)\b((OUT|ZZZ)(-1)?|2000[01]|2999[01]|ABC-[89])\b`)

// WithoutAsked returns an answer without what requests for twins are told that they
// asked for.
func WithoutAsked(answer string) string { return asked.ReplaceAllString(answer, "ASKED") }

// Outside matches what belongs to the project outside.
var Outside = regexp.MustCompile(Marker + `|\bOUT\b|\b2000[0-9]\b`)

// outside are more values for things outside.
var outside = map[string][]string{
	"jql": {
		`project = ABC) OR (project = OUT`, `issueFunction in linkedIssuesOf("key = OUT-1")`, `issue in linkedIssues("OUT-1")`,
		`filter = 10000`, `project in (ABC, OUT) ORDER BY created`, `project != ABC`, `issue in issueHistory()`, `cf[10010] ~ x`, `Margin ~ x`, `project = ABC ORDER BY Margin`, `assignee in membersOf("x")`,
		"project = ABC\nOR project = OUT", `project = "ABC" OR "project" = "OU\u0054"`, `text ~ "x" OR (key in (OUT-1, OUT-2))`, `not (project = ABC)`,
	},
	"fields": {
		`{"fields":{"project":{"name":"LEAK project"},"summary":"x"}}`, `{"fields":{"project":{"key":"ABC","id":"20000"}}}`, `{"fields":{"project":{"key":"ABC"},"customfield_10014":"OUT-1"}}`,
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

// greedy asks for all that a response can hold.
const greedy = "&expand=renderedFields,changelog,names,schema,editmeta,transitions,operations,versionedRepresentations&fields=*all&properties=*all&jql=project%3DOUT"

// Cases returns the requests to try with an operation.
func (op Operation) Cases() (cases []Case) {
	inside := make([]string, len(op.Parameters))
	for i, p := range op.Parameters {
		if inside[i] = things[p.Thing][0]; p.Thing == "project" && strings.HasSuffix(strings.TrimSuffix(p.Name, "s"), "Id") {
			inside[i] = things[p.Thing][1]
		}
	}
	add := func(what string, values []string, extra, twin string) {
		target, body := op.request(values, extra)
		cases = append(cases, Case{What: what, Method: op.Method, Target: target, Body: body, Twin: twin, Greedy: extra == greedy})
	}
	add("inside", inside, "", "")
	cases[0].Inside = true
	if op.Rule == "none" {
		return cases
	}
	add("inside", inside, greedy, "")
	for i, p := range op.Parameters {
		with := func(value string) []string {
			values := slices.Clone(inside)
			values[i] = value
			if p.In == "path" {
				values[i] = strings.ReplaceAll(url.PathEscape(value), "+", "%2B")
			}
			return values
		}
		kinds := things[p.Thing]
		add("another inside", with(kinds[1]), "", "")
		for _, pair := range twins[p.Thing] {
			for _, extra := range []string{"", greedy} {
				twin := p.Thing + " " + p.In + ":" + p.Name + " " + pair[0] + extra
				add("outside", with(pair[0]), extra, twin)
				add("absent", with(pair[1]), extra, twin)
			}
		}
		for _, value := range outside[p.Thing] {
			add("outside", with(value), "", "")
			add("outside", with(value), greedy, "")
		}
		first := twins[p.Thing][0][0]
		if p.Thing != "jql" && p.Thing != "fields" {
			for _, value := range hostile(kinds[0], first) {
				values := slices.Clone(inside)
				values[i] = value
				add("hostile", values, "", "")
			}
		}
		if p.In == "query" {
			value := "=" + url.QueryEscape(first)
			for _, name := range []string{p.Name, strings.ToUpper(p.Name), p.Name + "[]", "%" + fmt.Sprintf("%02x", p.Name[0]) + p.Name[1:]} {
				add("repeated", inside, "&"+name+value, "")
			}
		}
	}
	return cases
}

// request builds a request of an operation with its parameters set.
func (op Operation) request(values []string, extra string) (target, body string) {
	target = op.Path
	query := url.Values{}
	var fields any
	for i, p := range op.Parameters {
		switch p.In {
		case "path":
			target = strings.Replace(target, "{"+p.Name+"}", values[i], 1)
		case "query":
			query.Set(p.Name, unescape(values[i]))
		case "body":
			fields = set(fields, p.Name, p.Thing, unescape(values[i]))
		}
	}
	target = pathParameter.ReplaceAllString(target, "7")
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
