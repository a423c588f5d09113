package manager

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// filterGroups are the filters of the list of all tokens that one click sets. Of each
// group, one is set.
var filterGroups = []struct {
	key     string
	filters []listFilter
}{
	{"filter.state", []listFilter{
		{"filter.all", "state", ""},
		{"filter.active", "state", "active"},
		{"filter.pending", "state", "pending"},
		{"filter.suspended", "state", "suspended"},
		{"filter.not_yet_valid", "state", "not_yet_valid"},
		{"filter.disabled", "state", "disabled"},
		{"filter.expired", "state", "expired"},
		{"filter.revoked", "state", "revoked"},
		{"filter.damaged", "state", "damaged"},
	}},
	{"filter.kind", []listFilter{
		{"filter.all", "kind", ""}, {"filter.user", "kind", "user"}, {"filter.service", "kind", "service"}, {"filter.external", "kind", "external"},
	}},
	{"filter.scope", []listFilter{
		{"filter.all", "scope", ""}, {"filter.read", "scope", "read"}, {"filter.write", "scope", "write"}, {"filter.read-all", "scope", "read-all"}, {"filter.admin", "scope", "admin"},
	}},
	{"filter.expiring", []listFilter{
		{"filter.anytime", "expiring", ""}, {"filter.7d", "expiring", "7d"}, {"filter.14d", "expiring", "14d"}, {"filter.30d", "expiring", "30d"},
	}},
	{"filter.unused", []listFilter{
		{"filter.anytime", "unused", ""}, {"filter.30d", "unused", "30d"}, {"filter.90d", "unused", "90d"}, {"filter.never", "never_used", "true"},
	}},
	{"filter.sort", []listFilter{
		{"sort.newest", "sort", ""}, {"sort.expires", "sort", "expires"}, {"sort.used", "sort", "last_used"}, {"sort.owner", "sort", "owner"}, {"sort.name", "sort", "name"},
	}},
}

// excluded are the parameters that a filter cannot be combined with, by the filter's
// parameter and value: choosing it removes them. Without a value, any is meant.
var excluded = map[[2]string][]string{
	{"state", "damaged"}:   {"kind", "account", "scope", "project", "network", "expiring", "unused", "never_used", "created_after", "created_before", "used_after", "used_before", "exchanged", "sort"},
	{"state", "expired"}:   {"expiring"},
	{"never_used", "true"}: {"unused", "used_after", "used_before"},
	{"unused", ""}:         {"never_used"},
}

// listFilter is a filter: the key of its words, the parameter and its value.
type listFilter struct{ key, name, value string }

// typedFilters are the filters whose values are typed.
var typedFilters = []string{"owner", "account", "project", "network", "created_after", "created_before", "used_after", "used_before", "exchanged"}

// listed are the parameters that a list of all tokens has besides the search.
var listed = func() []string {
	names := slices.Clone(typedFilters)
	for _, group := range filterGroups {
		for _, filter := range group.filters {
			if !slices.Contains(names, filter.name) {
				names = append(names, filter.name)
			}
		}
	}
	return names
}()

// tokensAsked returns the query for the tokens that values ask for. Secrets of tokens are
// cut off.
func tokensAsked(values url.Values) url.Values {
	asked := url.Values{}
	pass(searchIn(values), asked, "search")
	pass(values, asked, listed...)
	for name := range asked {
		text, _ := token.CutSecrets(strings.TrimSpace(asked.Get(name)))
		asked.Set(name, text)
	}
	return asked
}

func (h *Handler) allTokens(w http.ResponseWriter, r *http.Request, v *visit) {
	if _, leaked := token.CutSecrets(r.URL.RawQuery); leaked {
		// Browsers and proxies remember addresses.
		http.Redirect(w, r, mounted(r).base+"all?"+leaves(tokensAsked(r.URL.Query()), "done", "leaked"), http.StatusSeeOther)
		return
	}
	notice := h.done(r, "leaked")
	if notice == nil {
		notice = h.bulkNotice(r.URL.Query().Get("done"))
	}
	h.listTokens(w, r, v, http.StatusOK, page.Field{}, notice)
}

