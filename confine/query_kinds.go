package confine

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira/jql"
)

// valueCheck checks a value that a field is compared with and returns the one to
// send to Jira in its place.
type valueCheck func(*querying, context.Context, *queryField, jql.Operand) (jql.Operand, error)

// fieldKind says what fields of a kind can be compared with.
type fieldKind struct {
	operators []jql.Operator
	// value is nil if no values can be used; instead then says what can.
	value   valueCheck
	instead string
}

var (
	presence = []jql.Operator{jql.Is, jql.IsNot}
	equality = append([]jql.Operator{jql.Equals, jql.NotEquals, jql.In, jql.NotIn}, presence...)
	ordering = append([]jql.Operator{jql.Less, jql.LessEqual, jql.Greater, jql.GreaterEqual}, equality...)
	contents = append([]jql.Operator{jql.Like, jql.NotLike}, presence...)
)

// The kinds of fields. Values of those in the first group reveal nothing about what
// is outside.
var (
	// textKind is for texts in which Jira searches for words.
	textKind = fieldKind{operators: contents, value: anyValue}
	// customTextKind is for texts that Jira may also compare as a whole.
	customTextKind = fieldKind{operators: append([]jql.Operator{jql.Like, jql.NotLike}, equality...), value: anyValue}
	wordKind       = fieldKind{operators: equality, value: anyValue}
	levelKind      = fieldKind{operators: ordering, value: anyValue}
	numberKind     = fieldKind{operators: ordering, value: formed(numberForm, "a number")}
	durationKind   = fieldKind{operators: ordering, value: formed(durationForm, `a duration such as "2h" or "1w 3d"`)}
	dateKind       = fieldKind{operators: ordering, value: formed(dateForm, `a date such as "2026-01-31" or "2026-01-31 18:00", or a period such as "-7d"`)}

	projectKind   = fieldKind{operators: equality, value: (*querying).projectValue}
	issueKind     = fieldKind{operators: equality, value: (*querying).issueValue}
	typeKind      = fieldKind{operators: equality, value: things("issue type", (*session).issueTypesOf)}
	statusKind    = fieldKind{operators: equality, value: things("status", (*session).statusesOf)}
	versionKind   = fieldKind{operators: ordering, value: things("version", (*session).versionsOf)}
	componentKind = fieldKind{operators: equality, value: things("component", (*session).componentsOf)}
	sprintKind    = fieldKind{operators: equality, value: (*querying).sprintValue}
	userKind      = fieldKind{operators: equality, value: (*querying).userValue}

	// selfKind is for an issue's watchers and voters: a query may ask only whether
	// the account is among them.
	selfKind = fieldKind{operators: equality, instead: "currentUser()"}
	// slaKind is for SLAs, which can only be compared with functions.
	slaKind = fieldKind{operators: ordering, instead: `functions such as breached() and remaining("2h")`}
	// optionKind is for select lists.
	optionKind = fieldKind{operators: equality, value: (*querying).optionValue, instead: "IS EMPTY and IS NOT EMPTY"}
	// presenceKind is for fields whose values could belong to something outside.
	presenceKind = fieldKind{operators: presence, instead: "IS EMPTY and IS NOT EMPTY"}
	// rankKind is for ranks, which can only be sorted by.
	rankKind = fieldKind{instead: "ORDER BY"}
)

// anyValue accepts every value.
func anyValue(_ *querying, _ context.Context, _ *queryField, operand jql.Operand) (jql.Operand, error) {
	return operand, nil
}

// The forms of values that Jira accepts. See "Advanced search reference - JQL
// fields" in Atlassian's documentation.
var (
	numberForm   = regexp.MustCompile(`^[+-]?[0-9]{1,30}(\.[0-9]{1,30})?$`)
	durationForm = regexp.MustCompile(`^[+-]?[0-9]{1,9}(\.[0-9]{1,9})?[wdhm]?( ?[0-9]{1,9}[wdhm])*$`)
	dateForm     = regexp.MustCompile(`^([0-9]{4}[-/][0-9]{1,2}[-/][0-9]{1,2}( [0-9]{1,2}:[0-9]{2})?|[+-]?[0-9]{1,15}|[+-]?[0-9]{1,9}[yMwdhm]( ?[0-9]{1,9}[wdhm])*)$`)
)

// formed accepts values of a form.
func formed(form *regexp.Regexp, expected string) valueCheck {
	return func(_ *querying, _ context.Context, f *queryField, operand jql.Operand) (jql.Operand, error) {
		text, _ := textOf(operand)
		if !form.MatchString(text) {
			return nil, badQuery("%s is compared with %s, which is not %s.", quoted(f.called), quoted(text), expected)
		}
		return operand, nil
	}
}

// refuses returns the error for an operator that the field does not take.
func (f *queryField) refuses(operator jql.Operator) error {
	if f.kind.value == nil {
		return f.refusesValues()
	}
	allowed := slices.Clone(f.kind.operators)
	if f.history {
		allowed = append(allowed, jql.Was, jql.WasNot, jql.WasIn, jql.WasNotIn, jql.Changed)
	}
	words := make([]string, len(allowed))
	for i, operator := range allowed {
		words[i] = string(operator)
	}
	return badQuery("%s cannot be used with %s with this token. Use one of %s.", quoted(string(operator)), quoted(f.called), strings.Join(words, ", "))
}

// refusesValues returns the error for a field that takes no values.
func (f *queryField) refusesValues() error {
	return badQuery("With this token, %s can be used with %s only.", quoted(f.called), f.kind.instead)
}
