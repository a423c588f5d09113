package jql

import (
	"strconv"
	"strings"
	"unicode"
)

// String returns the query as JQL.
func (q *Query) String() string {
	var w strings.Builder
	if q.Where != nil {
		writeClause(&w, q.Where)
	}
	for i, sort := range q.OrderBy {
		switch {
		case i > 0:
			w.WriteString(", ")
		case w.Len() > 0:
			w.WriteString(" ORDER BY ")
		default:
			w.WriteString("ORDER BY ")
		}
		writeField(&w, sort.Field)
		if sort.Direction != "" {
			w.WriteString(" " + sort.Direction)
		}
	}
	return w.String()
}

// Constrained returns the query that finds what q finds and constraint allows,
// in the same order.
func (q *Query) Constrained(constraint Clause) *Query {
	where := constraint
	if q.Where != nil {
		where = And{constraint, q.Where}
	}
	return &Query{Where: where, OrderBy: q.OrderBy}
}

func writeClause(w *strings.Builder, clause Clause) {
	switch clause := clause.(type) {
	case And:
		writeJoined(w, clause, " AND ")
	case Or:
		writeJoined(w, clause, " OR ")
	case Not:
		w.WriteString("NOT ")
		writeNested(w, clause.Clause)
	case *Comparison:
		writeField(w, clause.Field)
		w.WriteString(" " + string(clause.Operator) + " ")
		writeOperand(w, clause.Operand)
	case *History:
		writeField(w, clause.Field)
		w.WriteString(" " + string(clause.Operator))
		if clause.Operand != nil {
			w.WriteByte(' ')
			writeOperand(w, clause.Operand)
		}
		for _, predicate := range clause.Predicates {
			w.WriteString(" " + predicate.Word + " ")
			writeOperand(w, predicate.Operand)
		}
	}
}

func writeJoined(w *strings.Builder, clauses []Clause, operator string) {
	for i, clause := range clauses {
		if i > 0 {
			w.WriteString(operator)
		}
		writeNested(w, clause)
	}
}

// writeNested writes a clause within another. It puts AND and OR in parentheses, so
// that no reader has to know which of them binds closer.
func writeNested(w *strings.Builder, clause Clause) {
	switch clause.(type) {
	case And, Or:
		w.WriteByte('(')
		writeClause(w, clause)
		w.WriteByte(')')
	default:
		writeClause(w, clause)
	}
}

func writeField(w *strings.Builder, field Field) {
	if field.CustomID != "" {
		w.WriteString("cf[" + field.CustomID + "]")
		return
	}
	writeName(w, field.Name)
	for _, property := range field.Properties {
		w.WriteByte('[')
		writeName(w, property.Key)
		w.WriteString("]" + property.Path)
	}
}

func writeOperand(w *strings.Builder, operand Operand) {
	switch operand := operand.(type) {
	case Value:
		writeQuoted(w, string(operand))
	case Number:
		w.WriteString(string(operand))
	case Empty:
		w.WriteString("EMPTY")
	case *Function:
		writeName(w, operand.Name)
		w.WriteByte('(')
		for i, argument := range operand.Args {
			if i > 0 {
				w.WriteString(", ")
			}
			writeQuoted(w, argument)
		}
		w.WriteByte(')')
	case List:
		w.WriteByte('(')
		for i, item := range operand {
			if i > 0 {
				w.WriteString(", ")
			}
			writeOperand(w, item)
		}
		w.WriteByte(')')
	}
}

// writeName writes a name, without quotes if that is safe. A number can be the name
// of a field or a function, and is written as it is.
func writeName(w *strings.Builder, name string) {
	if isNumber(name) || isPlainName(name) {
		w.WriteString(name)
		return
	}
	writeQuoted(w, name)
}

// isPlainName reports whether every version of Jira reads the name the same way
// without quotes.
func isPlainName(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '_' && c != '.') {
			return false
		}
	}
	return name != "" && !isReserved(name)
}

// writeQuoted writes text in double quotes.
func writeQuoted(w *strings.Builder, text string) {
	w.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			w.WriteByte('\\')
			w.WriteRune(r)
		case unicode.IsControl(r):
			hex := strconv.FormatUint(uint64(r), 16)
			w.WriteString(`\u` + strings.Repeat("0", 4-len(hex)) + hex)
		default:
			w.WriteRune(r)
		}
	}
	w.WriteByte('"')
}
