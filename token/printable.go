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
