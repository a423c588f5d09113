package manager

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// staleAccount returns what to say, with these words, if an account has changed since a form
// was opened; nil if it has not, or if the form does not know what it was opened on.
func (h *Handler) staleAccount(values url.Values, now admin.Account, key string) *page.Notice {
	if !values.Has("revision") || values.Get("revision") == now.Revision {
		return nil
	}
	by, at := now.AddedBy, now.AddedAt
	if now.ReplacedBy != nil {
		by, at = now.ReplacedBy, now.ReplacedAt
	}
	if by == nil {
		by = new(admin.Actor)
	}
	return &page.Notice{Tone: page.ToneWarn, Text: h.say(key, h.moment(at).Words, h.actor(*by))}
}

// staleOwn is as staleAccount, for a person's own account at a Jira, which may be gone.
func (h *Handler) staleOwn(r *http.Request, v *visit, values url.Values, at string) (*page.Notice, error) {
	now, err := h.app.JiraAccounts().Show(r.Context(), accounts.Own(v.person(), at))
	if !errors.Is(err, token.ErrNotFound) {
		if err != nil {
			return nil, err
		}
		return h.staleAccount(values, now, "own.stale"), nil
	}
	if !values.Has("revision") || values.Get("revision") == accounts.NoRevision {
		return nil, nil
	}
	return &page.Notice{Tone: page.ToneWarn, Text: h.say("own.stale.gone")}, nil
}

// refuseStaleOwn shows a person's own accounts, with what was typed, if the one that a form is
// about has changed since the form was opened. It reports whether it has answered the request.
func (h *Handler) refuseStaleOwn(w http.ResponseWriter, r *http.Request, v *visit, values url.Values, at string) bool {
	stale, err := h.staleOwn(r, v, values, at)
	if err != nil {
		h.failed(w, r, err)
		return true
	}
	if stale != nil {
		h.renderOwn(w, r, v, http.StatusConflict, h.typedOwn(values, nil), stale)
	}
	return stale != nil
}
