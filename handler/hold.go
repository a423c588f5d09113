package handler

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// headerApproval is the response header with the ID of a held request.
const headerApproval = "X-Jira-Token-Approval"

// maxHeld is the maximum size, in bytes, of the body of a request that is held. The
// gateway must know all of it before anything reaches Jira, so it is kept in memory.
const maxHeld = 2 << 20

// held is a request that must be approved.
type held struct {
	request *HeldRequest
	// passed is set once the request has used its approval up, in case the proxy tries
	// to forward it again.
	passed bool
}

// hold is the step that reads a change that must be approved, so that it is known what
// is approved. Whether it was approved is checked when it is forwarded: what is outside
// the token's confinement is never shown to anybody who approves.
func (h *Handler) hold(r *http.Request, d *Decision) *denial {
	if !d.Record.HoldWrites || !d.changes {
		return nil
	}
	for _, name := range []string{"Content-Type", "Content-Encoding"} {
		if len(r.Header[name]) > 1 {
			return deny(ReasonAmbiguousRequest, "The request has several "+name+" headers. Send one.")
		}
	}
	body, denied := readHeld(r)
	if denied != nil {
		return denied
	}
	if denied := checkReadable(r, body); denied != nil {
		return denied
	}
	request := &HeldRequest{
		Record: d.Record, Method: r.Method, URI: r.URL.EscapedPath(),
		ContentType: r.Header.Get("Content-Type"),
		Body:        body, Digest: sha256.Sum256(body), Address: d.Address, UserAgent: r.UserAgent(),
	}
	if r.URL.RawQuery != "" {
		request.URI += "?" + r.URL.RawQuery
	}
	d.held = &held{request: request}
	return nil
}

// readHeld reads a body and puts a copy in its place.
func readHeld(r *http.Request) ([]byte, *denial) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxHeld+1))
	if refused, ok := errors.AsType[refusedPartError](err); ok {
		return nil, refused.denial
	}
	if err != nil {
		return nil, &denial{reason: ReasonAmbiguousRequest, message: "The request's body could not be read completely.", cause: err}
	}
	if len(body) > maxHeld {
		return nil, deny(ReasonBodyTooLarge, "The changes of this API token must be approved, and the request's body is larger than 2 MiB, which is too large for that. "+
			"Send less at once, or use a token whose changes need no approval.")
	}
	r.Body = &checkedForm{Reader: bytes.NewReader(body), Closer: r.Body}
	return body, nil
}

// checkReadable refuses a body that people could read, but only in another way than Jira:
// whoever approves a request must see what Jira gets.
func checkReadable(r *http.Request, body []byte) *denial {
	if len(body) == 0 {
		return nil
	}
	const lead = "The changes of this API token must be approved by somebody who can read them. "
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	switch {
	case err != nil:
		return deny(ReasonAmbiguousRequest, lead+"Send a valid Content-Type with the request's body.")
	case r.Header.Get("Content-Encoding") != "":
		return deny(ReasonAmbiguousRequest, lead+"Send the body without Content-Encoding.")
	case !IsText(mediaType):
		return nil
	case charset != "" && !strings.EqualFold(charset, "utf-8") && !strings.EqualFold(charset, "us-ascii"), !utf8.Valid(body):
		return deny(ReasonAmbiguousRequest, lead+"Send the body in UTF-8.")
	case isJSON(mediaType) && !jsontext.Value(body).IsValid(): // jsontext refuses duplicate names, of which others read the first or the last
		return deny(ReasonAmbiguousRequest, lead+"The body is not valid JSON, or has a name twice in an object.")
	}
	return nil
}

// IsText reports whether people can read bodies of a media type.
func IsText(mediaType string) bool {
	return isJSON(mediaType) || strings.HasPrefix(mediaType, "text/") || mediaType == "application/x-www-form-urlencoded"
}

func isJSON(mediaType string) bool {
	return mediaType == "application/json" || strings.HasSuffix(mediaType, "+json")
}

