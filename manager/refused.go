package manager

import (
	"errors"
	"maps"
	"net/http"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// refuseForm shows the form again after an endpoint has refused what was typed, with all that
// is known to be wrong.
func (h *Handler) refuseForm(w http.ResponseWriter, r *http.Request, v *visit, typed typed, before *admin.Token, err error) {
	failed, ok := errors.AsType[answerError](err)
	if !ok {
		h.failed(w, r, err)
		return
	}
	form, draft, wrong := h.form(r, v, typed, before), h.draftOf(typed, v.person(), before), make(map[string]string)
	for _, mistake := range draft.mistakes(h) {
		wrong[mistake.input] = mistake.text
	}
	h.renderForm(w, r, v, failed.Status, form, h.refusal(&form, typed, failed, wrong, draft.forbidden(v)))
}

// refusal puts what is wrong and what is forbidden beside the inputs of a form, and returns what
// to say above it. An endpoint names only the first mistake, which can be one that only it knows.
func (h *Handler) refusal(form *page.TokenForm, typed typed, failed answerError, wrong, forbidden map[string]string) *page.Notice {
	if failed.Status == http.StatusServiceUnavailable {
		return &page.Notice{Tone: page.ToneBad, Text: h.say("form.store")}
	}
	message, unasked := strings.CutSuffix(failed.Message, admin.WithoutAsking)
	form.MayNotAsk = unasked || form.WithoutAsking
	name, text := typed.inputAbout(message)
	isInput := form.Has(name)
	if isInput && wrong[name] == "" {
		wrong[name] = text
	}
	if form.MayNot != "" { // the form says so
		return nil
	}
	if !isInput {
		return &page.Notice{Tone: page.ToneBad, Text: sentence(message)}
	}
	for input, text := range forbidden {
		if wrong[input] == "" {
			wrong[input] = text
		}
	}
	maps.DeleteFunc(wrong, func(input, _ string) bool { return !form.Has(input) })
	mark(form, wrong)
	return h.wrong(formFields, wrong)
}

// wrong says that something is wrong with inputs, and leads to them.
func (h *Handler) wrong(inputs []string, wrong map[string]string) *page.Notice {
	notice := &page.Notice{Tone: page.ToneBad, Text: h.say("form.wrong")}
	for _, input := range inputs {
		if text := wrong[input]; text != "" {
			notice.Links = append(notice.Links, page.Hint{Text: h.say("form.wrong.field", h.say("field."+input), text), URL: "#" + input})
		}
	}
	return notice
}
