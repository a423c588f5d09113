package handler

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// account is the step that looks up the token's Jira account.
func (h *Handler) account(r *http.Request, d *Decision) *denial {
	if h.usesOwn(d) {
		return nil // which one is only known with the Jira: see ownAccount
	}
	account, err := h.app.Account(r.Context(), d.Record.Account)
	unknown := errors.Is(err, jira.ErrUnknownAccount)
	listed := len(h.Accounts) == 0 || slices.Contains(h.Accounts, d.Record.Account)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return storeUnavailable(err)
	case !listed && (unknown || err == nil && account.Site() == ""): // stored accounts are not listed
		return otherJira()
	case err != nil:
		return unusableAccount(d, err, unknown)
	}
	d.Account = account
	return nil
}

// usesOwn reports whether requests are forwarded with the own credential of the token's
// owner. A configured account of that name takes precedence.
func (h *Handler) usesOwn(d *Decision) bool {
	return d.Record.Account == token.OwnAccount && !h.app.Configured(token.OwnAccount)
}

// ownAccount looks up the own account of the token's owner at a Jira.
func ownAccount(ctx context.Context, app App, d *Decision, url string) *denial {
	account, err := app.OwnAccount(ctx, d.Record.Owner, url)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		return storeUnavailable(err)
	case err != nil:
		return unusableAccount(d, err, errors.Is(err, jira.ErrUnknownAccount))
	}
	d.Account = account
	return nil
}

// otherJira denies a request whose account is not used with this Jira.
func otherJira() *denial { return deny(ReasonPathDenied, "This API token is not for this Jira.") }

// askForOwn tells an owner how the gateway gets the owner's credential.
const askForOwn = " POST your Jira API token or personal access token to /rest/jira-tokens/1/self/account of the gateway; or ask an administrator to give it to the gateway: caddy jira-token account add|replace --owner NAME, or account connect --owner NAME for a consent by OAuth."

// unusableAccount denies a request whose account does not exist or cannot be read.
func unusableAccount(d *Decision, err error, unknown bool) *denial {
	message := "The gateway cannot use the Jira account of this API token at the moment. Nothing is wrong with the request or its API token: tell an administrator."
	own := d.Record.Account == token.OwnAccount
	switch {
	case own && unknown:
		message = "This API token acts as its owner, but the gateway does not have the owner's credential for this Jira." + askForOwn
	case own:
		message = "This API token acts as its owner, but the gateway can no longer read the owner's credential for Jira." + askForOwn
	case unknown:
		message = "The Jira account of this API token is not configured in the gateway. Tell an administrator."
	}
	return &denial{reason: ReasonJiraRejectedAccount, message: message, cause: fmt.Errorf("account %s: %w", d.Record.Account, err)}
}

func foundAccount(h *Handler, _ *http.Request, d *Decision) string {
	if h.usesOwn(d) {
		return "it is sent to Jira with the own credential of " + d.Record.Owner
	}
	return "it is sent to Jira as account " + d.Record.Account
}
