package leaktest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// search honours the constraint, and nothing else that could keep the outside out.
func (j *Jira) search(text string) (int, any) {
	query, err := jql.Parse(text)
	if err != nil {
		return 400, nil
	}
	found := []any{}
	for _, i := range issues {
		matches, known := evaluate(query.Where, i)
		if !known {
			return 400, nil // a value that does not exist
		}
		if matches {
			body := i.body()
			body["fields"].(object)["attachment"] = []any{object{"id": map[string]string{"10000": "301", "20000": "302"}[i.project], "filename": Marker}}
			if isInside(i.project) {
				body["fields"].(object)["attachment"] = []any{object{"id": "301", "filename": "file.txt"}}
			}
			found = append(found, body)
		}
	}
	return 200, object{"issues": found, "total": len(found), "startAt": 0, "maxResults": 50, "isLast": true, "count": len(found), "warningMessages": []any{Marker}, "names": object{"customfield_10010": Marker, "customfield_10099": Marker}}
}

// evaluate reports whether an issue matches; known is false if a value does not
// exist. What it does not know matches.
func evaluate(clause jql.Clause, i issue) (matches, known bool) {
	known = true
	switch clause := clause.(type) {
	case jql.And:
		matches = true
		for _, c := range clause {
			m, k := evaluate(c, i)
			matches, known = matches && m, known && k
		}
		return matches, known
	case jql.Or:
		for _, c := range clause {
			m, k := evaluate(c, i)
			matches, known = matches || m, known && k
		}
		return matches, known
	case jql.Not:
		m, k := evaluate(clause.Clause, i)
		return !m, k
	case *jql.Comparison:
		return compare(clause, i)
	}
	return true, true
}

func compare(c *jql.Comparison, i issue) (matches, known bool) {
	operands, isList := c.Operand.(jql.List)
	if !isList {
		operands = jql.List{c.Operand}
	}
	name := strings.ToLower(c.Field.Name)
	known = true
	for _, operand := range operands {
		value := strings.ToUpper(fmt.Sprint(operand))
		switch name {
		case "project":
			if !slices.Contains([]string{"10000", "20000", "ABC", "OUT"}, value) {
				known = false
			}
			matches = matches || value == i.project || value == i.key[:3]
		case "key", "id", "issue", "issuekey":
			if !slices.ContainsFunc(issues, func(j issue) bool { return value == j.id || value == j.key || value == j.former && value != "" }) {
				known = false
			}
			matches = matches || value == i.id || value == i.key || value == i.former
		default:
			return true, true
		}
	}
	if c.Operator == jql.NotEquals || c.Operator == jql.NotIn {
		matches = !matches
	}
	return matches, known
}
