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
	// Address is the client's, as Caddy sees it.
	Address netip.Addr
	// Access is what the operation does in Jira, and match what says so, once it
	// was classified.
	Access     jira.Access
	classified bool
	match      jira.Match
	// Account is the credential that the request goes to Jira with.
	Account *jira.Account

	// slot is the request's place among those under way.
	slot limits.Slot

	// why is the denial that ended the request, if one did.
	why *denial

	// cleanQuery is the query string without what must not reach Jira.
	cleanQuery string
	// publicURL is the gateway's own base URL as the client used it.
	publicURL string
	// headers are the ones that pass.
	headers *headerLists
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
