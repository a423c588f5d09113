package confine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestConfinedQueries(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", ""},
		{"order by created desc, Rank", "ORDER BY created DESC, rank"},
		// Projects are named by ID.
		{"project = ABC", "project = 10000"},
		{"project = alpha or project in (10001, def)", "project = 10000 OR project IN (10001, 10001)"},
		{"project != 'Delta' and not project is empty", "project != 10001 AND NOT project IS EMPTY"},
		{"project = OLD", "project = 10000"},
		// Versions by the name or ID that is meant.
		{"fixVersion = 1.0", `fixVersion = "1.0"`},
		{"fixVersion in ('BETA', 2, '11')", `fixVersion IN ("Beta", 2, 11)`},
		{"fixVersion = 2024", `fixVersion = "2024"`},
		{"fixVersion > 'DEF 1' and affectedVersion not in (1.0)", `fixVersion > "DEF 1" AND affectedVersion NOT IN ("1.0")`},
		{"fixVersion in (releasedVersions(), EMPTY, unreleasedVersions(abc, '10001'))", `fixVersion IN (releasedVersions(), EMPTY, unreleasedVersions("ABC", "DEF"))`},
		{"fixVersion = latestReleasedVersion(Delta)", `fixVersion = latestReleasedVersion("DEF")`},
		{"component = engine or component is empty", `component = "Engine" OR component IS EMPTY`},
		{"type = bug and issuetype in (12, subtaskIssueTypes())", `type = "Bug" AND issuetype IN (12, subtaskIssueTypes())`},
		{"status in (open, 7) and statusCategory != Done", `status IN ("Open", 7) AND statusCategory != "Done"`},
		{"status was not in (Open, Review) during ('2026-01-01', now()) by currentUser()", `status WAS NOT IN ("Open", "Review") DURING ("2026-01-01", now()) BY currentUser()`},
		{"status changed from open to closed after -1w by 'Ada Byron'", `status CHANGED FROM "Open" TO "Closed" AFTER "-1w" BY "Ada Byron"`},
		{"assignee was empty before startOfDay(-1)", `assignee WAS EMPTY BEFORE startOfDay("-1")`},
		{"priority >= High and resolution = Unresolved", `priority >= "High" AND resolution = "Unresolved"`},
		{"assignee = currentUser() or assignee is empty", "assignee = currentUser() OR assignee IS EMPTY"},
		{"reporter in (ADA@example.com)", ""},
		{`reporter in ("ADA@example.com") and creator = "ada byron"`, `reporter IN ("ada@example.com") AND creator = "Ada Byron"`},
		{"watcher = currentUser() and votes > 3 and watchers = 0", "watcher = currentUser() AND votes > 3 AND watchers = 0"},
		{"key = ABC-1 and parent in (def-1, 10012)", `key = "ABC-1" AND parent IN ("def-1", 10012)`},
		{"'epic link' = ABC-2 or parent is not empty", `"Epic Link" = "ABC-2" OR parent IS NOT EMPTY`},
		{"sprint = 31 or sprint in openSprints()", "sprint = 31 OR sprint IN openSprints()"},
		{"sprint != 33", "sprint != 33"},
		{"sprint in ('31', futureSprints()) and sprint is not empty", "sprint IN (31, futureSprints()) AND sprint IS NOT EMPTY"},
		{"created > -7d and updated <= '2026-01-31 18:00' and due = '2026/1/5'", `created > "-7d" AND updated <= "2026-01-31 18:00" AND due = "2026/1/5"`},
		{"resolved >= startOfMonth('-1M') and worklogDate < endOfYear()", `resolved >= startOfMonth("-1M") AND worklogDate < endOfYear()`},
		{"labels in (a, 'b \\u00fc') and text ~ 'x (y) \"z\"' and summary !~ ü", `labels IN ("a", "b ü") AND text ~ "x (y) \"z\"" AND summary !~ "ü"`},
		{"comment ~ hello and attachments is not empty", `comment ~ "hello" AND attachments IS NOT EMPTY`},
		{"originalEstimate > 2h and workRatio > 75", `originalEstimate > "2h" AND workRatio > 75`},
		{"project = 'IN'", ""},
		// Custom fields are named by number.
		{"cf[0010] > 3 and Points < '4.5' order by points, cf[11]", `cf[10] > 3 AND cf[10] < "4.5" ORDER BY cf[10], cf[11]`},
		{"notes ~ hi and 'Points[Type]' is empty", `cf[11] ~ "hi" AND cf[10] IS EMPTY`},
		{"'Start' >= endOfWeek('+1') and Tags = x", `cf[12] >= endOfWeek("+1") AND cf[23] = "x"`},
		{"tester = 'Ada Byron' and 'seen in' = Beta and site = abc", `cf[14] = "Ada Byron" AND cf[15] = "Beta" AND cf[25] = 10000`},
		{"team is empty", "cf[13] IS EMPTY"},
		{"team = red or team not in (42, '41')", `cf[13] = "Red" OR cf[13] NOT IN (42, 41)`},
		{"'Time to resolution' = breached() or cf[16] < remaining('2h 30m')", `cf[16] = breached() OR cf[16] < remaining("2h 30m")`},
		{"mood = fine", `cf[17] = "fine"`},
	} {
		j := queried(t, true)
		j.formerly["OLD"] = "10000"
		got, err := inView(t, j).query(t.Context(), c.text)
		if c.want == "" && c.text != "" {
			wantKind(t, err, BadQuery)
			continue
		}
		want := inABCAndDEF
		switch {
		case strings.HasPrefix(c.want, "ORDER"):
			want += " " + c.want
		case strings.Contains(c.want, " OR ") || strings.Contains(c.want, " AND "):
			condition, order, sorted := strings.Cut(c.want, " ORDER BY ")
			want += " AND (" + condition + ")"
			if sorted {
				want += " ORDER BY " + order
			}
		case c.want != "":
			want += " AND " + c.want
		}
		if err != nil || got != want {
			t.Errorf("%q\n got %s, %v\nwant %s", c.text, got, err, want)
		}
	}
}

