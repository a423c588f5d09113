package jql

import (
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// queries are accepted, and printed as the second text.
var queries = []struct{ text, printed string }{
	{"", ""},
	{" \t\r\n", ""},
	{"order by Rank", "ORDER BY Rank"},
	{"project = ABC", `project = "ABC"`},
	{"PROJECT=abc", `PROJECT = "abc"`},
	{`project = "IN"`, `project = "IN"`},
	{"a=1 or b=2 and not c=3 order by d desc, e", `a = 1 OR (b = 2 AND NOT c = 3) ORDER BY d DESC, e`},
	{"(a=1 or b=2) and c=3", `(a = 1 OR b = 2) AND c = 3`},
	{"((a=1))", `a = 1`},
	{"not not !a=1", `NOT NOT NOT a = 1`},
	{"not (a=1 or b=2)", `NOT (a = 1 OR b = 2)`},
	{"a=1 && b=2 & c=3 || d=4 | e=5", `(a = 1 AND b = 2 AND c = 3) OR d = 4 OR e = 5`},
	{"cf[10010] = 5", "cf[10010] = 5"},
	{`CF [ 10010 ]="x\"y"`, `cf[10010] = "x\"y"`},
	{`'Epic Link' = 'it\'s' `, `"Epic Link" = "it's"`},
	{`a in (1, "b", f(x, "y z", 3))`, `a IN (1, "b", f("x", "y z", "3"))`},
	{"a not in linkedIssues(ABC-1)", `a NOT IN linkedIssues("ABC-1")`},
	{"assignee is empty", "assignee IS EMPTY"},
	{"assignee IS NOT null", "assignee IS NOT EMPTY"},
	{"assignee = EMPTY", "assignee = EMPTY"},
	{`assignee = "EMPTY"`, `assignee = "EMPTY"`},
	{"assignee = currentUser()", "assignee = currentUser()"},
	{"created >= -5d and due<=now()", `created >= "-5d" AND due <= now()`},
	{"a = -1", "a = -1"},
	{"x !~ y and z ~ 'a\\\\b'", `x !~ "y" AND z ~ "a\\b"`},
	{"a was b", `a WAS "b"`},
	{"a was not in (x) after \"2020-01-01\" by bob", `a WAS NOT IN ("x") AFTER "2020-01-01" BY "bob"`},
	{"a changed from 1 to x during (a, b) on 3", `a CHANGED FROM 1 TO "x" DURING ("a", "b") ON 3`},
	{"a was empty before startOfDay()", `a WAS EMPTY BEFORE startOfDay()`},
	{"issue.property[foo].bar = 1", `issue.property[foo].bar = 1`},
	{`issue.property["a b"] [c].d.e = 1`, `issue.property["a b"][c].d.e = 1`},
	{"a=1\nor b=2", "a = 1 OR b = 2"},
	{`a = "\t\n\r\u0041\ \'"`, `a = "\u0009\u000a\u000dA '"`},
	{"größe = Düsseldorf", `"größe" = "Düsseldorf"`},
	{"nota = 1 and order = 2", ""},
	{"ſ = 1", `"ſ" = 1`},
	{`"order" = 1 order by "by" asc`, `"order" = 1 ORDER BY "by" ASC`},
	{"a in (b) and c = d", `a IN ("b") AND c = "d"`},
	{"project=X) OR (key=A-1", ""},
}

// mistakes are refused, with an error that says what is wrong.
var mistakes = []struct{ text, problem string }{
	{"project=X) OR (key=A-1", `got ")"`},
	{"(a=1", `expected ")", got the end of the query`},
	{"a=1)", `got ")"`},
	{"a=", "a value"},
	{"=1", "a field"},
	{"a", "an operator"},
	{"a = b c", "AND, OR, ORDER BY"},
	{"project = IN", "must be in quotes"},
	{"user = x", "must be in quotes"},
	{"a = 1 and order = 2", "must be in quotes"},
	{"a = (1)", "single value"},
	{"a in 1", "list"},
	{"a in EMPTY", "list"},
	{"a in ()", "a value"},
	{"a in ((1))", "a value"},
	{"a is 1", "EMPTY"},
	{"a < EMPTY", "a value"},
	{"text ~ \"a", "not closed"},
	{"text ~ 'a\"", "not closed"},
	{`a = "\x"`, "escape"},
	{`a = "\u00z0"`, "hexadecimal"},
	{`a = "\ud83d\ude00"`, "the character itself"},
	{`a = "\`, "backslash"},
	{"a = b\\ c", `'\\'`},
	{"a = \"x\x00\"", "control"},
	{"a = \"x\ny\"", "control"},
	{"a = \xff", "UTF-8"},
	{"a = \"\xff\"", "UTF-8"},
	{"a = b@c", "quotes"},
	{"a = x\u00a0y", "U+00A0"},
	{"a = x\u2028or b = c", "U+2028"},
	{"cf[x] = 1", "number of a custom field"},
	{"cf[-1] = 1", "number of a custom field"},
	{"cf = 1", `"["`},
	{"a changed was b", "AND, OR"},
	{"a was b from c", "AND, OR"},
	{"a durıng b", "operator"},
	{"a=1 order by", "a field"},
	{"a=1 order by b,", "a field"},
	{"order by a = 1", "AND, OR"},
	{`"" = 1`, "empty name"},
	{strings.Repeat("(", 5000) + "a=1" + strings.Repeat(")", 5000), "levels"},
	{strings.Repeat("not ", 5000) + "a=1", "levels"},
	{"a = " + strings.Repeat("b", maxLength), "longer"},
}

func TestParse(t *testing.T) {
	for _, c := range queries {
		query, err := Parse(c.text)
		if c.printed == "" && strings.TrimSpace(c.text) != "" {
			if err == nil {
				t.Errorf("%q is accepted as %s", c.text, query)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if query.String() != c.printed {
			t.Errorf("%q is printed as %s, want %s", c.text, query, c.printed)
		}
		checkPrinted(t, query)
	}
}

func TestMistakes(t *testing.T) {
	for _, c := range mistakes {
		query, err := Parse(c.text)
		name := c.text[:min(len(c.text), 60)]
		if err == nil {
			t.Errorf("%q is accepted as %s", name, query)
			continue
		}
		var syntax *SyntaxError
		if !errors.As(err, &syntax) || !strings.Contains(err.Error(), c.problem) {
			t.Errorf("%q: %v, want an error about %s", name, err, c.problem)
		}
		if syntax != nil && (syntax.Position < 0 || syntax.Position > len(c.text)) {
			t.Errorf("%q: position %d is outside of the text", name, syntax.Position)
		}
		if len(err.Error()) > 300 {
			t.Errorf("%q: the error is %d bytes long", name, len(err.Error()))
		}
	}
}

func TestParseClause(t *testing.T) {
	clause, err := ParseClause("project = SUP or organizations = 'Acme'")
	if err != nil {
		t.Fatal(err)
	}
	query, err := Parse("status = Open or status = Closed order by created")
	if err != nil {
		t.Fatal(err)
	}
	const want = `(project = "SUP" OR organizations = "Acme") AND (status = "Open" OR status = "Closed") ORDER BY created`
	if got := query.Constrained(clause).String(); got != want {
		t.Errorf("joined: %s, want %s", got, want)
	}
	if got := new(Query).Constrained(clause).String(); got != `project = "SUP" OR organizations = "Acme"` {
		t.Errorf("joined with an empty query: %s", got)
	}
	for _, text := range []string{"", "  ", "order by x", "a = 1 order by x", "a = 1)", "a = 1 b"} {
		if _, err := ParseClause(text); err == nil {
			t.Errorf("%q is accepted as a condition", text)
		}
	}
}

// checkPrinted checks that a printed query is read as what was printed.
func checkPrinted(t testing.TB, query *Query) {
	t.Helper()
	again, err := Parse(query.String())
	if err != nil {
		t.Errorf("printed as %s: %v", query, err)
	} else if !reflect.DeepEqual(again, query) {
		t.Errorf("printed as %s, read as %s", query, again)
	}
}

func TestAgainstAtlassiansParser(t *testing.T) {
	oracle := startOracle(t)
	for _, c := range queries {
		oracle.agree(t, c.text)
	}
	random := rand.New(rand.NewPCG(1, 2))
	for range 1000 {
		oracle.agree(t, randomText(random))
	}
	for i := range 0x100 {
		r := string(rune(i))
		oracle.agree(t, "a"+r+"b = c")
		oracle.agree(t, "a = '"+r+"'")
		oracle.agree(t, "a = 1"+r+"or b = 2")
		oracle.agree(t, "a = b"+string(rune(random.IntN(0x3000))))
	}
}

// randomText strings words together that mean something to JQL.
func randomText(random *rand.Rand) string {
	words := []string{
		"project", "ABC-1", "1", "-2", "=", "!=", "~", "!~", "<", ">=", "in", "not in", "(", ")", "(1, b)", ",",
		"is", "is not", "not", "!", "was", "changed", "and", "or", "&&", "||", "empty", "null", `"a b"`, `'c\'d'`, `"\u0041"`,
		"now()", "f(a, 1)", "order by", "order", "by", "asc", "desc", "after", "from", "cf[1]", "x[y].z", "x[y]", "-", ".a", "a.b", "a:b", "é",
		"a = 1", "b in (c)", "user", "they",
	}
	parts := make([]string, 1+random.IntN(9))
	for i := range parts {
		parts[i] = words[random.IntN(len(words))]
	}
	return strings.Join(parts, []string{" ", "", "\n"}[random.IntN(3)])
}

func FuzzParse(f *testing.F) {
	for _, c := range queries {
		f.Add(c.text)
	}
	for _, c := range mistakes {
		if len(c.text) < 1000 {
			f.Add(c.text)
		}
	}
	oracle := startOracle(f)
	f.Fuzz(func(t *testing.T, text string) {
		query, err := Parse(text)
		if err != nil {
			return
		}
		checkPrinted(t, query)
		oracle.agree(t, text)
	})
}
