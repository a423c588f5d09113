package redact

import (
	"errors"
	"io"
)

// window is the size that a reader's buffer begins with, in bytes.
const window = 32 << 10

// maxDepth limits the nesting inside a value that is read whole. Jackson, which Jira uses for JSON, has the same limit.
const maxDepth = 1000

var (
	errSyntax = errors.New("redact: Jira's response is not valid JSON")
	errDeep   = errors.New("redact: a value in Jira's response is nested too deeply")
)

// reader reads JSON piece by piece and checks all of it, even what is skipped: syntax, UTF-8 and surrogates, as
// jsontext.Decoder does, against which it is tested. It is several times as fast, because it does not return the tokens
// inside a value that is read whole, and does not look for duplicate names. What it returns is valid until the next call.
type reader struct {
	source  io.Reader
	buf     []byte
	pos     int      // of the next byte
	keep    int      // of the first byte that is still needed
	err     error    // what ended the source
	fault   error    // why peek returned 0
	closers []byte   // brackets that close what is open in the value that is being read
	opened  []int32  // nodes of what is open
	record  bool     // nodes of what is read are recorded
	doc     document // what was read whole last
	escaped bool     // the string that was read last has escapes
}

// reset makes the reader read from source.
func (r *reader) reset(source io.Reader) {
	if r.buf == nil {
		r.buf = make([]byte, 0, window)
	}
	*r = reader{source: source, buf: r.buf[:0], closers: r.closers, opened: r.opened, doc: document{nodes: r.doc.nodes}}
}

