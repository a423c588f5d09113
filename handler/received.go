package handler

import (
	"io"
	"net/http"
)

// receivedBody is the body of a response on its way to the client. It counts the bytes
// that were read.
type receivedBody struct {
	io.ReadCloser
	n uint64
}

// Read implements io.Reader.
func (b *receivedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += uint64(max(0, n)) //nolint:gosec // G115: not negative
	return n, err
}

// counting makes the decision count the body of a response. It needs no allocation.
func (d *Decision) counting(response *http.Response) *http.Response {
	d.received.ReadCloser = response.Body
	response.Body = &d.received
	return response
}
