package links

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/bits"
	"strings"
	"sync"
	"sync/atomic"
)

// bufferSize is a little less than the 32 kB with which Caddy's reverse_proxy reads: what was read in one piece then
// mostly goes out in one piece, although its URLs became longer. It must exceed Mapper.maxHold, which maxText bounds.
const bufferSize = 28 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

var errClosed = errors.New("links: read from a closed body")

// Body returns r, a JSON text, with public (scheme, host and port, no slash at the end) in the place of each base of a
// URL that the gateway serves, where a JSON string begins with that URL. A URL further inside a string is somebody's
// text and stays. With a public URL that would need escaping nothing is mapped.
//
// Whatever is not JSON passes unchanged; memory is bounded by one buffer; what has arrived is passed on at once, but
// for a beginning of a URL about which the next bytes decide. Closing closes r.
func (m *Mapper) Body(r io.ReadCloser, public string) io.ReadCloser {
	if !isURLText(public) {
		return r
	}
	return &body{mapper: m, source: r, public: public}
}

// XML is Body for an XML text: there a URL begins an attribute's value, or the text of an element.
func (m *Mapper) XML(r io.ReadCloser, public string) io.ReadCloser {
	if !isURLText(public) {
		return r
	}
	return &body{mapper: m, source: r, public: public, text: inXML}
}

type body struct {
	mapper *Mapper
	text   place // inJSON or inXML
	source io.ReadCloser
	public string
	masked string // public with its slashes escaped, once that was needed

	closed atomic.Bool
	mu     sync.Mutex // held by Read, so that Close does not give away a buffer in use

	buffer *[bufferSize]byte // nil before the first Read and after the end
	ready  []byte            // part of buffer that is decided: the next to be delivered
	insert string            // to be delivered after ready
	rest   []byte            // part of buffer after that: still to be decided on
	odd    bool              // an odd number of backslashes stands right before rest
	hungry bool              // rest tells nothing more until the source was read again
	err    error             // what ended the source

	ahead []byte // mapped ahead of the reader: to be delivered before all else; part of whole
	whole *[maxMeasured + maxMeasured/2]byte
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (n int, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() {
		return 0, errClosed
	}
	if len(b.ahead) > 0 {
		return b.readAhead(p), nil
	}
	return b.read(p)
}

// read maps what comes next. The caller holds mu.
func (b *body) read(p []byte) (n int, err error) {
	for n < len(p) {
		switch {
		case len(b.ready) > 0:
			c := copy(p[n:], b.ready)
			n, b.ready = n+c, b.ready[c:]
		case b.insert != "":
			c := copy(p[n:], b.insert)
			n, b.insert = n+c, b.insert[c:]
		case len(b.rest) > 0 && !b.hungry:
			b.decide()
		case n > 0:
			return n, nil
		case b.err != nil:
			b.release()
			return 0, b.err
		default:
			b.fill()
		}
	}
	return n, nil
}

// Close closes the source. The buffer of a Read that is still running is left to the garbage collector.
func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	err := b.source.Close()
	if b.mu.TryLock() {
		b.release()
		b.releaseAhead()
		b.mu.Unlock()
	}
	return err
}

// release gives the buffer back, once. The caller holds mu.
func (b *body) release() {
	if b.buffer != nil {
		buffers.Put(b.buffer)
		b.buffer, b.ready, b.rest = nil, nil, nil
	}
}

// fill reads from the source, behind what was held back.
func (b *body) fill() {
	if b.buffer == nil {
		b.buffer = buffers.Get().(*[bufferSize]byte)
	}
	held := copy(b.buffer[:], b.rest)
	n := 0
	for tries := 0; n == 0 && b.err == nil; tries++ {
		if tries == 100 {
			b.err = io.ErrNoProgress
			break
		}
		n, b.err = b.source.Read(b.buffer[held:])
	}
	b.rest, b.hungry = b.buffer[:held+n], false
}

// decide moves what needs no further thought from rest to ready: up to the next URL to be mapped, or up to the end but
// for the beginning of a URL that the next bytes may complete.
func (b *body) decide() {
	if start, n := b.mapper.find(b.rest, b.text, b.odd); n > 0 {
		b.ready, b.rest, b.odd = b.rest[:start], b.rest[start+n:], false
		b.insert = b.publicBefore(b.rest)
		return
	}
	held := 0
	if b.err == nil {
		held = b.mapper.undecided(b.rest, b.text, b.odd)
	}
	end := len(b.rest) - held
	b.odd = held == 0 && endsOdd(b.rest, b.odd)
	b.ready, b.rest, b.hungry = b.rest[:end], b.rest[end:], true
}

