package handler

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/limits"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// App is what the handler needs of the jira_tokens app.
type App interface {
	// Lookup returns the record of a token with the right secret, whatever its
	// state; token.ErrNotFound for any other; or an error that wraps
	// token.ErrUnavailable if the store cannot be asked.
	Lookup(ctx context.Context, presented token.Token) (*token.Record, error)
	// Known reports whether the token, or a recent change to it, is in memory.
	// Only the right secret or a change puts it there, so guesses are never
	// known. It does not ask the store.
	Known(presented token.Token) bool
	// Account returns the named Jira account. The error wraps token.ErrUnavailable
	// if the store must be asked and cannot be; any other error means that there is
	// no such account, or that it is unusable.
	Account(ctx context.Context, name string) (*jira.Account, error)
	// OwnAccount returns the own account of an owner at the Jira with this base URL.
	// The errors are those of Account.
	OwnAccount(ctx context.Context, owner, url string) (*jira.Account, error)
	// Configured reports whether the configuration has the account.
	Configured(account string) bool
	// Standing returns what the policy says about a token now, from memory.
	Standing(record *token.Record) policy.Standing
	// Limits returns the rate and concurrency limits.
	Limits() *limits.Limits
	// Used records a use of the token.
	Used(id string, address netip.Addr, userAgent string)
	// Trail returns the audit trail.
	Trail() Trail
	// Decided counts a request's outcome, once the request has ended.
	Decided(outcome Outcome)
	// AddJira registers a Jira that requests are forwarded to. It is called
	// during provisioning and returns an error if several Jiras would share an
	// account.
	AddJira(upstream Jira) error
	// Approvals keeps requests that must be approved.
	Approvals() Approvals
	// Endpoints finds the gateway's own endpoints.
	Endpoints() Endpoints
	// TokenManager returns the address of the page where people handle their tokens;
	// empty if that is not known.
	TokenManager() string
	// AddGateway registers a handler for Explain.
	AddGateway(gateway *Handler)
}

// Outcome is the outcome of a request.
type Outcome struct {
	// Decision is allowed, denied, or passed for requests without a token in
	// front of a whole site.
	Decision string
	// Reason is empty unless denied.
	Reason Reason
	// Access is what the operation does in Jira; empty if it was not classified.
	Access string
	// Took is how long the decision took, excluding forwarding.
	Took time.Duration
	// TokenID is the token's ID; empty if the request had no valid one.
	TokenID string
	// Bytes is the size of the body of Jira's response, as it was sent on.
	Bytes uint64
}

// Jira is a Jira that requests are forwarded to.
type Jira struct {
	// URL is its base URL, such as https://acme.atlassian.net.
	URL       string
	Transport http.RoundTripper
	// Accounts are the configured accounts that it may be used with; empty means all.
	Accounts []string
}

// Takes reports whether this Jira may be used with the account: with the configured
// ones that are listed, and with the stored ones that are for it.
func (j Jira) Takes(account *jira.Account) bool {
	if account.Site() != "" {
		return account.IsFor(j.URL)
	}
	return len(j.Accounts) == 0 || slices.Contains(j.Accounts, account.Name())
}

// loadApp returns the configuration's jira_tokens app.
func loadApp(ctx caddy.Context) (App, error) {
	value, err := ctx.App("jira_tokens")
	if err != nil {
		return nil, fmt.Errorf("loading the jira_tokens app: %w", err)
	}
	app, ok := value.(App)
	if !ok {
		return nil, fmt.Errorf("the jira_tokens app is a %T", value)
	}
	return app, nil
}
