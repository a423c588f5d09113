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
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// App is what the handler needs of the jira_tokens app.
type App interface {
	// Lookup returns the record of a token whose secret is right, whatever
	// its state; token.ErrNotFound for any other; an error with
	// token.ErrUnavailable in its chain when nobody can tell.
	Lookup(ctx context.Context, presented token.Token) (*token.Record, error)
	// Known reports whether the token, or what has just become of it, is in
	// memory: nobody comes by one without the right secret or a change of the
	// token. It asks no store.
	Known(presented token.Token) bool
	// Account returns the Jira account with this name.
	Account(name string) (*jira.Account, bool)
	// Limits returns what bounds the requests of tokens.
	Limits() *limits.Limits
	// Used takes down that a token is used now.
	Used(id string, address netip.Addr, userAgent string)
	// Decided counts what became of a request.
	Decided(outcome Outcome)
	// AddJira makes a Jira known that requests are forwarded to. It is called
	// while a configuration is provisioned, and returns an error if the accounts
	// of several Jiras are not kept apart.
	AddJira(upstream Jira) error
	// AddGateway makes a handler known that can explain what it would do.
	AddGateway(gateway *Handler)
}

// Outcome is what became of a request.
type Outcome struct {
	// Decision is allowed, denied, or passed for requests without a token in
	// front of a whole site.
	Decision string
	// Reason is empty unless denied.
	Reason Reason
	// Access is what the operation does in Jira, as far as it was found out.
	Access string
	// Took is the time that the decision took, without the forwarding.
	Took time.Duration
}

// Jira is a Jira that requests are forwarded to, and the way to it.
type Jira struct {
	// URL is where it is installed, such as https://acme.atlassian.net.
	URL       string
	Transport http.RoundTripper
	// Accounts are the accounts that it gets; none named: all.
	Accounts []string
}

// Takes tells whether the account with this name is for this Jira.
func (j Jira) Takes(account string) bool {
	return len(j.Accounts) == 0 || slices.Contains(j.Accounts, account)
}

// loadApp returns the jira_tokens app of the configuration.
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
