package manager

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var ownerTones = map[registry.OwnerState]page.Tone{registry.OwnerActive: page.ToneGood, registry.OwnerInactive: page.ToneBad, registry.OwnerUnknown: page.ToneQuiet}

// maxOwners is how many owners a page lists. A search finds the others.
const maxOwners = 100

func (h *Handler) owners(w http.ResponseWriter, r *http.Request, v *visit) {
	asked := r.URL.Query()
	query := url.Values{}
	pass(asked, query, "state", "group")
	search, _ := token.CutSecrets(strings.TrimSpace(searchIn(asked).Get("search")))
	pass(url.Values{"search": {search}}, query, "search")
	query.Set("limit", strconv.Itoa(maxOwners))
	var found admin.OwnerList
	err := h.understood(asked, "search", "q", "state", "group", "done")
	if err == nil {
		err = h.as(r, v).call(http.MethodGet, "owners", query, nil, &found)
	}
	frame := page.Frame{Title: h.say("nav.owners"), Section: page.SectionOwners}
	status, ok := h.explained(&frame, err)
	if !ok {
		h.refused(w, r, v, err)
		return
	}
	content := page.OwnerList{Search: search, Group: query.Get("group"), State: query.Get("state")}
	to := func(state string) string {
		values := url.Values{}
		pass(url.Values{"search": {search}, "group": {content.Group}, "state": {state}}, values, "search", "group", "state")
		return mounted(r).base + "owners?" + values.Encode()
	}
	for _, state := range append([]registry.OwnerState{""}, registry.OwnerStates()...) {
		text := h.say("filter.all")
		if state != "" {
			text = h.say("owner." + string(state))
		}
		content.Filters = append(content.Filters, page.Filter{Text: text, URL: to(string(state)), Current: content.State == string(state)})
	}
	content.Total = found.Total
	for _, owner := range found.Owners {
		row := h.ownerRow(r, owner)
		row.Rules = places.ReplaceAllString(row.Rules, "")
		content.Rows = append(content.Rows, row)
	}
	content.Damaged = found.Damaged
	frame.Content = content
	h.render(w, r, status, "owners", v, frame)
}

// places say where rules are written. An owner's own page has them.
var places = regexp.MustCompile(` \([^()]*:\d+\)`)