// publicBefore returns the public URL as path, which will follow it, is written: with escaped slashes or without.
func (b *body) publicBefore(path []byte) string {
	if path[0] != '\\' {
		return b.public
	}
	if b.masked == "" {
		b.masked = strings.ReplaceAll(b.public, "/", `\/`)
	}
	return b.masked
}

// find returns where in s the first URL to be mapped begins and the length of its base, which is 0 when there is none.
func (m *Mapper) find(s []byte, text place, odd bool) (start, n int) {
	for colon := nextColon(s, 0); colon >= 0; colon = nextColon(s, colon+1) {
		quote := openerBefore(s, text, colon)
		if quote < 0 || text == inJSON && endsOdd(s[:quote], odd) {
			continue
		}
		f := &m.plain
		if s[colon+1] == '\\' {
			f = &m.escaped
		}
		if n, v := f.match(s[quote+1:], text); v == yes {
			return quote + 1, n
		}
	}
	return 0, 0
}

// nextColon returns the index, from i on, of a colon with / or \ after it, or -1. In JSON this pair is the rarest
// part of a URL's beginning, and most of the time that mapping takes is spent here: so it looks at 16 bytes at a time.
func nextColon(s []byte, i int) int {
	rest := s[i:]
	for ; len(rest) > 16; rest = rest[16:] {
		if hit := colonSlash(rest[0:8], rest[1:9]); hit != 0 {
			return len(s) - len(rest) + bits.TrailingZeros64(hit)/8
		}
		if hit := colonSlash(rest[8:16], rest[9:17]); hit != 0 {
			return len(s) - len(rest) + 8 + bits.TrailingZeros64(hit)/8
		}
	}
	for i := range len(rest) - 1 {
		if rest[i] == ':' && (rest[i+1] == '/' || rest[i+1] == '\\') {
			return len(s) - len(rest) + i
		}
	}
	return -1
}

// colonSlash sets the high bit of each byte that is a colon in a and / or \ in b. Only the lowest bit set is sure:
// (x-each)&^x has the high bit of each byte of x that is 0, and above it maybe, by the borrow, that of some that are 1.
func colonSlash(a, b []byte) uint64 {
	const each = 0x0101010101010101
	colon, after := binary.LittleEndian.Uint64(a)^':'*each, binary.LittleEndian.Uint64(b)
	slash, backslash := colon|(after^'/'*each), colon|(after^'\\'*each)
	return ((slash-each)&^slash | (backslash-each)&^backslash) & (0x80 * each)
}

// openerBefore returns the index of what opens "http: or "https: when the colon is s[colon], or -1.
func openerBefore(s []byte, text place, colon int) int {
	const short, long = len(`"http`), len(`"https`)
	switch {
	case colon < short || s[colon] != ':':
		return -1
	case opens(text, s[colon-short]):
		return colon - short
	case colon >= long && opens(text, s[colon-long]):
		return colon - long
	default:
		return -1
	}
}

// opens reports whether a URL can begin after c.
func opens(text place, c byte) bool {
	return c == '"' || text == inXML && (c == '>' || c == '\'')
}

// undecided returns the length of the end of s that may be the beginning of a URL to be mapped, with the quote before
// it. Only the last quote counts, for there is none inside a URL.
func (m *Mapper) undecided(s []byte, text place, odd bool) int {
	tail := s[max(0, len(s)-m.maxHold):]
	last := bytes.LastIndexByte(tail, '"')
	if text == inXML {
		last = bytes.LastIndexAny(tail, `"'>`)
	}
	quote := len(s) - len(tail) + last
	if last < 0 || text == inJSON && endsOdd(s[:quote], odd) {
		return 0
	}
	for _, f := range [...]*form{&m.plain, &m.escaped} {
		if _, v := f.match(s[quote+1:], text); v == more {
			return len(s) - quote
		}
	}
	return 0
}

// endsOdd tells whether an odd number of backslashes stands at the end of s, so that what follows is escaped. before
// tells the same about what preceded s.
func endsOdd(s []byte, before bool) bool {
	i := len(s)
	for i > 0 && s[i-1] == '\\' {
		i--
	}
	odd := (len(s)-i)%2 == 1
	return odd != (i == 0 && before)
}