// toAll leads to the list from an address that only takes forms.
func (h *Handler) toAll(w http.ResponseWriter, r *http.Request, _ *visit) {
	http.Redirect(w, r, mounted(r).base+"all", http.StatusSeeOther)
}

// leaves returns a query with one parameter more.
func leaves(query url.Values, name, value string) string {
	query.Set(name, value)
	return query.Encode()
}

// listTokens shows the list. whose is what was typed to find out whose token something is.
func (h *Handler) listTokens(w http.ResponseWriter, r *http.Request, v *visit, status int, whose page.Field, notice *page.Notice) {
	asked := tokensAsked(r.URL.Query())
	query := maps.Clone(asked)
	query.Set("limit", "50")
	pass(r.URL.Query(), query, "cursor")
	var found tokenPage
	err := h.understood(r.URL.Query(), append([]string{"search", "q", "cursor", "done"}, listed...)...)
	if err == nil {
		err = h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found)
	}
	frame := page.Frame{Title: h.say("nav.all"), Section: page.SectionAll, Notice: notice}
	if explained, ok := h.explained(&frame, err); !ok {
		h.refused(w, r, v, err)
		return
	} else if err != nil {
		status = explained
	}
	wrong := h.mistypedFilters(&frame, asked, err)
	content := page.AllTokens{Mistaken: err != nil, WrongFilters: len(wrong) > 0, TokenList: page.TokenList{Rows: h.rows(found.Tokens), Search: asked.Get("search"), Kept: make(map[string]string), Filtered: len(asked) > 0}, Whose: whose}
	for _, name := range listed {
		if value := asked.Get(name); value != "" {
			content.Kept[name] = value
		}
	}
	base := mounted(r).base + "all?"
	content.Groups = h.filterGroups(base, asked)
	for _, group := range content.Groups {
		content.Set = append(content.Set, group.Set...)
	}
	for _, name := range typedFilters {
		field := page.TypedFilter{Name: name, Label: h.say("filter.typed." + name), Value: asked.Get(name), Wrong: wrong[name]}
		if field.Value != "" {
			content.Set = append(content.Set, page.Filter{Text: h.say("filter.is", field.Label, field.Value), URL: base + without(asked, name).Encode()})
		}
		content.Typed = append(content.Typed, field)
	}
	if found.Next != "" {
		next := without(asked)
		next.Set("cursor", found.Next)
		content.Next = base + next.Encode()
	}
	if query.Has("cursor") {
		content.Previous = base + asked.Encode()
	}
	content.Query = asked.Encode()
	content.More = content.Next != "" || content.Previous != ""
	frame.Content = content
	h.render(w, r, status, "all", v, frame)
}

// mistypedFilters returns what is wrong with the values of filters, by name, and puts all of it
// above the page: an endpoint names only the first.
func (h *Handler) mistypedFilters(frame *page.Frame, asked url.Values, err error) map[string]string {
	if err == nil {
		return nil
	}
	wrong := admin.WrongFilters(asked, h.now())
	if len(wrong) == 0 {
		return nil // it is something else, which the notice says
	}
	frame.Notice = &page.Notice{Tone: page.ToneBad, Text: h.say("filter.wrong")}
	for _, name := range slices.Sorted(maps.Keys(wrong)) {
		if slices.Contains(typedFilters, name) {
			text := h.say("form.wrong.field", h.say("filter.typed."+name), wrong[name])
			frame.Notice.Links = append(frame.Notice.Links, page.Hint{Text: text, URL: "#f-" + name})
			continue
		}
		label := name
		for _, group := range filterGroups {
			if slices.ContainsFunc(group.filters, func(f listFilter) bool { return f.name == name }) {
				label = h.say(group.key)
			}
		}
		frame.Notice.More = append(frame.Notice.More, h.say("form.wrong.field", label, wrong[name]))
	}
	return wrong
}