func TestRefusedQueries(t *testing.T) {
	for _, c := range []struct{ text, word string }{
		// Back doors.
		{"project = X) OR (key = ABC-1", `")"`},
		{`issueFunction in linkedIssuesOf("project = OUT")`, "issueFunction"},
		{`issue in linkedIssues("OUT-1")`, "linkedIssues()"},
		{`"Epic Link" = OUT-1`, "OUT-1"},
		{"parent in (ABC-1, OUT-1)", "OUT-1"},
		{"filter = 1", "filter"},
		{"savedFilter = x", "filter's own query"},
		{"issue in issueHistory()", "issueHistory()"},
		{"issue in watchedIssues()", "watcher = currentUser()"},
		{"key in votedIssues()", "votedIssues()"},
		{"assignee in membersOf(staff)", "membersOf()"},
		{"issuekey in updatedBy(ada)", "updatedBy()"},
		{"project in projectsLeadByUser(ada)", "projectsLeadByUser()"},
		{"project = OUT", "OUT"},
		{"not project in (ABC, OUT)", "OUT"},
		{"summary ~ x OR (labels = y AND NOT fixVersion != 'Secret 2.0')", "Secret 2.0"},
		{"issueLinkType = Blocks", "issueLinkType"},
		{"issue.property[a].b = 1", "issue.property[a]"},
		{"level = secret", "level"},
		{"lastViewed > -1d", "lastViewed"},
		{"category = x", "category"},
		{"order by lastViewed", "lastViewed"},
		{"order by parent", "parent"},
		{"order by nothing", "nothing"},
		{"voter = ada", "voter"},
		{"watcher in (currentUser(), ada)", "currentUser()"},
		// Operators.
		{"key > ABC-1", ">"},
		{"id <= 10011", "<="},
		{"fixVersion ~ 'Sec*'", "~"},
		{"summary = x", "="},
		{"rank > ABC-1", "ORDER BY only"},
		{"attachments = x", "IS EMPTY and IS NOT EMPTY"},
		{"summary changed", "CHANGED"},
		{"fixVersion was 'Secret 2.0'", "Secret 2.0"},
		{"cf[10] was 3", "WAS"},
		{"status was Open by stranger", "stranger"},
		{"status changed to 'Due diligence'", "Due diligence"},
		{"status was Open after yesterday", "yesterday"},
		{"status was Open after startOfDay(x)", `"x"`},
		// Values.
		{"created > yesterday", "2026-01-31"},
		{"cf[10] = many", "a number"},
		{"timespent > ages", "a duration"},
		{"team = x", "option"},
		{"group = staff", "quotes"},
		{"cf[27] = staff", "IS EMPTY and IS NOT EMPTY"},
		{"cf[16] = 3", "breached()"},
		{"assignee = ''", `""`},
		{"sprint = 'Sprint 31'", "openSprints()"},
		{"sprint = 32", "32"},
		{"sprint = 34", "34"},
		{"sprint = 35", "35"},
		// Functions.
		{"created > currentUser()", "currentUser()"},
		{"assignee = currentUser(ada)", "no arguments"},
		{"created > now(x)", "no arguments"},
		{"created > startOfDay(1, 2)", "at most one"},
		{"fixVersion = latestReleasedVersion()", "one argument"},
		{"fixVersion in releasedVersions(OUT)", "OUT"},
		{"cf[16] > remaining(soon)", "soon"},
		// Fields.
		{"cf[20] = x", "cf[20]"},
		{"magic = x", "magic"},
		{"twin = 3", "cf[21], cf[22]"},
		{"cf[99] is empty", "cf[99]"},
		{"summary[a] ~ x", "properties"},
	} {
		got, err := inView(t, queried(t, true)).query(t.Context(), c.text)
		wantKind(t, err, BadQuery)
		if err != nil && !strings.Contains(err.Error(), c.word) || got != "" {
			t.Errorf("%q: %q, %v: want an error with %q", c.text, got, err, c.word)
		}
	}
}