func (h *Handler) ownerRow(r *http.Request, owner admin.Owner) page.OwnerRow {
	row := page.OwnerRow{
		Name: owner.Owner, URL: ownerURL(r, "owner", owner.Owner), Rules: owner.Rules, Confirmed: h.moment(owner.LastConfirmed),
		State: page.State{Word: h.say("owner." + string(owner.State)), Reason: owner.StateReason, Tone: ownerTones[owner.State]},
	}
	if owner.State == registry.OwnerActive && owner.LastConfirmed.IsZero() {
		row.State = page.State{Word: h.say("owner.unasked"), Tone: page.ToneQuiet}
	}
	for _, group := range owner.Groups {
		row.Groups = append(row.Groups, page.Hint{Text: group, URL: mounted(r).base + "owners?" + url.Values{"group": {group}}.Encode()})
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
	return row
}

// ownerURL returns the address of a page about an owner. Names can have any character, so
// they are not in the path.
func ownerURL(r *http.Request, path, owner string) string {
	return mounted(r).base + path + "?" + url.Values{"name": {owner}}.Encode()
}

// owner returns the owner that the query names, and how many tokens of theirs have not
// been revoked.
func (h *Handler) owner(r *http.Request, v *visit) (owner admin.Owner, alive int, err error) {
	name, _ := token.CutSecrets(r.URL.Query().Get("name"))
	err = h.as(r, v).call(http.MethodGet, "owners/"+url.PathEscape(name), nil, nil, &owner)
	for state, n := range owner.Tokens {
		if state != token.StateRevoked && state != token.StateDamaged {
			alive += n
		}
	}
	return owner, alive, err
}

// showOwner shows an owner with the newest tokens.
func (h *Handler) showOwner(w http.ResponseWriter, r *http.Request, v *visit) {
	owner, alive, err := h.owner(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	rows, err := h.someTokens(r, v, owner.Owner)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.OwnerDetails{OwnerRow: h.ownerRow(r, owner), Rows: rows, Alive: alive, All: mounted(r).base + "all?" + url.Values{"owner": {owner.Owner}}.Encode()}
	content.Rights = h.rightsOf(owner)
	if alive > 0 {
		content.Revoke, content.Transfer = ownerURL(r, "owner/revoke", owner.Owner), ownerURL(r, "owner/transfer", owner.Owner)
	}
	content.Trail = mounted(r).base + "trail?" + url.Values{"owner": {owner.Owner}}.Encode()
	h.render(w, r, http.StatusOK, "owner", v, page.Frame{Title: owner.Owner, Section: page.SectionOwners, Content: content})
}

// someTokens returns the newest tokens of an owner.
func (h *Handler) someTokens(r *http.Request, v *visit, owner string) ([]page.TokenRow, error) {
	var found tokenPage
	err := h.as(r, v).call(http.MethodGet, "tokens", url.Values{"owner": {owner}, "limit": {"20"}}, nil, &found)
	return h.rows(found.Tokens), err
}

// askRevokeOwner asks before all tokens of an owner are revoked.
func (h *Handler) askRevokeOwner(w http.ResponseWriter, r *http.Request, v *visit) {
	h.askEnd(w, r, v, http.StatusOK, page.Field{}, nil)
}

func (h *Handler) askEnd(w http.ResponseWriter, r *http.Request, v *visit, status int, typed page.Field, notice *page.Notice) {
	owner, alive, err := h.owner(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	rows, err := h.someTokens(r, v, owner.Owner)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	question := h.count("owner.revoke.question", alive, owner.Owner)
	h.render(w, r, status, "ask", v, page.Frame{Title: question, Section: page.SectionOwners, Notice: notice, Content: page.Ask{
		Back: ownerURL(r, "owner", owner.Owner), BackText: h.say("back.owner", owner.Owner), Question: question, Consequence: h.say("owner.revoke.text"),
		Rows: rows, Typed: owner.Owner, Confirmed: typed, Danger: true, Button: h.count("owner.revoke.button", alive, owner.Owner),
	}})
}

// revokeOwner revokes all tokens of an owner.
func (h *Handler) revokeOwner(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	name := r.URL.Query().Get("name")
	if !confirms(values.Get("typed"), name) {
		h.askEnd(w, r, v, http.StatusBadRequest, page.Field{Value: values.Get("typed"), Wrong: h.say("bulk.wrong", name)}, nil)
		return
	}
	var result admin.OwnerResult
	err := h.as(r, v).call(http.MethodPost, "owners/"+url.PathEscape(name)+"/revoke", nil, nil, &result)
	if failed, ok := errors.AsType[answerError](err); ok && failed.Status != http.StatusServiceUnavailable {
		h.askEnd(w, r, v, failed.Status, page.Field{Value: values.Get("typed")}, &page.Notice{Tone: page.ToneBad, Text: failed.plain()})
		return
	} else if err != nil {
		h.refused(w, r, v, err)
		return
	}
	h.ownerResult(w, r, v, name, h.count("owner.revoke.done", result.Changed), result)
}

// confirms reports whether somebody has typed the name of an owner, whatever the case.
func confirms(typed, name string) bool {
	return name != "" && token.Fold(strings.TrimSpace(typed)) == token.Fold(name)
}

// ownerResult says what became of an owner's tokens, and which were left out.
func (h *Handler) ownerResult(w http.ResponseWriter, r *http.Request, v *visit, name, text string, result admin.OwnerResult) {
	notice := &page.Notice{Tone: page.ToneGood, Text: text, More: h.leftOut(result)}
	if notice.More != nil {
		notice.Tone = page.ToneWarn
	}
	h.render(w, r, http.StatusOK, "error", v, page.Frame{
		Title: name, Section: page.SectionOwners, Notice: notice, Content: page.Problem{URL: ownerURL(r, "owner", name)},
	})
}

// leftOut lists the tokens that were not changed, with the reasons.
func (h *Handler) leftOut(result admin.OwnerResult) (lines []string) {
	for _, token := range result.LeftOut {
		name := token.Name
		if name == "" {
			name = token.ID
		}
		lines = append(lines, h.say("owner.left", name, token.Why))
	}
	return lines
}

// askTransfer asks who gets the tokens of an owner, and then shows what would happen.
func (h *Handler) askTransfer(w http.ResponseWriter, r *http.Request, v *visit) {
	h.askGive(w, r, v, http.StatusOK, r.URL.Query().Get("to"), page.Field{}, nil)
}

func (h *Handler) askGive(w http.ResponseWriter, r *http.Request, v *visit, status int, to string, typed page.Field, notice *page.Notice) {
	owner, alive, err := h.owner(r, v)
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	to = strings.TrimSpace(to)
	content := page.Transfer{
		Ask: page.Ask{
			Back: ownerURL(r, "owner", owner.Owner), BackText: h.say("back.owner", owner.Owner),
			Question: h.count("owner.transfer.question", alive, owner.Owner), Consequence: h.say("owner.transfer.text"), Confirmed: typed,
		},
		From: owner.Owner, To: page.Field{Value: to},
	}
	frame := page.Frame{Title: content.Question, Section: page.SectionOwners, Notice: notice}
	if to != "" {
		var preview admin.OwnerResult
		err := h.as(r, v).call(http.MethodPost, "owners/"+url.PathEscape(owner.Owner)+"/transfer", nil, map[string]any{"to": to, "check": true}, &preview)
		failed, ok := errors.AsType[answerError](err)
		switch {
		case err == nil:
			content.Previewed, content.Typed, content.LeftOut, content.Digest = true, to, h.leftOut(preview), preview.Digest
			content.Preview = h.count("owner.transfer.preview", preview.Changed, to)
			content.Button = h.count("owner.transfer.button", preview.Changed, to)
			content.Nothing = preview.Changed == 0
			content.Stranger = h.isStranger(r, v, to)
		case ok && failed.Status != http.StatusServiceUnavailable:
			status, content.To.Wrong = failed.Status, failed.plain()
		default:
			h.refused(w, r, v, err)
			return
		}
	}
	frame.Content = content
	h.render(w, r, status, "transfer", v, frame)
}

// isStranger reports whether nothing is known about an owner, whose name may be misspelled.
func (h *Handler) isStranger(r *http.Request, v *visit, name string) bool {
	err := h.as(r, v).call(http.MethodGet, "owners/"+url.PathEscape(name), nil, nil, nil)
	failed, ok := errors.AsType[answerError](err)
	return ok && failed.Status == http.StatusNotFound
}

// transferOwner gives the tokens of an owner to another.
func (h *Handler) transferOwner(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	name, to := r.URL.Query().Get("name"), strings.TrimSpace(values.Get("to"))
	if !confirms(values.Get("typed"), to) {
		h.askGive(w, r, v, http.StatusBadRequest, to, page.Field{Value: values.Get("typed"), Wrong: h.say("bulk.wrong", to)}, nil)
		return
	}
	transfer := map[string]any{"to": to}
	if values.Has("digest") {
		transfer["digest"] = cmp.Or(values.Get("digest"), "none")
	}
	var result admin.OwnerResult
	err := h.as(r, v).call(http.MethodPost, "owners/"+url.PathEscape(name)+"/transfer", nil, transfer, &result)
	if failed, ok := errors.AsType[answerError](err); ok && failed.Status == http.StatusConflict {
		h.askGive(w, r, v, failed.Status, to, page.Field{Value: values.Get("typed")}, &page.Notice{Tone: page.ToneWarn, Text: failed.plain()})
		return
	} else if failed, ok := errors.AsType[answerError](err); ok && failed.Status != http.StatusServiceUnavailable {
		h.askGive(w, r, v, failed.Status, to, page.Field{Value: values.Get("typed"), Wrong: failed.plain()}, nil)
		return
	} else if err != nil {
		h.refused(w, r, v, err)
		return
	}
	h.ownerResult(w, r, v, name, h.count("owner.transfer.done", result.Changed, to), result)
}