// fill reads more, and keeps what is needed.
func (r *reader) fill() error {
	if r.err != nil {
		return r.err
	}
	held := len(r.buf) - r.keep
	switch {
	case held >= maxValue:
		return errTooLarge
	case r.keep > 0:
		copy(r.buf, r.buf[r.keep:])
		r.buf, r.pos, r.keep = r.buf[:held], r.pos-r.keep, 0
	case len(r.buf) == cap(r.buf):
		r.buf = append(make([]byte, 0, 2*cap(r.buf)), r.buf...)
	}
	for range 100 {
		n, err := r.source.Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf, r.err = r.buf[:len(r.buf)+n], err
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
	r.err = io.ErrNoProgress
	return r.err
}

// need makes sure that the buffer has n bytes from pos on.
func (r *reader) need(n int) error {
	for len(r.buf)-r.pos < n {
		if err := r.fill(); err != nil {
			return unexpected(err)
		}
	}
	return nil
}

// unexpected returns the error for a source that ends within a value.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// peek returns the next byte that is not white space, or 0 if there is none and fault says why: io.EOF at the end.
func (r *reader) peek() byte {
	if r.pos < len(r.buf) {
		if c := r.buf[r.pos]; c > ' ' {
			return c
		}
	}
	return r.peekSlowly()
}

func (r *reader) peekSlowly() byte {
	for {
		for ; r.pos < len(r.buf); r.pos++ {
			switch c := r.buf[r.pos]; c {
			case ' ', '\t', '\r', '\n':
			case 0:
				r.fault = errSyntax
				return 0
			default:
				return c
			}
		}
		if r.fault = r.fill(); r.fault != nil {
			return 0
		}
	}
}

// wrong returns the error for a byte that cannot come next, or 0, which peek returned within a value.
func (r *reader) wrong(c byte) error {
	if c == 0 {
		return unexpected(r.fault)
	}
	return errSyntax
}

// begins returns the first byte of the next value without reading it. The error is io.EOF if there is none.
func (r *reader) begins() (byte, error) {
	r.keep = r.pos
	c := r.peek()
	if c == 0 {
		return 0, r.fault
	}
	return c, nil
}

// open reads the bracket that begins returned.
func (r *reader) open() { r.pos++ }

// more reports whether another member or element follows before the closing bracket, and reads what separates it, or the
// bracket.
func (r *reader) more(closer byte, first bool) (bool, error) {
	r.keep = r.pos
	switch c := r.peek(); {
	case c == closer:
		r.pos++
		return false, nil
	case first && c != 0:
		return true, nil
	case c != ',':
		return false, r.wrong(c)
	}
	r.pos++
	if c := r.peek(); c == closer || c == 0 {
		return false, r.wrong(c)
	}
	return true, nil
}

// name reads a member's name, in quotes, and its colon.
func (r *reader) name() (quoted []byte, escaped bool, err error) {
	if _, err := r.begins(); err != nil {
		return nil, false, unexpected(err)
	}
	r.keep = r.pos
	if end := plainName(r.buf, r.pos); end > 0 {
		r.pos = end
		return r.buf[r.keep : end-1], false, nil
	}
	length, err := r.member()
	return r.buf[r.keep : r.keep+length], r.escaped, err
}

// member reads a name and its colon, and returns the length of the name.
func (r *reader) member() (length int, err error) {
	offset := r.pos - r.keep
	if r.buf[r.pos] != '"' {
		return 0, errSyntax
	}
	if err := r.text(); err != nil {
		return 0, err
	}
	length = r.pos - r.keep - offset
	r.add(r.pos-length, r.pos, r.escaped)
	if c := r.peek(); c != ':' {
		return 0, r.wrong(c)
	}
	r.pos++
	return length, nil
}

// raw reads a value whole.
func (r *reader) raw() ([]byte, error) {
	if _, err := r.begins(); err != nil {
		return nil, unexpected(err)
	}
	r.keep = r.pos
	if err := r.scan(false); err != nil {
		return nil, err
	}
	return r.buf[r.keep:r.pos], nil
}

// value reads a value whole, to look into it.
func (r *reader) value() (value, error) {
	r.record, r.doc.nodes, r.opened = true, r.doc.nodes[:0], r.opened[:0]
	text, err := r.raw()
	r.record = false
	if err != nil {
		return value{}, err
	}
	r.doc.text = text
	return value{doc: &r.doc}, nil
}

// add records a string, number, literal or name between two indexes of the buffer.
func (r *reader) add(start, end int, escaped bool) {
	if r.record {
		r.doc.nodes = append(r.doc.nodes, node{
			start: int32(start - r.keep), end: int32(end - r.keep), next: int32(len(r.doc.nodes) + 1), escaped: escaped,
		})
	}
}

// skip reads a value without keeping it.
func (r *reader) skip() error { return r.scan(true) }

// end checks that nothing follows.
func (r *reader) end() error {
	switch _, err := r.begins(); err {
	case nil:
		return errTrailing
	case io.EOF:
		return nil
	default:
		return err
	}
}

// scan reads a value. If it is to be skipped, no more than one string or number of it is kept.
func (r *reader) scan(skip bool) error {
	r.closers = r.closers[:0]
	for {
		after := r.run()
		if skip {
			r.keep = r.pos
		}
		if !after {
			entered, err := r.begin()
			if err != nil {
				return err
			}
			if entered {
				continue
			}
		}
		if done, err := r.proceed(); done || err != nil {
			return err
		}
	}
}

// begin reads a value, or the beginning of an object or array up to its first value. entered is true if it is not empty.
func (r *reader) begin() (entered bool, err error) {
	switch c := r.peek(); c {
	case 0:
		return false, unexpected(r.fault)
	case '{', '[':
		return r.bracket(c)
	default:
		return false, r.leaf(c)
	}
}

// leaf reads a value that holds no others.
func (r *reader) leaf(c byte) (err error) {
	offset := r.pos - r.keep
	r.escaped = false
	if c == '"' {
		err = r.text()
	} else {
		err = r.scalar(c)
	}
	if err != nil {
		return err
	}
	r.add(r.keep+offset, r.pos, r.escaped)
	return nil
}

// bracket reads the beginning of an object or array up to its first value, or all of it if it is empty.
func (r *reader) bracket(c byte) (entered bool, err error) {
	if len(r.closers) == maxDepth {
		return false, errDeep
	}
	closer := c + 2 // '{' and '}', '[' and ']'
	r.enter(r.pos, closer)
	r.pos++
	switch r.peek() {
	case 0:
		return false, unexpected(r.fault)
	case closer:
		r.pos++
		r.leave(r.pos)
		return false, nil
	}
	if closer == '}' {
		_, err = r.member()
	}
	return true, err
}

// enter notes that an object or array has begun.
func (r *reader) enter(start int, closer byte) {
	r.closers = append(r.closers, closer)
	if r.record {
		r.opened = append(r.opened, int32(len(r.doc.nodes)))
		r.doc.nodes = append(r.doc.nodes, node{start: int32(start - r.keep)})
	}
}

// leave notes that the object or array that was entered last has ended.
func (r *reader) leave(end int) {
	r.closers = r.closers[:len(r.closers)-1]
	if r.record {
		last := len(r.opened) - 1
		n := &r.doc.nodes[r.opened[last]]
		n.end, n.next = int32(end-r.keep), int32(len(r.doc.nodes))
		r.opened = r.opened[:last]
	}
}

// proceed reads what follows a value: closing brackets, and what comes before the next value. done is true if the outermost
// value has ended.
func (r *reader) proceed() (done bool, err error) {
	for len(r.closers) > 0 {
		closer := r.closers[len(r.closers)-1]
		switch c := r.peek(); c {
		case closer:
			r.pos++
			r.leave(r.pos)
			continue
		case ',':
		default:
			return false, r.wrong(c)
		}
		r.pos++
		if closer == ']' {
			return false, nil
		}
		if r.peek() == 0 {
			return false, unexpected(r.fault)
		}
		_, err = r.member()
		return false, err
	}
	return true, nil
}
