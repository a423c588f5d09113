package manager

import (
	"maps"
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// newToken shows the form for a new token, with what the template chooses.
func (h *Handler) newToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values := url.Values{"owner": {v.person()}, "handover_for": {handoverSpans[0]}}
	notice := h.choose(values, r.URL.Query().Get("template"), v)
	h.renderForm(w, r, v, http.StatusOK, h.form(r, v, typed{values}, nil), notice)
}

// choose sets what a template chooses, or, without one, what the empty form does. Everything
// else that was typed stays. If the template cannot be chosen as it is, the notice says why.
func (h *Handler) choose(values url.Values, name string, v *visit) (notice *page.Notice) {
	maps.Copy(values, url.Values{
		"template": {""}, "scope": {"read"}, "expires": {"30d"}, "expires_on": {""}, "kind": {"user"}, "hide_comments": {""}, "hold_writes": {""}, "limit": {""}, "limit_writes": {""},
	})
	unchosen := name
	for _, template := range templates {
		if template.name != name {
			continue
		}
		unchosen = ""
		if why := h.templateForbidden(v, template.chose); why != "" {
			notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("template.unchosen", h.say("template."+name), why)}
			continue
		}
		maps.Copy(values, template.chose)
		values.Set("template", name)
	}
	if unchosen != "" {
		notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("template.none")}
	}
	if scope := values.Get("scope"); h.forbidsScope(v, scope) && scope != "read" {
		values.Set("scope", "read")
		notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("template.narrowed", h.say("scope."+scope))}
	}
	values.Set("expires", h.offerFor(v, typed{values}, nil).allowedSpan(values.Get("expires")))
	return notice
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
		notice := h.choose(values, r.URL.Query().Get("template"), v)
		h.renderForm(w, r, v, http.StatusOK, h.form(r, v, typed, nil), notice)
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
	if typed.namesNobody() && v.desk.Rights().OnBehalf() {
		h.refuseForm(w, r, v, typed, nil, answerError{Status: http.StatusBadRequest, Message: "owner: " + h.say("draft.empty.owner")})
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
