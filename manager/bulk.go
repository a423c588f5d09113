package manager

import (
	"net/http"
	"net/url"
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// maxBulk is the maximum number of tokens that are changed together.
const maxBulk = 200

// bulkActions are what can be done with several tokens at once.
var bulkActions = map[string]struct{ danger bool }{"disable": {}, "revoke": {danger: true}, "extend": {}}

// extensions are by how much tokens can be extended.
var extensions = []string{"30d", "90d", "180d", "365d"}

// askBulk shows what would be changed, and asks for a typed confirmation.
func (h *Handler) askBulk(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	bulk, tokens, ok := h.bulk(w, r, v, values)
	if !ok {
		return
	}
	h.showBulk(w, r, v, http.StatusOK, bulk, tokens, nil)
}

// bulk reads which tokens are to be changed.
func (h *Handler) bulk(w http.ResponseWriter, r *http.Request, v *visit, values url.Values) (page.Bulk, []admin.Token, bool) {
	bulk := page.Bulk{Do: values.Get("do"), By: values.Get("by")}
	action, known := bulkActions[bulk.Do]
	ids := values["id"]
	switch {
	case !known:
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return bulk, nil, false
	case len(ids) == 0:
		h.problem(w, r, http.StatusBadRequest, "bulk.nothing")
		return bulk, nil, false
	case len(ids) > maxBulk:
		h.trouble(w, r, http.StatusBadRequest, h.say("bulk.many", maxBulk))
		return bulk, nil, false
	}
	bulk.Danger = action.danger
	var tokens []admin.Token
	for _, id := range ids {
		var t admin.Token
		if err := h.as(r, v).call(http.MethodGet, "tokens/"+url.PathEscape(id), nil, nil, &t); err != nil {
			h.refused(w, r, v, err)
			return bulk, nil, false
		}
		tokens = append(tokens, t)
	}
	bulk.Rows = h.rows(tokens)
	bulk.Typed = h.count("bulk.typed."+bulk.Do, len(tokens))
	return bulk, tokens, true
}

func (h *Handler) showBulk(w http.ResponseWriter, r *http.Request, v *visit, status int, bulk page.Bulk, tokens []admin.Token, notice *page.Notice) {
	if bulk.Do == "extend" {
		for _, by := range extensions {
			days, _ := strconv.Atoi(by[:len(by)-1]) // as in extensions
			bulk.Extensions = append(bulk.Extensions, page.Choice{Value: by, Text: h.count("in.days", days), Chosen: by == bulk.By})
		}
	}
	bulk.Question, bulk.Button = h.count("bulk.question."+bulk.Do, len(tokens)), h.count("bulk.button."+bulk.Do, len(tokens))
	bulk.Consequence = h.say("bulk.text." + bulk.Do)
	h.render(w, r, status, "bulk", v, page.Frame{Title: bulk.Question, Section: page.SectionAll, Notice: notice, Content: bulk})
}

// takeBulk changes the tokens. What cannot be changed is listed, with the reason.
func (h *Handler) takeBulk(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	bulk, tokens, ok := h.bulk(w, r, v, values)
	if !ok {
		return
	}
	if values.Get("typed") != bulk.Typed {
		h.showBulk(w, r, v, http.StatusBadRequest, bulk, tokens, &page.Notice{Tone: page.ToneBad, Text: h.say("bulk.wrong", bulk.Typed)})
		return
	}
	var failed []string
	done := 0
	for _, t := range tokens {
		if err := h.changeOne(r, v, t, bulk); err != nil {
			failed = append(failed, h.say("bulk.failed", t.Name, t.Owner, err.Error()))
		} else {
			done++
		}
	}
	notice := &page.Notice{Tone: page.ToneGood, Text: h.count("bulk.done."+bulk.Do, done), More: failed}
	if failed != nil {
		notice.Tone = page.ToneWarn
	}
	h.render(w, r, http.StatusOK, "error", v, page.Frame{
		Title: h.say("nav.all"), Section: page.SectionAll, Notice: notice, Content: page.Problem{URL: mounted(r).base + "all"},
	})
}

func (h *Handler) changeOne(r *http.Request, v *visit, t admin.Token, bulk page.Bulk) error {
	path := "tokens/" + url.PathEscape(t.ID)
	if bulk.Do != "extend" {
		return h.as(r, v).call(http.MethodPost, path+"/"+bulk.Do, nil, nil, nil)
	}
	return h.as(r, v).call(http.MethodPatch, path, nil, map[string]any{"expires_at": bulk.By, "version": t.Version}, nil)
}
