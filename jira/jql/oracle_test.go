package jql

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/npmtest"
)

// oracle is Atlassian's own parser, running in a Node.js of its own.
type oracle struct {
	mu      sync.Mutex
	queries io.Writer
	trees   *bufio.Reader
}

func startOracle(t testing.TB) *oracle {
	t.Helper()
	modules := npmtest.Install(t, os.DirFS("testdata/oracle"))
	command := exec.Command(npmtest.Node(t), "testdata/oracle/oracle.cjs")
	command.Env = append(os.Environ(), "JQL_PARSER="+filepath.Join(modules, "@atlaskit", "jql-parser"), "ANTLR="+filepath.Join(modules, "antlr4ts"))
	command.Stderr = os.Stderr
	queries, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	trees, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = queries.Close() // at which it ends
		_ = command.Wait()
	})
	return &oracle{queries: queries, trees: bufio.NewReader(trees)}
}

// parse returns the oracle's tree, as JSON; null for what it does not accept.
func (o *oracle) parse(t testing.TB, query string) string {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	line, err := json.Marshal(query)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.queries.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
	tree, err := o.trees.ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	return string(bytes.TrimSpace(tree))
}

// agree checks that what we accept means the same to the oracle, as it was
// written and as we print it.
func (o *oracle) agree(t testing.TB, text string) {
	t.Helper()
	query, err := Parse(text)
	if err != nil {
		return
	}
	ours := treeOf(t, query)
	if theirs := o.parse(t, text); theirs != ours {
		t.Errorf("%q means\n  ours   %s\n  theirs %s", text, ours, theirs)
	}
	if theirs := o.parse(t, query.String()); theirs != ours {
		t.Errorf("%q is printed as %s, which means\n  ours   %s\n  theirs %s", text, query, ours, theirs)
	}
}

// treeOf returns a query in the form in which the oracle does.
func treeOf(t testing.TB, query *Query) string {
	t.Helper()
	where := []any{}
	if query.Where != nil {
		where = clauseTree(query.Where)
	}
	sorts := []any{}
	for _, sort := range query.OrderBy {
		sorts = append(sorts, []any{fieldTree(sort.Field), sort.Direction})
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode([]any{where, sorts}); err != nil {
		t.Fatal(err)
	}
	// Go's encoder escapes these two, JavaScript's does not.
	return strings.NewReplacer(`\u2028`, "\u2028", `\u2029`, "\u2029").Replace(strings.TrimSpace(text.String()))
}

func clauseTree(clause Clause) []any {
	switch clause := clause.(type) {
	case And:
		return joinedTree("and", clause)
	case Or:
		return joinedTree("or", clause)
	case Not:
		return []any{"not", clauseTree(clause.Clause)}
	case *Comparison:
		return []any{"compare", fieldTree(clause.Field), clause.Operator, operandTree(clause.Operand)}
	case *History:
		tree := []any{"compare", fieldTree(clause.Field), clause.Operator}
		if clause.Operand != nil {
			tree = append(tree, operandTree(clause.Operand))
		}
		for _, predicate := range clause.Predicates {
			tree = append(tree, []any{predicate.Word, operandTree(predicate.Operand)})
		}
		return tree
	}
	return nil
}

func joinedTree(name string, clauses []Clause) []any {
	tree := []any{name}
	for _, clause := range clauses {
		tree = append(tree, clauseTree(clause))
	}
	return tree
}

func fieldTree(field Field) []any {
	if field.CustomID != "" {
		return []any{"cf", field.CustomID}
	}
	tree := []any{"field", field.Name}
	for _, property := range field.Properties {
		tree = append(tree, []any{property.Key, property.Path})
	}
	return tree
}

func operandTree(operand Operand) []any {
	switch operand := operand.(type) {
	case Value:
		return []any{"value", string(operand)}
	case Number:
		return []any{"number", string(operand)}
	case Empty:
		return []any{"empty"}
	case *Function:
		tree := []any{"function", operand.Name}
		for _, argument := range operand.Args {
			tree = append(tree, argument)
		}
		return tree
	case List:
		tree := []any{"list"}
		for _, item := range operand {
			tree = append(tree, operandTree(item))
		}
		return tree
	}
	return nil
}
