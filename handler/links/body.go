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

// bufferSize is a little less than the 32 kB buffer of Caddy's reverse_proxy, so that a full buffer usually fits into one
// write even though its URLs have grown. It must exceed Mapper.maxHold, which maxText limits.
const bufferSize = 28 << 10

var buffers = sync.Pool{New: func() any { return new([bufferSize]byte) }}

var errClosed = errors.New("links: read from a closed body")

// Body returns r, a JSON text, with each string that begins with a URL served by the gateway changed to begin with public
// (scheme, host and port, without a trailing slash) instead of the base. URLs inside a string are somebody's text and
// stay. If public would need escaping, Body maps nothing.
//
// Anything that is not JSON passes unchanged. Body uses at most one buffer and delivers data as it arrives, except for the
// possible beginning of a URL, which it holds back until more arrives. Closing the result closes r.
func (m *Mapper) Body(r io.ReadCloser, public string) io.ReadCloser {
	if !isURLText(public) {
		return r
	}
	return &body{mapper: m, source: r, public: public}
}

// XML is like Body for an XML text, where a URL is at the start of an attribute's value or of an element's text, which may
// be a CDATA section.
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
	masked string // public with escaped slashes, as last needed

	closed atomic.Bool
	mu     sync.Mutex // held by Read, so that Close does not release a buffer in use

	buffer *[bufferSize]byte // nil before the first Read and after the end
	ready  []byte            // part of buffer to deliver next, already decided
	insert string            // to deliver after ready
	rest   []byte            // part of buffer after that, still undecided
	odd    bool              // an odd number of backslashes stands right before rest
	hungry bool              // rest cannot be decided before more is read
	err    error             // what ended the source

	ahead []byte // part of whole that was mapped in advance, to deliver before anything else
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

// read delivers mapped text, reading from the source as needed. The caller holds mu.
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

// Close closes the source. It leaves the buffer of a Read in progress to the garbage collector.
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

// release returns the buffer to the pool, once. The caller holds mu.
func (b *body) release() {
	if b.buffer != nil {
		buffers.Put(b.buffer)
		b.buffer, b.ready, b.rest = nil, nil, nil
	}
}

// fill reads from the source and appends to rest.
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

// decide moves data from rest to ready: up to the next URL to map or, if there is none, up to the possible beginning of a
// URL at the end.
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

// publicBefore returns the public URL with its slashes escaped if those of path, which follows it, are.
func (b *body) publicBefore(path []byte) string {
	if path[0] != '\\' {
		return b.public
	}
	slash := slashAt(path)
	if !strings.Contains(b.masked, slashes[slash]) {
		b.masked = strings.ReplaceAll(b.public, "/", slashes[slash])
	}
	return b.masked
}

// slashAt returns the index in slashes of the slash with which s begins; 0 if it begins with none.
func slashAt(s []byte) int {
	for i, slash := range slashes {
		if bytes.HasPrefix(s, []byte(slash)) {
			return i
		}
	}
	return 0
}

// find returns the index of the first URL to map in s and the length of its base, which is 0 if there is none.
func (m *Mapper) find(s []byte, text place, odd bool) (start, n int) {
	for colon := nextColon(s, 0); colon >= 0; colon = nextColon(s, colon+1) {
		quote := openerBefore(s, text, colon)
		if quote < 0 || text == inJSON && endsOdd(s[:quote], odd) {
			continue
		}
		f := &m.forms[0]
		if s[colon+1] == '\\' {
			f = &m.forms[slashAt(s[colon+1:])]
		}
		if n, v := f.match(s[quote+1:], text); v == yes {
			return quote + 1, n
		}
	}
	return 0, 0
}

// nextColon returns the index, from i on, of a colon followed by / or \, or -1. In JSON this pair is the rarest part of a
// URL's beginning. Mapping spends most of its time here, so nextColon checks 16 bytes at a time.
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

// colonSlash sets the high bit of each byte that is a colon in a and / or \ in b. Only the lowest set bit is reliable:
// (x-each)&^x sets the high bit of each byte of x that is 0 but, because of the borrow, maybe also of a 1 above it.
func colonSlash(a, b []byte) uint64 {
	const each = 0x0101010101010101
	colon, after := binary.LittleEndian.Uint64(a)^':'*each, binary.LittleEndian.Uint64(b)
	slash, backslash := colon|(after^'/'*each), colon|(after^'\\'*each)
	return ((slash-each)&^slash | (backslash-each)&^backslash) & (0x80 * each)
}

// openerBefore returns the index of the quote in "http: or "https: whose colon is s[colon], or -1.
func openerBefore(s []byte, text place, colon int) int {
	const short, long = len(`"http`), len(`"https`)
	switch {
	case colon < short || s[colon] != ':':
		return -1
	case opens(text, s[colon-short]):
		return colon - short
	case colon >= long && opens(text, s[colon-long]):
		return colon - long
	case text == inXML && bytes.HasSuffix(s[:colon-short+1], []byte(">"+cdata)):
		return colon - short
	case text == inXML && colon >= long && bytes.HasSuffix(s[:colon-long+1], []byte(">"+cdata)):
		return colon - long
	default:
		return -1
	}
}

// opens reports whether a URL can begin after c.
func opens(text place, c byte) bool {
	return c == '"' || text == inXML && (c == '>' || c == '\'')
}

// cdata begins the text of an element that is a CDATA section.
const cdata = "<![CDATA["

// undecided returns the length of the suffix of s that may be a quote and the beginning of a URL to map. It only looks at
// the last quote: there is none inside a URL.
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
	after := s[quote+1:]
	if text == inXML {
		if len(after) < len(cdata) && strings.HasPrefix(cdata, string(after)) {
			return len(s) - quote
		}
		after = bytes.TrimPrefix(after, []byte(cdata))
	}
	for i := range m.forms {
		if _, v := m.forms[i].match(after, text); v == more {
			return len(s) - quote
		}
	}
	return 0
}

// endsOdd reports whether s ends in an odd number of backslashes, which escape what follows. before says the same of the
// text before s.
func endsOdd(s []byte, before bool) bool {
	i := len(s)
	for i > 0 && s[i-1] == '\\' {
		i--
	}
	odd := (len(s)-i)%2 == 1
	return odd != (i == 0 && before)
}
