package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold returns s such that Fold(a) == Fold(b) exactly when
// strings.EqualFold(a, b), for valid UTF-8: indexes use it to find
// owners as Record.OwnedBy compares them.
func Fold(s string) string {
	ascii, folded := true, true
	for i := range len(s) {
		ascii = ascii && s[i] < utf8.RuneSelf
		folded = folded && (s[i] < 'A' || s[i] > 'Z')
	}
	switch {
	case ascii && folded:
		return s
	case ascii:
		return strings.ToLower(s)
	}
	return strings.Map(foldRune, s)
}

// foldRune returns the smallest of the characters that differ from r in case
// only, except that ASCII letters become small ones: strings.ToLower and
// ToUpper keep some apart that EqualFold takes for one.
func foldRune(r rune) rune {
	smallest := r
	for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
		smallest = min(smallest, c)
	}
	if 'A' <= smallest && smallest <= 'Z' {
		return smallest + 'a' - 'A'
	}
	return smallest
}
