package handler

import (
	"errors"
	"net/http"
	"slices"
)

// account is the step that looks up the token's Jira account.
func (h *Handler) account(r *http.Request, d *Decision) *denial {
	if len(h.Accounts) > 0 && !slices.Contains(h.Accounts, d.Record.Account) {
		return deny(ReasonPathDenied, "This API token is not for this Jira.")
	}
	account, ok := h.app.Account(d.Record.Account)
	if !ok {
		return &denial{
			reason:  ReasonJiraRejectedAccount,
			message: "The Jira account of this API token is not configured in the gateway. Tell an administrator.",
			cause:   errors.New("account " + d.Record.Account + " is not configured"),
		}
	}
	d.Account = account
	return nil
}

func foundAccount(_ *Handler, _ *http.Request, d *Decision) string {
	return "it is sent to Jira as account " + d.Record.Account
}
