package manager

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// addPages adds the pages to the routes.
func (h *Handler) addPages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", h.person(h.firstPage))
	mux.HandleFunc("GET /overview", h.manager(h.overview))
	mux.HandleFunc("GET /tokens", h.person(h.myTokens))
	mux.HandleFunc("GET /tokens/new", h.person(h.changes(h.newToken)))
	mux.HandleFunc("POST /tokens/new", h.person(h.createToken))
	mux.HandleFunc("POST /tokens/sentence", h.looks(h.describeToken))
	mux.HandleFunc("POST /tokens/try", h.person(h.tryToken))
	mux.HandleFunc("GET /tokens/{id}", h.person(h.showToken))
	mux.HandleFunc("GET /tokens/{id}/edit", h.person(h.changes(h.editToken)))
	mux.HandleFunc("POST /tokens/{id}/edit", h.person(h.changeToken))
	mux.HandleFunc("GET /tokens/{id}/{action}", h.person(h.changes(h.askAction)))
	mux.HandleFunc("POST /tokens/{id}/{action}", h.person(h.takeAction))
	mux.HandleFunc("GET /own", h.person(h.showOwn))
	mux.HandleFunc("POST /own", h.person(h.lodgeOwn))
	mux.HandleFunc("POST /own/connect", h.person(h.consentOwn))
	mux.HandleFunc("GET /own/remove", h.person(h.changes(h.askRemoveOwn)))
	mux.HandleFunc("POST /own/remove", h.person(h.removeOwn))
	mux.HandleFunc("GET /all", h.manager(h.allTokens))
	for _, path := range []string{"/all/whose", "/all/bulk", "/all/bulk/take"} { // such as after a reload
		mux.HandleFunc("GET "+path, h.manager(h.toAll))
	}
	mux.HandleFunc("POST /all/whose", h.looks(h.managing(h.whoseToken)))
	mux.HandleFunc("POST /all/bulk", h.looks(h.managing(h.askBulk)))
	mux.HandleFunc("POST /all/bulk/take", h.manager(h.takeBulk))
	mux.HandleFunc("GET /requests", h.manager(h.requests))
	mux.HandleFunc("GET /requests/{id}", h.manager(h.showRequest))
	mux.HandleFunc("POST /requests/{id}", h.manager(h.decideRequest))
	mux.HandleFunc("GET /owners", h.manager(h.owners))
	mux.HandleFunc("GET /owner", h.manager(h.showOwner))
	mux.HandleFunc("GET /owner/revoke", h.manager(h.changes(h.askRevokeOwner)))
	mux.HandleFunc("POST /owner/revoke", h.manager(h.revokeOwner))
	mux.HandleFunc("GET /owner/transfer", h.manager(h.changes(h.askTransfer)))
	mux.HandleFunc("POST /owner/transfer", h.manager(h.transferOwner))
	mux.HandleFunc("GET /accounts", h.manager(h.accounts))
	mux.HandleFunc("GET /account", h.manager(h.changes(h.newAccount)))
	mux.HandleFunc("POST /account", h.manager(h.addAccount))
	mux.HandleFunc("GET /accounts/{name}", h.manager(h.showAccount))
	mux.HandleFunc("POST /accounts/{name}/check", h.looks(h.managing(h.checkAccount)))
	mux.HandleFunc("GET /accounts/{name}/replace", h.manager(h.changes(h.askReplaceAccount)))
	mux.HandleFunc("POST /accounts/{name}/replace", h.manager(h.replaceAccount))
	mux.HandleFunc("GET /accounts/{name}/remove", h.manager(h.changes(h.askRemoveAccount)))
	mux.HandleFunc("POST /accounts/{name}/remove", h.manager(h.removeAccount))
	mux.HandleFunc("GET /trail", h.manager(h.trail))
	mux.HandleFunc("GET /trail/export", h.manager(h.exportTrail))
	mux.HandleFunc("GET /trail/checkpoint", h.manager(h.checkpoint))
	mux.HandleFunc("GET /trail/{event}", h.manager(h.showEvent))
	mux.HandleFunc("GET /trail/{event}/proof", h.manager(h.eventProof))
	mux.HandleFunc("/", h.noPage)
}

// tokenPage is the JSON of a list of tokens.
type tokenPage struct {
	Tokens []admin.Token `json:"tokens"`
	Next   string        `json:"next"`
}

func (h *Handler) myTokens(w http.ResponseWriter, r *http.Request, v *visit) {
	query := url.Values{"owner": {v.person()}, "kind": {"user"}, "limit": {"100"}}
	asked := url.Values{}
	pass(r.URL.Query(), asked, myFilters...)
	maps.Copy(query, asked)
	pass(r.URL.Query(), query, "cursor")
	var found tokenPage
	err := h.understood(r.URL.Query(), append([]string{"cursor", "done"}, myFilters...)...)
	if err == nil {
		err = h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found)
	}
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.TokenList{Rows: h.rows(found.Tokens), Filtered: len(asked) > 0}
	if content.Hints, content.Filters, err = h.hints(r, v, asked); err != nil {
		h.refused(w, r, v, err)
		return
	}
	base := mounted(r).base + "tokens?"
	if query.Has("cursor") {
		content.Previous = base + asked.Encode()
	}
	if found.Next != "" {
		content.Next = base + leaves(asked, "cursor", found.Next)
	}
	if content.MayNotCreate, err = h.mayNotCreate(r.Context(), v); err != nil {
		h.failed(w, r, err)
		return
	}
	h.render(w, r, http.StatusOK, "tokens", v, page.Frame{Title: h.say("nav.mine"), Section: page.SectionMine, Content: content})
}

