package confine

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// parameter is a parameter of a query string, decoded.
type parameter struct{ name, value string }

// parameters are the parameters of a query string that reach Jira.
type parameters []parameter

func unclear(format string, args ...any) error {
	return &Error{Kind: Ambiguous, Message: fmt.Sprintf(format, args...)}
}

// readParameters reads a query string. Parameters that the operation's rule does
// not name, and that are not harmless either, are left out: nobody knows what Jira
// would do with them. The others must be written so that every program reads them
// the same way.
func readParameters(rawQuery string, rule *jira.Confinement) (parameters, error) {
	var read parameters
	for part := range strings.SplitSeq(rawQuery, "&") {
		rawName, rawValue, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil || !isNamed(rule, name) && !isHarmless(name) {
			continue
		}
		value, err := url.QueryUnescape(rawValue)
		switch {
		case rawName != name:
			return nil, unclear("The name of the parameter %q must not be encoded.", name)
		case err != nil || !isPlainText(value):
			return nil, unclear("The parameter %q is not text in UTF-8.", name)
		case read.has(name) && !isList(name):
			return nil, unclear("The parameter %q is given more than once.", name)
		}
		read = append(read, parameter{name, value})
	}
	return read, nil
}

func isNamed(rule *jira.Confinement, name string) bool {
	return slices.ContainsFunc(rule.Parameters, func(p jira.Parameter) bool { return p.In == "query" && p.Name == name })
}

// isPlainText reports whether text is UTF-8 without control characters other than
// tabs and line breaks, which JQL may contain.
func isPlainText(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsFunc(text, func(r rune) bool {
		return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
	})
}

func (p parameters) has(name string) bool {
	return slices.ContainsFunc(p, func(q parameter) bool { return q.name == name })
}

// get returns the value of a parameter; "" if it is not there.
func (p parameters) get(name string) string {
	for _, q := range p {
		if q.name == name {
			return q.value
		}
	}
	return ""
}

// list returns the values of a parameter that is separated by commas, repeated, or
// both.
func (p parameters) list(name string) (values []string) {
	for _, q := range p {
		if q.name != name {
			continue
		}
		for value := range strings.SplitSeq(q.value, ",") {
			if value = strings.TrimSpace(value); value != "" {
				values = append(values, value)
			}
		}
	}
	return values
}

// set replaces the values of a parameter; without values it removes the parameter.
func (p *parameters) set(name string, values ...string) {
	*p = slices.DeleteFunc(*p, func(q parameter) bool { return q.name == name })
	for _, value := range values {
		*p = append(*p, parameter{name, value})
	}
}

func (p parameters) encode() string {
	var w strings.Builder
	for i, q := range p {
		if i > 0 {
			w.WriteByte('&')
		}
		w.WriteString(q.name + "=" + url.QueryEscape(q.value))
	}
	return w.String()
}
