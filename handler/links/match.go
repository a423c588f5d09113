package links

import "strings"

// form holds the texts to compare with: with plain slashes, or with all slashes written \/ as some JSON writers do.
// Nothing that writes JSON mixes both in one URL.
type form struct {
	slash string
	bases []base // longest first, so that the longest base wins
	paths []servedPath
}

// base is the beginning of Jira's URLs. The slash after it belongs to text, because only a slash ends a base: the
// host may go on (.evil.com), or have been a user name (@evil.com).
type base struct {
	text   string
	origin int // length of scheme, host and port, which compare without case
}

// servedPath is what must follow a base: any URL that begins with text, or exactly the path text.
type servedPath struct {
	text  string
	exact bool
}

// escaped returns the form with escaped slashes.
func (f *form) escaped() form {
	escape := func(s string) string { return strings.ReplaceAll(s, "/", `\/`) }
	e := form{slash: `\/`}
	for _, b := range f.bases {
		e.bases = append(e.bases, base{escape(b.text), len(escape(b.text[:b.origin]))})
	}
	for _, p := range f.paths {
		e.paths = append(e.paths, servedPath{escape(p.text), p.exact})
	}
	return e
}

// longest is the length of the longest text about which match can still be undecided.
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

// verdict is what a comparison can say when it sees only the beginning of a text.
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
	inXML                 // the same; it ends at a quote, an apostrophe or a tag
	inHeader              // the text is the whole URL
)

// match tells whether s begins with a URL to be mapped, and how long its base is. The longest base that fits decides
// alone: what is below it is its business, whatever a shorter base would say.
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

// served tells whether s, which follows a base, begins with a path that the gateway serves.
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

// pathEnds tells whether the path of a URL ends right before s.
func pathEnds(s []byte, where place) verdict {
	switch {
	case len(s) == 0 && where != inHeader:
		return more
	case len(s) == 0, s[0] == '?', s[0] == '#', s[0] == '"' && where != inHeader:
		return yes
	case where == inXML && (s[0] == '\'' || s[0] == '<'):
		return yes
	default:
		return no
	}
}

// compare tells whether s begins with text, the first fold bytes without case.
func compare(s []byte, text string, fold int) verdict {
	if len(s) < len(text) {
		if equal(s, text[:len(s)], min(fold, len(s))) {
			return more
		}
		return no
	}
	// All texts end in a slash or nearly so: their last byte alone tells most others apart, and costs least.
	last := len(text) - 1
	if s[last] == text[last] && equal(s[:len(text)], text, fold) {
		return yes
	}
	return no
}

// equal tells whether s and text, of the same length, are equal, the first fold bytes without case.
func equal(s []byte, text string, fold int) bool {
	if string(s) == text {
		return true
	}
	for i := range fold {
		if lower(s[i]) != text[i] {
			return false
		}
	}
	return string(s[fold:]) == text[fold:]
}

// lower is for ASCII alone: in Unicode other letters fold to those of a host name as well.
func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c
}
