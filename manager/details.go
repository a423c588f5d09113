package manager

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// token returns the token in the path.
func (h *Handler) token(r *http.Request, v *visit) (admin.Token, error) {
	return h.tokenNamed(r, v, r.PathValue("id"))
}

// tokenNamed returns the token with this ID. Of a whole token, only its ID is used.
func (h *Handler) tokenNamed(r *http.Request, v *visit, id string) (admin.Token, error) {
	id, _ = token.CutSecrets(id)
	var t admin.Token
	err := h.as(r, v).call(http.MethodGet, "tokens/"+url.PathEscape(id), nil, nil, &t)
	return t, err
}

// trailOf returns the latest events about a token, newest first.
func (h *Handler) trailOf(r *http.Request, v *visit, id string) ([]admin.Event, error) {
	var trail admin.EventPage
	err := h.as(r, v).call(http.MethodGet, "audit", url.Values{"token": {id}, "limit": {"100"}, "order": {"newest"}}, nil, &trail)
	return trail.Events, err
}

func (h *Handler) showToken(w http.ResponseWriter, r *http.Request, v *visit) {
	t, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.TokenDetails{TokenRow: h.row(t)}
	if content.Actions, err = h.actions(r.Context(), t, v); err != nil {
		h.refused(w, r, v, err)
		return
	}
	if t.State != token.StateDamaged {
		content.Facts = h.facts(t, v)
	}
	if v.desk.Manages() && t.State != token.StateDamaged {
		content.State.Reason = t.StateReason // with the names of rules
	}
	if t.State == token.StatePending && v.desk.Manages() {
		verdict, err := h.verdict(r, v, t)
		if err != nil {
			h.refused(w, r, v, err)
			return
		}
		content.Verdict = &verdict
		if verdict.MayNot != "" {
			content.Actions = slices.DeleteFunc(content.Actions, func(a page.Action) bool { return a.Name == "approve" || a.Name == "reject" })
		}
	}
	if content.Held, err = h.heldOf(r, v, t.ID); err != nil {
		h.refused(w, r, v, err)
		return
	}
	events, err := h.trailOf(r, v, t.ID)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	content.Events = h.events(events)
	content.Ended, content.EndedAt = h.endOf(t, events)
	var activity []admin.Activity
	if err := h.as(r, v).call(http.MethodGet, "tokens/"+url.PathEscape(t.ID)+"/activity", nil, nil, &activity); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content.Chart = h.chart(activity)
	if content.Probe, err = h.probe(r, v, t); err != nil {
		h.refused(w, r, v, err)
		return
	}
	h.render(w, r, http.StatusOK, "token", v, page.Frame{Title: content.Name, Section: v.sectionOf(t), Notice: h.doneWith(r, t), Content: content})
}

// sectionOf returns the entry of the navigation that a token's pages belong to.
func (v *visit) sectionOf(t admin.Token) page.Section {
	if t.OwnedBy(v.person()) {
		return page.SectionMine
	}
	return page.SectionAll
}

// endOf says who has revoked or disabled a token, and when, if its latest events tell.
func (h *Handler) endOf(t admin.Token, events []admin.Event) (string, page.Moment) {
	actions := map[token.State][]string{token.StateRevoked: {"revoke", "reject"}, token.StateDisabled: {"disable"}}[t.State]
	for _, event := range events {
		if slices.Contains(actions, event.Action) {
			return h.say("token.ended", h.actionWords(event.Action), h.actor(event.Actor)), h.moment(event.At)
		}
	}
	return "", page.Moment{}
}

// ownerFact names a token's owner. People who manage get to the owner's page.
func (h *Handler) ownerFact(t admin.Token, v *visit) page.Fact {
	fact := page.Fact{Name: h.say("column.owner"), Text: t.Owner}
	if v.desk.Manages() {
		fact.URL = "owner?" + url.Values{"name": {t.Owner}}.Encode()
	}
	return fact
}

// facts lists what is known about a token beside its sentence.
func (h *Handler) facts(t admin.Token, v *visit) []page.Fact {
	facts := []page.Fact{
		h.ownerFact(t, v),
		{Name: h.say("fact.id"), Text: t.ID},
		{Name: h.say("field.kind.short"), Text: h.say("kind." + t.Kind.String())},
		{Name: h.say("field.account"), Text: t.Account},
		{Name: h.say("fact.sees"), Text: t.Confine.String()},
		{Name: h.say("fact.created"), Moment: h.moment(t.CreatedAt)},
	}
	if t.State != token.StateRevoked {
		facts = append(facts, page.Fact{Name: h.say("column.ends"), Moment: h.moment(t.ExpiresAt)})
	}
	for _, fact := range []page.Fact{
		{Name: h.say("field.purpose"), Text: t.Purpose}, {Name: h.say("field.responsible"), Text: t.Responsible}, {Name: h.say("fact.exempt"), Text: t.Exempt},
	} {
		if fact.Text != "" {
			facts = append(facts, fact)
		}
	}
	facts = append(facts, h.limitFacts(t)...)
	if !t.NotBefore.IsZero() {
		facts = append(facts, page.Fact{Name: h.say("field.not_before"), Moment: h.moment(t.NotBefore)})
	}
	if !t.RotatedAt.IsZero() {
		facts = append(facts, page.Fact{Name: h.say("fact.rotated"), Moment: h.moment(t.RotatedAt)})
	}
	if t.PreviousUntil.After(h.now()) {
		facts = append(facts, page.Fact{Name: h.say("fact.previous"), Moment: h.moment(t.PreviousUntil)})
	}
	return facts
}

