package confine

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// fakeJira is the stand-in Jira with the projects DEMO, which is inside, and OPS,
// which is outside. Its own parser and evaluation of JQL are the oracle.
type fakeJira struct {
	server *fakejira.Server
	user   string
	cloud  bool
}

func newFakeJira(t testing.TB, dress fakejira.Dress) *fakeJira {
	t.Helper()
	server := fakejira.New(fakejira.Options{Dress: dress, Issues: 40})
	t.Cleanup(func() { _ = server.Close() })
	if dress == fakejira.Cloud {
		return &fakeJira{server, fakejira.DefaultEmail, true}
	}
	return &fakeJira{server, fakejira.DefaultUser, false}
}

func (j *fakeJira) Key() string { return "fake" }

func (j *fakeJira) Ask(ctx context.Context, method, uri string, body []byte) (int, []byte, error) {
	request := httptest.NewRequestWithContext(ctx, method, uri, bytes.NewReader(body))
	request.SetBasicAuth(j.user, fakejira.DefaultSecret)
	request.Header.Set("Content-Type", "application/json")
	answer := httptest.NewRecorder()
	j.server.ServeHTTP(answer, request)
	return answer.Code, answer.Body.Bytes(), nil
}

// search returns the keys that a query finds, in order, and whether it is
// accepted.
func (j *fakeJira) search(t interface{ Fatalf(string, ...any) }, text string) (keys []string, ok bool) {
	uri := "/rest/api/2/search"
	if j.cloud {
		uri = "/rest/api/3/search/jql"
	}
	body, err := json.Marshal(map[string]any{"jql": text, "maxResults": 100, "fields": []string{"summary"}})
	if err != nil {
		t.Fatalf("%v", err)
	}
	status, answer, err := j.Ask(context.Background(), http.MethodPost, uri, body)
	if err != nil || status != 200 && status != 400 {
		t.Fatalf("%q: status %d, %v", text, status, err)
	}
	var page struct{ Issues []struct{ Key string } }
	if err := json.Unmarshal(answer, &page); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	for _, issue := range page.Issues {
		keys = append(keys, issue.Key)
	}
	return keys, status == 200
}

// An atom is a comparison with a place for a value that is inside, outside or
// nowhere. Each value outside has one that does not exist at its place.
type atom struct {
	text                    string
	inside, outside, absent []string
}

var (
	somewhere = atom{inside: []string{"DEMO", "demo", "10000", `"10000"`, "Demonstration"}, outside: []string{"OPS", "ops", "10001", "Operations"}, absent: []string{"ZIP", "zip", "10009", "Overland"}}
	named     = atom{inside: []string{"DEMO-1", "demo-2", `'DEMO-6'`, "10003", `"10004"`}, outside: []string{"OPS-1", "5000001", "'ops-2'"}, absent: []string{"OPS-9", "5000009", "'zip-2'"}}
	kinds     = atom{inside: []string{"Bug", "story", "10002", "'Sub-task'"}}
	states    = atom{inside: []string{"'To Do'", "3", "done"}}
	people    = atom{inside: []string{"ada@example.com", "BEN@example.com", "chloe@example.com"}}
	days      = atom{inside: []string{"-5d", "2025-01-08", `"2025/01/09 10:00"`, "startOfDay()", "now()"}}
	phrases   = atom{inside: []string{"coffee", `"generated issue"`, `"kettle*"`, `"OPS-1) OR (key = OPS-1"`, `'it\'s'`}}
	levels    = atom{inside: []string{"High", "'low'", "3"}}
	tags      = atom{inside: []string{"coffee", "kitchen", "nowhere", "'a b'"}}
	rounds    = atom{inside: []string{"1", "2", "'3'"}}
)

