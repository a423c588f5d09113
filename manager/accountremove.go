package manager

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// askRemoveAccount asks before an account is removed, unless tokens use it.
func (h *Handler) askRemoveAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	h.askRemove(w, r, v, http.StatusOK, page.Field{}, nil)
}

func (h *Handler) askRemove(w http.ResponseWriter, r *http.Request, v *visit, status int, typed page.Field, notice *page.Notice) {
	account, err := h.account(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	title := accountTitle(h, account)
	question := h.say("account.remove.question", title)
	ask := page.Ask{
		Back: accountURL(r, account, ""), BackText: h.say("back.account", title), Question: question, Consequence: h.say("account.remove.text"),
		Typed: title, Confirmed: typed, Danger: true, Button: h.say("account.remove.button", title), Revision: account.Revision,
	}
	rows, more, err := h.tokensOf(r, v, account)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	if len(rows) > 0 && !account.Hidden {
		ask.Rows, ask.Consequence, ask.Refused = rows, h.say("account.used"), true
		if more {
			ask.Consequence = h.say("account.used.more")
		}
	}
	h.render(w, r, status, "ask", v, page.Frame{Title: question, Section: page.SectionAccounts, Notice: notice, Content: ask})
}

// tokensOf returns some of the tokens that use an account and have not been revoked.
func (h *Handler) tokensOf(r *http.Request, v *visit, account admin.Account) (rows []page.TokenRow, more bool, err error) {
	query := url.Values{"account": {account.Name}, "limit": {"50"}}
	pass(url.Values{"owner": {account.Owner}}, query, "owner")
	for len(rows) == 0 {
		var found tokenPage
		if err := h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found); err != nil {
			return nil, false, err
		}
		for _, t := range found.Tokens {
			if t.State != token.StateRevoked {
				rows = append(rows, h.row(t))
			}
		}
		if more = found.Next != ""; !more {
			break
		}
		query.Set("cursor", found.Next)
	}
	return rows, more, nil
}

// removeAccount removes an account from the store.
func (h *Handler) removeAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	account, err := h.account(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	if stale := h.staleAccount(values, account, "account.stale.remove"); stale != nil {
		h.askRemove(w, r, v, http.StatusConflict, page.Field{Value: values.Get("typed")}, stale)
		return
	}
	if title := accountTitle(h, account); !confirms(values.Get("typed"), title) {
		h.askRemove(w, r, v, http.StatusBadRequest, page.Field{Value: values.Get("typed"), Wrong: h.say("bulk.wrong", title)}, nil)
		return
	}
	query := accountQuery(r)
	pass(values, query, "revision")
	err = h.as(r, v).call(http.MethodDelete, "accounts/"+url.PathEscape(account.Name), query, nil, nil)
	if failed, ok := errors.AsType[answerError](err); ok && failed.Status == http.StatusConflict {
		h.askRemove(w, r, v, failed.Status, page.Field{Value: values.Get("typed")}, &page.Notice{Tone: page.ToneBad, Text: failed.plain()})
		return
	} else if err != nil {
		h.refused(w, r, v, err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"accounts?done=account-remove", http.StatusSeeOther)
}
