package jql

import (
	"fmt"
	"slices"
	"strings"
)

// Limits on what Parse accepts: far more than any query that a person writes, and
// small enough to print and send.
const (
	maxLength  = 64 << 10
	maxNesting = 100
)

// Parse reads a query. Empty text is the query that finds all issues. The error
// is a [*SyntaxError].
func Parse(text string) (*Query, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	return p.query()
}

// ParseClause reads a condition: a query that is not empty and has no ORDER BY,
// such as a constraint on other queries. The error is a [*SyntaxError].
func ParseClause(text string) (Clause, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	if p.look.kind == kindEnd {
		return nil, &SyntaxError{0, "empty condition"}
	}
	clause, err := p.or()
	switch {
	case err != nil:
		return nil, err
	case p.look.is("ORDER"):
		return nil, &SyntaxError{p.look.at, "a condition cannot have ORDER BY"}
	case p.look.kind != kindEnd:
		return nil, p.unexpected("AND, OR or the end of the condition")
	}
	return clause, nil
}

// parser is a recursive-descent parser with one symbol of look-ahead.
type parser struct {
	scanner
	look    symbol
	nesting int
}

func newParser(text string) (*parser, error) {
	if len(text) > maxLength {
		return nil, &SyntaxError{maxLength, fmt.Sprintf("query longer than %d bytes", maxLength)}
	}
	p := &parser{scanner: scanner{text: text}}
	return p, p.advance()
}

// advance moves on to the next symbol.
func (p *parser) advance() (err error) {
	p.look, err = p.next()
	return err
}

// accept moves on and reports true if the next symbol is this keyword or
// punctuation.
func (p *parser) accept(words ...string) (bool, error) {
	if !slices.ContainsFunc(words, p.look.is) {
		return false, nil
	}
	return true, p.advance()
}

// expect moves past a symbol that must be next.
func (p *parser) expect(word string) error {
	ok, err := p.accept(word)
	if err == nil && !ok {
		err = p.unexpected(fmt.Sprintf("%q", word))
	}
	return err
}

// unexpected returns an error that says what was found and what was expected.
func (p *parser) unexpected(expected string) error {
	found := "the end of the query"
	switch p.look.kind {
	case kindEnd:
	case kindQuoted:
		found = "quoted text"
	default:
		found = fmt.Sprintf("%q", p.look.text)
		if len(p.look.text) > 40 {
			found = "a long word"
		} else if p.look.kind == kindWord && isReserved(p.look.text) {
			found += ", a reserved word: as a name or value, it must be in quotes"
		}
	}
	return &SyntaxError{p.look.at, fmt.Sprintf("expected %s, got %s", expected, found)}
}

func (p *parser) query() (*Query, error) {
	query := new(Query)
	var err error
	if p.look.kind != kindEnd && !p.look.is("ORDER") {
		if query.Where, err = p.or(); err != nil {
			return nil, err
		}
	}
	ordered, err := p.accept("ORDER")
	if err != nil {
		return nil, err
	}
	if ordered {
		if query.OrderBy, err = p.orderBy(); err != nil {
			return nil, err
		}
	}
	if p.look.kind != kindEnd {
		return nil, p.unexpected("AND, OR, ORDER BY or the end of the query")
	}
	return query, nil
}

func (p *parser) orderBy() (sorts []Sort, err error) {
	if err := p.expect("BY"); err != nil {
		return nil, err
	}
	for {
		var sort Sort
		if sort.Field, err = p.field(); err != nil {
			return nil, err
		}
		for _, direction := range []string{"ASC", "DESC"} {
			if ok, err := p.accept(direction); err != nil {
				return nil, err
			} else if ok {
				sort.Direction = direction
				break
			}
		}
		sorts = append(sorts, sort)
		if more, err := p.accept(","); err != nil || !more {
			return sorts, err
		}
	}
}

func (p *parser) or() (Clause, error) {
	clauses, err := p.joined(p.and, "OR", "|", "||")
	if err != nil || len(clauses) > 1 {
		return Or(clauses), err
	}
	return clauses[0], nil
}

func (p *parser) and() (Clause, error) {
	clauses, err := p.joined(p.not, "AND", "&", "&&")
	if err != nil || len(clauses) > 1 {
		return And(clauses), err
	}
	return clauses[0], nil
}

// joined reads clauses that are separated by one of these operators.
func (p *parser) joined(clause func() (Clause, error), operators ...string) ([]Clause, error) {
	var clauses []Clause
	for {
		c, err := clause()
		if err != nil {
			return nil, err
		}
		clauses = append(clauses, c)
		if more, err := p.accept(operators...); err != nil || !more {
			return clauses, err
		}
	}
}

