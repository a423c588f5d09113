package jira

import "strings"

// extensions are what Data Center's REST layer strips from a path to choose the
// content type (ExtensionJerseyFilter in atlassian-rest): it reads /search.json as
// /search, while Cloud does not.
var extensions = [...]string{".json", ".xml", ".txt", ".html", ".htm", ".atom"}

// maxReadings bounds the work for /x.json.json.json…; nothing that people or
// programs send comes close.
const maxReadings = 8

// firstReading returns the path without a trailing slash, which makes no difference
// to JAX-RS; one client posts to /search/.
func firstReading(path string) string {
	if len(path) > 1 {
		return strings.TrimSuffix(path, "/")
	}
	return path
}

// nextReading returns another path that some server could take the given one for:
// without an extension, or without the slash before one that is gone. Calling it
// on its own result yields all of them, one by one.
func nextReading(path string) (string, bool) {
	if len(path) > 1 && path[len(path)-1] == '/' {
		return path[:len(path)-1], true
	}
	if ext := extensionOf(path); isExtension(ext) {
		return path[:len(path)-len(ext)], true
	}
	return "", false
}

// extensionOf returns the end of a path from its last dot on if it is short enough
// to matter, and otherwise "", which is usual.
func extensionOf(path string) string {
	for i := len(path) - 1; i >= 0 && i >= len(path)-len(".jspa"); i-- {
		if path[i] == '.' {
			return path[i:]
		}
	}
	return ""
}

func isExtension(ext string) bool {
	if ext == "" {
		return false
	}
	for _, e := range extensions {
		if strings.EqualFold(ext, e) {
			return true
		}
	}
	return false
}

// foldSegment appends seg to dst in the spelling by which literals are found: as
// seen by a server that ignores case. It returns false for anything that cannot be
// a literal of the table: too long, or with a character that does not fold to
// ASCII.
func foldSegment(dst []byte, seg string) ([]byte, bool) {
	for i := 0; i < len(seg); {
		if len(dst) == cap(dst) {
			return nil, false
		}
		c := seg[i]
		if c == '%' {
			r, n := decodeRune(seg[i:])
			if c = foldsTo(r); n == 0 || c == 0 {
				return nil, false
			}
			dst = append(dst, c)
			i += n
			continue
		}
		if c >= 0x80 {
			return nil, false
		}
		dst = append(dst, lower(c))
		i++
	}
	return dst, true
}

// foldsTo returns the lower-case ASCII character that some case or width folding
// makes of r, or 0 if none does.
func foldsTo(r rune) byte {
	switch {
	case r < 0x80:
		return lower(byte(r))
	case r == 'ſ':
		return 's'
	case r == '\u212A': // Kelvin sign
		return 'k'
	case r == 'ı', r == 'İ': // Turkish rules
		return 'i'
	case r >= '！' && r <= '～': // fullwidth forms
		return lower(byte(r - '！' + '!'))
	}
	return 0
}

func lower(c byte) byte {
	if c >= 'A' && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}
