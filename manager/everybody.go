package manager

import (
	"net/http"
	"net/url"

	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// filters are the lists of all tokens that one click leads to.
var filters = []struct {
	key   string
	query url.Values
}{
	{"filter.all", nil},
	{"filter.active", url.Values{"state": {"active"}}},
	{"filter.pending", url.Values{"state": {"pending"}}},
	{"filter.suspended", url.Values{"state": {"suspended"}}},
	{"filter.disabled", url.Values{"state": {"disabled"}}},
	{"filter.expired", url.Values{"state": {"expired"}}},
	{"filter.revoked", url.Values{"state": {"revoked"}}},
	{"filter.service", url.Values{"kind": {"service"}}},
	{"filter.external", url.Values{"kind": {"external"}}},
}

// listed are the parameters that a list of all tokens has.
var listed = []string{"owner", "kind", "state"}

func (h *Handler) allTokens(w http.ResponseWriter, r *http.Request, v *visit) {
	asked := r.URL.Query()
	search, _ := token.CutSecrets(asked.Get("q")) // "whose is this?": a whole token finds its record
	query := url.Values{"limit": {"50"}}
	if search != "" {
		query.Set("search", search)
	}
	pass(asked, query, append([]string{"cursor"}, listed...)...)
	var found tokenPage
	if err := h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.TokenList{Rows: h.rows(found.Tokens), Search: search, Kept: make(map[string]string), Filtered: true}
	for _, name := range listed {
		if value := asked.Get(name); value != "" {
			content.Kept[name] = value
		}
	}
	base := mounted(r).base + "all?"
	for _, filter := range filters {
		to := url.Values{}
		pass(asked, to, "q", "owner")
		current := true
		for _, name := range []string{"state", "kind"} {
			current = current && asked.Get(name) == filter.query.Get(name)
			pass(filter.query, to, name)
		}
		content.Filters = append(content.Filters, page.Filter{Text: h.say(filter.key), URL: base + to.Encode(), Current: current})
	}
	if found.Next != "" {
		to := url.Values{"cursor": {found.Next}}
		pass(asked, to, append([]string{"q"}, listed...)...)
		content.Next = base + to.Encode()
	}
	if asked.Has("cursor") {
		to := url.Values{}
		pass(asked, to, append([]string{"q"}, listed...)...)
		content.Previous = base + to.Encode()
	}
	h.render(w, r, http.StatusOK, "all", v, page.Frame{Title: h.say("nav.all"), Section: page.SectionAll, Notice: h.done(r), Content: content})
}
