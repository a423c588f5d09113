package manager

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

var accountTones = map[accounts.State]page.Tone{accounts.StateValid: page.ToneGood, accounts.StateExpiring: page.ToneWarn, accounts.StateFailing: page.ToneBad, accounts.StateUnreadable: page.ToneBad}

func (h *Handler) accounts(w http.ResponseWriter, r *http.Request, v *visit) {
	var found admin.Accounts
	if err := h.as(r, v).call(http.MethodGet, "accounts", nil, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.AccountList{MayNotAdd: h.mayNotKeepAccounts()}
	for _, account := range found.Accounts {
		content.Rows = append(content.Rows, h.accountRow(r, account))
	}
	h.render(w, r, http.StatusOK, "accounts", v, page.Frame{Title: h.say("nav.accounts"), Section: page.SectionAccounts, Notice: h.done(r, "account", "account-remove"), Content: content})
}

// mayNotKeepAccounts says why no account can be added; empty if one can.
func (h *Handler) mayNotKeepAccounts() string {
	switch {
	case !h.app.JiraAccounts().KeepsAccounts():
		return h.say("accounts.nokey")
	case len(h.jiraURLs()) == 0:
		return h.say("accounts.nojira")
	}
	return ""
}

// jiraURLs returns the base URLs of the Jiras that the gateways forward to.
func (h *Handler) jiraURLs() (urls []string) {
	for _, upstream := range h.app.Jiras() {
		known := false
		for _, url := range urls {
			known = known || jira.SameURL(url, upstream.URL)
		}
		if !known {
			urls = append(urls, upstream.URL)
		}
	}
	return urls
}

func (h *Handler) accountRow(r *http.Request, account admin.Account) page.AccountRow {
	row := page.AccountRow{
		Name: account.Name, Owner: account.Owner, Jira: account.Jira, URL: accountURL(r, account, ""),
		User: account.User, From: h.say("account.configured"), State: h.accountState(account),
	}
	if account.User == "" {
		row.User = account.ValidatedAs
	}
	if account.Source == accounts.SourceConfiguration {
		row.Jira = strings.Join(h.jirasOf(account.Name), ", ")
		if user, ok := h.checked.Load(account.Name); ok {
			row.User, _ = user.(string)
		}
	}
	if account.ExpiresAt != nil {
		row.Ends = h.moment(*account.ExpiresAt)
	}
	if account.Source == accounts.SourceStore {
		row.From = h.say("account.stored")
	}
	return row
}

// jirasOf returns the base URLs of the Jiras that a configured account is used with.
func (h *Handler) jirasOf(name string) (urls []string) {
	for _, upstream := range h.app.Jiras() {
		if (len(upstream.Accounts) == 0 || slices.Contains(upstream.Accounts, name)) && !slices.Contains(urls, upstream.URL) {
			urls = append(urls, upstream.URL)
		}
	}
	return urls
}

// accountState returns the lamp of an account, in words.
func (h *Handler) accountState(account admin.Account) page.State {
	state := page.State{Word: h.say("account." + string(account.State)), Reason: account.Error, Tone: accountTones[account.State]}
	switch {
	case account.Hidden:
		return page.State{Word: h.say("account.hidden"), Reason: h.say("account.hidden.text"), Tone: page.ToneWarn}
	case account.Unproven:
		return page.State{Word: h.say("account.unproven"), Tone: page.ToneQuiet}
	case account.State == accounts.StateFailing && !account.FailingSince.IsZero():
		state.Word = h.say("account.failing.since", h.moment(account.FailingSince).Words)
	case account.State == accounts.StateExpiring && account.ExpiresAt != nil && account.ExpiresAt.After(h.now()):
		state.Word = h.say("account.expiring.in", h.moment(*account.ExpiresAt).Words)
	case account.State == accounts.StateExpiring:
		state.Word = h.say("account.expired")
	}
	return state
}

// accountURL returns the address of a page about an account.
func accountURL(r *http.Request, account admin.Account, action string) string {
	to := mounted(r).base + "accounts/" + url.PathEscape(account.Name) + action
	if account.Owner == "" {
		return to
	}
	return to + "?" + url.Values{"owner": {account.Owner}, "jira": {account.Jira}}.Encode()
}

// accountQuery returns which owner's account the request is about, if it is one's own.
func accountQuery(r *http.Request) url.Values {
	query := url.Values{}
	pass(r.URL.Query(), query, "owner", "jira")
	return query
}

// account returns the account in the path.
func (h *Handler) account(r *http.Request, v *visit) (account admin.Account, err error) {
	err = h.as(r, v).call(http.MethodGet, "accounts/"+url.PathEscape(r.PathValue("name")), accountQuery(r), nil, &account)
	return account, err
}

func (h *Handler) showAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	h.accountPage(w, r, v, nil)
}

