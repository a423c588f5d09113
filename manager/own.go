package manager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/accounts"
	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// jiraTimeout bounds how long somebody who connects waits for Jira.
const jiraTimeout = 30 * time.Second

// ownKinds are the kinds of credentials that owners can lodge.
var ownKinds = []accounts.Kind{accounts.KindBearer, accounts.KindBasic}

// showOwn shows a person's own accounts, one for each Jira.
func (h *Handler) showOwn(w http.ResponseWriter, r *http.Request, v *visit) {
	h.renderOwn(w, r, v, http.StatusOK, nil, nil)
}

// renderOwn shows the accounts, with change applied to the one that a form was about.
func (h *Handler) renderOwn(w http.ResponseWriter, r *http.Request, v *visit, status int, change func(*page.OwnAccount), notice *page.Notice) {
	content := page.OwnAccounts{Nowhere: h.mayNotKeepAccounts()}
	about := r.FormValue("jira")
	for _, url := range h.jiraURLs() {
		if content.Nowhere != "" {
			break
		}
		own, err := h.ownAccount(r, v, url)
		if err != nil {
			h.failed(w, r, err)
			return
		}
		if change != nil && jira.SameURL(url, about) {
			change(&own)
		}
		content.Accounts = append(content.Accounts, own)
	}
	for _, own := range content.Accounts {
		if done := map[bool]string{true: "own", false: "disconnect"}[own.Connected]; r.Method == http.MethodGet && notice == nil {
			notice = h.done(r, done) // if it is true of one of them
		}
	}
	h.render(w, r, status, "own", v, page.Frame{Title: h.say("own.title"), Section: page.SectionOwn, Notice: notice, Content: content})
}

// ownAccount returns a person's own account at a Jira, and the empty form for it.
func (h *Handler) ownAccount(r *http.Request, v *visit, url string) (page.OwnAccount, error) {
	own := page.OwnAccount{Jira: url, MayConsent: h.app.JiraAccounts().Connects(url), Kinds: h.ownKinds(accounts.KindBearer)}
	if h.app.IsCloud(r.Context(), url) {
		own.Kinds = h.ownKinds(accounts.KindBasic)
		own.User.Value = v.person()
	}
	view, err := h.app.JiraAccounts().Show(r.Context(), accounts.Own(v.person(), url))
	if errors.Is(err, token.ErrNotFound) {
		own.State, own.Revision = page.State{Word: h.say("own.none"), Tone: page.ToneQuiet}, accounts.NoRevision
		return own, nil
	}
	if err != nil {
		return own, err
	}
	row := h.accountRow(r, view)
	own.Connected, own.State, own.Ends, own.As, own.Revision = true, row.State, row.Ends, view.ValidatedAs, view.Revision
	own.State.Reason = admin.Plain(own.State.Reason)
	own.By = h.say("account.kind." + string(view.Kind))
	if !view.ValidatedAt.IsZero() {
		own.Validated = h.moment(view.ValidatedAt)
	}
	return own, nil
}

func (h *Handler) ownKinds(chosen accounts.Kind) (kinds []page.Choice) {
	for _, kind := range ownKinds {
		kinds = append(kinds, page.Choice{Value: string(kind), Text: h.say("account.kind." + string(kind)), Hint: h.say("account.kind." + string(kind) + ".hint"), Chosen: kind == chosen})
	}
	return kinds
}

// jiraAt returns the Jira with this base URL, as a gateway reaches it.
func (h *Handler) jiraAt(url string) (accounts.Jira, bool) {
	for _, upstream := range h.app.Jiras() {
		if jira.SameURL(upstream.URL, url) {
			return accounts.Jira{URL: upstream.URL, Transport: upstream.Transport}, true
		}
	}
	return accounts.Jira{}, false
}

// ownForm returns what was typed about a person's own account at the Jira that it names.
func (h *Handler) ownForm(w http.ResponseWriter, r *http.Request) (values url.Values, at accounts.Jira, ok bool) {
	if values, ok = h.typed(w, r); !ok {
		return values, at, false
	}
	if at, ok = h.jiraAt(values.Get("jira")); !ok {
		h.problem(w, r, http.StatusBadRequest, "problem.none")
	}
	return values, at, ok
}

