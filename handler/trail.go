package handler

import (
	"context"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Trail records in the audit trail what requests with a token did to Jira, and which
// were denied. Nothing that is recorded holds a query, a body or a credential.
type Trail interface {
	// Denied records a denied request. It calls describe unless the request is counted
	// together with others of its kind. An error, which wraps token.ErrUnavailable,
	// means that the trail is strict and could not be written.
	Denied(ctx context.Context, kind DenialKind, at time.Time, describe func() Recorded) error
	// WriteBegins is called before a request that changes something is sent to Jira. If
	// it returns an error, which wraps token.ErrUnavailable, the request must not be
	// sent. It calls describe only if the trail is strict.
	WriteBegins(ctx context.Context, describe func() Recorded) error
	// Wrote records that Jira has answered such a request.
	Wrote(ctx context.Context, write Recorded)
}

// Recorded is what the audit trail says about a request.
type Recorded struct {
	At time.Time
	// Token is the record of the request's token, or nil if it had no valid one.
	// ClaimedTokenID is then the ID in an invalid one.
	Token          *token.Record
	ClaimedTokenID string
	Address        netip.Addr
	UserAgent      string
	Method, Path   string
	// Operation and Access are empty unless the request was classified.
	Operation, Access string
	Account           string
	Project, Issue    string
	// Reason is why the request was denied, with this Status. Otherwise Status is
	// Jira's, as is JiraRequestID.
	Reason        Reason
	Status        int
	JiraRequestID string
}

// DenialKind identifies denials that are alike: those of one token, or of one client
// network if no token was found, for one reason and one operation.
type DenialKind struct {
	Reason    Reason
	TokenID   string
	Network   netip.Prefix
	Operation string
}

func (d *Decision) denialKind() DenialKind {
	kind := DenialKind{Reason: d.denied.reason, Operation: d.operationName()}
	if d.Record != nil {
		kind.TokenID = d.Record.ID
		return kind
	}
	kind.Network = limits.NetworkOf(d.failingAddress())
	return kind
}

// recordDenial records a denied request, once. If that is required and impossible, it
// replaces the denial with one that says so.
func (d *Decision) recordDenial(trail Trail, r *http.Request) {
	if d.denied == nil || d.denied.recorded {
		return
	}
	d.denied.recorded = true
	err := trail.Denied(r.Context(), d.denialKind(), d.now, func() Recorded {
		recorded := d.recorded(r)
		recorded.Reason, recorded.Status = d.denied.reason, d.denied.reason.status()
		if d.denied.project != "" {
			recorded.Project = d.denied.project
		}
		return recorded
	})
	if err != nil && d.denied.reason != ReasonStoreUnavailable {
		d.denied = notOnRecord(err)
		d.denied.recorded = true // as what it replaces
	}
}

// notOnRecord denies a request because the audit trail, which is strict, cannot be
// written.
func notOnRecord(err error) *denial {
	denied := storeUnavailable(err)
	denied.message = "The gateway cannot write to its audit trail at the moment, without which it does not accept this request. Nothing is wrong with the request: try again in a few seconds."
	return denied
}

// writeBegins records, if that is required, that the request is about to be sent to
// Jira.
func (t *Transport) writeBegins(r *http.Request, d *Decision) error {
	if !d.changes {
		return nil
	}
	if err := t.app.Trail().WriteBegins(r.Context(), func() Recorded { return d.recorded(r) }); err != nil {
		return unrecordedError{err}
	}
	return nil
}

// wrote records Jira's answer to a request that changes something.
func (t *Transport) wrote(r *http.Request, d *Decision, response *http.Response) {
	if !d.changes {
		return
	}
	recorded := d.recorded(r)
	recorded.Status, recorded.JiraRequestID = response.StatusCode, jiraRequestID(response.Header)
	if key := createdIssue(d.operation, response); key != "" {
		recorded.Issue, recorded.Project = key, projectOf(key)
	}
	// Jira has made the change, even if the client no longer waits for the answer.
	t.app.Trail().Wrote(context.WithoutCancel(r.Context()), recorded)
}

// unrecordedError reports that the request was not sent because the audit trail could
// not be written.
type unrecordedError struct{ error }

func (e unrecordedError) Unwrap() error { return e.error }

// recorded returns what the audit trail says about the client's request, which r is or
// was made from.
func (d *Decision) recorded(r *http.Request) Recorded {
	if d.request != nil {
		r = d.request
	}
	recorded := Recorded{
		At: d.now, Token: d.Record, Address: d.Address, UserAgent: token.Claim(r.UserAgent()),
		Method: loggable(r.Method, maxLoggedMethod), Path: recordedPath(d.shownPath(r)), Operation: d.operationName(),
	}
	if d.Record == nil {
		recorded.ClaimedTokenID = d.presented.ID() // nobody has proved to hold that token
	} else {
		recorded.Account = d.Record.Account
	}
	if d.classified {
		recorded.Access = d.Access.String()
		recorded.Project, recorded.Issue = named(d.operation)
	}
	return recorded
}

// operationName returns the operation in the table, such as POST /rest/api/2/issue.
func (d *Decision) operationName() string {
	if !d.classified || d.operation.Template == "" {
		return ""
	}
	return d.operation.Method + " " + d.operation.Template
}

// maxRecordedPath is the maximum length of a recorded path, in bytes.
const maxRecordedPath = 300

// recordedPath returns a path that may be shown without secrets of tokens and without parameters, which
// may hold the ID of a session (";jsessionid=…"), escaped and shortened.
func recordedPath(path string) string {
	path, _, _ = strings.Cut(path, ";")
	path = loggable(path, maxRecordedPath)
	if isPlain(path) {
		return path
	}
	return clip((&url.URL{Path: path}).EscapedPath(), maxRecordedPath)
}

// isPlain reports whether a path looks the same when it is escaped.
func isPlain(path string) bool {
	for i := range len(path) {
		c := path[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("/-_.{}", rune(c)) {
			return false
		}
	}
	return true
}
