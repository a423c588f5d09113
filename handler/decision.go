package handler

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Decision is what is known about a request. Every step adds to it or ends it with
// a denial.
type Decision struct {
	// now is the time of the decision.
	now time.Time
	// presented is the token that the client sent, owner the user name it gave.
	presented token.Token
	owner     string
	// hasOwner is false for Bearer, which names no owner.
	hasOwner bool
	// passThrough is set for a request without a token that goes to Jira
	// untouched, in front of a whole site.
	passThrough bool

	// Record is the token's record, once its secret has been verified.
	Record *token.Record
	// rights are what the policy allows the token's owner.
	rights *policy.Rights
	// Address is the client's; the zero Addr if it is unknown or could not be
	// parsed. In the latter case unread is set.
	Address netip.Addr
	unread  *unreadAddress
	// Access is what the operation does in Jira and match the rule that says so,
	// once classified is set.
	Access     jira.Access
	classified bool
	match      jira.Match
	// operation is the operation of the table and changes whether it changes
	// anything, even where the configuration classifies by method.
	operation jira.Match
	changes   bool
	// held is set for a request that must be approved.
	held *held
	// counted is set once the request counts as a write.
	counted bool
	// Account is the Jira account that the request is forwarded with. If that is the
	// owner's own, it is nil until the request is forwarded: there is one for each
	// Jira.
	Account *jira.Account

	// confined is set for a token that sees only a part of Jira.
	confined *confined

	// slot is the request's place among those in flight.
	slot limits.Slot

	// allowed is set if the request may pass, even if forwarding then fails.
	allowed bool
	// writer and request are the client's. lingering is set if the body was not
	// read to its end before the answer.
	writer    http.ResponseWriter
	request   *http.Request
	lingering bool

	// parts is the request's body, if it is multipart and is being checked.
	parts *checkedParts

	// own is set for a request to the gateway itself, which does not reach Jira. endpoint
	// is the endpoint that answers it; nil if there is none.
	own      bool
	endpoint *Endpoint

	// ends is when the presented token ends, if that is soon.
	ends time.Time

	// received is the body of the response that came from Jira, if it did.
	received receivedBody

	// denied is the denial that ended the request, if one did.
	denied *denial

	// cleanQuery is the query string without parameters that must not reach Jira.
	cleanQuery string
	// publicURL is the gateway's base URL as the client used it.
	publicURL string
	// headers lists the headers that pass.
	headers *headerLists
}

// failingAddress is the address that authentication failures count against: the
// proxy's if the client's could not be parsed.
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

// decisionOn returns the decision that let r pass; nil if r carries no token, such
// as a browser session or a health check.
func decisionOn(r *http.Request) *Decision {
	d, _ := r.Context().Value(decisionKey{}).(*Decision)
	return d
}
