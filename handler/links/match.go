package links

import "strings"

// form holds the texts to compare with, with slashes written in one of the ways in slashes. No encoder mixes them in one
// URL.
type form struct {
	slash string
	bases []base // longest first, so that the longest base wins
	paths []servedPath
}

// base is the beginning of Jira's URLs. text includes the slash after it: without one, the host could go on (.evil.com),
// or be a user name (@evil.com).
type base struct {
	text   string
	origin int // length of scheme, host and port, which ignore case
}

// servedPath is what must follow a base: any URL that begins with text, or exactly the path text.
type servedPath struct {
	text  string
	exact bool
}

// slashes are the ways in which JSON encoders write a slash.
var slashes = [...]string{"/", `\/`, `\u002f`, `\u002F`}

// with returns the form with slashes written in another way.
func (f *form) with(slash string) form {
	escape := func(s string) string { return strings.ReplaceAll(s, "/", slash) }
	e := form{slash: slash}
	for _, b := range f.bases {
		e.bases = append(e.bases, base{escape(b.text), len(escape(b.text[:b.origin]))})
	}
	for _, p := range f.paths {
		e.paths = append(e.paths, servedPath{escape(p.text), p.exact})
	}
	return e
}

// longest returns the length of the longest text about which match can be undecided.
func (f *form) longest() int {
	b, p := 0, 0
	for _, base := range f.bases {
		b = max(b, len(base.text))
	}
	for _, path := range f.paths {
		p = max(p, len(path.text))
	}
	return b + p
}

// verdict is the result of a comparison that may only have seen the beginning of a text.
type verdict uint8

const (
	no   verdict = iota
	more         // undecided: the text ends too early
	yes
)

// place is where a URL stands.
type place uint8

const (
	inJSON   place = iota // the text goes on after the URL, which ends at a quote
	inXML                 // the same; it ends at a quote, an apostrophe, a tag or the end of a CDATA section
	inHeader              // the text is the whole URL
)

// match reports whether s begins with a URL to map, and the length of its base. The longest base that matches decides
// alone, whatever a shorter one would say.
func (f *form) match(s []byte, where place) (n int, v verdict) {
	for i := range f.bases {
		b := &f.bases[i]
		switch compare(s, b.text, b.origin) {
		case yes:
			n := len(b.text) - len(f.slash)
			return n, f.served(s[n:], where)
		case more:
			return 0, more
		}
	}
	return 0, no
}

// served reports whether s, which follows a base, begins with a path that the gateway serves.
func (f *form) served(s []byte, where place) verdict {
	result := no
	for i := range f.paths {
		p := &f.paths[i]
		v := compare(s, p.text, 0)
		if v == yes && p.exact {
			v = pathEnds(s[len(p.text):], where)
		}
		if v == yes {
			return yes
		}
		result = max(result, v)
	}
	return result
}

// pathEnds reports whether the path of a URL ends right before s.
func pathEnds(s []byte, where place) verdict {
	switch {
	case len(s) == 0 && where != inHeader:
		return more
	case len(s) == 0, s[0] == '?', s[0] == '#', s[0] == '"' && where != inHeader:
		return yes
	case where == inXML && (s[0] == '\'' || s[0] == '<' || s[0] == ']'):
		return yes
	default:
		return no
	}
}

// compare reports whether s begins with text, ignoring the case of the first fold bytes.
func compare(s []byte, text string, fold int) verdict {
	if len(s) < len(text) {
		if equal(s, text[:len(s)], min(fold, len(s))) {
			return more
		}
		return no
	}
	// Most texts end in a slash, so comparing the last byte first rules out most of what differs.
	last := len(text) - 1
	if s[last] == text[last] && equal(s[:len(text)], text, fold) {
		return yes
	}
	return no
}

// equal reports whether s and text, of the same length, are equal, ignoring the case of the first fold bytes.
func equal(s []byte, text string, fold int) bool {
	if string(s) == text {
		return true
	}
	for i := range fold {
		if lower(s[i]) != lower(text[i]) { // text has letters in \u002F
			return false
		}
	}
	return string(s[fold:]) == text[fold:]
}

// lower lowercases ASCII only: in Unicode, other letters fold to those of a host name too.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
