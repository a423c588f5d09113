package redact

// appendShaped appends what passes of a value that was read whole, and reports whether anything does.
func appendShaped(in *view, to []byte, v value, s *shape) ([]byte, bool) {
	if s.untouched || v.isNull() {
		return append(to, v.raw()...), true
	}
	if v.isObject() && v.hasDuplicate() {
		in.duplicate = true // the client might read another member than the one judged
		return to, false
	}
	if s.inside != nil && !s.inside(in, v) {
		return to, false
	}
	if s.unknown {
		return appendUnknown(in, to, v)
	}
	switch v.kind() {
	case '{':
		if !s.isObject() {
			return to, false
		}
		if filled, ok := appendObject(in, to, v, s); ok {
			return filled, true
		}
		return to, false
	case '[':
		if !s.isArray() {
			return to, false
		}
		return appendArray(in, to, v, s.elements, nil), true
	}
	if !s.scalar {
		return to, false
	}
	return append(to, v.raw()...), true
}

// appendObject appends what passes of an object, and reports whether it is filled.
func appendObject(in *view, to []byte, object value, s *shape) ([]byte, bool) {
	to = append(to, '{')
	first, filled := true, s.filled == ""
	var counted *counts
	if s.counted {
		counted = new(counts)
	}
	for name, v := range object.members() {
		text := name.name()
		m, _ := s.member(in, text)
		if m == nil || counted != nil && counted.holds(text, v) {
			continue
		}
		mark := len(to)
		to = appendName(to, name.raw(), first)
		ok := true
		if m.passesAsIs(v.raw()) {
			to = append(to, v.raw()...)
		} else if to, ok = appendMember(in, to, v, m, counted); !ok && m.nulled {
			to, ok = append(to, "null"...), true
		}
		if !ok {
			to = to[:mark]
			continue
		}
		first = false
		filled = filled || string(text) == s.filled && to[len(to)-2] != '[' // an array with elements
	}
	if counted != nil {
		to = counted.append(to, first, in.keepsSecret(s))
	}
	return append(to, '}'), filled
}

// appendMember appends a member's value, and counts the elements of a page.
func appendMember(in *view, to []byte, v value, s *shape, counted *counts) ([]byte, bool) {
	if counted != nil && v.isArray() && s.isArray() && s.inside == nil {
		return appendArray(in, to, v, s.elements, counted), true
	}
	return appendShaped(in, to, v, s)
}

// appendArray appends an array, and counts its elements if they are counted.
func appendArray(in *view, to []byte, array value, s *shape, counted *counts) []byte {
	to = append(to, '[')
	first := true
	for v := range array.elements() {
		mark := len(to)
		if !first {
			to = append(to, ',')
		}
		var ok bool
		if to, ok = appendShaped(in, to, v, s); ok {
			first = false
		} else {
			to = to[:mark]
		}
		if counted != nil {
			counted.element(ok)
		}
	}
	return append(to, ']')
}

// appendName appends the name of a member, in quotes already, and what separates it.
func appendName(to, quoted []byte, first bool) []byte {
	if !first {
		to = append(to, ',')
	}
	return append(append(to, quoted...), ':')
}
