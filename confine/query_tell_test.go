package confine

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var boards = regexp.MustCompile(`board/[0-9]+`)

// What is outside or hidden is refused with the same words as what does not
// exist, after as many questions.
func TestQueriesDoNotTell(t *testing.T) {
	for _, c := range []struct{ query, outside, absent string }{
		{"project = %s", "OUT", "NIX"},
		{"project in (ABC, %s)", "20000", "29999"},
		{"project != '%s'", "Outside", "Nowhere"},
		{"key = %s", "OUT-1", "NIX-1"},
		{"id not in (%s)", "20011", "29999"},
		{"parent = %s", "OUT-1", "ABC-9"},
		{"'Epic Link' = '%s'", "OUT-1", "NIX-1"},
		{"cf[26] != '%s'", "OUT-1", "NIX-1"},
		{"fixVersion = '%s'", "Secret 2.0", "None 2.0"},
		{"not affectedVersion in (EMPTY, '%s')", "Secret 2.0", "None 2.0"},
		{"cf[15] = '%s'", "Secret 2.0", "None 2.0"},
		{"fixVersion = %s", "20240", "20241"},
		{"component = '%s' or component is empty", "Secret", "None"},
		{"component = %s", "6", "60"},
		{"status = '%s'", "Due diligence", "Nothing like this"},
		{"status was '%s'", "Due diligence", "Nothing like this"},
		{"issuetype != %s", "Deal", "None"},
		{"type = %s", "13", "99"},
		{"team = %s", "Secret", "None"},
		{"cf[13] not in (EMPTY, %s)", "43", "99"},
		{"sprint = %s", "32", "99"},
		{"sprint in (31, '%s')", "Sprint 32", "Sprint 99"},
		{"assignee = %s", "stranger", "nobody"},
		{"status was Open by %s", "stranger", "nobody"},
		{"fixVersion in unreleasedVersions('%s')", "OUT", "NIX"},
		{"%s = 1", "'Deal size'", "'No such field'"},
		{"%s = 1", "cf[19]", "cf[99]"},
		{"%s ~ x", "cf[11]", "cf[99]"},
		{"%s ~ x", "Notes", "None"},
		{"%s < now()", "DUE", "Dew"},
		{"created > now() order by %s", "duedate", "dewdate"},
		{"order by %s", "cf[11]", "cf[99]"},
	} {
		for _, cloud := range []bool{true, false} {
			refusal := func(word string) string {
				j := queried(t, cloud)
				s := inView(t, j, "notes", "duedate")
				if _, err := s.query(t.Context(), ""); err != nil {
					t.Fatal(err)
				}
				j.asked() // the current keys of the projects
				_, err := s.query(t.Context(), fmt.Sprintf(c.query, word))
				wantKind(t, err, BadQuery)
				if err == nil {
					return ""
				}
				told := strings.ReplaceAll(fmt.Sprintf("%v\n%q", err, slices.Sorted(slices.Values(j.asked()))), strings.Trim(word, "'"), "…")
				return boards.ReplaceAllString(told, "board/…")
			}
			if hidden, absent := refusal(c.outside), refusal(c.absent); hidden != absent {
				t.Errorf("%q tells %s\n%s\nfrom %s\n%s", c.query, c.outside, hidden, c.absent, absent)
			}
		}
	}
}

// Administrators are told more than the client.
func TestHintsAboutQueries(t *testing.T) {
	for text, want := range map[string]string{
		"project = OUT":   "It is in project OUT.",
		"project = NIX":   "",
		"key = OUT-1":     "It is in project OUT.",
		"due < now()":     "hidden",
		"notes ~ x":       "It is hidden.",
		"magic = x":       `"com.example.app:magic"`,
		"'Deal size' = 1": "team-managed",
	} {
		s := inView(t, queried(t, true), "notes", "duedate")
		s.explains = true
		_, err := s.query(t.Context(), text)
		wantKind(t, err, BadQuery)
		var refusal *Error
		if errors.As(err, &refusal) && (!strings.Contains(refusal.Hint, want) || want == "" && refusal.Hint != "") {
			t.Errorf("%q: hint %q, want %q", text, refusal.Hint, want)
		}
	}
}

func TestQueriesOfHiddenFields(t *testing.T) {
	for _, c := range []struct {
		hide, text string
		refused    bool
	}{
		{"internal-comments", "comment ~ x", true},
		{"internal-comments", "text ~ x", true},
		{"internal-comments", "summary ~ x", false},
		{"customfield_10011", "text ~ x", true}, // a field that Jira does not list
		{"customfield_11", "text ~ x", true},
		{"Notes", "text ~ x", true},
		{"Notes", "notes is empty", true},
		{"Notes", "order by cf[11]", true},
		{"summary", "text ~ x", true},
		{"summary", "summary ~ x", true},
		{"duedate", "text ~ x", false},
		{"Due date", "text ~ x", false},
		{"Due date", "due < now()", true},
		{"points", "text ~ x", false},
		{"points", "cf[10] = 3", true},
		{"points", "cf[12] < now()", false},
		{"status", "statusCategory = Done", true},
		{"status", "status was Open", true},
		{"watches", "watchers > 3", true},
		{"timetracking", "timespent > 1h", true},
		{"worklog", "worklogComment ~ x", true},
		{"attachment", "attachments is empty", true},
		{"Sprint", "sprint in openSprints()", true},
		{"customfield_24", "sprint in openSprints()", true},
		{"customfield_24", "order by sprint", true},
		{"customfield_26", "'epic link' is empty", true},
		{"parent", "'epic link' is empty", true},
		{"fixVersions", "fixVersion is empty", true},
		{"versions", "fixVersion is empty", false},
	} {
		_, err := inView(t, queried(t, true), c.hide).query(t.Context(), c.text)
		if c.refused {
			wantKind(t, err, BadQuery)
		} else if err != nil {
			t.Errorf("with %s hidden, %q: %v", c.hide, c.text, err)
		}
	}
}