// lodgeOwn saves a credential once Jira says that it is the person's.
func (h *Handler) lodgeOwn(w http.ResponseWriter, r *http.Request, v *visit) {
	values, at, ok := h.ownForm(w, r)
	if !ok {
		return
	}
	if h.refuseStaleOwn(w, r, v, values, at.URL) {
		return
	}
	edit := accounts.Edit{Revision: values.Get("revision"), Kind: accounts.Kind(values.Get("kind")), Secret: values.Get("secret"), ExpiresAt: strings.TrimSpace(values.Get("expires_at"))}
	if edit.Kind != accounts.KindBearer {
		edit.Kind, edit.User = accounts.KindBasic, strings.TrimSpace(values.Get("user"))
	}
	ctx, cancel := context.WithTimeout(r.Context(), jiraTimeout)
	defer cancel()
	if _, _, err := h.app.JiraAccounts().Lodge(ctx, v.actor, accounts.Own(v.person(), at.URL), edit, at); err != nil {
		if errors.Is(err, token.ErrConflict) && h.refuseStaleOwn(w, r, v, values, at.URL) { // while Jira was asked
			return
		}
		h.refuseOwn(w, r, v, values, err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"own?done=own", http.StatusSeeOther)
}

// refuseOwn shows the form again, with what was typed but the secret, and what is wrong.
func (h *Handler) refuseOwn(w http.ResponseWriter, r *http.Request, v *visit, values url.Values, err error) {
	status, notice := http.StatusBadRequest, &page.Notice{Tone: page.ToneBad, Text: h.say("form.wrong")}
	wrong := make(map[string]string)
	invalid, isInvalid := errors.AsType[token.InvalidError](err)
	described, isDescribed := errors.AsType[accounts.Error](err)
	switch {
	case errors.Is(err, token.ErrUnavailable):
		h.problem(w, r, http.StatusServiceUnavailable, "problem.store")
		return
	case isInvalid && (invalid.Field == "user" || invalid.Field == "secret" || invalid.Field == "expires_at"):
		wrong[invalid.Field] = admin.Plain(invalid.Error())
	case isInvalid:
		wrong["secret"] = admin.Plain(invalid.Error()) // whose credential it is, or of what
	case errors.As(err, new(accounts.TriesError)):
		status, notice.Text = http.StatusTooManyRequests, h.say("own.tries")
	case errors.As(err, new(accounts.UnreachableError)):
		status, notice.Text = http.StatusBadGateway, h.say("own.unreachable")
	case isDescribed:
		status, notice.Text = http.StatusConflict, admin.Plain(described.Text)
	default:
		h.failed(w, r, err)
		return
	}
	if len(wrong) > 0 {
		notice = h.wrong([]string{"user", "secret", "expires_at"}, wrong)
	}
	h.renderOwn(w, r, v, status, h.typedOwn(values, wrong), notice)
}

// typedOwn shows what was typed, if something was, and what is wrong with it.
func (h *Handler) typedOwn(values url.Values, wrong map[string]string) func(*page.OwnAccount) {
	return func(own *page.OwnAccount) {
		if !values.Has("kind") {
			return
		}
		own.Typing = true
		own.Kinds = h.ownKinds(accounts.Kind(values.Get("kind")))
		own.User, own.Secret = page.Field{Value: values.Get("user"), Wrong: wrong["user"]}, page.Field{Wrong: wrong["secret"]}
		own.Expires = page.Field{Value: values.Get("expires_at"), Wrong: wrong["expires_at"]}
	}
}

// consentOwn makes a link with which the person consents at Jira.
func (h *Handler) consentOwn(w http.ResponseWriter, r *http.Request, v *visit) {
	values, at, ok := h.ownForm(w, r)
	if !ok {
		return
	}
	if h.refuseStaleOwn(w, r, v, values, at.URL) {
		return
	}
	from := h.lastingURL(r, "own")
	link, err := h.app.JiraAccounts().NewLink(r.Context(), v.actor, accounts.Own(v.person(), at.URL), "", from)
	if err != nil {
		h.refuseOwn(w, r, v, values, err)
		return
	}
	h.renderOwn(w, r, v, http.StatusCreated, func(own *page.OwnAccount) {
		own.Link, own.LinkEnds, own.LeadsBack = link.URL, h.moment(link.ExpiresAt), from != ""
	}, nil)
}

// askRemoveOwn asks before a person's own account is removed.
func (h *Handler) askRemoveOwn(w http.ResponseWriter, r *http.Request, v *visit) {
	at, ok := h.jiraAt(r.URL.Query().Get("jira"))
	if !ok {
		h.problem(w, r, http.StatusNotFound, "problem.none")
		return
	}
	own, err := h.ownAccount(r, v, at.URL)
	if err != nil {
		h.failed(w, r, err)
		return
	}
	h.render(w, r, http.StatusOK, "ask", v, page.Frame{Title: h.say("own.remove.question", at.URL), Section: page.SectionOwn, Content: page.Ask{
		Back: mounted(r).base + "own", BackText: h.say("own.back"), Question: h.say("own.remove.question", at.URL), Consequence: h.say("own.remove.text"),
		Button: h.say("own.remove"), Danger: true, Revision: own.Revision,
	}})
}

func (h *Handler) removeOwn(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	at, ok := h.jiraAt(r.URL.Query().Get("jira"))
	if !ok {
		h.problem(w, r, http.StatusNotFound, "problem.none")
		return
	}
	if h.refuseStaleOwn(w, r, v, values, at.URL) {
		return
	}
	err := h.app.JiraAccounts().RemoveRevision(r.Context(), v.actor, accounts.Own(v.person(), at.URL), values.Get("revision"), func(ctx context.Context) (int, error) {
		return h.app.Registry().TokensOf(ctx, token.OwnAccount, v.person())
	})
	if err != nil {
		h.refuseOwn(w, r, v, url.Values{"jira": {at.URL}}, err)
		return
	}
	http.Redirect(w, r, mounted(r).base+"own?done=disconnect", http.StatusSeeOther)
}