func foundHold(_ *Handler, _ *http.Request, d *Decision) string {
	switch {
	case d.held != nil:
		return "it is a change, and must be approved"
	case d.Record.HoldWrites:
		return "it changes nothing, so it needs no approval"
	}
	return "the token's changes need no approval"
}

// wouldBeHeld is the denial of a change that nobody has approved, for Explain.
func wouldBeHeld() *denial {
	return deny(ReasonApprovalRequired, "It would be held: nothing reaches Jira until somebody has approved exactly this request, and it is sent again.")
}

// restore gives a request to Jira the body that was read.
func (h *held) restore(out *http.Request) {
	if h == nil || out.Body == nil || out.Body == http.NoBody {
		return
	}
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(h.request.Body)), int64(len(h.request.Body))
	delete(out.Header, "Expect") // the client's body has been read
}

// admitChange decides whether a request that changes something may be forwarded now: it
// must be approved, if it is held, within the token's limit on writes, and recorded, if
// that is required. It is called last, so that what the gateway refuses is neither shown
// to anybody nor counted. The approval is used up before the request is forwarded: if Jira
// does not answer, nobody knows whether it has made the change. It is used up last, so that
// nobody has to approve again what the gateway did not send.
func (t *Transport) admitChange(r *http.Request, d *Decision) error {
	ctx := r.Context()
	admit := func() error {
		if err := t.takeWrite(ctx, d); err != nil {
			return err
		}
		return t.writeBegins(r, d)
	}
	if d.held == nil || d.held.passed {
		return admit()
	}
	d.held.request.Jira, d.held.request.BaseURL = t.URL, d.publicURL
	approval, err := t.app.Approvals().Check(ctx, d.held.request)
	if err != nil {
		return notApproved(err)
	}
	if approval.State != ApprovalApproved {
		return deniedError{awaits(approval)}
	}
	var refused error
	d.held.passed, err = t.app.Approvals().Use(ctx, d.held.request, approval, func() error {
		refused = admit()
		return refused
	})
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return notApproved(err)
	case d.held.passed:
		return nil
	}
	// Another one was faster, so this one needs an approval of its own.
	if approval, err = t.app.Approvals().Check(ctx, d.held.request); err != nil {
		return notApproved(err)
	}
	return deniedError{awaits(approval)}
}

// awaits denies a request that is not approved.
func awaits(approval Approval) *denial {
	denied := deny(ReasonApprovalRequired, "")
	denied.approval = approval.ID
	until := approval.ExpiresAt.UTC().Format(time.RFC3339)
	if approval.State == ApprovalRejected {
		denied.message = fmt.Sprintf("This change was rejected: %s. Nothing was sent to Jira. Do not send it again.", strings.TrimSuffix(approval.Reason, "."))
		return denied
	}
	denied.message = fmt.Sprintf("The changes of this API token must be approved. Nothing was sent to Jira. The request waits for approval as %s until %s. "+
		"Once it is approved, send exactly the same request again within an hour. Its state: %s", approval.ID, until, approval.URL)
	return denied
}

// notApproved returns the denial of a request about which nothing could be found out.
func notApproved(err error) error {
	switch {
	case errors.Is(err, ErrTooManyApprovals):
		exceeded := &limits.Exceeded{
			Bound: limits.PendingApprovals, Burst: MaxPendingApprovals, FillRate: MaxPendingApprovals, Interval: 24 * time.Hour, RetryAfter: time.Minute,
		}
		return deniedError{tooMany(ReasonRateLimited, exceeded, "Too many requests of this API token wait for approval already, and nothing was sent to Jira.")}
	case errors.Is(err, token.ErrUnavailable):
		return deniedError{storeUnavailable(err)}
	}
	return deniedError{&denial{
		reason: ReasonInternalError, cause: err,
		message: "The gateway could not find out whether this change was approved. Nothing was sent to Jira. Tell an administrator.",
	}}
}
