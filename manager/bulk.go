package manager

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxBulk is the maximum number of tokens that are changed together.
	maxBulk = 1000
	// bulkRows is how many of them the page lists that asks for the confirmation.
	bulkRows = 50
)

// bulkActions are what can be done with several tokens at once.
var bulkActions = map[string]struct{ danger bool }{"disable": {}, "revoke": {danger: true}, "extend": {}}

// extensions are by how many days tokens can be extended.
var extensions = []int{30, 90, 180, 365}

// selection is the tokens that are to be changed together.
type selection struct {
	do     string
	days   int
	tokens []admin.Token
	// seen are the versions that were shown, by the IDs of the tokens.
	seen map[string]uint64
	// gone lists what was selected and cannot be shown, with the reasons.
	gone []string
	// list is the query of the list that they were selected on.
	list string
	// more is set if a filter selects more tokens than can be changed together.
	more bool
}

// askBulk shows what would be changed, and asks for a typed confirmation.
func (h *Handler) askBulk(w http.ResponseWriter, r *http.Request, v *visit) {
	if s, values, ok := h.selected(w, r, v); ok {
		h.showBulk(w, r, v, http.StatusOK, s, page.Field{Value: values.Get("typed")}, nil)
	}
}

// selected returns which tokens are to be changed: those whose boxes are ticked, or all that
// a filter selects. It reports false if it has answered the request.
func (h *Handler) selected(w http.ResponseWriter, r *http.Request, v *visit) (selection, url.Values, bool) {
	values, ok := h.typed(w, r)
	if !ok {
		return selection{}, nil, false
	}
	s := selection{do: values.Get("do"), seen: make(map[string]uint64), list: listOf(values)}
	s.days, _ = strconv.Atoi(values.Get("by")) // one that is not offered is refused below
	if _, known := bulkActions[s.do]; !known {
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return s, nil, false
	}
	var err error
	switch ids := values["id"]; {
	case values.Has("all"):
		err = h.selectAll(r, v, &s, values.Get("all"))
	case len(values["version"]) != 0 && len(values["version"]) != len(ids):
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return s, nil, false
	case len(ids) > maxBulk:
		h.trouble(w, r, http.StatusBadRequest, h.say("bulk.many", maxBulk))
		return s, nil, false
	default:
		err = h.selectThese(r, v, &s, ids, values["version"])
	}
	switch {
	case err != nil:
		h.refused(w, r, v, err)
		return s, nil, false
	case len(s.tokens) == 0 && s.gone == nil:
		h.problem(w, r, http.StatusBadRequest, "bulk.nothing")
		return s, nil, false
	}
	return s, values, true
}

// listOf returns the query of the list that tokens were selected on.
func listOf(values url.Values) string {
	query := values.Get("list")
	if values.Has("all") {
		query = values.Get("all")
	}
	asked, err := url.ParseQuery(query)
	if err != nil {
		return "" // the whole list
	}
	return tokensAsked(asked).Encode()
}

// selectAll selects all tokens that a query of the list selects and that can be changed.
func (h *Handler) selectAll(r *http.Request, v *visit, s *selection, filter string) error {
	asked, err := url.ParseQuery(filter)
	if err != nil {
		return answerError{Status: http.StatusBadRequest, Message: h.say("problem.form")}
	}
	if err := h.understood(asked, append([]string{"search", "q"}, listed...)...); err != nil {
		return err
	}
	query := tokensAsked(asked)
	query.Set("limit", strconv.Itoa(maxBulk))
	for {
		var found tokenPage
		if err := h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found); err != nil {
			return err
		}
		for _, t := range found.Tokens {
			if t.State == token.StateRevoked || t.State == token.StateDamaged {
				continue // nothing can be done with it
			}
			if s.more = len(s.tokens) == maxBulk; s.more {
				return nil
			}
			s.tokens = append(s.tokens, t)
			s.seen[t.ID] = t.Version
		}
		if found.Next == "" {
			return nil
		}
		query.Set("cursor", found.Next)
	}
}

// selectThese selects the tokens with these IDs. versions are those that were shown, in the
// same order, or there are none.
func (h *Handler) selectThese(r *http.Request, v *visit, s *selection, ids, versions []string) error {
	for i, id := range ids {
		if _, twice := s.seen[id]; twice {
			continue
		}
		var t admin.Token
		err := h.as(r, v).call(http.MethodGet, "tokens/"+url.PathEscape(id), nil, nil, &t)
		failed, ok := errors.AsType[answerError](err)
		switch {
		case err == nil:
			s.tokens = append(s.tokens, t)
		case ok && failed.Status == http.StatusNotFound:
			s.gone = append(s.gone, failed.Message)
			continue
		default:
			return err
		}
		s.seen[id] = t.Version
		if len(versions) != 0 {
			s.seen[id], _ = strconv.ParseUint(versions[i], 10, 64) // 0 is none that a token has
		}
	}
	return nil
}

