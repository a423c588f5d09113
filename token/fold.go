package token

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Fold folds the case of s such that, for valid UTF-8, Fold(a) == Fold(b) if and
// only if strings.EqualFold(a, b). Indexes use it to find owners the way
// Record.OwnedBy compares them.
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

// AppendFold appends Fold(s) to dst. It does not allocate if dst has room for it.
func AppendFold(dst []byte, s string) []byte {
	for _, c := range s {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c >= utf8.RuneSelf:
			c = foldRune(c)
		}
		dst = utf8.AppendRune(dst, c)
	}
	return dst
}

// foldRune returns the smallest of the characters that differ from r only in
// case, or its lower case if that is an ASCII letter. strings.ToLower and ToUpper
// would not do: they leave some characters distinct that EqualFold equates.
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