func (h *Handler) accountPage(w http.ResponseWriter, r *http.Request, v *visit, notice *page.Notice) {
	account, err := h.account(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.AccountDetails{AccountRow: h.accountRow(r, account), Check: accountURL(r, account, "/check")}
	if account.Source == accounts.SourceStore {
		content.Remove = accountURL(r, account, "/remove")
		if account.Kind != accounts.KindConsent {
			content.Replace = accountURL(r, account, "/replace")
		}
		content.Facts = append(content.Facts, page.Fact{Name: h.say("account.kind"), Text: h.say("account.kind." + string(account.Kind))})
	}
	tokens := url.Values{"account": {account.Name}}
	pass(url.Values{"owner": {account.Owner}}, tokens, "owner")
	content.Tokens = mounted(r).base + "all?" + tokens.Encode()
	for _, change := range []struct {
		key string
		by  *admin.Actor
		at  page.Moment
	}{{"account.added", account.AddedBy, h.moment(account.AddedAt)}, {"account.replaced", account.ReplacedBy, h.moment(account.ReplacedAt)}} {
		if change.by != nil {
			content.Facts = append(content.Facts, page.Fact{Name: h.say(change.key), Text: h.say("account.by", h.actor(*change.by)), Moment: change.at})
		}
	}
	if account.ValidatedAs != "" {
		content.Facts = append(content.Facts, page.Fact{Name: h.say("account.validated"), Text: account.ValidatedAs + ",", Moment: h.moment(account.ValidatedAt)})
	}
	h.render(w, r, http.StatusOK, "account", v, page.Frame{Title: accountTitle(h, account), Section: page.SectionAccounts, Notice: notice, Content: content})
}

func accountTitle(h *Handler, account admin.Account) string {
	if account.Owner != "" {
		return h.say("account.own.of", account.Owner)
	}
	return account.Name
}

// checkAccount asks Jira whether it accepts an account.
func (h *Handler) checkAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	var checked admin.CheckResults
	err := h.as(r, v).call(http.MethodPost, "accounts/"+url.PathEscape(r.PathValue("name"))+"/check", accountQuery(r), nil, &checked)
	if failed, ok := errors.AsType[answerError](err); ok && failed.Status == http.StatusConflict {
		h.accountPage(w, r, v, &page.Notice{Tone: page.ToneBad, Text: failed.plain()})
		return
	} else if err != nil {
		h.refused(w, r, v, err)
		return
	}
	notice := &page.Notice{Tone: page.ToneGood, Text: h.say("account.checked")}
	for _, result := range checked.Accounts {
		if result.OK {
			notice.More = append(notice.More, h.say("account.checked.ok", result.Jira, result.User))
			if !r.URL.Query().Has("owner") {
				h.checked.Store(r.PathValue("name"), result.User)
			}
			continue
		}
		notice.Tone = page.ToneBad
		notice.More = append(notice.More, h.say("account.checked.bad", result.Jira, result.Error))
	}
	h.accountPage(w, r, v, notice)
}

// The products of which a Jira can be, as members of an account's JSON: Data Center is called
// jira there.
const productCloud, productJira = "cloud", "jira"

var products = []string{productCloud, productJira}

// accountKinds are the kinds of credentials that can be typed.
var accountKinds = []accounts.Kind{accounts.KindBasic, accounts.KindBearer, accounts.KindOAuth}

// accountForm returns the form with what was typed, except the secret.
func (h *Handler) accountForm(values url.Values) page.AccountForm {
	typed := func(name string) page.Field { return page.Field{Value: values.Get(name)} }
	form := page.AccountForm{Name: typed("name"), User: typed("user"), Scoped: values.Get("scoped") != "", Expires: typed("expires_at")}
	for _, kind := range accountKinds {
		form.Kinds = append(form.Kinds, page.Choice{
			Value: string(kind), Text: h.say("account.kind." + string(kind)), Hint: h.say("account.kind." + string(kind) + ".hint"), Chosen: values.Get("kind") == string(kind),
		})
	}
	for _, url := range h.jiraURLs() {
		form.Jiras = append(form.Jiras, page.Choice{Value: url, Text: url, Chosen: url == values.Get("jira")})
	}
	for _, product := range products {
		form.Products = append(form.Products, page.Choice{Value: product, Text: h.say("account.product." + product), Chosen: values.Get("product") == product})
	}
	return form
}

func (h *Handler) newAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	if why := h.mayNotKeepAccounts(); why != "" {
		h.trouble(w, r, http.StatusConflict, why)
		return
	}
	product := productJira
	if h.app.IsCloud(r.Context(), "") {
		product = productCloud
	}
	h.showAccountForm(w, r, v, http.StatusOK, h.accountForm(url.Values{"kind": {"basic"}, "product": {product}}), nil)
}

// addAccount saves a new account, once Jira has accepted it.
func (h *Handler) addAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	edit := accountEdit(values)
	edit["name"] = strings.TrimSpace(values.Get("name"))
	product := values.Get("product")
	if !slices.Contains(products, product) {
		product = productJira
	}
	edit[product] = values.Get("jira")
	if err := h.as(r, v).call(http.MethodPost, "accounts", nil, edit, nil); err != nil {
		h.showAccountForm(w, r, v, http.StatusBadRequest, h.accountForm(values), err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"accounts?done=account", http.StatusSeeOther)
}

