package links

import (
	"io"
	"sync"
)

// maxMeasured bounds the bodies whose length is found out: longer ones never arrive with one read of a connection.
const maxMeasured = 8 << 10

// A mapped body may be a little longer than it was.
var mappedBodies = sync.Pool{New: func() any { return new([maxMeasured + maxMeasured/2]byte) }}

// Measured is Body for a text of known length. When all of it arrives with the first read, as a small one does, it
// returns the length that the text has once it is mapped, so that it need not be sent in chunks; otherwise -1. It waits
// for the first byte, and for no more.
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

// measure maps the body ahead of its reader if the first read of the source brings all of it.
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
		if err != nil { // the end: all is mapped
			b.ahead = b.whole[:n]
			return int64(n)
		}
	}
	b.ahead = b.whole[:n] // and the rest to be mapped as it is read
	return -1
}

// readAhead delivers what measure has mapped.
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
