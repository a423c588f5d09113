package redact

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

// Most of Jira's JSON is plain: without white space, escapes in names and escapes such as \u00e4, and in the buffer already.
// What follows reads only that, and fast. Whatever it does not accept, which may be valid all the same, it leaves to scan.

// run reads on in the value that scan reads, as far as everything is plain. It stops before or after a value, and reports
// which.
func (r *reader) run() (after bool) {
	b := r.buf
	for i := r.pos; ; {
		// A value comes next.
		switch c := at(b, i); c {
		case '{', '[':
			next := i + 1
			if c == '{' {
				next = plainName(b, next)
			} else if first := at(b, next); first <= ' ' || first == ']' {
				next = 0
			}
			if next == 0 || len(r.closers) == maxDepth {
				return false
			}
			r.enter(i, c+2)
			if c == '{' {
				r.add(i+1, next-1, false)
			}
			r.pos, i = next, next
			continue
		default:
			end, escaped := plainLeaf(b, i, c)
			if end == 0 {
				return false
			}
			r.add(i, end, escaped)
			i = end
		}
		// A value has ended.
		for {
			r.pos = i
			if len(r.closers) == 0 {
				return true
			}
			closer := r.closers[len(r.closers)-1]
			c := at(b, i)
			if c == ',' {
				next := i + 1
				if closer == '}' {
					if next = plainName(b, next); next == 0 {
						return true
					}
					r.add(i+1, next-1, false)
				}
				r.pos, i = next, next
				break
			}
			if c != closer {
				return true
			}
			i++
			r.leave(i)
		}
	}
}

// at returns b[i], or 0 beyond the end.
func at(b []byte, i int) byte {
	if i < len(b) {
		return b[i]
	}
	return 0
}

// plainLeaf returns the index after the string, number or literal that begins with c at b[i], 0 if it is not plain, and
// whether it has escapes.
func plainLeaf(b []byte, i int, c byte) (end int, escaped bool) {
	switch c {
	case '"':
		return plainText(b, i)
	case 'n', 't':
		if end = i + len("null"); end < len(b) && (string(b[i:end]) == "null" || string(b[i:end]) == "true") {
			return end, false
		}
		return 0, false
	case 'f':
		if end = i + len("false"); end < len(b) && string(b[i:end]) == "false" {
			return end, false
		}
		return 0, false
	}
	for end = i; isDigit(at(b, end)); end++ {
	}
	if c == '0' || end == i || end == len(b) || inNumber[b[end]] {
		return 0, false
	}
	return end, false
}

// plainName returns the index after the name that begins at b[i] and its colon; 0 if it is not plain.
func plainName(b []byte, i int) (end int) {
	if at(b, i) != '"' {
		return 0
	}
	end, escaped := plainText(b, i)
	if end == 0 || escaped || at(b, end) != ':' {
		return 0
	}
	return end + 1
}

// plainText returns the index after the string that begins at b[i], 0 if it is not plain, and whether it has escapes. Most
// strings are short and ASCII.
func plainText(b []byte, i int) (end int, escaped bool) {
	for end = i + 1; end+8 <= len(b); end += 8 {
		x := binary.LittleEndian.Uint64(b[end:])
		if hit := special(x) | x&notASCII; hit != 0 {
			end += bits.TrailingZeros64(hit) / 8
			if b[end] == '"' {
				return end + 1, false
			}
			break
		}
	}
	return restOfText(b, i, end)
}

// restOfText returns what plainText returns for a string that begins at b[i] and is ASCII up to b[end].
func restOfText(b []byte, i, end int) (_ int, escaped bool) {
	end, seen := ordinary(b, end)
	for at(b, end) == '\\' && isShortEscape(at(b, end+1)) {
		var more uint64
		end, more = ordinary(b, end+2)
		seen, escaped = seen|more, true
	}
	if at(b, end) != '"' || seen&notASCII != 0 && !utf8.Valid(b[i:end]) {
		return 0, false
	}
	return end + 1, escaped
}