// accountEdit returns the JSON of a credential that was typed.
func accountEdit(values url.Values) map[string]any {
	edit := map[string]any{"kind": values.Get("kind"), "secret": values.Get("secret"), "scoped": values.Get("scoped") != ""}
	if values.Get("kind") == string(accounts.KindBearer) {
		delete(edit, "scoped")
	} else if user := strings.TrimSpace(values.Get("user")); user != "" {
		edit["user"] = user
	}
	if expires := strings.TrimSpace(values.Get("expires_at")); expires != "" {
		edit["expires_at"] = expires
	}
	if revision := values.Get("revision"); revision != "" {
		edit["revision"] = revision
	}
	return edit
}

// showAccountForm shows the form, with an error beside the field that it is about.
func (h *Handler) showAccountForm(w http.ResponseWriter, r *http.Request, v *visit, status int, form page.AccountForm, err error) {
	var notice *page.Notice
	failed, ok := errors.AsType[answerError](err)
	switch {
	case err == nil:
	case !ok:
		h.failed(w, r, err)
		return
	default:
		status = failed.Status
		notice = &page.Notice{Tone: page.ToneBad, Text: failed.plain()}
		if failed.Status == http.StatusServiceUnavailable {
			notice.Text = h.say("problem.store")
		}
		h.markAccount(&form, notice, failed)
	}
	h.renderAccountForm(w, r, v, status, form, notice)
}

func (h *Handler) renderAccountForm(w http.ResponseWriter, r *http.Request, v *visit, status int, form page.AccountForm, notice *page.Notice) {
	frame := page.Frame{Title: h.say("account.new"), Section: page.SectionAccounts, Notice: notice, Content: form}
	if form.Account != "" {
		frame.Title = h.say("account.replace.title", form.Account)
	}
	h.render(w, r, status, "accountform", v, frame)
}

// markAccount puts what an endpoint has said about an account beside the field that it is
// about.
func (h *Handler) markAccount(form *page.AccountForm, notice *page.Notice, failed answerError) {
	message, mayBeScoped := strings.CutSuffix(failed.Message, admin.Plain(accounts.ScopedHint))
	field, text, _ := strings.Cut(message, ": ")
	if mayBeScoped {
		text += " " + h.say("account.scoped.try")
	}
	fields := map[string]*page.Field{
		"name": &form.Name, "account_name": &form.Name, "user": &form.User, "secret": &form.Secret, "expires_at": &form.Expires,
		productCloud: &form.Product, productJira: &form.Product,
	}
	to := fields[field]
	if to == nil {
		return
	}
	if to == &form.Product {
		text = h.say("account.product.not." + field)
	}
	input := field
	switch to {
	case &form.Name:
		input = "name"
	case &form.Product:
		input = "product"
	}
	to.Wrong = text
	*notice = *h.wrong([]string{input}, map[string]string{input: text})
}

// replaceForm returns the form for a new credential of the account in the path. It reports
// false if it has answered the request.
func (h *Handler) replaceForm(w http.ResponseWriter, r *http.Request, v *visit, values url.Values) (page.AccountForm, bool) {
	account, err := h.account(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return page.AccountForm{}, false
	}
	if values == nil {
		values = url.Values{"kind": {string(account.Kind)}, "user": {account.User}}
		if account.Scoped {
			values.Set("scoped", "true")
		}
	}
	form := h.accountForm(values)
	form.Account, form.Back, form.Jira, form.Revision = accountTitle(h, account), accountURL(r, account, ""), account.Jira, account.Revision
	if stale := h.staleAccount(values, account, "account.stale"); stale != nil {
		h.renderAccountForm(w, r, v, http.StatusConflict, form, stale)
		return form, false
	}
	return form, true
}

func (h *Handler) askReplaceAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	if form, ok := h.replaceForm(w, r, v, nil); ok {
		h.showAccountForm(w, r, v, http.StatusOK, form, nil)
	}
}

// replaceAccount gives an account a new credential, once Jira has accepted it.
func (h *Handler) replaceAccount(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	form, ok := h.replaceForm(w, r, v, values)
	if !ok {
		return
	}
	path := "accounts/" + url.PathEscape(r.PathValue("name")) + "/replace"
	if err := h.as(r, v).call(http.MethodPost, path, accountQuery(r), accountEdit(values), nil); err != nil {
		if failed, ok := errors.AsType[answerError](err); ok && failed.Status == http.StatusConflict { // while Jira was asked
			if form, ok = h.replaceForm(w, r, v, values); !ok {
				return
			}
		}
		h.showAccountForm(w, r, v, http.StatusBadRequest, form, err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"accounts?done=account", http.StatusSeeOther)
}