// A query with nothing to look up costs no question.
func TestQueriesAskLittle(t *testing.T) {
	j := queried(t, true)
	s := inView(t, j)
	ask := func(text string, want ...string) {
		t.Helper()
		if _, err := s.query(t.Context(), text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got := j.asked(); !slices.Equal(got, want) {
			t.Errorf("%q asks %q, want %q", text, got, want)
		}
	}
	if _, err := s.query(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if _, err := s.isCloud(t.Context()); err != nil {
		t.Fatal(err)
	}
	j.asked() // the current keys of the projects, and which product it is
	ask("text ~ x and assignee = currentUser() and created > -7d and project = ABC and sprint in openSprints() order by rank")
	ask("status = Open", "GET /rest/api/2/project/10000/statuses")
	ask("status = Closed and type = Bug")
	ask("fixVersion = 'DEF 1'", "GET /rest/api/2/project/10000/versions", "GET /rest/api/2/project/10001/versions")
	ask("affectedVersion in (Beta, 'DEF 1')")
	ask("points > 3", "GET /rest/api/2/field")
	ask("cf[10] > 3 or notes ~ x")
	ask("key = ABC-1", "GET /rest/api/2/issue/ABC-1")
	ask("key in (ABC-1)")
	ask("key in (ABC-1, ABC-2, DEF-1, 10011) or parent in (10012, 10021)", "POST /rest/api/3/issue/bulkfetch")
}

// A condition that pins no projects leaves nothing by which things could be known
// to be inside.
func TestQueriesOfAConditionWithoutProjects(t *testing.T) {
	view, err := NewView(token.Confinement{JQL: "labels = acme or labels = other"})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := guardAt()
	s := g.session(view, queried(t, true), false)
	const want = `(labels = "acme" OR labels = "other") AND (summary ~ "x" OR assignee = currentUser()) ORDER BY created`
	if got, err := s.query(t.Context(), "summary ~ x or assignee = currentUser() order by created"); err != nil || got != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
	for _, text := range []string{"project = ABC", "fixVersion = Beta", "status = Open", "assignee = 'Ada Byron'", "sprint = 31", "fixVersion in releasedVersions(ABC)"} {
		_, err := s.query(t.Context(), text)
		wantKind(t, err, BadQuery)
	}
}

// A view that only hides fields has nothing outside.
func TestQueriesOfAViewThatOnlyHides(t *testing.T) {
	view, err := NewView(token.Confinement{Hide: []string{"points"}})
	if err != nil {
		t.Fatal(err)
	}
	g, _ := guardAt()
	s := g.session(view, queried(t, true), false)
	for text, want := range map[string]string{
		"project = OUT and fixVersion in (x, latestReleasedVersion(OUT))": `project = "OUT" AND fixVersion IN ("x", latestReleasedVersion("OUT"))`,
		"status = x and sprint = 'a b' and assignee = y and key = OUT-1":  `status = "x" AND sprint = "a b" AND assignee = "y" AND key = "OUT-1"`,
		"": "",
	} {
		if got, err := s.query(t.Context(), text); err != nil || got != want {
			t.Errorf("%q: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"points = 1", "issue in linkedIssues(A-1)", "filter = 1"} {
		_, err := s.query(t.Context(), text)
		wantKind(t, err, BadQuery)
	}
}

func TestQueriesWhenJiraCannotSay(t *testing.T) {
	for _, text := range []string{"project = ABC", "status = Open", "fixVersion = 1.0", "assignee = ada", "points = 1", "key = ABC-1", "sprint = 31", ""} {
		j := queried(t, true)
		j.answer = func(context.Context, string, string) (int, string, error) { return 0, "", errors.New("down") }
		_, err := inView(t, j).query(t.Context(), text)
		wantKind(t, err, Unanswered)
	}
}

// A query cannot make the gateway ask Jira without end.
func TestQueriesThatNameTooMuch(t *testing.T) {
	j := queried(t, true)
	names := make([]string, maxNamed+1)
	for i := range names {
		names[i] = "'Ada Byron'"
	}
	_, err := inView(t, j).query(t.Context(), "assignee in ("+strings.Join(names, ",")+")")
	wantKind(t, err, BadQuery)
	if err != nil && !strings.Contains(err.Error(), "divide") {
		t.Error(err)
	}
	_, err = inView(t, j).query(t.Context(), "key in (ABC-1"+strings.Repeat(",ABC-1", maxIssues)+")")
	wantKind(t, err, BadQuery)
	_, err = inView(t, j).query(t.Context(), "fixVersion = '"+strings.Repeat("ü", 1000)+"'")
	wantKind(t, err, BadQuery)
	if err != nil && len(err.Error()) > 400 {
		t.Errorf("the message is %d bytes long", len(err.Error()))
	}
}

// recordingJira records what it is asked, with parameters.
type recordingJira struct {
	Jira
	mu   sync.Mutex
	uris []string
}

func (j *recordingJira) Ask(ctx context.Context, method, uri string, body []byte) (int, []byte, error) {
	j.mu.Lock()
	j.uris = append(j.uris, uri)
	j.mu.Unlock()
	return j.Jira.Ask(ctx, method, uri, body)
}

func TestUsersInQueries(t *testing.T) {
	for _, c := range []struct {
		cloud               bool
		named, want, asking string
	}{
		{true, "5b10a2844c20165700ede21g", "5b10a2844c20165700ede21g", "&accountId=5b10a2844c20165700ede21g"},
		{true, "ada@example.com", "ada@example.com", "&query=ada%40example.com"},
		{true, "Ada BYRON", "Ada Byron", "&query=Ada+BYRON"},
		{true, "Ada", "", "&query=Ada"},
		{false, "ADA", "ada", "&username=ADA"},
		{false, "JIRAUSER10100", "ada", "&username=JIRAUSER10100"},
		{false, "Ada Byron", "Ada Byron", "&username=Ada+Byron"},
		{false, "ada b", "", "&username=ada+b"},
	} {
		j := &recordingJira{Jira: queried(t, c.cloud)}
		got, err := inView(t, j).query(t.Context(), fmt.Sprintf("assignee = %q", c.named))
		want := fmt.Sprintf("%s AND assignee = %q", inABCAndDEF, c.want)
		if c.want == "" {
			wantKind(t, err, BadQuery)
		} else if err != nil || got != want {
			t.Errorf("%s: %s, %v, want %s", c.named, got, err, want)
		}
		if !slices.ContainsFunc(j.uris, func(uri string) bool { return strings.Contains(uri, c.asking) }) {
			t.Errorf("%s: asked %q, want %s", c.named, j.uris, c.asking)
		}
	}
}

// checkConfined checks that a printed query is the constraint and something else,
// and nothing that could be read otherwise.
func checkConfined(t testing.TB, text, confined string) {
	t.Helper()
	query, err := jql.Parse(confined)
	if err != nil {
		t.Fatalf("%q becomes %s: %v", text, confined, err)
	}
	if query.String() != confined {
		t.Errorf("%q becomes %s, which is read as %s", text, confined, query)
	}
	constraint := query.Where
	if and, ok := query.Where.(jql.And); ok {
		constraint = and[0]
		if len(and) != 2 {
			t.Errorf("%q becomes %s, which is not the constraint and one condition", text, confined)
		}
	}
	if got := (&jql.Query{Where: constraint}).String(); got != inABCAndDEF {
		t.Errorf("%q becomes %s, which is constrained by %s", text, confined, got)
	}
}

func FuzzConfinedQuery(f *testing.F) {
	for _, text := range []string{
		"", "project = ABC", "project=X) OR (key=A-1", "text ~ 'a\\'b' or not labels in (a, \"b\") order by created", "status was Open by currentUser()",
		"fixVersion in (releasedVersions(), 'Beta')", "cf[10] > 3 || points < 4 && ! notes ~ x", "key in (ABC-1, OUT-1)", "created > -7d and (labels = x or project = 10000)",
	} {
		f.Add(text)
	}
	s := inView(f, queried(f, true))
	f.Fuzz(func(t *testing.T, text string) {
		confined, err := s.query(t.Context(), text)
		if err == nil {
			checkConfined(t, text, confined)
		}
	})
}

// The documentation lists every field and function that queries may use.
func TestQueriesAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/confinement-jql.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range systemFields {
		for _, name := range f.names {
			if !strings.Contains(string(text), "`"+name+"`") {
				t.Errorf("docs/confinement-jql.md lacks the field %s", name)
			}
		}
	}
	for _, f := range queryFunctions {
		if !strings.Contains(string(text), "`"+f.name+"()`") {
			t.Errorf("docs/confinement-jql.md lacks the function %s()", f.name)
		}
	}
}
