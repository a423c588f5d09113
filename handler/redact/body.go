package redact

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// chunk is the number of bytes that a body prepares before it delivers them. It is less at the end, and more for a larger value.
const chunk = 16 << 10

// Body returns the part of a response that a token may see. answer is the name that the table of package jira gives to what
// the response holds. An empty body stays empty.
//
// Body also returns the length if all that passes fits into the first chunk; otherwise -1.
//
// Body waits for the first chunk. If it returns an error, nothing may be passed on: ErrOutside if all of the response is
// outside, another error if it is not JSON or does not have the form that its operation documents. An error that shows later
// ends the stream, so that no incomplete response looks complete. On an error Body closes source; otherwise closing the
// result does.
func Body(answer string, source io.ReadCloser, in Inside) (passed io.ReadCloser, length int64, err error) {
	switch {
	case answer == Binary:
		return source, -1, nil
	case answer == Empty:
		return nothing{source}, 0, nil
	case shapes[answer] == nil:
		return nil, 0, errors.Join(fmt.Errorf("redact: no shape for the answer %q", answer), source.Close())
	}
	b := &body{machine: newMachine(shapes[answer], source, in), source: source}
	switch b.fill(); b.err {
	case nil:
		return b, -1, nil
	case io.EOF:
		return b, int64(len(b.ready)), nil
	default:
		b.release()
		return nil, 0, errors.Join(b.err, source.Close())
	}
}

// nothing is an empty body.
type nothing struct{ io.Closer }

func (nothing) Read([]byte) (int, error) { return 0, io.EOF }

type body struct {
	source io.ReadCloser

	mu      sync.Mutex // held by Read, so that Close does not release a buffer in use
	closed  bool
	machine *machine // nil after the end
	ready   []byte   // part of the machine's output to deliver next
	err     error    // what follows it
}

// Read implements io.Reader. The last bytes come together with io.EOF, so that link mapping knows that nothing follows.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	for len(b.ready) == 0 {
		switch {
		case b.closed:
			return 0, errClosed
		case b.err != nil:
			b.release()
			return 0, b.err
		}
		b.fill()
	}
	n := copy(p, b.ready)
	if b.ready = b.ready[n:]; len(b.ready) == 0 && b.err == io.EOF {
		b.release()
		return n, io.EOF
	}
	return n, nil
}

// Close closes the source, which also ends a Read that waits for it.
func (b *body) Close() error {
	err := b.source.Close()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	b.release()
	return err
}

// fill prepares the next chunk. The caller holds mu.
func (b *body) fill() {
	b.ready, b.err = b.machine.next()
	if b.err != nil && b.err != io.EOF {
		b.ready = nil
	}
}

// release returns the machine to the pool, once. The caller holds mu.
func (b *body) release() {
	if b.machine != nil {
		b.machine.release()
		b.machine, b.ready = nil, nil
	}
}
