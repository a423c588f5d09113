package redact

// appendShaped appends what passes of a value that was read whole, and reports whether anything does.
func appendShaped(in *view, to []byte, v value, s *shape) ([]byte, bool) {
	if s.untouched || v.isNull() {
		return append(to, v.raw()...), true
	}
	if v.isObject() && v.hasDuplicate() {
		in.duplicate = true // what was judged might not be what a client reads
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
		return appendObject(in, to, v, s), true
	case '[':
		if !s.isArray() {
			return to, false
		}
		return appendArray(in, to, v, s.elements), true
	}
	if !s.scalar {
		return to, false
	}
	return append(to, v.raw()...), true
}

func appendObject(in *view, to []byte, object value, s *shape) []byte {
	to = append(to, '{')
	first := true
	for name, v := range object.members() {
		m, _ := s.member(in, name.text())
		if m == nil {
			continue
		}
		mark := len(to)
		to = appendName(to, name.raw(), first)
		var ok bool
		switch to, ok = appendShaped(in, to, v, m); {
		case ok:
		case m.nulled:
			to = append(to, "null"...)
		default:
			to = to[:mark]
			continue
		}
		first = false
	}
	return append(to, '}')
}

func appendArray(in *view, to []byte, array value, s *shape) []byte {
	to = append(to, '[')
	first := true
	for v := range array.elements() {
		mark := len(to)
		if !first {
			to = append(to, ',')
		}
		var ok bool
		if to, ok = appendShaped(in, to, v, s); !ok {
			to = to[:mark]
			continue
		}
		first = false
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
