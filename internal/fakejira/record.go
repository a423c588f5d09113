package fakejira

import (
	"io"
	"net/http"
	"sort"
	"sync"
)

// recordedBody is the maximum number of body bytes to record.
const recordedBody = 64 << 10

// Header is a header field as received.
type Header struct{ Name, Value string }

// Request is a request as received, before any interpretation.
type Request struct {
	// Method and RequestURI are taken verbatim from the request line.
	Method, RequestURI string
	// Proto is HTTP/1.1 or HTTP/2.0.
	Proto string
	// Host is the Host header or :authority.
	Host string
	// RemoteAddr is the address of the peer.
	RemoteAddr string
	// Headers are all header fields, sorted by name, because net/http preserves
	// the order of the values of a field but not that of the fields.
	Headers []Header
	// Body is the beginning of what the server read of the body, and BodySize the
	// number of bytes it read.
	Body     []byte
	BodySize int64
	// Account is the authenticated user, or empty.
	Account string
	// Operation is the template of the operation that handled the request, or
	// empty.
	Operation string
	// Status is the response's status; 0 until there is one.
	Status int
}

// Header returns the values of a header field. The name is case-insensitive.
func (r Request) Header(name string) []string {
	var values []string
	for _, h := range r.Headers {
		if h.Name == http.CanonicalHeaderKey(name) {
			values = append(values, h.Value)
		}
	}
	return values
}

// recorder records the most recent requests. It is safe for concurrent use.
type recorder struct {
	mu    sync.Mutex
	limit int
	list  []*Request
}

// begin records a request and wraps its body to record what the handler reads of
// it. Requests are recorded even if they never complete.
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
		// Dropping a tenth at a time keeps the amortized cost constant.
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

// update changes an entry while holding the recorder's lock.
func (rec *recorder) update(change func()) {
	rec.mu.Lock()
	defer rec.mu.Unlock()
	change()
}

// all returns copies of the entries, and clears the record if take is set.
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

// recordedReader records what is read through it.
type recordedReader struct {
	io.ReadCloser
	rec   *recorder
	entry *Request
}

// Read implements io.Reader.
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

// statusWriter records the status of a response.
type statusWriter struct {
	http.ResponseWriter
	rec   *recorder
	entry *Request
}

// WriteHeader records the first status that is not informational.
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
