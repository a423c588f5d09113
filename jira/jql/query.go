// Package jql reads and writes JQL, Jira's query language: Parse turns a query into
// a tree, which prints as a query that means the same to Jira Cloud and to Jira
// Data Center.
//
// The package accepts less than Jira does. Where the two products, or two
// versions of one, read a text differently, Parse refuses it and says what to
// write instead, so that a query that was parsed has exactly one meaning. The
// grammar is Atlassian's: see "Advanced searching" in its documentation, and the
// npm package @atlaskit/jql-parser, which the tests compare with.
package jql

// Query is a parsed query. The zero value finds all issues.
type Query struct {
	// Where selects issues; nil selects all of them.
	Where Clause
	// OrderBy sorts them; empty leaves the order to Jira.
	OrderBy []Sort
}

// Clause is a condition: one of [And], [Or], [Not], [*Comparison] and
// [*History].
type Clause interface{ clause() }

// And is true where all of its clauses are. It has at least two.
type And []Clause

// Or is true where any of its clauses is. It has at least two.
type Or []Clause

// Not is true where its clause is false.
type Not struct{ Clause Clause }

// Comparison compares a field with an operand.
type Comparison struct {
	Field    Field
	Operator Operator
	Operand  Operand
}

// History compares what a field was at some time: the operators WAS, WAS NOT,
// WAS IN, WAS NOT IN and CHANGED.
type History struct {
	Field    Field
	Operator Operator
	// Operand is nil with CHANGED.
	Operand Operand
	// Predicates narrow down when the value changed, by whom, from and to what.
	Predicates []Predicate
}

func (And) clause()         {}
func (Or) clause()          {}
func (Not) clause()         {}
func (*Comparison) clause() {}
func (*History) clause()    {}

// Operator is an operator as it is printed.
type Operator string

// The operators.
const (
	Equals       Operator = "="
	NotEquals    Operator = "!="
	Like         Operator = "~"
	NotLike      Operator = "!~"
	Less         Operator = "<"
	LessEqual    Operator = "<="
	Greater      Operator = ">"
	GreaterEqual Operator = ">="
	In           Operator = "IN"
	NotIn        Operator = "NOT IN"
	Is           Operator = "IS"
	IsNot        Operator = "IS NOT"
	Was          Operator = "WAS"
	WasNot       Operator = "WAS NOT"
	WasIn        Operator = "WAS IN"
	WasNotIn     Operator = "WAS NOT IN"
	Changed      Operator = "CHANGED"
)

// Field names a field of an issue.
type Field struct {
	// Name is the field's name, without quotes and escapes; for a custom field
	// that is named by number (cf[10010]) it is empty.
	Name string
	// CustomID is the number in cf[10010]; empty otherwise.
	CustomID string
	// Properties are the entity properties that follow the name, as in
	// issue.property[key].path.
	Properties []Property
}

// Property names a value within an entity property.
type Property struct {
	// Key is the property's key, Path the path of the value in it, such as
	// .name.first; the path may be empty.
	Key, Path string
}

// Operand is what a field is compared with: one of [Value], [Number], [List],
// [*Function] and [Empty].
type Operand interface{ operand() }

// Value is a text, without quotes and escapes.
type Value string

// Number is an integer as it was written. Jira may take it for an ID where it
// would take the same text in quotes for a name.
type Number string

// List is a list of operands, none of which is a list.
type List []Operand

// Function is a call such as membersOf("jira-users").
type Function struct {
	Name string
	Args []string
}

// Empty is the keyword EMPTY, or NULL.
type Empty struct{}

func (Value) operand()     {}
func (Number) operand()    {}
func (List) operand()      {}
func (*Function) operand() {}
func (Empty) operand()     {}

// Predicate is one of the conditions that follow a [History] clause.
type Predicate struct {
	// Word is BEFORE, AFTER, ON, DURING, BY, FROM or TO.
	Word    string
	Operand Operand
}

// Sort is a field to sort by.
type Sort struct {
	Field Field
	// Direction is ASC, DESC or, for the field's default, empty.
	Direction string
}
