package jira

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// AmbiguousPathError reports a path that two parsers could read differently. It
// does not quote the path, so it can be logged and shown.
type AmbiguousPathError struct {
	// Reason says what is wrong and, where that helps, what would be right.
	Reason string
	// Position is the offset in the path, in bytes.
	Position int
}

// Error implements error.
func (e *AmbiguousPathError) Error() string {
	return fmt.Sprintf("ambiguous path: %s at byte %d", e.Reason, e.Position)
}

// CheckPath rejects, with an [AmbiguousPathError], every path that any two of the
// programs that handle a request could read differently: this gateway, the proxies
// and caches around it, Cloud's edge, and Tomcat and JAX-RS in Data Center. An
// accepted path has only one reading, so what [Operations] says about it is true
// for all of them.
//
// It rejects: a path that does not start with a slash; empty segments (//);
// segments that consist of dots only, or do once Data Center has stripped an
// extension (...json); anything but RFC 3986's pchar in the raw path; ";" (Tomcat
// strips path parameters); malformed percent escapes; escapes of / \ ; % ? # and
// of control characters; escapes of characters that need none (letters, digits,
// - . _), except %7E, which Java's URLEncoder writes; text that is not UTF-8,
// including overlong forms; and characters that Unicode's compatibility mappings
// turn into one of / \ . ; % ? #.
//
// The last segment of /secure/attachment/{id}/{name} and
// /secure/thumbnail/{id}/{name}, where {id} consists of digits, is a file name.
// Jira finds the file by ID, so these are also allowed there: escapes of ; % ? #
// and of characters that need none, and characters that resemble . ; % ? #. Still
// rejected are a raw ";" (Tomcat would take ;jsessionid= from it; Jira itself writes
// %3B), slashes, backslashes, control characters, and names that are only dots or
// contain a slash or backslash, as they stand or after any number of further
// decodings.
func CheckPath(rawPath string) error {
	if rawPath == "" || rawPath[0] != '/' {
		return &AmbiguousPathError{"does not start with a slash", 0}
	}
	for start := 1; start <= len(rawPath); {
		length := strings.IndexByte(rawPath[start:], '/')
		last := length < 0
		if last {
			length = len(rawPath) - start
		}
		segment := rawPath[start : start+length]
		if segment == "" && !last {
			return &AmbiguousPathError{"empty segment (//)", start}
		}
		var err *AmbiguousPathError
		if last && strings.HasPrefix(rawPath, "/secure/") && isFileName(rawPath[:start]) {
			err = checkFileName(segment)
		} else {
			err = checkSegment(segment)
		}
		if err != nil {
			err.Position += start
			return err
		}
		start += length + 1
	}
	return nil
}

// isFileName reports whether what follows directory is the name of an issue's file.
func isFileName(directory string) bool {
	id, ok := strings.CutPrefix(directory, "/secure/attachment/")
	if !ok {
		id, ok = strings.CutPrefix(directory, "/secure/thumbnail/")
	}
	if !ok || len(id) < 2 {
		return false
	}
	for i := range len(id) - 1 {
		if id[i] < '0' || id[i] > '9' {
			return false
		}
	}
	return id[len(id)-1] == '/'
}

func checkSegment(segment string) *AmbiguousPathError {
	if strings.HasPrefix(segment, ".") {
		if name := withoutExtensions(segment); name != "" && strings.Trim(name, ".") == "" {
			return &AmbiguousPathError{"segment of dots only", 0}
		}
	}
	return checkCharacters(segment, false)
}

func checkFileName(name string) *AmbiguousPathError {
	if err := checkCharacters(name, true); err != nil {
		return err
	}
	// checkCharacters has looked for slashes after one decoding. A server that
	// decodes twice must not find new ones. Each round shortens the name.
	for text, rounds := name, 0; ; rounds++ {
		if rounds == 4 {
			return &AmbiguousPathError{"name encoded too many times", 0}
		}
		if dotsOnly(text) {
			return &AmbiguousPathError{"segment of dots only", 0}
		}
		decoded := unescapeLeniently(text)
		if decoded == text {
			return nil
		}
		if i := strings.IndexFunc(decoded, neverInName); i >= 0 {
			return &AmbiguousPathError{"doubly encoded slash, backslash or control character", 0}
		}
		text = decoded
	}
}

// checkCharacters checks the characters of one segment, raw and decoded.
func checkCharacters(segment string, fileName bool) *AmbiguousPathError {
	for i := 0; i < len(segment); {
		c := segment[i]
		if c != '%' {
			if !isPchar(c) {
				return &AmbiguousPathError{rawProblem(c), i}
			}
			i++
			continue
		}
		r, n := decodeRune(segment[i:])
		if n == 0 {
			return &AmbiguousPathError{"malformed percent escape (% itself is written %25)", i}
		}
		if problem := decodedProblem(r, n, fileName); problem != "" {
			return &AmbiguousPathError{problem, i}
		}
		i += n
	}
	return nil
}

// isPchar reports whether c may appear raw in a segment: RFC 3986's pchar without
// "%" and ";".
func isPchar(c byte) bool {
	switch {
	case isUnreserved(rune(c)):
		return true
	case c == ':', c == '@', c == '!', c == '$', c == '&', c == '\'', c == '(', c == ')', c == '*', c == '+', c == ',', c == '=':
		return true
	}
	return false
}

