package handler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/handler/redact"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// maxConfinedError is how much of Jira's error body is read, in bytes.
const maxConfinedError = 64 << 10

// confined is the request of a token that sees only a part of Jira, as far as it
// has been checked.
type confined struct {
	guard     *confine.Guard
	view      *confine.View
	operation jira.Match
	changes   bool
	// body is the request's body, if the operation's rule reads it.
	body []byte
	// explains is set if the request is only explained to an administrator.
	explains bool
	// admission says what is inside. It is set once Jira has been asked.
	admission *confine.Admission
}

// admit checks that everything the request names is inside, and rewrites out, the
// request to Jira, so that it finds nothing else.
func (c *confined) admit(out *http.Request, asked confine.Jira) error {
	request := &confine.Request{
		Method: out.Method, Changes: c.changes, Match: c.operation,
		RawQuery: out.URL.RawQuery, Body: c.body, Explain: c.explains,
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
// cannot limit to what is inside; nil if the request goes to Jira.
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

// answer returns Jira's response as the token may see it. The error is a
// *confine.Error if all of the response is outside.
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
	delete(in.Header, "Content-Length") // it would reveal how much was removed
	switch {
	case in.StatusCode == http.StatusNoContent, in.StatusCode == http.StatusResetContent, response.Request != nil && response.Request.Method == http.MethodHead:
		return &in, nil
	case c.operation.Confinement.Answer != redact.Empty && textWithLinks(&in) != textJSON:
		return nil, jira.NotJiraError{Why: "something other than JSON came, which cannot be confined"}
	}
	passed, length, err := redact.Body(c.operation.Confinement.Answer, response.Body, c.admission)
	switch {
	case errors.Is(err, redact.ErrOutside) && c.changes:
		setBody(&in, []byte(`{}`)) // an error would suggest that the change was not made
		return &in, nil
	case err != nil:
		return nil, redactionError(err)
	}
	in.Body, in.ContentLength = passed, length
	if paging := c.admission.Paging(); paging != nil {
		return paged(&in, paging)
	}
	if length >= 0 {
		in.Header["Content-Length"] = []string{strconv.FormatInt(length, 10)}
	}
	return &in, nil
}

// paged returns the page that the client asked for of a list that was collected whole.
func paged(in *http.Response, paging *confine.Paging) (*http.Response, error) {
	whole, err := io.ReadAll(in.Body)
	if err == nil {
		whole, err = paging.Page(whole)
	}
	if err != nil {
		return nil, redactionError(err)
	}
	setBody(in, whole)
	return in, nil
}

// failed replaces Jira's error texts, which can name what is outside.
func (c *confined) failed(in *http.Response) (*http.Response, error) {
	if in.StatusCode == http.StatusNotFound {
		return nil, errOutside
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

// errOutside uses Jira's own words.
var errOutside = &confine.Error{Kind: confine.Outside, Message: "It does not exist or you do not have permission to see it."}

// redactionError returns the error for a response that cannot be redacted.
func redactionError(err error) error {
	if errors.Is(err, redact.ErrOutside) {
		return errOutside
	}
	return jira.NotJiraError{Why: "the answer cannot be confined: " + err.Error()}
}

// askConfined checks for Explain what the request names. It sends nothing but the
// guard's questions.
func (d *Decision) askConfined(out *http.Request, q Question) *denial {
	d.confined.explains = true
	err := d.Account.Ask(out.Context(), q.Transport, q.Jira, func(asker jira.Asker) error { return d.confined.admit(out, asker) })
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

// confinedHeaders are the headers of a redacted response that pass, if they pass at
// all. ETag, Link, Content-Location, Warning and digests could reveal something
// about what was removed.
var confinedHeaders = canonical([]string{
	"Content-Type", "Content-Language", "Cache-Control", "Expires", "Pragma", "Vary", "Date", "Via", "Connection",
	"Content-Security-Policy", "X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy",
	"Allow", "Location", "Deprecation", "Sunset", "Retry-After", "X-ARequestId", "X-Request-Id", "X-Trace-Id", "Atl-Request-Id", "Atl-TraceId",
	"RateLimit", "RateLimit-Policy", "RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset", "RateLimit-Reason",
	"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "X-RateLimit-NearLimit", "X-RateLimit-Reason",
	"X-RateLimit-FillRate", "X-RateLimit-Interval-Seconds",
})

// fileHeaders are the headers of a file that pass.
var fileHeaders = canonical(contentHeaders, []string{
	"Content-Disposition", "Accept-Ranges", "Content-Range", "Content-MD5", "Content-Digest", "Repr-Digest", "Digest",
	"Location", "Retry-After", "X-ARequestId", "X-Request-Id", "X-Trace-Id", "Atl-Request-Id", "Atl-TraceId",
})

// asker returns what the guard asks Jira with: the account that the request is
// forwarded with.
func (t *Transport) asker(account *jira.Account) confine.Jira {
	return jira.Asker{Transport: t.upstream, URL: t.URL, Account: account}
}
