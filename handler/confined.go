package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/handler/redact"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// maxConfinedError is how much of Jira's error body is read, in bytes.
const maxConfinedError = 64 << 10

// confined is what is known about the request of a token that sees only a part of
// Jira.
type confined struct {
	guard     *confine.Guard
	view      *confine.View
	operation jira.Match
	changes   bool
	// body is the request's body, if the operation's rule reads it.
	body []byte
	// admission is set once Jira has been asked. It says what is inside.
	admission *confine.Admission
}

// admit checks that all that the request names is inside, and changes out, which
// is for Jira, so that it finds nothing else.
func (c *confined) admit(out *http.Request, asked confine.Jira) error {
	request := &confine.Request{
		Method: out.Method, Changes: c.changes, Match: c.operation,
		RawQuery: out.URL.RawQuery, Body: c.body,
	}
	admission, err := c.guard.Admit(out.Context(), c.view, asked, request)
	if err != nil {
		return err
	}
	c.admission = admission
	u := *out.URL
	u.RawQuery = request.RawQuery
	out.URL = &u
	if c.readsBody() {
		out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(request.Body)), int64(len(request.Body))
		delete(out.Header, "Expect") // the client's body has been read
	}
	if !c.isBinary() {
		// The answer must be JSON, whole and readable, to be redacted.
		out.Header["Accept"] = []string{"application/json"}
		for _, name := range []string{"Accept-Encoding", "Accept-Charset", "Range", "If-Range", "If-None-Match", "If-Modified-Since"} {
			delete(out.Header, name)
		}
	}
	return nil
}

// ownAnswer returns a response with the guard's own answer, for lists that Jira
// does not limit to what is inside; nil if the request goes to Jira.
func (c *confined) ownAnswer(out *http.Request) *http.Response {
	if c == nil || c.admission.Answer() == nil {
		return nil
	}
	answer := c.admission.Answer()
	return &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: out,
		Header: http.Header{"Content-Type": {"application/json;charset=UTF-8"}},
		Body:   io.NopCloser(bytes.NewReader(answer)), ContentLength: int64(len(answer)),
	}
}

func (c *confined) readsBody() bool { return readsBody(c.operation.Confinement) }

// isBinary reports whether the operation's answer is a file.
func (c *confined) isBinary() bool { return c.operation.Confinement.Answer == redact.Binary }

// answer returns Jira's response as the token may see it, or an error: a
// *confine.Error if what it holds is outside.
func (c *confined) answer(response *http.Response) (*http.Response, error) {
	in := *response
	switch {
	case in.StatusCode >= http.StatusBadRequest:
		return c.failed(&in)
	case c.isBinary():
		keep(in.Header, fileHeaders)
		return &in, nil
	case in.StatusCode >= http.StatusMultipleChoices:
		return nil, jira.NotJiraError{Why: fmt.Sprintf("an unexpected redirect came (HTTP %d)", in.StatusCode)}
	}
	keep(in.Header, confinedHeaders)
	if in.StatusCode != http.StatusCreated {
		delete(in.Header, "Location")
	}
	in.Trailer = nil
	delete(in.Header, "Content-Length") // it would tell how much was removed
	switch {
	case in.StatusCode == http.StatusNoContent, in.StatusCode == http.StatusResetContent, response.Request != nil && response.Request.Method == http.MethodHead:
		return &in, nil
	case c.operation.Confinement.Answer != redact.Empty && textWithLinks(&in) != textJSON:
		return nil, jira.NotJiraError{Why: "something other than JSON came, which cannot be confined"}
	}
	var err error
	in.Body, err = redact.Body(c.operation.Confinement.Answer, response.Body, c.admission)
	switch {
	case errors.Is(err, redact.ErrOutside) && c.changes:
		setBody(&in, []byte(`{}`)) // the change was made: only what it made is not shown
		return &in, nil
	case err != nil:
		return nil, redactionError(err)
	}
	if in.ContentLength > 0 {
		in.ContentLength = -1
	}
	return &in, nil
}

// failed replaces Jira's error texts, which name what is outside.
func (c *confined) failed(in *http.Response) (*http.Response, error) {
	if in.StatusCode == http.StatusNotFound {
		return nil, &confine.Error{Kind: confine.Outside, Message: "It does not exist or you do not have permission to see it."}
	}
	text, err := io.ReadAll(io.LimitReader(in.Body, maxConfinedError))
	_ = in.Body.Close()
	if err != nil {
		return nil, err
	}
	keep(in.Header, confinedHeaders)
	delete(in.Header, "Location")
	in.Trailer = nil
	setBody(in, redact.Failure(in.StatusCode, text, c.admission))
	return in, nil
}

// redactionError turns what keeps a response from being redacted into what the
// client is told.
func redactionError(err error) error {
	if errors.Is(err, redact.ErrOutside) {
		return &confine.Error{Kind: confine.Outside, Message: "It does not exist or you do not have permission to see it."}
	}
	return jira.NotJiraError{Why: "the answer cannot be confined: " + err.Error()}
}

// askConfined admits a request for Explain.
func (d *Decision) askConfined(out *http.Request, asked confine.Jira) *denial {
	err := d.confined.admit(out, asked)
	if refused, ok := errors.AsType[*confine.Error](err); ok {
		return confinedDenial(d, refused)
	}
	return nil
}

// confinedDenial turns the guard's refusal into a denial.
func confinedDenial(d *Decision, err *confine.Error) *denial {
	if refused, ok := errors.AsType[jira.RefusedError](err.Err); ok && err.Kind == confine.Unanswered {
		return accountRefused(d, refused)
	}
	denied := &denial{message: err.Message, cause: err.Err, hint: err.Hint, project: err.Project}
	switch err.Kind {
	case confine.Outside:
		denied.reason = ReasonOutsideConfinement
	case confine.NotConfinable:
		denied.reason = ReasonNotConfinable
	case confine.BadQuery:
		denied.reason = ReasonJQLNotConfinable
	case confine.Ambiguous:
		denied.reason = ReasonAmbiguousRequest
	case confine.Unanswered:
		denied.reason = ReasonJiraUnreachable
	default:
		denied.reason = ReasonNotConfinable
	}
	return denied
}

// confinedHeaders are the response headers that a confined token gets, of those
// that pass at all. ETag, Link, Content-Location, Warning and digests can speak of
// what was removed.
var confinedHeaders = canonical([]string{
	"Content-Type", "Content-Language", "Cache-Control", "Expires", "Pragma", "Vary", "Date", "Via", "Connection",
	"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy",
	"Allow", "Location", "Deprecation", "Sunset", "Retry-After", "X-ARequestId", "X-Request-Id", "X-Trace-Id", "Atl-Request-Id", "Atl-TraceId",
	"RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Reason",
	"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-NearLimit", "X-RateLimit-Reason",
	"X-RateLimit-FillRate", "X-RateLimit-Interval-Seconds",
})

// fileHeaders are those that come with a file.
var fileHeaders = canonical(contentHeaders, []string{
	"Content-Disposition", "Accept-Ranges", "Content-Range", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest",
	"Location", "Retry-After", "X-ARequestId", "X-Request-Id", "X-Trace-Id", "Atl-Request-Id", "Atl-TraceId",
})

// asker returns how the guard asks Jira about a request that is made out for it.
func (t *Transport) asker(account *jira.Account) confine.Jira {
	return jira.Asker{Transport: t.upstream, URL: t.URL, Account: account}
}
