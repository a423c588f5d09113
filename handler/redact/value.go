package redact

import (
	"bytes"
	"iter"

	"github.com/go-json-experiment/json/jsontext"
)

// value is a value that a reader has read whole, or a part of it. It is valid until the reader's next call. The zero value
// stands for no value.
type value struct {
	doc *document
	at  int32 // its node
}

// document is a value that was read whole. Its nodes are the values in it and the names of members, in the order of the text,
// so that the text is scanned only once.
type document struct {
	text  []byte
	nodes []node
}

// node is a value, or the name of a member, whose value follows it.
type node struct {
	start, end int32 // in the text
	next       int32 // node after it and all that is in it
	escaped    bool  // a string with escapes
}

func (v value) exists() bool { return v.doc != nil }

// kind returns the first byte of a value, which says what it is.
func (v value) kind() byte { return v.doc.text[v.doc.nodes[v.at].start] }

func (v value) isObject() bool { return v.exists() && v.kind() == '{' }
func (v value) isArray() bool  { return v.exists() && v.kind() == '[' }
func (v value) isNull() bool   { return v.exists() && v.kind() == 'n' }

// raw returns a value as it is written.
func (v value) raw() []byte {
	n := &v.doc.nodes[v.at]
	return v.doc.text[n.start:n.end]
}

// text returns the text of a string or number, nil for anything else.
func (v value) text() []byte {
	if !v.exists() {
		return nil
	}
	switch c := v.kind(); {
	case c == '"':
		return unquote(v.raw(), v.doc.nodes[v.at].escaped)
	case c == '-' || isDigit(c):
		return v.raw()
	default:
		return nil
	}
}

// name returns the text of a member's name.
func (v value) name() []byte {
	n := &v.doc.nodes[v.at]
	return unquote(v.doc.text[n.start:n.end], n.escaped)
}

// members yields the names and values of an object's members.
func (v value) members() iter.Seq2[value, value] {
	return func(yield func(name, member value) bool) {
		nodes := v.doc.nodes
		for at, end := v.at+1, nodes[v.at].next; at < end; at = nodes[at+1].next {
			if !yield(value{v.doc, at}, value{v.doc, at + 1}) {
				return
			}
		}
	}
}

// elements yields the elements of an array.
func (v value) elements() iter.Seq[value] {
	return func(yield func(value) bool) {
		nodes := v.doc.nodes
		for at, end := v.at+1, nodes[v.at].next; at < end; at = nodes[at].next {
			if !yield(value{v.doc, at}) {
				return
			}
		}
	}
}

// find returns the value of the member with this name; the zero value if there is none or v is not an object.
func (v value) find(name string) value {
	if v.isObject() {
		for n, member := range v.members() {
			if string(n.name()) == name {
				return member
			}
		}
	}
	return value{}
}

// hasDuplicate reports whether two members of an object have the same name.
func (v value) hasDuplicate() bool {
	var sums uint64 // of the names so far: most differ in it
	n := 0
	for name := range v.members() {
		if n++; n > 24 {
			return v.hasDuplicateOfMany()
		}
		sum := uint64(1) << (checksum(name.name()) % 64)
		if sums&sum != 0 && v.names(name.name(), name.at) {
			return true
		}
		sums |= sum
	}
	return false
}

// names reports whether a member before this node has this name.
func (v value) names(text []byte, before int32) bool {
	for name := range v.members() {
		if name.at == before {
			break
		}
		if string(name.name()) == string(text) {
			return true
		}
	}
	return false
}

func (v value) hasDuplicateOfMany() bool {
	seen := make(map[string]bool)
	for name := range v.members() {
		text := name.name()
		if seen[string(text)] {
			return true
		}
		seen[string(text)] = true
	}
	return false
}

// checksum is a quick hash of a name.
func checksum(name []byte) int {
	if len(name) == 0 {
		return 0
	}
	return len(name) + 5*int(name[0]) + 11*int(name[len(name)-1])
}

// unquote returns the text of a string that a reader has read.
func unquote(quoted []byte, escaped bool) []byte {
	if escaped {
		return unescape(quoted)
	}
	return quoted[1 : len(quoted)-1]
}

func unescape(quoted []byte) []byte {
	text, _ := jsontext.AppendUnquote(nil, bytes.Clone(quoted)) // the reader has found it valid
	return text
}