func isUnreserved(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' ||
		r == '-' || r == '.' || r == '_' || r == '~'
}

func rawProblem(c byte) string {
	switch {
	case c == ';':
		return "semicolon (Tomcat reads path parameters after it)"
	case c == '\\':
		return "backslash"
	case c < 0x20 || c == 0x7f:
		return "control character"
	case c >= 0x80:
		return "non-ASCII character that is not percent-encoded"
	}
	return "character that must be percent-encoded"
}

// decodedProblem returns what is wrong with an escaped character, or "".
func decodedProblem(r rune, n int, fileName bool) string {
	switch {
	case r == utf8.RuneError && n == 3:
		return "percent escape that is not UTF-8"
	case r == '/':
		return "encoded slash"
	case r == '\\':
		return "encoded backslash"
	case neverInName(r):
		return "control character, or one that can be read as a slash"
	case fileName:
		return ""
	case r == ';':
		return "encoded semicolon"
	case r == '%':
		return "encoded percent sign (double encoding)"
	case r == '?', r == '#':
		// RFC 3986 does not take these for delimiters, but anything that forwards
		// the decoded path does, such as the Servlet API's RequestDispatcher.
		return "encoded question mark or hash"
	case r != '~' && isUnreserved(r):
		return "percent escape of a character that needs none"
	case resemblesDelimiter(r):
		return "character that can be read as one of . ; % ? #"
	}
	return ""
}

// neverInName reports whether r is allowed nowhere, not even in a file name:
// separators, characters that NFKC turns into one (Unicode 16, found by running
// unicodedata.normalize over all code points), controls (C0, C1), line and
// paragraph separators, and the byte order mark, which decoders drop.
func neverInName(r rune) bool {
	switch r {
	case '/', '\\', '\uFF0F', '\uFF3C', '\uFE68', '\u2100', '\u2101', '\u2105', '\u2106':
		return true
	case '\u2028', '\u2029', '\uFEFF':
		return true
	}
	return r < 0x20 || r >= 0x7f && r < 0xa0
}

// resemblesDelimiter reports whether NFKC turns r into text that contains one of
// . ; % ? # (found in the same way as neverInName), or whether r looks like a slash
// or backslash to people and to best-fit code pages.
func resemblesDelimiter(r rune) bool {
	switch {
	case r < 0x80:
		return false
	case r >= '\u2024' && r <= '\u2026', // . .. ...
		r >= '\u2047' && r <= '\u2049', // ?? ?! !?
		r >= '\u2488' && r <= '\u249B': // 1. to 20.
		return true
	}
	switch r {
	case '\u037E', '\uFE14', '\uFE54', '\uFF1B', // ;
		'\u33C2', '\u33C7', '\u33D8', '\U0001F100', '\uFE19', '\uFE30', '\uFE52', '\uFF0E', '\uFF61', // .
		'\uFE16', '\uFE56', '\uFF1F', // ?
		'\uFE5F', '\uFF03', // #
		'\uFE6A', '\uFF05', // %
		'\u2044', '\u2215', '\u2216', '\u29F5', '\u29F8': // / \
		return true
	}
	return false
}

// dotsOnly reports whether a server that strips path parameters could take name for
// a dot segment.
func dotsOnly(name string) bool {
	name, _, _ = strings.Cut(name, ";")
	return name != "" && strings.Trim(name, ".\u2024\u2025\u2026\uFE19\uFE30\uFE52\uFF0E") == ""
}

func withoutExtensions(segment string) string {
	for {
		ext := extensionOf(segment)
		if !isExtension(ext) {
			return segment
		}
		segment = segment[:len(segment)-len(ext)]
	}
}

// decodeRune decodes the character encoded by the percent escapes at the start of
// s, and returns how many bytes of s they take: 0 for a malformed escape. It
// returns RuneError for escapes that are not UTF-8.
func decodeRune(s string) (rune, int) {
	var octets [utf8.UTFMax]byte
	count := 0
	for count < len(octets) && len(s) >= 3*count+3 && s[3*count] == '%' {
		high, low := unhex(s[3*count+1]), unhex(s[3*count+2])
		if high > 15 || low > 15 {
			break
		}
		octets[count] = high<<4 | low
		count++
		if utf8.FullRune(octets[:count]) {
			break
		}
	}
	if count == 0 {
		return utf8.RuneError, 0
	}
	r, size := utf8.DecodeRune(octets[:count])
	return r, 3 * size
}

func unhex(c byte) byte {
	switch {
	case c >= '0' && c <= '9':
		return c - '0'
	case c >= 'a' && c <= 'f':
		return c - 'a' + 10
	case c >= 'A' && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}

// unescapeLeniently decodes every well-formed percent escape in s once and leaves
// the rest alone, as forgiving servers do.
func unescapeLeniently(s string) string {
	if strings.IndexByte(s, '%') < 0 {
		return s
	}
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16 {
			decoded = append(decoded, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		decoded = append(decoded, s[i])
	}
	return string(decoded)
}