// limitFacts lists what limits a token, and a link that leads to it.
func (h *Handler) limitFacts(t admin.Token) (facts []page.Fact) {
	for _, field := range []string{"allow_ip", "deny_ip", "limit", "limit_writes", "max_concurrent"} {
		if text := typedOf(t).text(field); text != "" {
			facts = append(facts, page.Fact{Name: h.say("field." + field), Text: text})
		}
	}
	for _, limit := range t.Limits {
		facts = append(facts, page.Fact{Name: h.say("fact.policy"), Text: limit.String()})
	}
	if t.HoldWrites {
		facts = append(facts, page.Fact{Name: h.say("fact.hold"), Text: h.say("fact.hold.text")})
	}
	if t.Issuer != "" {
		facts = append(facts, page.Fact{Name: h.say("fact.issuer"), Text: t.Issuer})
	}
	if t.Handover != nil {
		facts = append(facts, page.Fact{Name: h.say("fact.handover"), Text: h.say("handover." + string(t.Handover.State))})
		if t.Handover.State == registry.HandoverWaiting {
			facts = append(facts, page.Fact{Name: h.say("fact.handover.until"), Moment: h.moment(t.Handover.ExpiresAt)})
		}
		if t.Handover.Alarms > 0 {
			facts = append(facts, page.Fact{Name: h.say("fact.alarms"), Text: h.count("fact.alarms.text", t.Handover.Alarms)})
		}
	}
	return facts
}

// methods are the methods that the page offers for a probe.
var methods = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodHead}

// probe answers the question in the query whether a request would pass.
func (h *Handler) probe(r *http.Request, v *visit, t admin.Token) (page.Probe, error) {
	query := r.URL.Query()
	probe := page.Probe{Method: query.Get("method"), Path: query.Get("path"), Address: query.Get("address")}
	for _, method := range methods {
		probe.Methods = append(probe.Methods, page.Choice{Value: method, Text: method, Chosen: method == probe.Method})
	}
	if probe.Path == "" || t.State == token.StateDamaged {
		return probe, nil
	}
	question := url.Values{"token": {t.ID}, "path": {pastedPath(probe.Path)}}
	pass(url.Values{"method": {probe.Method}, "from": {probe.Address}}, question, "method", "from")
	var answer admin.Explanations
	err := h.as(r, v).call(http.MethodGet, "explain", question, nil, &answer)
	if failed, ok := errors.AsType[answerError](err); ok {
		probe.Wrong = failed.plain()
		return probe, nil
	}
	for _, gateway := range answer.Gateways {
		at := h.probeAnswer(gateway)
		if len(answer.Gateways) > 1 {
			at.Site = gateway.Site
		}
		probe.Answers = append(probe.Answers, at)
	}
	return probe, err
}

// pastedPath returns the path and the query of what was typed, which can be a whole URL: people
// paste addresses.
func pastedPath(text string) string {
	pasted, err := url.Parse(strings.TrimSpace(text))
	if err != nil || pasted.Scheme != "https" && pasted.Scheme != "http" || pasted.Host == "" {
		return text
	}
	return cmp.Or(pasted.EscapedPath(), "/") + strings.TrimSuffix("?"+pasted.RawQuery, "?")
}

// probeAnswer says in words what a gateway would do with a request.
func (h *Handler) probeAnswer(gateway admin.Explanation) page.ProbeAnswer {
	at := page.ProbeAnswer{State: page.State{Word: h.say("probe.passes"), Tone: page.ToneGood}}
	depends := page.State{Word: h.say("probe.depends"), Tone: page.ToneQuiet}
	switch {
	case !gateway.Allowed:
		at.State = page.State{Word: h.say("probe.refused"), Tone: page.ToneBad}
	case !gateway.AnyAddress:
		at.State, at.Answer = depends, h.say("probe.depends.text")
	}
	for _, step := range gateway.Steps {
		name := h.say("step." + step.Step)
		shown := page.Step{Name: name, Text: step.Detail, State: page.State{Word: h.say("probe.passes"), Tone: page.ToneGood}}
		if step.Passed && step.Step == "networks" && !gateway.AnyAddress {
			shown.State = depends
		}
		if !step.Passed {
			shown.State = page.State{Word: h.say("probe.refused"), Tone: page.ToneBad}
			at.Answer = h.say("probe.because", strings.ToLower(name))
		}
		at.Steps = append(at.Steps, shown)
	}
	for _, name := range handler.Untaken(gateway.Steps) {
		at.Steps = append(at.Steps, page.Step{Name: h.say("step." + name), State: page.State{Word: h.say("probe.untaken"), Tone: page.ToneQuiet}})
	}
	return at
}
