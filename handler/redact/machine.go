package redact

import (
	"fmt"
	"io"
	"sync"
)

// maxPooled is the maximum size, in bytes, of buffers that are kept for other responses.
const maxPooled = 64 << 10

// maxNodes is the maximum number of nodes that are kept for other responses.
const maxNodes = 4096

// machine reads tokens and values of a response and writes what passes. It keeps the open objects and arrays on a stack of
// its own, so that it can stop after each chunk.
type machine struct {
	in      *view
	root    *shape
	reader  reader
	open    []frame
	out     []byte
	started bool
}

// frame is an object or array that is open in both the response and the output.
type frame struct {
	shape *shape
	array bool
	read  bool   // something was read, so that a comma must come next
	wrote bool   // something was written, so that a comma must come next
	named uint64 // bits of the named members that passed
	counts
}

var machines = sync.Pool{New: func() any { return new(machine) }}

func newMachine(root *shape, reader io.Reader, in Inside) *machine {
	m := machines.Get().(*machine)
	m.in, m.root, m.started = &view{Inside: in}, root, false
	m.open, m.out = m.open[:0], m.out[:0]
	m.reader.reset(reader)
	return m
}

// release returns the machine to the pool, unless it has grown.
func (m *machine) release() {
	if cap(m.reader.buf) > maxPooled || cap(m.reader.doc.nodes) > maxNodes || cap(m.out) > maxPooled {
		return
	}
	m.in, m.reader.source = nil, nil
	machines.Put(m)
}

// next returns the next chunk, which is valid until the next call. The error is io.EOF if nothing follows it.
func (m *machine) next() ([]byte, error) {
	m.out = m.out[:0]
	if !m.started {
		m.started = true
		if err := m.begin(); err != nil {
			return m.out, err
		}
	}
	for len(m.open) > 0 && len(m.out) < chunk {
		if err := m.step(); err != nil {
			return nil, m.explain(err)
		}
	}
	if len(m.open) > 0 {
		return m.out, nil
	}
	return m.out, m.end()
}

// begin reads the beginning of the response. It returns io.EOF if the response has no body.
func (m *machine) begin() error {
	if _, err := m.reader.begins(); err != nil {
		return m.explain(err)
	}
	switch passed, err := m.value(m.root); {
	case err != nil:
		return m.explain(err)
	case !passed && m.root.inside != nil:
		return ErrOutside
	case !passed:
		return errForm
	}
	return nil
}

// end checks that nothing follows the response's value.
func (m *machine) end() error {
	if err := m.reader.end(); err != nil {
		return m.explain(err)
	}
	return io.EOF
}

// explain says so if an error came from reading the response.
func (m *machine) explain(err error) error {
	if err == m.reader.err && err != io.EOF || err == io.ErrUnexpectedEOF {
		return fmt.Errorf("redact: reading Jira's response: %w", err)
	}
	return err
}

// step reads one member, one element or one closing bracket.
func (m *machine) step() error {
	top := &m.open[len(m.open)-1]
	if !top.array && top.wrote {
		if err := m.plainMembers(top); err != nil {
			return err
		}
	}
	closer := byte('}')
	if top.array {
		closer = ']'
	}
	more, err := m.reader.more(closer, !top.read)
	top.read = true
	switch {
	case err != nil:
		return err
	case !more:
		m.leave(top, closer)
		return nil
	case top.array:
		return m.element(top)
	default:
		return m.objectMember(top)
	}
}

func (m *machine) leave(top *frame, closer byte) {
	if top.shape.counted && !top.array {
		m.out = top.counts.append(m.out, !top.wrote, m.in.keepsSecret(top.shape))
	}
	m.out = append(m.out, closer)
	m.open = m.open[:len(m.open)-1]
}

func (m *machine) element(top *frame) error {
	mark, depth := len(m.out), len(m.open)
	if top.wrote {
		m.out = append(m.out, ',')
	}
	passed, err := m.value(top.shape.elements)
	if err != nil {
		return err
	}
	if !passed {
		m.out = m.out[:mark]
	} else {
		m.open[depth-1].wrote = true
	}
	if depth > 1 && m.open[depth-2].shape.counted {
		m.open[depth-2].counts.element(passed)
	}
	return nil
}

