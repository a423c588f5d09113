package redact

// appendShaped appends what passes of a value that was read whole, and reports whether anything does.
func appendShaped(in *view, to, value []byte, s *shape) ([]byte, bool) {
	if s.untouched || value[0] == 'n' {
		return append(to, value...), true
	}
	if value[0] == '{' && hasDuplicate(value) {
		in.duplicate = true // what was judged might not be what a client reads
		return to, false
	}
	if s.inside != nil && !s.inside(in, value) {
		return to, false
	}
	if s.unknown {
		return appendUnknown(in, to, value)
	}
	switch value[0] {
	case '{':
		if !s.isObject() {
			return to, false
		}
		return appendObject(in, to, value, s), true
	case '[':
		if !s.isArray() {
			return to, false
		}
		return appendArray(in, to, value, s.elements), true
	}
	if !s.scalar {
		return to, false
	}
	return append(to, value...), true
}

func appendObject(in *view, to, value []byte, s *shape) []byte {
	to = append(to, '{')
	first := true
	for quoted, v := range members(value) {
		m, _ := s.member(in, unquote(quoted))
		if m == nil {
			continue
		}
		mark := len(to)
		to = appendName(to, quoted, first)
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

func appendArray(in *view, to, value []byte, s *shape) []byte {
	to = append(to, '[')
	first := true
	for v := range elements(value) {
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
