package handler

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync/atomic"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// maxKept is the maximum size, in bytes, of a body that is buffered so that a read
// by POST can be retried.
const maxKept = 64 << 10

// clientBody is a request body that remembers if the client failed to send it:
// such a failure must not count against the upstream.
type clientBody struct {
	io.ReadCloser
	failed atomic.Pointer[error]
}

func (b *clientBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	// net/http closes the body if Jira answers before its end.
	if err != nil && err != io.EOF && !errors.Is(err, http.ErrBodyReadAfterClose) {
		b.failed.CompareAndSwap(nil, &err)
	}
	return n, err
}

// err returns the client's failure to send its body, if any.
func (b *clientBody) err() error {
	if b == nil {
		return nil
	}
	if failed := b.failed.Load(); failed != nil {
		return clientError{*failed}
	}
	return nil
}

// clientError says that the client failed to send its body.
type clientError struct{ error }

func (e clientError) Unwrap() error { return e.error }

// bodyDenial returns the denial for a client that failed to send its body; nil if
// the client is gone and there is nobody to answer.
func bodyDenial(failed error) *denial {
	if refused, ok := errors.AsType[refusedPartError](failed); ok {
		return refused.denial
	}
	if errors.Is(failed, io.ErrUnexpectedEOF) || errors.Is(failed, context.Canceled) || errors.As(failed, new(net.Error)) {
		return nil
	}
	return &denial{
		reason: ReasonAmbiguousRequest, message: "The request's body could not be read completely: it is malformed or too large.",
		cause: failed,
	}
}

// watchBody wraps the request's body in a clientBody and returns it; nil if there
// is no body.
func watchBody(r *http.Request) *clientBody {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	body := &clientBody{ReadCloser: r.Body}
	r.Body = body
	return body
}

// deliver sends a request to Jira; it may modify the request. A read is retried
// once if its connection breaks: Jira may close an idle connection just as the
// request arrives. A change is never retried: Jira may have made it.
func (t *Transport) deliver(out *http.Request, access jira.Access) (*http.Response, error) {
	body := watchBody(out)
	if access.Changes() {
		response, err := t.upstream.RoundTrip(out)
		return response, blame(body.err(), err)
	}
	if err := keepBody(out); err != nil {
		return nil, blame(body.err(), err)
	}
	if jira.AccessByMethod(out.Method) != jira.AccessRead {
		// net/http retries requests that it considers idempotent. An empty
		// Idempotency-Key, which is not sent, marks reads by POST as such.
		// https://pkg.go.dev/net/http#Transport
		out.Header["Idempotency-Key"] = []string{}
	}
	response, err := t.upstream.RoundTrip(out)
	if err == nil || !broke(err) || body.err() != nil || out.Context().Err() != nil || out.Body != nil && out.GetBody == nil {
		return response, blame(body.err(), err)
	}
	again := *out
	if out.GetBody != nil {
		if again.Body, err = out.GetBody(); err != nil {
			return nil, err
		}
	}
	return t.upstream.RoundTrip(&again)
}

// blame returns the client's failure, if any, instead of the error it caused.
func blame(client, err error) error {
	if err != nil && client != nil {
		return client
	}
	return err
}

// broke reports whether the connection broke while the request was being sent.
// net/http retries when the response cannot be read, but not when the request
// cannot be written to its end.
func broke(err error) bool {
	operation, ok := errors.AsType[*net.OpError](err)
	return ok && operation.Op != "dial" && !operation.Timeout()
}

// keepBody buffers a small body so that it can be sent again. A larger one is
// streamed.
func keepBody(out *http.Request) error {
	if out.Body == nil || out.Body == http.NoBody || out.ContentLength > maxKept {
		return nil
	}
	source := out.Body
	kept, err := io.ReadAll(io.LimitReader(source, maxKept+1))
	if err != nil {
		return err
	}
	if len(kept) > maxKept {
		out.Body = struct {
			io.Reader
			io.Closer
		}{io.MultiReader(bytes.NewReader(kept), source), source}
		return nil
	}
	out.ContentLength = int64(len(kept))
	out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(kept)), nil }
	out.Body, err = out.GetBody()
	return err
}
