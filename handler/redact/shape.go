package redact

import (
	"bytes"
	"maps"
)

// shape says what passes of a JSON value. null always passes; a value of another kind than the shape describes does not.
type shape struct {
	// members are the members of an object, by name. Those whose shape is nil are dropped.
	members map[string]*shape
	// table is made of members. See prepare.
	table *table
	// others is the shape of all other members. They are dropped if it is nil.
	others *shape
	// custom is the shape of members that are custom fields.
	custom *shape
	// fields is set if the names of members are IDs of fields: hidden ones are dropped.
	fields bool
	// keyed is set if the names of members may be issues' keys, which must be inside.
	keyed bool
	// elements is the shape of an array's elements.
	elements *shape
	// scalar is set if strings, numbers and booleans pass.
	scalar bool
	// untouched is set if the value passes as it is, whatever it is.
	untouched bool
	// inside decides about the value before any of it is written, for which the value is read whole.
	inside func(*view, value) bool
	// filled names an array. The object does not pass unless some of its elements do.
	filled string
	// vital is set if the response ends with ErrOutside when inside denies the value, which identifies all of it.
	vital bool
	// unknown is set if what passes depends on the value alone. See appendUnknown.
	unknown bool
	// nulled is set if a member that does not pass becomes null instead of disappearing.
	nulled bool
	// counted is set for a page whose elements may be dropped. Its counts are corrected: see counts.
	counted bool
	// secret reports whether the number of dropped elements must not be revealed.
	secret func(*view) bool
}

// object passes the members that m names.
type object = map[string]*shape

func objectOf(m object) *shape   { return &shape{members: m} }
func arrayOf(s *shape) *shape    { return &shape{elements: s} }
func mapOf(s *shape) *shape      { return &shape{others: s} }
func byField(s *shape) *shape    { return &shape{others: s, fields: true} }
func with(m, more object) object { return merge(merge(object{}, m), more) }
func kept(n ...string) object    { return named(keep, n) }
func scalars(n ...string) object { return named(scalar, n) }

var (
	keep    = &shape{untouched: true}
	scalar  = &shape{scalar: true}
	unknown = &shape{unknown: true}
	// unknownMembers is the shape of an object whose members are unknown.
	unknownMembers = &shape{others: unknown, keyed: true}
	// person is a user, whose name and key may look like an issue's key.
	person = &shape{members: scalars("key", "name"), others: unknown}
)

func named(s *shape, names []string) object {
	m := make(object, len(names))
	for _, n := range names {
		m[n] = s
	}
	return m
}

func merge(m, more object) object {
	maps.Copy(m, more)
	return m
}

// judged returns a shape like s for values that pass only if f admits them.
func judged(s *shape, f func(*view, value) bool) *shape {
	c := *s
	c.inside = f
	return &c
}

// vital is like judged, but a value that f denies ends the response.
func vital(s *shape, f func(*view, value) bool) *shape {
	c := judged(s, f)
	c.vital = true
	return c
}

// either is the union of an object's shape and an array's.
func either(a, b *shape) *shape {
	c := *a
	c.elements = b.elements
	return &c
}

// page is a page of elements. It has one of the arrays, whose name differs between products and versions. All elements are
// inside, because Jira was asked for no others.
func page(elements *shape, arrays ...string) *shape {
	m := with(
		scalars("startAt", "maxResults", "total", "isLast", "self", "nextPage", "nextPageToken", "size", "start", "limit",
			"isLastPage"),
		kept("_links", "_expands"))
	return objectOf(merge(m, named(arrayOf(elements), arrays)))
}

// countedPage is a page whose elements may be dropped. See counts.
func countedPage(elements *shape, arrays ...string) *shape {
	p := page(elements, arrays...)
	p.counted = true
	return p
}

// commentPage is a page of comments, of which internal ones may be dropped.
func commentPage(comment *shape, array string) *shape {
	p := countedPage(comment, array)
	p.secret = func(in *view) bool { return in.HidesInternalComments() }
	return p
}

// changelogPage is a page of changes, of which those of links and hidden fields may be dropped.
func changelogPage(change *shape, arrays ...string) *shape {
	p := countedPage(change, arrays...)
	p.secret = func(*view) bool { return true }
	return p
}

// namedMember is a member that a shape names.
type namedMember struct {
	name  string
	shape *shape
	bit   uint64 // the member's own, 0 after the 64th member
}

// table holds the members that a shape names, by the checksums of their names. For names as short as these, that is faster
// than a map.
type table [64][]namedMember

func (t *table) add(m namedMember) {
	at := &t[checksum([]byte(m.name))%len(t)]
	*at = append(*at, m)
}

// find returns the member with this name, nil if there is none.
func (t *table) find(name []byte) *namedMember {
	at := t[checksum(name)%len(t)]
	for i := range at {
		if at[i].name == string(name) {
			return &at[i]
		}
	}
	return nil
}

// prepare makes the shape, and all in it, ready for use.
func (s *shape) prepare() {
	if s == nil || s.table != nil {
		return
	}
	s.table = new(table)
	bit := uint64(1)
	for name, m := range s.members {
		s.table.add(namedMember{name, m, bit})
		bit <<= 1
		m.prepare()
	}
	s.custom.prepare()
	s.others.prepare()
	s.elements.prepare()
}

// member returns the shape of the member with this name, nil if it is dropped, and the bit of a named one.
func (s *shape) member(in *view, name []byte) (*shape, uint64) {
	if s.fields && in.Hides(name) {
		return nil, 0
	}
	if s.custom != nil && bytes.HasPrefix(name, []byte("customfield_")) {
		return s.custom, 0
	}
	if s.keyed && !refersInside(in, name) {
		return nil, 0
	}
	if m := s.table.find(name); m != nil {
		return m.shape, m.bit
	}
	return s.others, 0
}

// whole reports whether a value of this shape must be read whole.
func (s *shape) whole() bool { return s.unknown || s.inside != nil || s.filled != "" }

// passes reports whether a value that begins with c passes, whatever follows.
func (s *shape) passes(c byte) bool {
	return s.untouched || c == 'n' || s.inside == nil && c != '{' && c != '[' && (s.scalar || s.unknown && c != '"')
}

// passesAsIs reports whether it is easy to see that a value passes as it is.
func (s *shape) passesAsIs(text []byte) bool {
	return s.passes(text[0]) || s.unknown && s.inside == nil && text[0] == '"' && !mayBeKeys(text)
}

// isObject and isArray report whether a value of this kind passes at all.
func (s *shape) isObject() bool { return s.members != nil || s.others != nil }
func (s *shape) isArray() bool  { return s.elements != nil }
