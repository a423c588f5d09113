package manager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// overlaps are how long a rotated token can go on working.
var overlaps = []string{"0s", "1h", "1d", "7d"}

// actions returns what can be done with a token in its state. What its reader may not do says
// why.
func (h *Handler) actions(ctx context.Context, t admin.Token, v *visit) ([]page.Action, error) {
	var names []string
	switch t.State {
	case token.StateRevoked, token.StateDamaged:
		return nil, nil
	case token.StatePending:
		if v.desk.Manages() {
			names = append(names, "approve", "reject")
		}
		names = append(names, "edit", "revoke")
	case token.StateDisabled:
		names = []string{"enable", "edit", "rotate", "revoke"}
	case token.StateExpired:
		names = []string{"edit", "revoke"}
	default:
		names = []string{"edit", "rotate", "disable", "revoke"}
	}
	actions := make([]page.Action, len(names))
	for i, name := range names {
		actions[i] = h.action(name, t)
		err := v.desk.May(ctx, ruledActions[name], t.Record)
		if errors.Is(err, token.ErrUnavailable) {
			return nil, err
		}
		if state, ok := errors.AsType[registry.StateError](err); ok {
			err = errors.New(state.Hint)
		}
		if err != nil {
			actions[i].Forbidden = h.say("action."+name+".not", err.Error())
		}
	}
	return actions, nil
}

// ruledActions maps the actions that somebody who sees a token may not be allowed to take to
// their names in the registry.
var ruledActions = map[string]string{"enable": registry.ActionEnable, "rotate": registry.ActionRotate, "edit": registry.ActionUpdate}

// action returns an action with its question.
func (h *Handler) action(name string, t admin.Token) page.Action {
	a := page.Action{Name: name, Button: h.say("action." + name)}
	if name == "edit" {
		return a
	}
	a.Question, a.Consequence = h.say("action."+name+".question", t.Name), h.say("action."+name+".text")
	switch name {
	case "revoke":
		a.Danger = true
	case "reject":
		a.Danger, a.Reason = true, h.say("action.reject.reason")
	case "approve":
		a.Reason = h.say("action.approve.reason")
	case "rotate":
		for _, overlap := range overlaps {
			a.Overlaps = append(a.Overlaps, page.Choice{Value: overlap, Text: h.say("overlap." + overlap)})
		}
		// Nobody could open a link to a disabled token.
		if _, err := admin.PublicURL(h.app); err == nil && t.State != token.StateDisabled {
			for _, span := range handoverSpans {
				a.HandoverSpans = append(a.HandoverSpans, page.Choice{Value: span, Text: h.say("handover.for." + span)})
			}
		}
	}
	return a
}

// keepTyped sets in an action what was typed and chosen for it before.
func keepTyped(a *page.Action, typed typed) {
	a.Given, a.HandsOver = typed.Get("reason"), typed.ticked("handover")
	a.Overlaps = choose(a.Overlaps, typed.text("overlap"))
	a.HandoverSpans = choose(a.HandoverSpans, typed.text("handover_for"))
}

// choose returns choices of which the one with a value is chosen, even if it was not offered:
// a list in which nothing is chosen would choose its first value.
func choose(choices []page.Choice, value string) []page.Choice {
	value, _ = token.CutSecrets(value)
	known := value == "" || len(choices) == 0
	for i := range choices {
		choices[i].Chosen = choices[i].Value == value
		known = known || choices[i].Chosen
	}
	if known {
		return choices
	}
	return append(choices, page.Choice{Value: value, Text: value, Chosen: true})
}

// find returns the action that the path names, if it can be done now. Whether the person may
// do it is decided when it is done.
func (h *Handler) find(r *http.Request, t admin.Token, v *visit) (page.Action, bool, error) {
	actions, err := h.actions(r.Context(), t, v)
	for _, a := range actions {
		if a.Name == r.PathValue("action") && a.Name != "edit" {
			return a, true, err
		}
	}
	return page.Action{}, false, err
}

// askAction asks before something is done.
func (h *Handler) askAction(w http.ResponseWriter, r *http.Request, v *visit) {
	t, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	a, ok, err := h.find(r, t, v)
	switch {
	case err != nil:
		h.refused(w, r, v, err)
		return
	case !ok:
		h.problem(w, r, http.StatusNotFound, "problem.action")
		return
	case a.Forbidden != "":
		h.trouble(w, r, http.StatusForbidden, a.Forbidden)
		return
	}
	h.ask(w, r, v, http.StatusOK, t, a, nil)
}

