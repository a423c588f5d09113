package links

import (
	"io"
	"sync"
)

// maxMeasured is the maximum length of a body to measure; longer ones never arrive in a single read.
const maxMeasured = 8 << 10

// mappedBodies holds buffers with some room for a body to grow when it is mapped.
var mappedBodies = sync.Pool{New: func() any { return new([maxMeasured + maxMeasured/2]byte) }}

// Measured is like Body for a text of known length. If all of it arrives in the first read, as a small text does, Measured
// also returns the length of the mapped text, so that it need not be chunked; otherwise -1. It only waits for the first
// read.
func (m *Mapper) Measured(r io.ReadCloser, length int64, public string) (mapped io.ReadCloser, mappedLength int64) {
	if !isURLText(public) {
		return r, length
	}
	b := &body{mapper: m, source: r, public: public}
	if length <= 0 || length > maxMeasured {
		return b, -1
	}
	return b, b.measure(length)
}

// measure maps the body in advance if it arrives in the first read, and returns its new length, or -1.
func (b *body) measure(length int64) int64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fill(); b.err != io.EOF || int64(len(b.rest)) != length {
		return -1
	}
	b.whole = mappedBodies.Get().(*[maxMeasured + maxMeasured/2]byte)
	n := 0
	for n < len(b.whole) {
		more, err := b.read(b.whole[n:])
		n += more
		if err != nil { // the end: everything is mapped
			b.ahead = b.whole[:n]
			return int64(n)
		}
	}
	b.ahead = b.whole[:n] // the rest is mapped as it is read
	return -1
}

// readAhead delivers what measure mapped in advance.
func (b *body) readAhead(p []byte) int {
	n := copy(p, b.ahead)
	if b.ahead = b.ahead[n:]; len(b.ahead) == 0 {
		b.releaseAhead()
	}
	return n
}

func (b *body) releaseAhead() {
	if b.whole != nil {
		mappedBodies.Put(b.whole)
		b.whole, b.ahead = nil, nil
	}
}
