package handler

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Decision is what is known of one request: every step adds to it or ends it
// with a denial.
type Decision struct {
	// now is when it is made.
	now time.Time
	// presented is the token that the client sent, owner who it says it is.
	presented token.Token
	owner     string
	// hasOwner is false for Bearer, which names no owner.
	hasOwner bool
	// passThrough: a request without a token, in front of a whole site, that
	// goes to Jira as it came.
	passThrough bool

	// Record is of the token, once its secret was found right.
	Record *token.Record
	// Address is the client's; none when it is not known, or, then with unread,
	// when it could not be read.
	Address netip.Addr
	unread  *unreadAddress
	// Access is what the operation does in Jira, and match what says so, once it
	// was classified.
	Access     jira.Access
	classified bool
	match      jira.Match
	// Account is the credential that the request goes to Jira with.
	Account *jira.Account

	// slot is the request's place among those under way.
	slot limits.Slot

	// allowed: the request may pass, whatever forwarding makes of it.
	allowed bool
	// writer and request are the client's, until the request is done with.
	// lingering: its body was not read to the end before the answer.
	writer    http.ResponseWriter
	request   *http.Request
	lingering bool

	// denied is the denial that ended the request, if one did.
	denied *denial

	// cleanQuery is the query string without what must not reach Jira.
	cleanQuery string
	// publicURL is the gateway's own base URL as the client used it.
	publicURL string
	// headers are the ones that pass.
	headers *headerLists
}

// failingAddress is the one that failures to authenticate are counted for: a
// proxy's, when it does not say which client's they are.
func (d *Decision) failingAddress() netip.Addr {
	if d.unread != nil {
		return d.unread.peer
	}
	return d.Address
}

type decisionKey struct{}

func withDecision(ctx context.Context, d *Decision) context.Context {
	return context.WithValue(ctx, decisionKey{}, d)
}

// decisionOn returns the decision that let r pass; nil when it carries no
// token: a browser's session, a health check.
func decisionOn(r *http.Request) *Decision {
	d, _ := r.Context().Value(decisionKey{}).(*Decision)
	return d
}
