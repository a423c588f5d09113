package handler

import (
	"errors"
	"fmt"
	"net/http"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// account is the step that looks up the token's Jira account.
func (h *Handler) account(r *http.Request, d *Decision) *denial {
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

// otherJira denies a request whose account is not used with this Jira.
func otherJira() *denial { return deny(ReasonPathDenied, "This API token is not for this Jira.") }

// unusableAccount denies a request whose account does not exist or cannot be read.
func unusableAccount(d *Decision, err error, unknown bool) *denial {
	message := "The gateway cannot use the Jira account of this API token at the moment. Nothing is wrong with the request or its API token: tell an administrator."
	if unknown {
		message = "The Jira account of this API token is not configured in the gateway. Tell an administrator."
	}
	return &denial{reason: ReasonJiraRejectedAccount, message: message, cause: fmt.Errorf("account %s: %w", d.Record.Account, err)}
}

func foundAccount(_ *Handler, _ *http.Request, d *Decision) string {
	return "it is sent to Jira as account " + d.Record.Account
}