func (m *machine) objectMember(top *frame) error {
	quoted, escaped, err := m.reader.name()
	if err != nil {
		return err
	}
	name := unquote(quoted, escaped)
	s, bit := top.shape.member(m.in, name)
	switch {
	case s == nil:
		return m.reader.skip()
	case top.named&bit != 0:
		return errDuplicate
	}
	top.named |= bit
	if top.shape.counted && top.counts.hold(name) {
		return m.count(top)
	}
	mark, depth := len(m.out), len(m.open)
	m.out = appendName(m.out, quoted, !top.wrote)
	passed, err := m.value(s)
	switch top = &m.open[depth-1]; {
	case err != nil:
		return err
	case passed:
		top.wrote = true
	case s.nulled:
		m.out = append(m.out, "null"...)
		top.wrote = true
	default:
		m.out = m.out[:mark]
	}
	return nil
}

// plainMembers reads on in an object as long as its members are plain and either pass as they are or are dropped, and copies
// those that pass together. Everything else it leaves to step.
func (m *machine) plainMembers(top *frame) error {
	b, i := m.reader.buf, m.reader.pos
	copied := i // everything before it is written or dropped
	for len(m.out)+i-copied < chunk {
		end, passes, err := m.plainMember(top, b, i)
		if err != nil {
			return err
		}
		if end == 0 {
			break
		}
		if !passes {
			m.out = append(m.out, b[copied:i]...)
			copied = end
		}
		i = end
	}
	m.out = append(m.out, b[copied:i]...)
	m.reader.pos = i
	return nil
}

// plainMember returns the index after the member that follows the comma at b[i], and whether it passes; 0 if it takes a closer
// look.
func (m *machine) plainMember(top *frame, b []byte, i int) (end int, passes bool, err error) {
	if at(b, i) != ',' {
		return 0, false, nil
	}
	start := plainName(b, i+1)
	if start == 0 {
		return 0, false, nil
	}
	name := b[i+len(`,"`) : start-len(`":`)]
	s, bit := top.shape.member(m.in, name)
	c := at(b, start)
	switch end, _ = plainLeaf(b, start, c); {
	case end == 0:
		return 0, false, nil
	case s == nil:
		return end, false, nil
	case top.named&bit != 0:
		return 0, false, errDuplicate
	case top.shape.counted && top.counts.hold(name), !s.passesAsIs(b[start:end]):
		return 0, false, nil
	}
	top.named |= bit
	return end, true, nil
}

// value reads a value and writes what passes of it, or opens an object or array that is read piece by piece. It
// reports whether anything passes.
func (m *machine) value(s *shape) (passed bool, err error) {
	c, err := m.reader.begins()
	switch {
	case err != nil:
		return false, unexpected(err)
	case s.passes(c):
		raw, err := m.reader.raw()
		m.out = append(m.out, raw...)
		return true, err
	case s.whole():
	case c == '{' && s.isObject():
		m.enter(frame{shape: s}, c)
		return true, nil
	case c == '[' && s.isArray():
		m.enter(frame{shape: s, array: true}, c)
		return true, nil
	case c == '{' || c == '[':
		return false, m.reader.skip()
	}
	v, err := m.reader.value()
	if err != nil {
		return false, err
	}
	m.out, passed = appendShaped(m.in, m.out, v, s)
	if m.in.duplicate {
		return false, errDuplicate
	}
	if !passed && s.vital {
		return false, ErrOutside
	}
	return passed, nil
}

func (m *machine) enter(f frame, bracket byte) {
	m.reader.open()
	m.out = append(m.out, bracket)
	m.open = append(m.open, f)
}

// count reads the value of a count.
func (m *machine) count(top *frame) error {
	value, err := m.reader.raw()
	if err != nil {
		return err
	}
	top.counts.set(value)
	return nil
}
