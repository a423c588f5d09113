package leaktest

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Operation is an operation of Atlassian's lists with its rule.
type Operation struct {
	Method, Path string
	// Access is read, write or admin.
	Access string
	// Rule and Shape are the operation's rule and the shape of its answer.
	Rule, Shape string
	// DataCenter and Cloud are set for the products that have the operation.
	DataCenter, Cloud bool
	Parameters        []Parameter
}

// Parameter is a place in a request that names something.
type Parameter struct {
	// Thing is what it names, In is path, query or body.
	Thing, In, Name string
}

var (
	pathParameter = regexp.MustCompile(`\{[^}]*\}`)
	apiVersion    = regexp.MustCompile(`^/rest/api/(2|3|latest|\{version\})/`)
)

// Operations reads the tables in the directory jira of the project. It does so by
// itself, not through the code under test.
func Operations(dir string) (operations []Operation, err error) {
	rules := make(map[string][]string)
	place := func(method, path string) string {
		return method + " " + pathParameter.ReplaceAllString(apiVersion.ReplaceAllString(path, "/rest/api/*/"), "{}")
	}
	table, err := readTable(filepath.Join(dir, "confinement.csv"))
	if err != nil {
		return nil, err
	}
	for _, row := range table {
		rules[place(row[0], row[1])] = row
	}
	if table, err = readTable(filepath.Join(dir, "operations.csv")); err != nil {
		return nil, err
	}
	seen := make(map[string]int) // products and versions share most operations
	for _, row := range table {
		at, ok := seen[place(row[1], row[2])]
		if !ok {
			rule, ok := rules[place(row[1], row[2])]
			if !ok {
				return nil, fmt.Errorf("%s %s has no rule", row[1], row[2])
			}
			at = len(operations)
			seen[place(row[1], row[2])] = at
			operations = append(operations, newOperation(row, rule))
		}
		operations[at].DataCenter = operations[at].DataCenter || row[0] == "dc"
		operations[at].Cloud = operations[at].Cloud || row[0] != "dc"
	}
	return operations, nil
}

func newOperation(row, rule []string) Operation {
	op := Operation{Method: row[1], Path: row[2], Access: row[3], Rule: rule[2], Shape: rule[4]}
	names := pathParameter.FindAllString(row[2], -1)
	theirs := pathParameter.FindAllString(strings.Replace(rule[1], "{version}", "2", 1), -1)
	for text := range strings.SplitSeq(rule[3], ";") {
		if thing, where, ok := strings.Cut(text, "="); ok {
			in, name, _ := strings.Cut(where, ":")
			if i := slices.Index(theirs, "{"+name+"}"); in == "path" && i >= 0 {
				name = strings.Trim(names[i], "{}")
			}
			op.Parameters = append(op.Parameters, Parameter{thing, in, name})
		}
	}
	return op
}

func readTable(name string) ([][]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	rows, err := csv.NewReader(file).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return rows[1:], nil
}
