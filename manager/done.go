package manager

import (
	"net/http"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// done is the message after something was done: the page was led to with one of its keys.
func (h *Handler) done(r *http.Request, keys ...string) *page.Notice {
	done := r.URL.Query().Get("done")
	if !slices.Contains(keys, done) {
		return nil
	}
	notice := &page.Notice{Tone: page.ToneGood, Text: h.say("done." + done)}
	if done == "leaked" {
		notice.Tone = page.ToneWarn
	}
	return notice
}

// doneTo are the states in which a token can be after an action.
var doneTo = map[string][]token.State{
	"revoke": {token.StateRevoked}, "reject": {token.StateRevoked}, "disable": {token.StateDisabled},
	"enable":  {token.StateActive, token.StatePending, token.StateNotYetValid, token.StateSuspended, token.StateExpired},
	"approve": {token.StateActive, token.StateNotYetValid, token.StateSuspended, token.StateExpired},
	"change":  {token.StateActive, token.StatePending, token.StateNotYetValid, token.StateSuspended, token.StateExpired, token.StateDisabled},
}

// doneWith is the message on a token's page after something was done with it. It says what is
// true of the token now: the action need not have made it work, somebody else may have changed
// it since, and anybody can make such a link.
func (h *Handler) doneWith(r *http.Request, t admin.Token) *page.Notice {
	done := r.URL.Query().Get("done")
	switch done {
	case "whose-old", "whose-other", "whose-part", "leaked":
		return &page.Notice{Tone: page.ToneWarn, Text: h.say("done." + done)}
	case "whose-current":
		return &page.Notice{Tone: page.ToneGood, Text: h.say("done." + done)}
	}
	if !slices.Contains(doneTo[done], t.State) {
		return nil
	}
	notice := &page.Notice{Tone: page.ToneGood, Text: h.say("done." + done)}
	var values []any
	if t.State == token.StateNotYetValid {
		values = append(values, h.moment(t.NotBefore).Words)
	}
	if but, err := h.pages.Words().Say("done."+done+"."+string(t.State), values...); err == nil { // otherwise there is nothing to add
		notice.Tone, notice.Text = page.ToneWarn, but
	}
	return notice
}
