package redact

import (
	"encoding/binary"
	"io"
	"math/bits"
	"unicode/utf8"
)

// scalar reads a number, true, false or null.
func (r *reader) scalar(c byte) error {
	switch c {
	case 'n':
		return r.literal("null")
	case 't':
		return r.literal("true")
	case 'f':
		return r.literal("false")
	}
	return r.number()
}

func (r *reader) literal(want string) error {
	if err := r.need(len(want)); err != nil {
		return err
	}
	if string(r.buf[r.pos:r.pos+len(want)]) != want {
		return errSyntax
	}
	r.pos += len(want)
	return nil
}

func (r *reader) number() error {
	offset := r.pos - r.keep
	for {
		for r.pos < len(r.buf) && inNumber[r.buf[r.pos]] {
			r.pos++
		}
		if r.pos < len(r.buf) {
			break
		}
		if err := r.fill(); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if !isNumber(r.buf[r.keep+offset : r.pos]) {
		return errSyntax
	}
	return nil
}

var inNumber = [256]bool{
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true,
	'+': true, '-': true, '.': true, 'e': true, 'E': true,
}

// isNumber reports whether s is a number as RFC 8259, section 6, has it.
func isNumber(s []byte) bool {
	if len(s) > 0 && s[0] == '-' {
		s = s[1:]
	}
	digits := leadingDigits(s)
	if digits == 0 || digits > 1 && s[0] == '0' {
		return false
	}
	s = s[digits:]
	if len(s) > 0 && s[0] == '.' {
		if digits = leadingDigits(s[1:]); digits == 0 {
			return false
		}
		s = s[1+digits:]
	}
	if len(s) > 0 && s[0]|0x20 == 'e' {
		s = s[1:]
		if len(s) > 0 && (s[0] == '+' || s[0] == '-') {
			s = s[1:]
		}
		if digits = leadingDigits(s); digits == 0 {
			return false
		}
		s = s[digits:]
	}
	return len(s) == 0
}

func leadingDigits(s []byte) (n int) {
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	return n
}

// text reads a string.
func (r *reader) text() error {
	offset := r.pos - r.keep
	var seen uint64
	r.escaped = false
	r.pos++
	for {
		end, more := ordinary(r.buf, r.pos)
		r.pos, seen = end, seen|more
		var err error
		switch {
		case end == len(r.buf):
			err = unexpected(r.fill())
		case r.buf[end] == '"':
			r.pos++
			if seen&notASCII != 0 && !utf8.Valid(r.buf[r.keep+offset:r.pos]) {
				return errSyntax
			}
			return nil
		case r.buf[end] == '\\':
			err = r.escape()
		default:
			err = errSyntax
		}
		if err != nil {
			return err
		}
	}
}

// ordinary returns the index, from i on, of the first byte of b that is a quote, a backslash or a control character, len(b) if
// there is none, and the bits that are set in the bytes before it.
func ordinary(b []byte, i int) (end int, seen uint64) {
	for ; i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:])
		if hit := special(x); hit != 0 {
			n := bits.TrailingZeros64(hit) &^ 7
			return i + n/8, seen | x&(1<<n-1)
		}
		seen |= x
	}
	for ; i < len(b) && b[i] != '"' && b[i] != '\\' && b[i] >= ' '; i++ {
		seen |= uint64(b[i])
	}
	return i, seen
}

// notASCII are the bits that are set only in characters other than ASCII.
const notASCII = 0x8080808080808080

// special sets the high bit of the first byte of x that is a quote, a backslash or a control character. The bits above it
// are meaningless: see colonSlash in package links.
func special(x uint64) uint64 {
	const each = 0x0101010101010101
	quote, backslash := x^'"'*each, x^'\\'*each
	return ((quote-each)&^quote | (backslash-each)&^backslash | (x-' '*each)&^x) & (0x80 * each)
}

// escape reads an escape.
func (r *reader) escape() error {
	r.escaped = true
	if err := r.need(2); err != nil {
		return err
	}
	switch c := r.buf[r.pos+1]; {
	case isShortEscape(c):
		r.pos += 2
		return nil
	case c != 'u':
		return errSyntax
	}
	code, err := r.code()
	switch {
	case err != nil:
		return err
	case code < 0xd800 || code > 0xdfff:
		return nil
	case code > 0xdbff:
		return errSyntax
	}
	if code, err = r.code(); err == nil && (code < 0xdc00 || code > 0xdfff) {
		err = errSyntax
	}
	return err
}

// isShortEscape reports whether a backslash and c are an escape.
func isShortEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// code reads a code such as \u00e4.
func (r *reader) code() (code rune, err error) {
	if err := r.need(6); err != nil {
		return 0, err
	}
	if r.buf[r.pos] != '\\' || r.buf[r.pos+1] != 'u' {
		return 0, errSyntax
	}
	for _, c := range r.buf[r.pos+2 : r.pos+6] {
		switch {
		case isDigit(c):
			c -= '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, errSyntax
		}
		code = code<<4 | rune(c)
	}
	r.pos += 6
	return code, nil
}
