package handler

import "net/http"

// policy is the step that checks whether the token complies with the policy, and
// whether its owner is suspended.
func (h *Handler) policy(_ *http.Request, d *Decision) *denial {
	standing := h.app.Standing(d.Record)
	d.rights = standing.Rights
	suspension := standing.Suspension
	if suspension == nil {
		return nil
	}
	denied := deny(ReasonPolicySuspended, "This API token is suspended: "+suspension.Why()+". Ask an administrator.")
	if suspension.Violation == nil {
		denied.reason = ReasonOwnerSuspended
	}
	denied.hint = suspension.Hint()
	return denied
}

// foundPolicy names the rules for Explain.
func foundPolicy(_ *Handler, _ *http.Request, d *Decision) string {
	switch rules := d.rights.Rules(); {
	case d.Record.Exempt != "":
		return "it is exempt from the policy: " + d.Record.Exempt
	case rules == "":
		return "there is no policy"
	default:
		return "it complies with the rules for " + rules
	}
}
