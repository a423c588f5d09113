package manager

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var ownerTones = map[registry.OwnerState]page.Tone{registry.OwnerActive: page.ToneGood, registry.OwnerInactive: page.ToneBad, registry.OwnerUnknown: page.ToneQuiet}

func (h *Handler) owners(w http.ResponseWriter, r *http.Request, v *visit) {
	query := url.Values{}
	pass(r.URL.Query(), query, "state", "group")
	if search := r.URL.Query().Get("q"); search != "" {
		query.Set("search", search)
	}
	var found admin.OwnerList
	if err := h.as(r, v).call(http.MethodGet, "owners", query, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.OwnerList{Search: query.Get("search")}
	for _, owner := range found.Owners {
		row := page.OwnerRow{
			Name: owner.Owner, Groups: strings.Join(owner.Groups, ", "), Rules: owner.Rules, Confirmed: h.moment(owner.LastConfirmed),
			State: page.State{Word: h.say("owner." + string(owner.State)), Reason: owner.StateReason, Tone: ownerTones[owner.State]},
		}
		if kind := owner.Kind; kind != "user" {
			row.Kind = h.say("kind." + kind)
		}
		for _, state := range token.States() {
			if n := owner.Tokens[state]; n > 0 {
				row.Tokens = append(row.Tokens, page.Hint{
					Text: h.count("owner.tokens", n, strings.ToLower(h.say("state."+string(state)))),
					URL:  mounted(r).base + "all?" + url.Values{"owner": {owner.Owner}, "state": {string(state)}}.Encode(),
				})
			}
		}
		content.Rows = append(content.Rows, row)
	}
	h.render(w, r, http.StatusOK, "owners", v, page.Frame{Title: h.say("nav.owners"), Section: page.SectionOwners, Content: content})
}

var accountTones = map[accounts.State]page.Tone{accounts.StateValid: page.ToneGood, accounts.StateExpiring: page.ToneWarn, accounts.StateFailing: page.ToneBad, accounts.StateUnreadable: page.ToneBad}

func (h *Handler) accounts(w http.ResponseWriter, r *http.Request, v *visit) {
	var found admin.Accounts
	if err := h.as(r, v).call(http.MethodGet, "accounts", nil, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	var rows []page.AccountRow
	for _, account := range found.Accounts {
		row := page.AccountRow{
			Name: account.Name, Owner: account.Owner, Jira: account.Jira, User: account.User,
			State: page.State{Word: h.say("account." + string(account.State)), Reason: account.Error, Tone: accountTones[account.State]},
			From:  h.say("account.configured"),
		}
		if account.ExpiresAt != nil {
			row.Ends = h.moment(*account.ExpiresAt)
		}
		if account.Source == accounts.SourceStore {
			row.From = h.say("account.stored")
		}
		rows = append(rows, row)
	}
	h.render(w, r, http.StatusOK, "accounts", v, page.Frame{Title: h.say("nav.accounts"), Section: page.SectionAccounts, Content: rows})
}
