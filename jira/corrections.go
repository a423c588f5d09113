package jira

import (
	"encoding/csv"
	"fmt"
	"io"
	"strings"
)

// correction overrides the access that operations.csv gives to some operations.
type correction struct {
	Method, Path string
	Access       Access
	Reason       string
	line         int
}

// parseCorrections reads the columns method, path, access, reason and source.
func parseCorrections(r io.Reader, name string) ([]correction, error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var corrections []correction
	for i, record := range records {
		line := i + 1
		if line == 1 {
			continue // the header
		}
		if len(record) != 5 || record[3] == "" || record[4] == "" {
			return nil, fmt.Errorf("%s:%d: expected method, path, access, reason and source, the last two not empty", name, line)
		}
		c := correction{Method: record[0], Path: record[1], Reason: record[3] + " (" + record[4] + ")", line: line}
		if c.Access, err = parseAccess(record[2]); err != nil {
			return nil, fmt.Errorf("%s:%d: %w", name, line, err)
		}
		corrections = append(corrections, c)
	}
	return corrections, nil
}

// correct applies the corrections to the documented operations. A GET of
// administrative data only reads, so it needs read-all unless a correction says
// otherwise. Every correction must match an operation and change it: a line
// without effect is a mistake.
func correct(documented []Operation, corrections []correction) error {
	byPlace := make(map[string]correction, len(corrections))
	unused := make(map[int]bool, len(corrections))
	for _, c := range corrections {
		place := c.Method + " " + placeOf(c.Path)
		if other, ok := byPlace[place]; ok {
			return fmt.Errorf("corrections.csv:%d: %s is already in line %d", c.line, place, other.line)
		}
		byPlace[place] = c
		unused[c.line] = true
	}
	for i := range documented {
		op := &documented[i]
		asked := op.Access
		if op.Method == "GET" && op.Access == AccessAdmin {
			op.Access = AccessReadAll
		}
		c, ok := byPlace[op.Method+" "+placeOf(op.Path)]
		if !ok {
			continue
		}
		if c.Access != op.Access || asked == AccessAdmin && c.Access == AccessAdmin {
			op.Access, op.Reason = c.Access, c.Reason
			delete(unused, c.line)
		}
	}
	for _, c := range corrections {
		if unused[c.line] {
			return fmt.Errorf("corrections.csv:%d: %s %s %s does not change any operation", c.line, c.Method, c.Path, c.Access)
		}
	}
	return nil
}

// placeOf returns a path without what differs between products: the version and
// the names of parameters.
func placeOf(path string) string {
	segments := strings.Split(path, "/")
	for i, segment := range segments {
		if isParameter(segment) || i == 3 && isVersion(segment) {
			segments[i] = "{}"
		}
	}
	return strings.Join(segments, "/")
}

func parseAddressing(text string) (Addressing, error) {
	switch a := Addressing(text); a {
	case "", AddressingIssue, AddressingProject, AddressingSearch, AddressingGlobalList, AddressingUser, AddressingAdmin, AddressingOther:
		return a, nil
	}
	return "", fmt.Errorf("addressing %q: must be issue, project, search-jql, global-list, user, admin, other or empty", text)
}

// parseLocator parses the locator column: a place, a colon, and a name there.
func parseLocator(text string) Locator {
	before, after, ok := strings.Cut(text, ": ")
	if !ok {
		return Locator{What: text}
	}
	switch before {
	case "path", "query", "body", "indirect":
		return Locator{In: before, What: after}
	}
	return Locator{What: text}
}
