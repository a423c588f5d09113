package token

import (
	"strings"
	"unicode"
)

// Printable drops unprintable characters from s and truncates it to about
// maxBytes bytes. It is for what clients say about themselves, before that goes
// into a store or onto a terminal.
func Printable(s string, maxBytes int) string {
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= maxBytes {
			break
		}
		if unicode.IsPrint(c) {
			b.WriteRune(c)
		}
	}
	return b.String()
}

// Visible replaces what is unprintable in a text of several lines, so that nothing in it
// can hide or change the place of what is shown: control characters, marks that turn the
// direction of the text, and characters without width.
func Visible(s string) string {
	return strings.Map(func(c rune) rune {
		if c != '\n' && c != '\t' && !unicode.IsPrint(c) {
			return unicode.ReplacementChar
		}
		return c
	}, s)
}