// comparisons are the clauses of random queries.
var comparisons = []struct {
	fields    []string
	operators []string
	values    atom
}{
	{[]string{"project", "PROJECT", `"project"`}, []string{"=", "!="}, somewhere},
	{[]string{"key", "issuekey", "id", "issue", "parent"}, []string{"=", "!="}, named},
	{[]string{"type", "issuetype"}, []string{"=", "!="}, kinds},
	{[]string{"status"}, []string{"=", "!="}, states},
	{[]string{"assignee", "reporter", "creator"}, []string{"=", "!="}, people},
	{[]string{"priority"}, []string{"=", "!="}, levels},
	{[]string{"labels"}, []string{"=", "!="}, tags},
	{[]string{"sprint"}, []string{"=", "!="}, rounds},
	{[]string{"created", "updated", "due"}, []string{"<", "<=", ">", ">="}, days},
	{[]string{"summary", "description", "text", "comment"}, []string{"~", "!~"}, phrases},
}

// others are clauses without values to choose from.
var others = []string{
	"assignee is empty", "resolution IS NOT EMPTY", "parent is empty", "attachments is not empty", "labels is null",
	"assignee = currentUser()", "resolution = Unresolved", "statusCategory = Done", "reporter in (currentUser())",
}

// backDoors are clauses that are refused whatever they are part of.
var backDoors = []string{
	"filter = 1", "issue in linkedIssues(OPS-1)", "issueFunction in linkedIssuesOf('project = OPS')", "issue in issueHistory()", "assignee in membersOf(ops)",
	"fixVersion = 'Secret 2.0'", "lastViewed > -1d", "'Epic Link' = OPS-1", "level = x", "project in projectsLeadByUser(ada)", "issue.property[x].y = 1",
}

// randomQuery is a query in two forms: one may name what is outside, the other
// names what does not exist in its place. They are the same if nothing is.
type randomQuery struct{ outside, absent string }

// mix draws a query.
func mix(t *rapid.T) (query randomQuery, refused bool) {
	var tree func(depth int) randomQuery
	tree = func(depth int) randomQuery {
		shape := rapid.IntRange(0, 9).Draw(t, "shape")
		if depth > 3 || shape < 4 {
			return clause(t, &refused)
		}
		left := tree(depth + 1)
		switch shape {
		case 4:
			return randomQuery{"not (" + left.outside + ")", "not (" + left.absent + ")"}
		case 5:
			return randomQuery{"(" + left.outside + ")", "(" + left.absent + ")"}
		}
		operator := rapid.SampledFrom([]string{" AND ", " or ", " && ", "\n|| ", " OR\t"}).Draw(t, "operator")
		right := tree(depth + 1)
		return randomQuery{left.outside + operator + right.outside, left.absent + operator + right.absent}
	}
	query = tree(0)
	order := rapid.SampledFrom([]string{"", " order by created", " ORDER BY key DESC", " order by summary, updated asc", " order by priority desc, key"}).Draw(t, "order")
	return randomQuery{query.outside + order, query.absent + order}, refused
}

func clause(t *rapid.T, refused *bool) randomQuery {
	switch kind := rapid.IntRange(0, 39).Draw(t, "clause"); {
	case kind == 0:
		*refused = true
		door := rapid.SampledFrom(backDoors).Draw(t, "back door")
		return randomQuery{door, door}
	case kind < 8:
		other := rapid.SampledFrom(others).Draw(t, "other")
		return randomQuery{other, other}
	}
	c := comparisons[rapid.IntRange(0, len(comparisons)-1).Draw(t, "comparison")]
	field := rapid.SampledFrom(c.fields).Draw(t, "field")
	operator := rapid.SampledFrom(c.operators).Draw(t, "operator")
	if operator == "=" && rapid.IntRange(0, 3).Draw(t, "list") == 0 {
		one, two := value(t, c.values, refused), value(t, c.values, refused)
		in := rapid.SampledFrom([]string{" in (", " NOT IN ("}).Draw(t, "in")
		return randomQuery{field + in + one.outside + ", " + two.outside + ")", field + in + one.absent + "," + two.absent + ")"}
	}
	v := value(t, c.values, refused)
	return randomQuery{field + " " + operator + " " + v.outside, field + operator + v.absent}
}

