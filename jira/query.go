package jira

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// AmbiguousQueryError says why a query string was refused. It quotes nothing of
// the query, so it can be logged and shown.
type AmbiguousQueryError struct {
	// Reason is what is wrong.
	Reason string
	// Position is the byte of the query at which it is, counted from 0.
	Position int
}

// Error implements error.
func (e *AmbiguousQueryError) Error() string {
	return fmt.Sprintf("ambiguous query: %s at byte %d", e.Reason, e.Position)
}

// droppedParameters never reach Jira: the first four authenticate on Data
// Center (Seraph), the last turns a POST into another method.
var droppedParameters = [...]string{"os_username", "os_password", "os_authtype", "os_cookie", "_method"}

// updateHistory=true on an issue puts it on the account's list of recently
// viewed issues: a write in a GET's clothes.
const updateHistoryParameter = "updatehistory"

const longestDroppedParameter = len(updateHistoryParameter)

// CleanQuery removes the parameters that must not reach Jira: os_username,
// os_password, os_authType, os_cookie and _method, and with readOnly also
// updateHistory. Names are compared decoded (as often as they can be), without
// case in Unicode's sense, and by their letters, digits and underscores only.
// The rest stays byte for byte, in its order; a query from which nothing is
// removed is returned as it is.
//
// An [AmbiguousQueryError] refuses what could hide such a parameter: one behind
// a ";", which some parsers take for "&"; a name with a malformed percent
// escape, that is not UTF-8, or that holds a control character; a raw space or
// control character anywhere.
func CleanQuery(rawQuery string, readOnly bool) (string, error) {
	for i := range len(rawQuery) {
		if c := rawQuery[i]; c <= ' ' || c == 0x7f {
			return "", &AmbiguousQueryError{"space or control character", i}
		}
	}
	var kept []byte // nil until a parameter is removed
	removed := false
	for start := 0; start <= len(rawQuery); {
		end := strings.IndexByte(rawQuery[start:], '&')
		if end < 0 {
			end = len(rawQuery)
		} else {
			end += start
		}
		parameter := rawQuery[start:end]
		drop, err := isDropped(parameter, readOnly)
		if err != nil {
			err.Position += start
			return "", err
		}
		switch {
		case drop && !removed:
			removed = true
			kept = append(make([]byte, 0, len(rawQuery)), rawQuery[:start]...)
		case !drop && removed:
			kept = append(kept, parameter...)
			kept = append(kept, '&')
		}
		start = end + 1
	}
	if !removed {
		return rawQuery, nil
	}
	// What stayed ends in the "&" that stood before a parameter now gone.
	return strings.TrimSuffix(string(kept), "&"), nil
}

// isDropped tells whether a parameter, name=value, is one to remove.
func isDropped(parameter string, readOnly bool) (bool, *AmbiguousQueryError) {
	name, _, _ := strings.Cut(parameter, "=")
	drop, reason := isDroppedName(name, readOnly)
	if reason != "" {
		return false, &AmbiguousQueryError{reason, 0}
	}
	if drop {
		return true, nil
	}
	// As a parser reads it that splits at ";" too.
	for start := 0; ; {
		next := strings.IndexByte(parameter[start:], ';')
		if next < 0 && start == 0 {
			return false, nil
		}
		piece := parameter[start:]
		if next >= 0 {
			piece = piece[:next]
		}
		name, _, _ := strings.Cut(piece, "=")
		// A malformed name hides nothing here that is not found letter by letter:
		// text after a ";" is most often not a name but part of a value.
		if drop, _ := isDroppedName(name, readOnly); drop {
			return false, &AmbiguousQueryError{"credential or method parameter beside a semicolon", start}
		}
		if next < 0 {
			return false, nil
		}
		start += next + 1
	}
}

// isDroppedName tells whether a name, still encoded, is one to remove, or why
// that cannot be told.
func isDroppedName(name string, readOnly bool) (drop bool, ambiguous string) {
	if isPlainName(name) {
		return isDroppedText(name, readOnly), ""
	}
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && (i+2 >= len(name) || unhex(name[i+1]) > 15 || unhex(name[i+2]) > 15) {
			ambiguous = "malformed percent escape in a parameter's name"
		}
	}
	for text, rounds := name, 0; ; rounds++ {
		if rounds == 4 {
			return drop, "parameter name that is encoded over and over"
		}
		if isDroppedText(text, readOnly) {
			drop = true
		}
		decoded := unescapeLeniently(text)
		if decoded == text {
			break
		}
		text = decoded
		switch {
		case !utf8.ValidString(text):
			ambiguous = "parameter name that is not UTF-8"
		case strings.ContainsFunc(text, isControl):
			ambiguous = "control character in a parameter's name"
		}
	}
	if !utf8.ValidString(name) {
		ambiguous = "parameter name that is not UTF-8"
	}
	return drop, ambiguous
}

// isPlainName tells whether every parser reads the name as it is written.
func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '%' || c == ';' || c >= 0x80 {
			return false
		}
	}
	return true
}

// isDroppedText compares a decoded name by what of it folds to a letter, digit
// or underscore, so that junk around and within it ("os_username[]", a
// zero-width space) makes no difference.
func isDroppedText(name string, readOnly bool) bool {
	var folded [longestDroppedParameter]byte
	n := 0
	for _, r := range name {
		c := foldsTo(r)
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			continue
		}
		if n == len(folded) {
			return false
		}
		folded[n] = c
		n++
	}
	for _, dropped := range droppedParameters {
		if string(folded[:n]) == dropped {
			return true
		}
	}
	return readOnly && string(folded[:n]) == updateHistoryParameter
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
