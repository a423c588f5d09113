package manager

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// newToken shows the form for a new token, with what the template chooses.
func (h *Handler) newToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values := url.Values{"scope": {"read"}, "expires": {"30d"}, "owner": {v.person()}, "kind": {"user"}, "handover_for": {handoverSpans[0]}}
	for _, template := range templates {
		if template.name == r.URL.Query().Get("template") {
			maps.Copy(values, template.chose)
		}
	}
	rights := v.desk.Rights()
	if !rights.OnBehalf() {
		values.Set("kind", "user")
	}
	if scope, err := token.ParseScope(values.Get("scope")); err == nil && about(rights.Violation(candidate(v.person(), scope)), "scope") {
		values.Set("scope", "read")
	}
	h.showForm(w, r, v, h.form(r, v, typed{values}, nil), nil)
}

// createToken creates a token, or, for the button "Update", shows the form with what is
// known about what was typed.
func (h *Handler) createToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	v.newID = newID(v.person(), values)
	if h.wasSent(w, r, v, v.newID) {
		return
	}
	typed := typed{values}
	if typed.updates() {
		h.updateForm(w, r, v, typed, nil)
		return
	}
	edit := typed.edit(v.person())
	if handover := typed.handover(); handover != nil {
		edit["handover"] = handover
	}
	if typed.ticked("without_asking") {
		edit["check"] = []byte("false")
	}
	var created admin.Token
	if err := h.as(r, v).call(http.MethodPost, "tokens", nil, edit, &created); err != nil {
		if !h.wasSent(w, r, v, v.newID) { // at the same time
			h.showForm(w, r, v, h.form(r, v, typed, nil), err)
		}
		return
	}
	h.showSecret(w, r, v, created, false)
}