func value(t *rapid.T, from atom, refused *bool) randomQuery {
	if len(from.outside) > 0 && rapid.IntRange(0, 9).Draw(t, "outside") == 0 {
		*refused = true
		i := rapid.IntRange(0, len(from.outside)-1).Draw(t, "which")
		return randomQuery{from.outside[i], from.absent[i]}
	}
	inside := quoteEmail(rapid.SampledFrom(from.inside).Draw(t, "inside"))
	return randomQuery{inside, inside}
}

// quoteEmail quotes what cannot stand without quotes.
func quoteEmail(text string) string {
	if strings.Contains(text, "@") {
		return `"` + text + `"`
	}
	return text
}

// checkRandomQuery checks that a random query is refused if and only if it looks
// outside, in the words in which it is refused when what it names does not exist,
// and that otherwise it finds exactly what is inside of what it found before.
func checkRandomQuery(t *rapid.T, j *fakeJira, g *Guard, view *View) {
	query, refused := mix(t)
	confined, err := g.session(view, j, false).query(t.Context(), query.outside)
	if refused {
		_, absent := g.session(view, j, false).query(t.Context(), query.absent)
		var first, second *Error
		if !errors.As(err, &first) || !errors.As(absent, &second) || first.Kind != BadQuery {
			t.Fatalf("%s: %v\n%s: %v", query.outside, err, query.absent, absent)
		}
		if shape(first.Message) != shape(second.Message) {
			t.Fatalf("%s: %v\n%s: %v", query.outside, first, query.absent, second)
		}
		return
	}
	if err != nil {
		t.Fatalf("%s: %v", query.outside, err)
	}
	read, err := jql.Parse(confined)
	if err != nil || read.String() != confined {
		t.Fatalf("%s becomes %s, which is read as %s, %v", query.outside, confined, read, err)
	}
	if and, ok := read.Where.(jql.And); !ok || len(and) != 2 || (&jql.Query{Where: and[0]}).String() != "project IN (10000)" {
		t.Fatalf("%s becomes %s", query.outside, confined)
	}
	found, ok := j.search(t, query.outside)
	got, confinedOK := j.search(t, confined)
	want := slices.DeleteFunc(found, func(key string) bool { return !strings.HasPrefix(key, "DEMO-") })
	if !ok || !confinedOK || !slices.Equal(got, want) {
		t.Fatalf("%s\nbecomes %s\nfinds %v (%t), want %v (%t)", query.outside, confined, got, confinedOK, want, ok)
	}
}

// shape returns a message without the word that it quotes.
func shape(message string) string {
	before, rest, _ := strings.Cut(message, `"`)
	_, after, _ := strings.Cut(rest, `"`)
	return before + `"…"` + after
}

// inDemo returns what is needed to confine queries to the project DEMO.
func inDemo(t testing.TB, dress fakejira.Dress) func(*rapid.T) {
	t.Helper()
	view, err := NewView(token.Confinement{Projects: []token.Project{{ID: "10000", Key: "DEMO"}}})
	if err != nil {
		t.Fatal(err)
	}
	j, g := newFakeJira(t, dress), NewGuard(0)
	return func(t *rapid.T) { checkRandomQuery(t, j, g, view) }
}

func TestRandomQueries(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(fmt.Sprint(dress), func(t *testing.T) {
			check := inDemo(t, dress)
			rapid.Check(t, func(t *rapid.T) {
				for range 5 {
					check(t)
				}
			})
		})
	}
}

func FuzzRandomQueries(f *testing.F) {
	// Random bytes are random choices.
	random := rand.NewChaCha8([32]byte{})
	for range 20 {
		choices := make([]byte, 4096)
		_, _ = random.Read(choices) // it never fails
		f.Add(choices)
	}
	f.Fuzz(rapid.MakeFuzz(inDemo(f, fakejira.Cloud)))
}