// pass copies parameters that are set.
func pass(from, to url.Values, names ...string) {
	for _, name := range names {
		if value := from.Get(name); value != "" {
			to.Set(name, value)
		}
	}
}

// myFilters are the filters of the list of one's own tokens.
var myFilters = []string{"state", "expiring", "never_used"}

// hinted are the lists that need their owner's attention, and the keys of their words.
var hinted = []struct {
	hint, filter string
	query        url.Values
}{
	{"hint.ending", "hint.ending.filter", url.Values{"state": {"active"}, "expiring": {"14d"}}},
	{"hint.unused", "hint.unused.filter", url.Values{"state": {"active"}, "never_used": {"true"}}},
}

// hints says what needs the owner's attention, and returns the filters to choose from once
// one is set.
func (h *Handler) hints(r *http.Request, v *visit, asked url.Values) (hints []page.Hint, filters []page.Filter, err error) {
	base := mounted(r).base + "tokens"
	filters = []page.Filter{{Text: h.say("filter.all"), URL: base}}
	if state := asked.Get("state"); len(asked) == 1 && state != "" {
		if word, err := h.pages.Words().Say("state." + state); err == nil {
			filters = append(filters, page.Filter{Text: word, URL: base + "?" + asked.Encode(), Current: true})
		}
	}
	for _, list := range hinted {
		query := maps.Clone(list.query)
		query.Set("owner", v.person())
		query.Set("kind", "user")
		query.Set("limit", strconv.Itoa(maxBulk))
		var found tokenPage
		if err := h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found); err != nil {
			return nil, nil, err
		}
		to := base + "?" + list.query.Encode()
		if n := len(found.Tokens); n > 0 {
			hints = append(hints, page.Hint{Text: h.count(list.hint, n), URL: to})
		}
		filters = append(filters, page.Filter{Text: h.say(list.filter), URL: to, Current: asked.Encode() == list.query.Encode()})
	}
	if len(asked) == 0 {
		filters = nil
	}
	return hints, filters, nil
}

// ruleNames are the parts of reasons that name rules, and say where they are written.
var ruleNames = regexp.MustCompile(`; rule: [^;]*`)

// withoutRules returns a reason without the names of rules, for which a list has no room.
func withoutRules(reason string) string { return ruleNames.ReplaceAllString(reason, "") }

func (h *Handler) rows(tokens []admin.Token) []page.TokenRow {
	rows := make([]page.TokenRow, len(tokens))
	for i, t := range tokens {
		rows[i] = h.row(t)
	}
	return rows
}

func (h *Handler) row(t admin.Token) page.TokenRow {
	row := page.TokenRow{ID: t.ID, Name: t.Name, Owner: t.Owner, State: h.state(t.State, withoutRules(t.StateReason))}
	if t.State == token.StateDamaged {
		row.State.Reason = t.Error
		if row.Name == "" {
			row.Name = t.ID
		}
		return row
	}
	row.Sentence, row.Ends = t.Sentence(), h.moment(t.ExpiresAt)
	row.Over, row.Off = t.State == token.StateRevoked, t.State == token.StateDisabled
	if t.Account != token.DefaultAccount {
		row.Account = h.say("row.account", t.Account)
	}
	if t.Account == token.OwnAccount {
		row.Account = h.say("row.account.own", t.Owner)
	}
	if t.Kind != token.KindUser {
		row.Kind = h.say("kind." + t.Kind.String())
	}
	if t.LastUsed != nil {
		row.Used = page.Use{Moment: h.moment(t.LastUsed.At), Address: t.LastUsed.Address.String(), UserAgent: t.LastUsed.UserAgent}
	}
	return row
}

// mayNotCreate says why somebody can have no further token; empty if they can have one.
func (h *Handler) mayNotCreate(ctx context.Context, v *visit) (string, error) {
	rights := v.desk.Rights()
	if rights.OnBehalf() {
		return "", nil
	}
	if !slices.ContainsFunc(scopes, func(scope token.Scope) bool {
		return !about(rights.Violation(candidate(v.person(), scope)), "scope", "owner")
	}) {
		return h.say("tokens.forbidden", rights.Violation(candidate(v.person(), token.ScopeRead)).Why), nil
	}
	err := v.desk.MayHaveMore(ctx)
	if _, full := errors.AsType[registry.PolicyError](err); full {
		limit, _ := rights.MaxTokens()
		return h.count("tokens.full", limit), nil
	}
	return "", err
}

// refused answers a page's request that an endpoint has refused.
func (h *Handler) refused(w http.ResponseWriter, r *http.Request, v *visit, err error) {
	failed, ok := errors.AsType[answerError](err)
	if !ok {
		h.failed(w, r, err)
		return
	}
	if failed.again != "" { // the list is being read
		text := "problem.reading.form" // which is sent again by a button
		if r.Method == http.MethodGet {
			w.Header().Set("Refresh", failed.again)
			text = "problem.reading.text"
		}
		h.render(w, r, failed.Status, "error", v, page.Frame{Title: h.say("problem.reading"), Content: page.Problem{Text: h.say(text), URL: h.back(r), Kept: h.kept(r, true)}})
		return
	}
	if failed.Status == http.StatusServiceUnavailable {
		h.problem(w, r, failed.Status, "problem.store")
		return
	}
	h.fail(w, r, failed.Status, v, failed.plain())
}
