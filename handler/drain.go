package handler

import (
	"errors"
	"io"
	"net/http"
	"sync/atomic"
	"time"
)

// How much of a refused request's body is read, and for how long, so that its
// client, which may not read before it has sent everything, gets the answer. A
// connection that is closed on unread data is reset, and the answer is lost on
// the way.
const (
	// maxDrained bounds the bytes that are read before the answer.
	maxDrained = 1 << 20
	// drainTime bounds the time before the answer, drainIdle the time within it
	// in which nothing arrives.
	drainTime = 5 * time.Second
	drainIdle = time.Second
	// lingerTime bounds the reading after the answer, of what is larger or slower.
	lingerTime = 2 * time.Second
	// expectTime bounds it for clients that said they would wait to be asked.
	expectTime = 500 * time.Millisecond
)

// drain reads the rest of a refused request's body and reports whether it came
// to its end. Who waits to be asked for the body ("Expect: 100-continue") is not
// asked: reading would. HTTP/2 and 3 end a request without its body.
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
			return false // nothing could bound the wait
		}
		n, err := r.Body.Read(buf)
		read += n
		if err != nil {
			done = errors.Is(err, io.EOF)
			break
		}
	}
	if done {
		_ = control.SetReadDeadline(time.Time{}) // the server sets the next request's own
	}
	return done
}

// linger reads on after the answer was sent, where the body has not ended: the
// client may still be sending. The connection is closed after it.
func linger(w http.ResponseWriter, r *http.Request) {
	control, bound := http.NewResponseController(w), lingerTime
	if r.Header.Get("Expect") != "" {
		bound = expectTime
	}
	if control.Flush() != nil || control.SetReadDeadline(time.Now().Add(bound)) != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body) // it ends with the body, the client, or the time
}

// drainOrClose drains a request before its answer. A connection on which the body
// did not come to its end serves no other request; net/http must not read on
// itself either, which would ask for a body that is not wanted and has no bound
// in time.
func drainOrClose(w http.ResponseWriter, r *http.Request) (done bool) {
	if drain(w, r) {
		return true
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).EnableFullDuplex() // known to HTTP/1, which this is
	return false
}

func hasBody(r *http.Request) bool {
	return r.ProtoMajor == 1 && r.ContentLength != 0 && r.Body != nil && r.Body != http.NoBody
}

// undrained is a request's body whose reader, the proxy, may close it without
// ending it for good: when Jira fails in the middle of it, the rest is still to
// be drained.
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

// Close implements io.Closer. The server closes the body itself, in the end.
func (b *undrained) Close() error {
	b.closed.Store(true)
	return nil
}
