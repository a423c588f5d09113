package redact

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"
)

// maxPooled limits the buffers that are kept for other responses, in bytes.
const maxPooled = 64 << 10

// machine reads tokens and values of a response and writes what passes. It keeps the open objects and arrays on a stack of
// its own, so that it can stop after each chunk.
type machine struct {
	in      *view
	root    *shape
	source  source
	decoder jsontext.Decoder
	open    []frame
	out     []byte
	largest int // value that was read whole
	started bool
}

// frame is an object or array that is open in both the response and the output.
type frame struct {
	shape *shape
	array bool
	wrote bool // something was written in it, so that a comma must come next
	counts
}

var machines = sync.Pool{New: func() any { return new(machine) }}

func newMachine(root *shape, reader io.Reader, in Inside) *machine {
	m := machines.Get().(*machine)
	m.in, m.root, m.started = &view{Inside: in}, root, false
	m.open, m.out = m.open[:0], m.out[:0]
	m.source = source{reader: reader, decoder: &m.decoder}
	m.decoder.Reset(&m.source)
	return m
}

// release gives the machine back, unless it has grown.
func (m *machine) release() {
	if m.largest > maxPooled || cap(m.out) > maxPooled {
		return
	}
	m.in, m.source.reader = nil, nil
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
	if m.decoder.PeekKind() == jsontext.KindInvalid {
		if _, err := m.decoder.ReadToken(); err == io.EOF {
			return err
		} else {
			return m.explain(err)
		}
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
	switch _, err := m.decoder.ReadToken(); err {
	case nil:
		return errTrailing
	case io.EOF:
		return io.EOF
	default:
		return m.explain(err)
	}
}

// explain adds that it was Jira's response that could not be read. Errors of the decoder say where; they may quote a name
// from the response, and so must reach logs only.
func (m *machine) explain(err error) error {
	for _, known := range [...]error{errTooLarge, ErrOutside} {
		if errors.Is(err, known) {
			return known
		}
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("redact: reading Jira's response: %w", err)
}

// step reads one member, one element or one closing bracket.
func (m *machine) step() error {
	top := &m.open[len(m.open)-1]
	switch kind := m.decoder.PeekKind(); {
	case kind == jsontext.KindEndObject || kind == jsontext.KindEndArray:
		return m.leave(top)
	case top.array:
		return m.element(top)
	default:
		return m.objectMember(top)
	}
}

func (m *machine) leave(top *frame) error {
	if _, err := m.decoder.ReadToken(); err != nil {
		return err
	}
	bracket := byte('}')
	if top.array {
		bracket = ']'
	} else if top.shape.counted {
		m.out = top.counts.append(m.out, !top.wrote)
	}
	m.out = append(m.out, bracket)
	m.open = m.open[:len(m.open)-1]
	return nil
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
	top = &m.open[depth-1]
	if !passed {
		m.out = m.out[:mark]
	} else {
		top.wrote = true
	}
	if depth > 1 && m.open[depth-2].shape.counted {
		m.open[depth-2].counts.element(passed)
	}
	return nil
}

func (m *machine) objectMember(top *frame) error {
	quoted, err := m.decoder.ReadValue()
	if err != nil {
		return err
	}
	name := unquote(quoted)
	s := top.shape.member(m.in, name)
	if s == nil {
		return m.decoder.SkipValue()
	}
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

// value reads a value and writes what passes of it, or opens it if it is an object or an array to read piece by piece. It
// reports whether anything passes.
func (m *machine) value(s *shape) (passed bool, err error) {
	kind := m.decoder.PeekKind()
	switch {
	case s.untouched || s.whole():
	case kind == jsontext.KindBeginObject && s.isObject():
		return true, m.enter(frame{shape: s}, '{')
	case kind == jsontext.KindBeginArray && s.isArray():
		return true, m.enter(frame{shape: s, array: true}, '[')
	case kind == jsontext.KindBeginObject || kind == jsontext.KindBeginArray:
		return false, m.decoder.SkipValue()
	}
	value, err := m.decoder.ReadValue()
	if err != nil {
		return false, err
	}
	m.largest = max(m.largest, len(value))
	m.out, passed = appendShaped(m.in, m.out, value, s)
	if !passed && s.vital {
		return false, ErrOutside
	}
	return passed, nil
}

func (m *machine) enter(f frame, bracket byte) error {
	if _, err := m.decoder.ReadToken(); err != nil {
		return err
	}
	m.out = append(m.out, bracket)
	m.open = append(m.open, f)
	return nil
}

// count reads the value of a count that was held.
func (m *machine) count(top *frame) error {
	value, err := m.decoder.ReadValue()
	if err != nil {
		return err
	}
	top.counts.set(value)
	return nil
}
