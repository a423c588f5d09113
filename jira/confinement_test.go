package jira

import (
	"bytes"
	"encoding/csv"
	"os"
	"slices"
	"testing"
)

// TestConfinementOfProjectContent reads the list of operations that Atlassian's
// description of Cloud's API marks as carrying project content
// (x-atlassian-data-security-policy): none of them is open.
func TestConfinementOfProjectContent(t *testing.T) {
	file, err := os.Open("testdata/project-content.csv")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records[1:] {
		op := Operation{Method: record[0], Path: record[1]}
		_, match := defaultOperations(t).Access(op.Method, op.example("10000"))
		if match.Confinement == nil || match.Confinement.Rule == RuleOpen {
			t.Errorf("%s carries project content, but its rule is open or missing", op)
		}
	}
}

func TestConfinementTable(t *testing.T) {
	rules := []string{
		RuleNone, RuleOpen, RuleProjects, RuleBoards, RuleServiceDesks, RuleRequests, RuleIssues, RuleCreate, RuleEdit, RuleMatch, RuleParse,
		RulePermissions, RuleOptional, RuleNeeded,
		"search", "issue", "project", "board", "sprint", "epic", "version", "component", "attachment", "link", "servicedesk", "request", "queue",
	}
	things := []string{"issue", "issues", "project", "projects", "board", "sprint", "version", "component", "attachment", "link", "servicedesk", "queue", "jql", "fields"}
	records, err := csv.NewReader(bytes.NewReader(confinementCSV)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, record := range records[1:] {
		c, err := parseConfinement(record, record[1])
		if err != nil {
			t.Errorf("line %d: %v", i+2, err)
			continue
		}
		if !slices.Contains(rules, c.Rule) {
			t.Errorf("line %d: unknown rule %q", i+2, c.Rule)
		}
		for _, p := range c.Parameters {
			if !slices.Contains(things, p.Thing) || !slices.Contains([]string{"path", "query", "body"}, p.In) {
				t.Errorf("line %d: unknown parameter %+v", i+2, p)
			}
		}
	}
	for _, row := range defaultOperations(t).list {
		if row.documented && row.Confinement == nil {
			t.Errorf("%s has no rule", row.Operation)
		}
	}
}
