package confine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// maxNamed limits the users and sprints that a query names: Jira is asked about
// each of them.
const maxNamed = 100

// query returns the query that finds what text finds, as far as it is inside. It
// refuses queries whose answer could reveal something that is outside or hidden.
//
// Fields, functions and operators are allow-lists: everything else might look
// outside, or be an app's. Jira answers 400 to a value that exists nowhere and
// finds nothing for one that exists outside, so every value for which that makes
// a difference must be known inside. Where the same text could also mean
// something outside, the value is replaced by the one that is meant, such as a
// project's name by its ID.
func (s *session) query(ctx context.Context, text string) (string, error) {
	query, err := jql.Parse(text)
	if err != nil {
		return "", &Error{Kind: BadQuery, Message: err.Error() + "."}
	}
	constraint, err := s.constraint(ctx)
	if err != nil {
		return "", err
	}
	q := &querying{session: s}
	if query.Where != nil {
		if query.Where, err = q.clause(ctx, query.Where); err != nil {
			return "", err
		}
	}
	for i := range query.OrderBy {
		if query.OrderBy[i].Field, err = q.sortable(ctx, query.OrderBy[i].Field); err != nil {
			return "", err
		}
	}
	if err := q.requireIssues(ctx); err != nil {
		return "", err
	}
	if constraint == nil {
		return query.String(), nil
	}
	return query.Constrained(constraint).String(), nil
}

// querying is a query that is being confined.
type querying struct {
	*session
	// named counts the users and sprints that it names; issues are the issues that
	// it names.
	named  int
	issues []string
}

// badQuery refuses a query.
func badQuery(format string, args ...any) error {
	return &Error{Kind: BadQuery, Message: fmt.Sprintf(format, args...)}
}

// hinted returns a refusal with a hint for administrators.
func hinted(refusal error, format string, args ...any) error {
	if known, ok := errors.AsType[*Error](refusal); ok {
		explained := *known
		explained.Hint = fmt.Sprintf(format, args...)
		return &explained
	}
	return refusal
}

// clause returns a clause that means the same inside, with values that mean nothing
// outside.
func (q *querying) clause(ctx context.Context, clause jql.Clause) (jql.Clause, error) {
	switch clause := clause.(type) {
	case jql.And:
		clauses, err := q.clauses(ctx, clause)
		return jql.And(clauses), err
	case jql.Or:
		clauses, err := q.clauses(ctx, clause)
		return jql.Or(clauses), err
	case jql.Not:
		negated, err := q.clause(ctx, clause.Clause)
		return jql.Not{Clause: negated}, err
	case *jql.Comparison:
		return q.comparison(ctx, clause)
	case *jql.History:
		return q.history(ctx, clause)
	}
	return nil, badQuery("This query cannot be used with this token.")
}

func (q *querying) clauses(ctx context.Context, clauses []jql.Clause) ([]jql.Clause, error) {
	confined := make([]jql.Clause, len(clauses))
	for i, clause := range clauses {
		var err error
		if confined[i], err = q.clause(ctx, clause); err != nil {
			return nil, err
		}
	}
	return confined, nil
}

func (q *querying) comparison(ctx context.Context, c *jql.Comparison) (jql.Clause, error) {
	f, err := q.field(ctx, c.Field)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(f.kind.operators, c.Operator) {
		return nil, f.refuses(c.Operator)
	}
	operand, err := q.operand(ctx, f, c.Operand)
	return &jql.Comparison{Field: f.field, Operator: c.Operator, Operand: operand}, err
}

// history confines WAS and CHANGED, which look at former values of an issue.
func (q *querying) history(ctx context.Context, h *jql.History) (jql.Clause, error) {
	f, err := q.field(ctx, h.Field)
	if err != nil {
		return nil, err
	}
	if !f.history {
		return nil, f.refuses(h.Operator)
	}
	confined := &jql.History{Field: f.field, Operator: h.Operator}
	if h.Operand != nil {
		if confined.Operand, err = q.operand(ctx, f, h.Operand); err != nil {
			return nil, err
		}
	}
	for _, p := range h.Predicates {
		of := f
		switch p.Word {
		case "BY":
			of = &queryField{called: p.Word, kind: &userKind}
		case "BEFORE", "AFTER", "ON", "DURING":
			of = &queryField{called: p.Word, kind: &dateKind}
		}
		operand, err := q.operand(ctx, of, p.Operand)
		if err != nil {
			return nil, err
		}
		confined.Predicates = append(confined.Predicates, jql.Predicate{Word: p.Word, Operand: operand})
	}
	return confined, nil
}

// operand confines what a field is compared with.
func (q *querying) operand(ctx context.Context, f *queryField, operand jql.Operand) (jql.Operand, error) {
	switch operand := operand.(type) {
	case jql.Empty:
		return operand, nil
	case jql.List:
		list := make(jql.List, len(operand))
		for i, item := range operand {
			var err error
			if list[i], err = q.operand(ctx, f, item); err != nil {
				return nil, err
			}
		}
		return list, nil
	case *jql.Function:
		return q.function(ctx, f, operand)
	}
	if f.kind.value == nil {
		return nil, f.refusesValues()
	}
	return f.kind.value(q, ctx, f, operand)
}

// sortable confines a field of ORDER BY.
func (q *querying) sortable(ctx context.Context, named jql.Field) (jql.Field, error) {
	f, err := q.field(ctx, named)
	if err == nil && f.unsortable {
		err = badQuery("This token's queries cannot be sorted by %s.", quoted(f.called))
	}
	if err != nil {
		return jql.Field{}, err
	}
	return f.field, nil
}

// count counts a value that Jira must be asked about.
func (q *querying) count() error {
	if q.named++; q.named > maxNamed {
		return badQuery("The query names more than %d users and sprints: divide it into several.", maxNamed)
	}
	return nil
}

// textOf returns the text of a value and whether it was written as a number.
func textOf(operand jql.Operand) (text string, number bool) {
	switch operand := operand.(type) {
	case jql.Value:
		return string(operand), false
	case jql.Number:
		return string(operand), true
	}
	return "", false
}

// maxQuoted limits how much of a word a message repeats.
const maxQuoted = 100 // characters

// quoted returns a word of the query for a message.
func quoted(word string) string {
	if runes := []rune(word); len(runes) > maxQuoted {
		word = string(runes[:maxQuoted]) + "…"
	}
	return `"` + strings.ToValidUTF8(word, "?") + `"`
}
