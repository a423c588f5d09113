package handler

import (
	"errors"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Limits on reading the body of a denied request. Clients may not read the answer
// before they have sent everything, and closing a connection with unread data
// resets it, which loses the answer.
const (
	// maxDrained is the maximum number of bytes to read before the answer.
	maxDrained = 1 << 20
	// drainTime is how long to read before the answer, drainIdle how long to wait
	// for more data.
	drainTime = 5 * time.Second
	drainIdle = time.Second
	// lingerTime is how long to read a larger or slower body after the answer.
	lingerTime = 2 * time.Second
	// expectTime replaces it for clients that sent "Expect: 100-continue".
	expectTime = 500 * time.Millisecond
)

// drain reads the rest of a denied request's body and reports whether it reached
// the end. It does not read if the client sent "Expect: 100-continue": that would
// ask for the body. HTTP/2 and HTTP/3 need no draining: they can end a request
// before its body.
func drain(w http.ResponseWriter, r *http.Request) (done bool) {
	if !hasBody(r) {
		return true
	}
	if r.Header.Get("Expect") != "" {
		return false
	}
	control := http.NewResponseController(w)
	end := time.Now().Add(drainTime)
	buf := make([]byte, 16<<10)
	for read := 0; read < maxDrained; {
		next := time.Now().Add(drainIdle)
		if next.After(end) {
			next = end
		}
		if control.SetReadDeadline(next) != nil {
			return false // without a deadline the wait has no limit
		}
		n, err := r.Body.Read(buf)
		read += n
		if err != nil {
			done = errors.Is(err, io.EOF)
			break
		}
	}
	if done {
		_ = control.SetReadDeadline(time.Time{}) // the server sets one for the next request
	}
	return done
}

// linger keeps reading an unfinished body after the answer, because the client may
// still be sending. Then the server closes the connection.
func linger(w http.ResponseWriter, r *http.Request) {
	control, bound := http.NewResponseController(w), lingerTime
	if r.Header.Get("Expect") != "" {
		bound = expectTime
	}
	if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(bound)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // until the end of the body, a disconnect or the deadline
}

// drainOrClose drains a request before its answer. If that does not reach the end
// of the body, it has the connection closed, and keeps net/http from reading on:
// net/http would ask for the body, and has no deadline.
func drainOrClose(w http.ResponseWriter, r *http.Request) (done bool) {
	if drain(w, r) {
		return true
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).EnableFullDuplex() // HTTP/1 supports it
	return false
}

func hasBody(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// sharedBody is a request body with two readers: net/http may still be reading it
// after RoundTrip has returned an error, while the rest is being drained.
// https://pkg.go.dev/net/http#RoundTripper
type sharedBody struct {
	mu sync.Mutex
	io.ReadCloser
}

// Read implements io.Reader.
func (b *sharedBody) Read(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ReadCloser.Read(p)
}

// undrained is a request body that stays open when the proxy closes it: if Jira
// fails in the middle, the rest must still be drained.
type undrained struct {
	io.ReadCloser
	closed atomic.Bool
}

// Read implements io.Reader.
func (b *undrained) Read(p []byte) (int, error) {
	if b.closed.Load() {
		return 0, http.ErrBodyReadAfterClose
	}
	return b.ReadCloser.Read(p)
}

// Close implements io.Closer. The server closes the body itself.
func (b *undrained) Close() error {
	b.closed.Store(true)
	return nil
}
