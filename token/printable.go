package token

import (
	"strings"
	"unicode"
)

// Printable cuts what others say of themselves down to what fits into a store,
// or on a screen: about longest bytes, none of which moves a cursor.
func Printable(s string, longest int) string {
	var b strings.Builder
	for _, c := range s {
		if b.Len() >= longest {
			break
		}
		if unicode.IsPrint(c) {
			b.WriteRune(c)
		}
	}
	return b.String()
}
