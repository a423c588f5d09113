package jira

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// Confinement says how an operation is confined for tokens that see only a part of
// Jira: what the request names, which must be inside, and what the response holds.
type Confinement struct {
	// Rule names the way in which the operation is confined, such as issue or
	// search. RuleNone refuses confined tokens.
	Rule string
	// Parameters are where the request names what must be inside, or a query that
	// must be confined.
	Parameters []Parameter
	// Answer names the shape of the response; empty with RuleNone.
	Answer string
	// Note says, with RuleNone, why the operation cannot be confined, and what to
	// use instead if there is something.
	Note string
}

// The rules that are more than "everything that the parameters name must be
// inside".
const (
	// RuleNone is for operations that confined tokens cannot call.
	RuleNone = "none"
	// RuleOpen is for operations that reveal nothing about projects, issues or users.
	RuleOpen = "open"
	// RuleProjects, RuleBoards, RuleServiceDesks and RuleRequests are for lists,
	// which are limited to what is inside.
	RuleProjects     = "projects"
	RuleBoards       = "boards"
	RuleServiceDesks = "servicedesks"
	RuleRequests     = "requests"
	// RuleIssues is for lists of issues that the request names: a read drops
	// those that are outside, a change is refused as a whole.
	RuleIssues = "issues"
	// RuleCreate and RuleEdit are for bodies with an issue's fields.
	RuleCreate = "create"
	RuleEdit   = "edit"
	// RuleMatch is for jql/match, RuleParse for jql/parse.
	RuleMatch = "match"
	RuleParse = "parse"
	// RulePermissions is for permissions/check.
	RulePermissions = "permissions"
	// RuleOptional is for operations whose parameters can be left out, RuleNeeded
	// for those that need at least one of them.
	RuleOptional = "optional"
	RuleNeeded   = "needed"
)

// Parameter is a place in a request that names something.
type Parameter struct {
	// Thing is what the place names: issue, issues, project, projects, board,
	// sprint, version, component, attachment, link, servicedesk or queue; or jql,
	// a query; or fields, an issue's fields in a body.
	Thing string
	// In is path, query or body.
	In string
	// Name is the parameter's name, or the way to it in a JSON body: names
	// separated by dots, [] for each element of an array.
	Name string
}

// confine attaches to each documented operation its line of confinement.csv:
// method, path, rule, parameters, answer and note.
func confine(documented []Operation, r io.Reader, name string) error {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	lines := make(map[string]int, len(records))
	for i, record := range records[1:] {
		place := record[0] + " " + placeOf(record[1])
		if other, ok := lines[place]; ok {
			return fmt.Errorf("%s:%d: %s is in line %d already", name, i+2, place, other+1)
		}
		lines[place] = i + 1
	}
	used := make(map[string]bool, len(lines))
	for i := range documented {
		op := &documented[i]
		place := op.Method + " " + placeOf(op.Path)
		line, ok := lines[place]
		if !ok {
			return fmt.Errorf("%s: no line for %s", name, op)
		}
		used[place] = true
		if op.Confinement, err = parseConfinement(records[line], op.Path); err != nil {
			return fmt.Errorf("%s:%d: %w", name, line+1, err)
		}
	}
	for place, line := range lines {
		if !used[place] {
			return fmt.Errorf("%s:%d: %s is not an operation", name, line+1, place)
		}
	}
	return nil
}

// parseConfinement parses a line for an operation whose path may name its
// parameters differently: Cloud's issueIdOrKey is Data Center's issueKey.
func parseConfinement(record []string, path string) (*Confinement, error) {
	c := &Confinement{Rule: record[2], Answer: record[4], Note: record[5]}
	if (c.Rule == RuleNone) != (c.Answer == "") || (c.Rule == RuleNone) != (c.Note != "") {
		return nil, fmt.Errorf("rule %q: none goes with a note, every other rule with an answer", c.Rule)
	}
	for text := range strings.SplitSeq(record[3], ";") {
		if text == "" {
			continue
		}
		thing, place, ok := strings.Cut(text, "=")
		in, name, ok2 := strings.Cut(place, ":")
		if !ok || !ok2 {
			return nil, fmt.Errorf("parameter %q: must be thing=place:name", text)
		}
		if in == "path" {
			if name = sameParameter(name, record[1], path); name == "" {
				return nil, fmt.Errorf("parameter %q: not in the path", text)
			}
		}
		c.Parameters = append(c.Parameters, Parameter{thing, in, name})
	}
	return c, nil
}

// sameParameter returns the name that a path template has where another one has
// {name}; "" if there is no such place.
func sameParameter(name, theirs, ours string) string {
	segments := strings.Split(ours, "/")
	for i, segment := range strings.Split(theirs, "/") {
		if segment == "{"+name+"}" && i < len(segments) && isParameter(segments[i]) {
			return segments[i][1 : len(segments[i])-1]
		}
	}
	return ""
}
