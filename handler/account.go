package handler

import (
	"errors"
	"net/http"
	"slices"
)

// account is the step that finds the Jira account of the token.
func (h *Handler) account(r *http.Request, d *Decision) *denial {
	if len(h.Accounts) > 0 && !slices.Contains(h.Accounts, d.Record.Account) {
		return deny(ReasonPathDenied, "This API token is not for this Jira.")
	}
	account, ok := h.app.Account(d.Record.Account)
	if !ok {
		return &denial{
			reason:  ReasonJiraRejectedAccount,
			message: "The Jira account of this API token is not configured in the gateway. Tell an administrator.",
			cause:   errors.New("no account " + d.Record.Account + " in the configuration"),
		}
	}
	d.Account = account
	return nil
}

func foundAccount(_ *Handler, _ *http.Request, d *Decision) string {
	return "it goes to Jira as the account " + d.Record.Account
}