func (h *Handler) ask(w http.ResponseWriter, r *http.Request, v *visit, status int, t admin.Token, a page.Action, notice *page.Notice) {
	content := page.Confirm{ID: t.ID, Version: t.Version, Action: a, Button: h.say("action.button", a.Button, t.Name)}
	if a.Name == "approve" || a.Name == "reject" {
		verdict, err := h.verdict(r, v, t)
		if err != nil {
			h.refused(w, r, v, err)
			return
		}
		content.Verdict = &verdict
	}
	h.render(w, r, status, "confirm", v, page.Frame{Title: a.Question, Section: v.sectionOf(t), Notice: notice, Content: content})
}

// takeAction does what was asked about.
func (h *Handler) takeAction(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	t, err := h.token(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	a, ok, err := h.find(r, t, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	keepTyped(&a, typed{values})
	version, err := typed{values}.version() // the one that was looked at
	switch {
	case !ok && version != 0 && t.Version == version+1 && t.State == reached[r.PathValue("action")]: // the form was sent twice
		h.redirectDone(w, r, t, r.PathValue("action"))
		return
	case !ok:
		h.problem(w, r, http.StatusConflict, "problem.action")
		return
	case err != nil:
		h.ask(w, r, v, http.StatusConflict, t, a, &page.Notice{Tone: page.ToneWarn, Text: h.say("action.unversioned"), More: []string{t.Sentence()}})
		return
	case version != 0 && version != t.Version:
		h.askAgain(w, r, v, t, a)
		return
	}
	var body any
	switch a.Name {
	case "rotate":
		rotation := map[string]any{"overlap": values.Get("overlap"), "version": version}
		if handover := (typed{values}).handover(); handover != nil {
			rotation["handover"] = handover
		}
		body = rotation
	case "approve", "reject":
		// A verdict is not about what the token has become since.
		body = map[string]any{"reason": values.Get("reason"), "version": version}
	}
	var changed admin.Token
	if err := h.as(r, v).call(http.MethodPost, "tokens/"+url.PathEscape(t.ID)+"/"+a.Name, nil, body, &changed); err != nil {
		if failed, ok := errors.AsType[answerError](err); ok {
			if now, err := h.token(r, v); err == nil && version != 0 && now.Version != version {
				h.askAgain(w, r, v, now, a)
				return
			}
			notice := &page.Notice{Tone: page.ToneBad, Text: failed.plain()}
			if strings.HasPrefix(failed.Message, "reason: ") {
				a.Wrong = failed.plain()
				notice = h.wrong([]string{"reason"}, map[string]string{"reason": a.Wrong})
			}
			if unavailable(err) {
				notice.Text = h.say("problem.store")
			}
			h.ask(w, r, v, failed.Status, t, a, notice)
			return
		}
		h.failed(w, r, err)
		return
	}
	if a.Name == "rotate" {
		h.showSecret(w, r, v, changed)
		return
	}
	h.redirectDone(w, r, t, a.Name)
}

// reached maps actions to the states that they lead to.
var reached = map[string]token.State{"revoke": token.StateRevoked, "disable": token.StateDisabled, "enable": token.StateActive}

// redirectDone leads to the page of a token, which says that an action was taken.
func (h *Handler) redirectDone(w http.ResponseWriter, r *http.Request, t admin.Token, action string) {
	http.Redirect(w, r, mounted(r).base+"tokens/"+url.PathEscape(t.ID)+"?done="+action, http.StatusSeeOther) //nolint:gosec // a path of this site: action is one of few words
}

// askAgain asks about a token that has changed since somebody was asked before.
func (h *Handler) askAgain(w http.ResponseWriter, r *http.Request, v *visit, t admin.Token, a page.Action) {
	notice := &page.Notice{Tone: page.ToneWarn, Text: h.say("action.stale", h.moment(t.UpdatedAt).Words), More: []string{t.Sentence()}}
	if a.Name == "rotate" && !t.RotatedAt.IsZero() && t.RotatedAt.Equal(t.UpdatedAt) {
		notice.Text, notice.More = h.say("sent.rotated", h.moment(t.RotatedAt).Words), nil
	}
	h.ask(w, r, v, http.StatusConflict, t, a, notice)
}
