package redact

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// The functions here walk values that a reader has read, and so are known to be valid JSON.

// members yields the members of an object, their names in quotes.
func members(object []byte) iter.Seq2[[]byte, []byte] {
	return func(yield func(quoted, value []byte) bool) {
		for i := space(object, 1); object[i] != '}'; {
			end := after(object, i)
			name := object[i:end]
			i = space(object, space(object, end)+len(":"))
			end = after(object, i)
			if !yield(name, object[i:end]) {
				return
			}
			i = comma(object, end)
		}
	}
}

// elements yields the elements of an array.
func elements(array []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for i := space(array, 1); array[i] != ']'; {
			end := after(array, i)
			if !yield(array[i:end]) {
				return
			}
			i = comma(array, end)
		}
	}
}

// space returns the index of the first byte from i on that is not white space.
func space(s []byte, i int) int {
	for s[i] <= ' ' {
		i++
	}
	return i
}

// comma returns the index of what follows the member or element that ends at i: the next one or the closing bracket.
func comma(s []byte, i int) int {
	if i = space(s, i); s[i] == ',' {
		i = space(s, i+1)
	}
	return i
}

// after returns the index after the value that begins at i.
func after(s []byte, i int) int {
	switch s[i] {
	case '"':
		return afterString(s, i)
	case '{', '[':
	default:
		for i < len(s) && s[i] > ' ' && s[i] != ',' && s[i] != '}' && s[i] != ']' {
			i++
		}
		return i
	}
	for depth := 0; ; {
		switch s[i] {
		case '"':
			i = afterString(s, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		if i++; depth == 0 {
			return i
		}
	}
}

func afterString(s []byte, i int) int {
	for i++; ; i++ {
		i += bytes.IndexByte(s[i:], '"')
		backslashes := 0
		for s[i-1-backslashes] == '\\' {
			backslashes++
		}
		if backslashes%2 == 0 {
			return i + 1
		}
	}
}

// unquote returns the text of a string, without a copy if nothing in it is escaped.
func unquote(quoted []byte) []byte {
	if inner := quoted[1 : len(quoted)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	text, _ := jsontext.AppendUnquote(nil, quoted) // a reader has found it valid
	return text
}

// text returns the text of a string or number, nil for anything else.
func text(value []byte) []byte {
	if len(value) == 0 {
		return nil
	}
	switch c := value[0]; {
	case c == '"':
		return unquote(value)
	case c == '-' || '0' <= c && c <= '9':
		return value
	default:
		return nil
	}
}

// find returns the value of the object's member with this name; nil if there is none or value is not an object.
func find(value []byte, name string) []byte {
	if len(value) == 0 || value[0] != '{' {
		return nil
	}
	for n, v := range members(value) {
		if string(unquote(n)) == name {
			return v
		}
	}
	return nil
}

// hasDuplicate reports whether two members of an object have the same name.
func hasDuplicate(object []byte) bool {
	const few = 24
	var names [few][]byte
	var seen map[string]bool
	n := 0
	for quoted := range members(object) {
		name := unquote(quoted)
		for i := range min(n, few) {
			if string(names[i]) == string(name) {
				return true
			}
		}
		if n++; n <= few {
			names[n-1] = name
			continue
		}
		if seen[string(name)] {
			return true
		}
		if seen == nil {
			seen = make(map[string]bool)
		}
		seen[string(name)] = true
	}
	return false
}
