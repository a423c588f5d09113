package fakejira

import (
	"io"
	"net/http"
	"sort"
	"sync"
)

// recordedBody is how much of a request's body is kept.
const recordedBody = 64 << 10

// Header is one header field as it reached the server.
type Header struct{ Name, Value string }

// Request is what reached the server, before any of it was interpreted.
type Request struct {
	// Method and RequestURI are those of the request line, byte for byte.
	Method, RequestURI string
	// Proto is HTTP/1.1 or HTTP/2.0.
	Proto string
	// Host is the Host header or :authority.
	Host string
	// RemoteAddr is the address of the peer.
	RemoteAddr string
	// Headers are all fields. net/http keeps the order of the values of one
	// field but not of the fields, so these are sorted by name.
	Headers []Header
	// Body is the beginning of the body, as far as the server read it, and
	// BodySize how much it read.
	Body     []byte
	BodySize int64
	// Account is the user that the request was authenticated as; empty when
	// it was not.
	Account string
	// Operation is the template of the operation that served it; empty when
	// none did.
	Operation string
	// Status is the status of the answer; 0 while there is none.
	Status int
}

// Header returns the values of a header field, whose name is compared in
// canonical form.
func (r Request) Header(name string) []string {
	var values []string
	for _, h := range r.Headers {
		if h.Name == http.CanonicalHeaderKey(name) {
			values = append(values, h.Value)
		}
	}
	return values
}

// recorder keeps the latest requests. It is safe for concurrent use.
type recorder struct {
	mu    sync.Mutex
	limit int
	list  []*Request
}

// begin records a request that has just arrived and wraps its body, so that
// what the handler reads of it is recorded too. A request that never ends is
// recorded all the same.
func (rec *recorder) begin(r *http.Request) *Request {
	entry := &Request{
		Method:     r.Method,
		RequestURI: r.RequestURI,
		Proto:      r.Proto,
		Host:       r.Host,
		RemoteAddr: r.RemoteAddr,
		Headers:    sortedHeaders(r.Header),
	}
	rec.mu.Lock()
	if len(rec.list) >= rec.limit {
		// Dropping a tenth at once keeps the cost of a full list per request constant.
		drop := rec.limit/10 + 1
		rec.list = append(rec.list[:0:0], rec.list[min(drop, len(rec.list)):]...)
	}
	rec.list = append(rec.list, entry)
	rec.mu.Unlock()
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = &recordedReader{ReadCloser: r.Body, rec: rec, entry: entry}
	}
	return entry
}

// update changes an entry under the recorder's lock.
func (rec *recorder) update(change func()) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change()
}

// all returns copies of the entries, and forgets them when take is set.
func (rec *recorder) all(take bool) []Request {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	out := make([]Request, len(rec.list))
	for i, entry := range rec.list {
		out[i] = *entry
		out[i].Body = append([]byte(nil), entry.Body...)
	}
	if take {
		rec.list = nil
	}
	return out
}

// recordedReader notes what is read through it.
type recordedReader struct {
	io.ReadCloser
	rec   *recorder
	entry *Request
}

// Read passes on what it reads, keeping the beginning.
func (r *recordedReader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if n > 0 {
		r.rec.update(func() {
			r.entry.BodySize += int64(n)
			if room := recordedBody - len(r.entry.Body); room > 0 {
				r.entry.Body = append(r.entry.Body, p[:min(n, room)]...)
			}
		})
	}
	return n, err
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	rec   *recorder
	entry *Request
}

// WriteHeader notes the first status that is not merely informational.
func (w *statusWriter) WriteHeader(status int) {
	if status >= 200 {
		w.rec.update(func() {
			if w.entry.Status == 0 {
				w.entry.Status = status
			}
		})
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implies status 200, as in net/http.
func (w *statusWriter) Write(p []byte) (int, error) {
	w.rec.update(func() {
		if w.entry.Status == 0 {
			w.entry.Status = http.StatusOK
		}
	})
	return w.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// sortedHeaders lists header fields by name.
func sortedHeaders(h http.Header) []Header {
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	sort.Strings(names)
	var list []Header
	for _, name := range names {
		for _, value := range h[name] {
			list = append(list, Header{name, value})
		}
	}
	return list
}