func (h *Handler) showBulk(w http.ResponseWriter, r *http.Request, v *visit, status int, s selection, typed page.Field, notice *page.Notice) {
	n := len(s.tokens)
	bulk := page.Bulk{
		Do: s.do, Rows: h.rows(s.tokens[:min(n, bulkRows)]), List: s.list, ListURL: mounted(r).base + "all?" + s.list, Danger: bulkActions[s.do].danger, Typed: h.bulkTyped(s), Confirmed: typed,
		Question: h.count("bulk.question."+s.do, n), Button: h.count("bulk.button."+s.do, n), Consequence: h.say("bulk.text." + s.do + "." + numbered(n)),
	}
	for _, t := range s.tokens {
		bulk.IDs, bulk.Versions = append(bulk.IDs, t.ID), append(bulk.Versions, s.seen[t.ID])
	}
	if n > bulkRows {
		bulk.Others = h.count("bulk.others", n-bulkRows)
	}
	if s.more {
		bulk.More = h.say("bulk.more", maxBulk)
	}
	if s.do == "extend" {
		for _, days := range extensions {
			bulk.Extensions = append(bulk.Extensions, page.Choice{Value: strconv.Itoa(days), Text: h.count("in.days", days), Chosen: days == s.days})
		}
	}
	if notice == nil && s.gone != nil {
		notice = &page.Notice{Tone: page.ToneWarn, Text: h.say("bulk.gone"), More: s.gone}
	}
	h.render(w, r, status, "bulk", v, page.Frame{Title: bulk.Question, Section: page.SectionAll, Notice: notice, Content: bulk})
}

// numbered returns the end of the keys of words about a number of things that do not name it.
func numbered(n int) string {
	if n == 1 {
		return "one"
	}
	return "other"
}

// bulkTyped returns what must be typed to confirm: it has the number of tokens, which must
// be the one that was shown.
func (h *Handler) bulkTyped(s selection) string {
	return h.count("bulk.typed."+s.do, len(s.tokens))
}

// takeBulk changes the tokens. What cannot be changed is listed, with the reason.
func (h *Handler) takeBulk(w http.ResponseWriter, r *http.Request, v *visit) {
	s, values, ok := h.selected(w, r, v)
	if !ok {
		return
	}
	if typed := values.Get("typed"); typed != h.bulkTyped(s) {
		h.showBulk(w, r, v, http.StatusBadRequest, s, page.Field{Value: typed, Wrong: h.say("bulk.wrong", h.bulkTyped(s))}, nil)
		return
	}
	failed, done := s.gone, 0
	for _, t := range s.tokens {
		if err := h.changeOne(r, v, t, s); err != nil {
			failed = append(failed, h.say("bulk.failed", t.Name, t.Owner, err.Error()))
		} else {
			done++
		}
	}
	if failed == nil {
		query, _ := url.ParseQuery(s.list) // which listOf has encoded
		http.Redirect(w, r, mounted(r).base+"all?"+leaves(query, "done", bulkDone(s.do, done)), http.StatusSeeOther)
		return
	}
	notice := &page.Notice{Tone: page.ToneWarn, Text: h.count("bulk.done."+s.do, done) + " " + h.count("bulk.left", len(failed)), More: failed}
	h.render(w, r, http.StatusOK, "error", v, page.Frame{
		Title: h.say("nav.all"), Section: page.SectionAll, Notice: notice, Content: page.Problem{URL: mounted(r).base + "all?" + s.list},
	})
}

// bulkDone returns what tells the list how many tokens were changed, and how.
func bulkDone(do string, n int) string { return "bulk-" + do + "-" + strconv.Itoa(n) }

// bulkNotice is the message for what bulkDone has told; nil if it is something else.
func (h *Handler) bulkNotice(done string) *page.Notice {
	for do := range bulkActions {
		number, _ := strings.CutPrefix(done, "bulk-"+do+"-")
		if n, err := strconv.Atoi(number); err == nil && n > 0 && n <= maxBulk {
			return &page.Notice{Tone: page.ToneGood, Text: h.count("bulk.done."+do, n)}
		}
	}
	return nil
}

// changeOne changes one of the tokens, as long as it is the one that was shown.
func (h *Handler) changeOne(r *http.Request, v *visit, t admin.Token, s selection) error {
	path := "tokens/" + url.PathEscape(t.ID)
	if t.Version != s.seen[t.ID] {
		return errors.New(h.say("bulk.changed"))
	}
	if s.do != "extend" {
		return h.as(r, v).call(http.MethodPost, path+"/"+s.do, nil, nil, nil)
	}
	ends := h.now().AddDate(0, 0, s.days)
	switch {
	case s.days <= 0:
		return errors.New(h.say("bulk.byhowmuch"))
	case t.ExpiresAt.IsZero() || !t.ExpiresAt.Before(ends): // this would be no extension
		return errors.New(h.say("bulk.later"))
	}
	return h.as(r, v).call(http.MethodPatch, path, nil, map[string]any{"expires_at": ends.UTC().Truncate(time.Second), "version": t.Version}, nil)
}
