package jql

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// SyntaxError says why a text is not accepted as JQL.
type SyntaxError struct {
	// Position is the byte of the text at which the problem is, counted from 0.
	Position int
	// Problem says what is wrong and, where that helps, what to write instead.
	// It repeats at most a word of the text.
	Problem string
}

// Error implements error.
func (e *SyntaxError) Error() string {
	return fmt.Sprintf("JQL: %s (character %d)", e.Problem, e.Position+1)
}

type kind int

const (
	kindEnd    kind = iota
	kindSymbol      // ( ) , [ ] = != ~ !~ < <= > >= ! & &&  | ||
	kindWord        // text without quotes
	kindNumber      // digits, with a minus sign or without
	kindQuoted      // text in quotes
)

// symbol is a lexical element of a query.
type symbol struct {
	kind kind
	// text is what a word or quoted text means, without quotes and escapes; for
	// other kinds it is what was written.
	text string
	at   int
}

// is reports whether the element is the unquoted keyword, in any letter case,
// or the given punctuation.
func (s symbol) is(keyword string) bool {
	switch s.kind {
	case kindWord:
		return len(s.text) == len(keyword) && strings.EqualFold(s.text, keyword) && isASCII(s.text)
	case kindSymbol:
		return s.text == keyword
	}
	return false
}

func isASCII(text string) bool {
	for i := range len(text) {
		if text[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// scanner cuts a text into symbols.
type scanner struct {
	text string
	at   int
}

func (s *scanner) next() (symbol, error) {
	for s.at < len(s.text) && isSpace(s.text[s.at]) {
		s.at++
	}
	if s.at == len(s.text) {
		return symbol{kind: kindEnd, at: s.at}, nil
	}
	switch c := s.text[s.at]; {
	case c == '"' || c == '\'':
		return s.quoted(c)
	case strings.IndexByte("(),[]=~<>!&|", c) >= 0:
		return s.punctuation(), nil
	}
	return s.word()
}

// isSpace reports whether c separates words. In Jira's grammar, no other
// characters do.
func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func (s *scanner) punctuation() symbol {
	start := s.at
	s.at++
	if s.at < len(s.text) {
		switch s.text[start : s.at+1] {
		case "!=", "!~", "<=", ">=", "&&", "||":
			s.at++
		}
	}
	return symbol{kindSymbol, s.text[start:s.at], start}
}

func (s *scanner) word() (symbol, error) {
	start := s.at
	for s.at < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.at:])
		if r == utf8.RuneError && size == 1 {
			return symbol{}, &SyntaxError{s.at, "text that is not UTF-8"}
		}
		if !isWordRune(r) {
			break
		}
		s.at += size
	}
	if s.at == start {
		r, _ := utf8.DecodeRuneInString(s.text[s.at:])
		return symbol{}, &SyntaxError{s.at, unexpectedRune(r)}
	}
	text := s.text[start:s.at]
	if isNumber(text) {
		return symbol{kindNumber, text, start}, nil
	}
	return symbol{kindWord, text, start}, nil
}

// isWordRune reports whether r may occur in text without quotes. Jira accepts
// more: most symbols outside ASCII and, after a backslash, anything. Parse wants
// those in quotes, which leave no doubt.
func isWordRune(r rune) bool {
	switch {
	case r == '_', r == '-', r == '.', r == ':':
		return true
	case r < utf8.RuneSelf:
		return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

func unexpectedRune(r rune) string {
	if unicode.IsPrint(r) {
		return fmt.Sprintf("unexpected %q: text with this character must be in quotes", r)
	}
	return fmt.Sprintf("unexpected character %U", r)
}

// isNumber reports whether a word is an integer to Jira's grammar.
func isNumber(word string) bool {
	digits := strings.TrimPrefix(word, "-")
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return false
		}
	}
	return digits != ""
}

// quoted reads text in double or single quotes.
func (s *scanner) quoted(quote byte) (symbol, error) {
	start := s.at
	s.at++
	var text strings.Builder
	for s.at < len(s.text) {
		r, size := utf8.DecodeRuneInString(s.text[s.at:])
		switch {
		case r == utf8.RuneError && size == 1:
			return symbol{}, &SyntaxError{s.at, "text that is not UTF-8"}
		case r == rune(quote):
			s.at++
			return symbol{kindQuoted, text.String(), start}, nil
		case r == '\\':
			decoded, err := s.escape()
			if err != nil {
				return symbol{}, err
			}
			text.WriteRune(decoded)
			continue
		case unicode.IsControl(r):
			return symbol{}, &SyntaxError{s.at, fmt.Sprintf("control character %U in quoted text: write it as an escape", r)}
		}
		text.WriteRune(r)
		s.at += size
	}
	return symbol{}, &SyntaxError{start, "quote that is not closed"}
}

// escape reads an escape sequence: JQL has \t, \n, \r, \\, \', \", \space, and \u
// followed by four hexadecimal digits.
func (s *scanner) escape() (rune, error) {
	start := s.at
	s.at++ // the backslash
	if s.at == len(s.text) {
		return 0, &SyntaxError{start, "backslash at the end"}
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case 't':
		return '\t', nil
	case 'n':
		return '\n', nil
	case 'r':
		return '\r', nil
	case '\\', '\'', '"', ' ':
		return rune(c), nil
	case 'u':
		return s.unicodeEscape(start)
	}
	return 0, &SyntaxError{start, `unknown escape: a backslash itself is written \\`}
}

func (s *scanner) unicodeEscape(start int) (rune, error) {
	if len(s.text)-s.at < 4 {
		return 0, &SyntaxError{start, `\u needs four hexadecimal digits`}
	}
	var r rune
	for _, c := range []byte(s.text[s.at : s.at+4]) {
		digit := strings.IndexByte("0123456789abcdef", c|0x20)
		if digit < 0 || c < '0' {
			return 0, &SyntaxError{start, `\u needs four hexadecimal digits`}
		}
		r = r<<4 | rune(digit)
	}
	if r == 0 || utf8.RuneLen(r) < 0 {
		// Half of a surrogate pair is a character in Java but not in UTF-8.
		return 0, &SyntaxError{start, `\u of this number is not accepted: write the character itself`}
	}
	s.at += 4
	return r, nil
}
