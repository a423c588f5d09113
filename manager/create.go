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
	values := url.Values{"owner": {v.person()}, "handover_for": {handoverSpans[0]}}
	h.choose(values, r.URL.Query().Get("template"), v)
	h.renderForm(w, r, v, http.StatusOK, h.form(r, v, typed{values}, nil), nil)
}

// choose sets what a template chooses, or, if there is no such template, what the empty form
// does. Everything else that was typed stays.
func (h *Handler) choose(values url.Values, name string, v *visit) {
	maps.Copy(values, url.Values{
		"template": {""}, "scope": {"read"}, "expires": {"30d"}, "expires_on": {""}, "kind": {"user"}, "hide_comments": {""}, "hold_writes": {""}, "limit": {""}, "limit_writes": {""},
	})
	rights := v.desk.Rights()
	for _, template := range templates {
		if template.name == name && (rights.OnBehalf() || !template.chose.Has("kind")) {
			maps.Copy(values, template.chose)
			values.Set("template", name)
		}
	}
	if scope, err := token.ParseScope(values.Get("scope")); err == nil && about(rights.Violation(candidate(v.person(), scope)), "scope") {
		values.Set("scope", "read")
	}
}

// createToken creates a token, or, for the button "Update", shows the form with what is
// known about what was typed.
func (h *Handler) createToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	v.newID = newID(v.person(), values)
	if h.wasSent(w, r, v, v.newID, values) {
		return
	}
	typed := typed{values}
	if typed.text("do") == "template" {
		h.choose(values, r.URL.Query().Get("template"), v)
		h.renderForm(w, r, v, http.StatusOK, h.form(r, v, typed, nil), nil)
		return
	}
	if typed.updates() {
		h.updateForm(w, r, v, typed, nil)
		return
	}
	if typed.leavesOpen() {
		h.refuseForm(w, r, v, typed, nil, answerError{Status: http.StatusBadRequest, Message: "confine: projects: " + h.say("draft.missing.projects")})
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
		if !h.wasSent(w, r, v, v.newID, values) { // at the same time
			h.refuseForm(w, r, v, typed, nil, err)
		}
		return
	}
	h.showSecret(w, r, v, created)
}