func (p *parser) not() (Clause, error) {
	if p.nesting++; p.nesting > maxNesting {
		return nil, &SyntaxError{p.look.at, fmt.Sprintf("more than %d levels of parentheses and NOT", maxNesting)}
	}
	defer func() { p.nesting-- }()
	if negated, err := p.accept("NOT", "!"); err != nil {
		return nil, err
	} else if negated {
		clause, err := p.not()
		return Not{clause}, err
	}
	if open, err := p.accept("("); err != nil {
		return nil, err
	} else if open {
		clause, err := p.or()
		if err == nil {
			err = p.expect(")")
		}
		return clause, err
	}
	return p.condition()
}

// condition reads a field, an operator and its operands.
func (p *parser) condition() (Clause, error) {
	field, err := p.field()
	if err != nil {
		return nil, err
	}
	operator, err := p.operator()
	if err != nil {
		return nil, err
	}
	switch operator {
	case Was, WasNot, WasIn, WasNotIn, Changed:
		return p.history(field, operator)
	}
	operand, err := p.operandOf(operator)
	return &Comparison{field, operator, operand}, err
}

func (p *parser) operator() (Operator, error) {
	for _, operator := range []Operator{Equals, NotEquals, Like, NotLike, Less, LessEqual, Greater, GreaterEqual, Changed, In} {
		if ok, err := p.accept(string(operator)); ok || err != nil {
			return operator, err
		}
	}
	word := p.look
	for _, known := range []string{"NOT", "IS", "WAS"} {
		if !word.is(known) {
			continue
		}
		if err := p.advance(); err != nil {
			return "", err
		}
		return p.wordOperator(known)
	}
	return "", p.unexpected("an operator such as =, IN or ~")
}

// wordOperator reads what follows NOT, IS or WAS.
func (p *parser) wordOperator(first string) (Operator, error) {
	if first == "NOT" {
		return NotIn, p.expect("IN")
	}
	operator := first
	if negated, err := p.accept("NOT"); err != nil {
		return "", err
	} else if negated {
		operator += " NOT"
	}
	if first == "WAS" {
		if in, err := p.accept("IN"); err != nil {
			return "", err
		} else if in {
			operator += " IN"
		}
	}
	return Operator(operator), nil
}

func (p *parser) history(field Field, operator Operator) (Clause, error) {
	clause := &History{Field: field, Operator: operator}
	var err error
	words := []string{"BEFORE", "AFTER", "ON", "DURING", "BY"}
	if operator == Changed {
		words = append(words, "FROM", "TO")
	} else if clause.Operand, err = p.operandOf(operator); err != nil {
		return nil, err
	}
	for {
		i := slices.IndexFunc(words, p.look.is)
		if i < 0 {
			return clause, nil
		}
		if err := p.advance(); err != nil {
			return nil, err
		}
		predicate := Predicate{Word: words[i]}
		if predicate.Operand, err = p.operand(); err != nil {
			return nil, err
		}
		clause.Predicates = append(clause.Predicates, predicate)
	}
}

// field reads a field's name and the properties that follow it.
func (p *parser) field() (Field, error) {
	if p.look.is("cf") {
		return p.customField()
	}
	isNumber := p.look.kind == kindNumber
	name, err := p.text("a field")
	if err != nil {
		return Field{}, err
	}
	if name == "" {
		return Field{}, &SyntaxError{p.look.at, "empty name of a field"}
	}
	field := Field{Name: name}
	for !isNumber && p.look.is("[") {
		property, err := p.property()
		if err != nil {
			return Field{}, err
		}
		field.Properties = append(field.Properties, property)
	}
	return field, nil
}

// customField reads cf[10010].
func (p *parser) customField() (Field, error) {
	if err := p.advance(); err != nil {
		return Field{}, err
	}
	if err := p.expect("["); err != nil {
		return Field{}, err
	}
	if p.look.kind != kindNumber || strings.HasPrefix(p.look.text, "-") {
		return Field{}, p.unexpected("the number of a custom field, as in cf[10010]")
	}
	field := Field{CustomID: p.look.text}
	if err := p.advance(); err != nil {
		return Field{}, err
	}
	return field, p.expect("]")
}

// property reads [key] and the path that follows it.
func (p *parser) property() (property Property, err error) {
	if err := p.expect("["); err != nil {
		return property, err
	}
	if property.Key, err = p.text("the key of a property"); err != nil {
		return property, err
	}
	if err := p.expect("]"); err != nil {
		return property, err
	}
	if p.look.kind == kindWord && strings.HasPrefix(p.look.text, ".") {
		property.Path = p.look.text
		err = p.advance()
	}
	return property, err
}