// searchIn returns what a list is searched for. It is called q in older addresses.
func searchIn(values url.Values) url.Values {
	search := url.Values{}
	pass(url.Values{"search": values["q"]}, search, "search")
	pass(values, search, "search")
	return search
}

// understood returns an error if a query has a parameter that a list does not have, or one
// twice: to leave it out would list what nobody has asked for.
func (h *Handler) understood(query url.Values, known ...string) error {
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case !slices.Contains(known, name):
			name, _ = token.CutSecrets(name)
			return answerError{Status: http.StatusBadRequest, Message: h.say("filter.unknown", name, strings.Join(slices.DeleteFunc(slices.Sorted(slices.Values(known)), func(name string) bool {
				return slices.Contains([]string{"q", "cursor", "done", "format"}, name)
			}), ", "))}
		case len(query[name]) > 1:
			return answerError{Status: http.StatusBadRequest, Message: h.say("filter.twice", name)}
		}
	}
	return nil
}

// without returns a query without some parameters.
func without(query url.Values, names ...string) url.Values {
	rest := url.Values{}
	for name := range query {
		if !slices.Contains(names, name) {
			rest.Set(name, query.Get(name))
		}
	}
	return rest
}

// choose returns a query with the filter, and without what it cannot be combined with.
func (f listFilter) choose(asked url.Values) url.Values {
	to := without(asked, append(append([]string{f.name}, excluded[[2]string{f.name, f.value}]...), excluded[[2]string{f.name, ""}]...)...)
	if f.value != "" {
		to.Set(f.name, f.value)
	}
	for _, value := range []string{"damaged", "expired"} {
		if to.Get("state") == value && f.name != "state" && slices.Contains(excluded[[2]string{"state", value}], f.name) && f.value != "" {
			to.Del("state")
		}
	}
	return to
}

// maxEchoed is the maximum length of a text that is shown again although it is not known what
// it is. Tokens of Jira and others are longer.
const maxEchoed = 24

// whoseToken finds the token that somebody has pasted, whole or its ID. It comes in the
// body of a request, and goes nowhere else.
func (h *Handler) whoseToken(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	pasted := strings.TrimSpace(values.Get("token"))
	id, done := pasted, ""
	if presented, part, ok := token.Find(pasted); ok {
		id = presented.ID()
		record, err := h.app.Registry().Lookup(r.Context(), presented)
		switch {
		case errors.Is(err, token.ErrUnavailable):
			h.failed(w, r, err)
			return
		case errors.Is(err, token.ErrRotated), err == nil && record.Replaced(presented.Digest()):
			done = "?done=whose-old"
		case err != nil:
			done = "?done=whose-other"
		default:
			done = "?done=whose-current"
		}
	} else if part != "" {
		id, done = part, "?done=whose-part"
	}
	if !token.ValidID(id) {
		whose := page.Field{Wrong: h.say("whose.none")}
		if len(pasted) <= maxEchoed { // what is longer may be a secret of something else
			whose.Value, _ = token.CutSecrets(pasted)
		}
		h.listTokens(w, r, v, http.StatusBadRequest, whose, nil)
		return
	}
	if err := h.as(r, v).call(http.MethodGet, "tokens/"+id, nil, nil, nil); err != nil {
		failed, ok := errors.AsType[answerError](err)
		if !ok || failed.Status != http.StatusNotFound {
			h.refused(w, r, v, err)
			return
		}
		h.listTokens(w, r, v, http.StatusNotFound, page.Field{Value: id, Wrong: h.say("whose.unknown", id)}, nil)
		return
	}
	http.Redirect(w, r, mounted(r).base+"tokens/"+id+done, http.StatusSeeOther) //nolint:gosec // a path of this site: id is a token's ID
}
