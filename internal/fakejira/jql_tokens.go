package fakejira

import (
	"net/http"
	"strings"
	"unicode"
)

// token is a JQL token.
type token struct {
	// kind is 'w' for a word or quoted text, 'o' for an operator, '(' ')' ',' for themselves, 0 for the end.
	kind         byte
	text         string
	quoted       bool
	line, column int
}

// jqlError returns Jira's error for JQL that cannot be parsed.
func jqlError(format string, args ...any) error {
	return fail(http.StatusBadRequest, "Error in the JQL Query: "+format, args...)
}

// tokenize splits JQL into tokens.
func tokenize(jql string) ([]token, error) {
	var list []token
	runes := []rune(jql)
	line, lineStart := 1, 0
	for n := 0; n < len(runes); {
		r := runes[n]
		at := token{line: line, column: n - lineStart + 1}
		switch {
		case r == '\n':
			n++
			line, lineStart = line+1, n
			continue
		case unicode.IsSpace(r):
			n++
			continue
		case r == '(' || r == ')' || r == ',':
			at.kind, at.text = byte(r), string(r)
			n++
		case strings.ContainsRune("=!~<>&|", r):
			end := n + 1
			if end < len(runes) && strings.ContainsRune("=~&|", runes[end]) {
				end++
			}
			at.kind, at.text = 'o', string(runes[n:end])
			n = end
		case r == '"' || r == '\'':
			var b strings.Builder
			end := n + 1
			for ; end < len(runes) && runes[end] != r; end++ {
				if runes[end] == '\\' && end+1 < len(runes) {
					end++
				}
				b.WriteRune(runes[end])
			}
			if end >= len(runes) {
				return nil, jqlError("The quoted string '%s' has not been completed. (line %d, character %d)", b.String(), at.line, at.column)
			}
			at.kind, at.text, at.quoted = 'w', b.String(), true
			n = end + 1
		default:
			end := n
			for ; end < len(runes) && !unicode.IsSpace(runes[end]) && !strings.ContainsRune("(),=!~<>&|\"'", runes[end]); end++ {
				if strings.ContainsRune("{}*/%$#?;^`", runes[end]) {
					return nil, jqlError("The character '%c' is a reserved JQL character. You must enclose it in a string or use the escape '\\u%04x' instead. (line %d, character %d)", runes[end], runes[end], line, end-lineStart+1)
				}
			}
			at.kind, at.text = 'w', string(runes[n:end])
			n = end
		}
		list = append(list, at)
	}
	return append(list, token{line: line, column: len(runes) - lineStart + 1}), nil
}
