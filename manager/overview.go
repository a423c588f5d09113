package manager

import (
	"cmp"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/dustin/go-humanize"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// firstPage shows the overview to people who manage, and to others their own tokens.
func (h *Handler) firstPage(w http.ResponseWriter, r *http.Request, v *visit) {
	if v.desk.Manages() {
		h.overview(w, r, v)
		return
	}
	h.myTokens(w, r, v)
}

// overview shows what there is in six numbers, and whether everything works.
func (h *Handler) overview(w http.ResponseWriter, r *http.Request, v *visit) {
	var said admin.Overview
	if err := h.as(r, v).call(http.MethodGet, "overview", nil, nil, &said); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.Overview{At: h.moment(said.Tokens.At)}
	base := mounted(r).base
	content.Numbers = []page.Number{
		h.activeNumber(base, said),
		h.waitingNumber(base, h.waiting(r, v)),
		{Text: thousands(uint64(said.Tokens.Expiring)), Label: h.say("overview.expiring"), URL: base + "all?expiring=30d&sort=expires"},
		{Text: thousands(uint64(said.Tokens.Unused)), Label: h.say("overview.unused"), URL: base + "all?unused=90d", More: []page.Hint{
			{Text: h.count("overview.never", said.Tokens.NeverUsed), URL: base + "all?never_used=true"},
		}},
		h.deniedNumber(base, said),
		h.healthNumber(base, said),
	}
	for i := range content.Numbers {
		if content.Numbers[i].Text == "0" {
			content.Numbers[i].Tone = page.ToneQuiet
		}
	}
	for _, state := range token.States() {
		if n := said.Tokens.States[state]; n > 0 {
			content.States = append(content.States, page.Count{
				Text: h.say("state." + string(state)), N: thousands(uint64(n)), URL: base + "all?" + url.Values{"state": {string(state)}}.Encode(),
			})
		}
	}
	content.Reasons = h.denials(said.Tokens.Denials.Day, said.Tokens.Denials.Week)
	content.Denied = base + "trail?action=denied&since=7d"
	h.render(w, r, http.StatusOK, "overview", v, page.Frame{Title: h.say("nav.overview"), Section: page.SectionOverview, Content: content})
}

// activeNumber is how many tokens work, and with which scopes.
func (h *Handler) activeNumber(base string, said admin.Overview) page.Number {
	number := page.Number{Text: thousands(uint64(said.Tokens.States[token.StateActive])), Label: h.say("overview.active"), URL: base + "all?state=active"}
	for _, scope := range scopes {
		if n := said.Tokens.Scopes[scope]; n > 0 {
			number.More = append(number.More, page.Hint{
				Text: h.say("overview.scope", thousands(uint64(n)), strings.ToLower(h.say("scope."+scope.String()))),
				URL:  base + "all?" + url.Values{"state": {"active"}, "scope": {scope.String()}}.Encode(),
			})
		}
	}
	return number
}

// waitingNumber is how many requests wait for a decision; waiting is empty if none does.
func (h *Handler) waitingNumber(base, waiting string) page.Number {
	number := page.Number{Text: cmp.Or(waiting, "0"), Label: h.say("overview.waiting"), URL: base + "requests"}
	if waiting != "" {
		number.Tone = page.ToneWarn
	}
	return number
}

// deniedNumber is how many requests were denied.
func (h *Handler) deniedNumber(base string, said admin.Overview) page.Number {
	var day, week uint64
	for _, n := range said.Tokens.Denials.Day {
		day += n
	}
	for _, n := range said.Tokens.Denials.Week {
		week += n
	}
	return page.Number{Text: thousands(week), Label: h.say("overview.denied"), URL: base + "trail?action=denied&since=7d", More: []page.Hint{
		{Text: h.say("overview.denied.day", thousands(day)), URL: base + "trail?action=denied&since=24h"},
	}}
}

// healthNumber says whether the store and the accounts work.
func (h *Handler) healthNumber(base string, said admin.Overview) page.Number {
	number := page.Number{Text: h.say("overview.well"), Label: h.say("overview.accounts"), URL: base + "accounts", Tone: page.ToneGood}
	bad := func(tone page.Tone, text string) {
		if number.Tone != page.ToneBad {
			number.Tone = tone
		}
		number.Text = h.say("overview.look")
		number.More = append(number.More, page.Hint{Text: text, URL: base + "accounts"})
	}
	if said.Unproven > 0 {
		number.Text, number.Tone = h.say("overview.unproven"), page.ToneQuiet
		number.More = append(number.More, page.Hint{Text: h.count("overview.account", said.Unproven, strings.ToLower(h.say("account.unproven"))), URL: base + "accounts"})
	}
	if !said.Health.Store.OK {
		bad(page.ToneBad, h.say("overview.store", said.Health.Store.Error))
	}
	for _, state := range slices.Sorted(maps.Keys(said.Accounts)) {
		if state != "valid" {
			bad(map[bool]page.Tone{true: page.ToneWarn, false: page.ToneBad}[state == string(admin.StateExpiring)],
				h.count("overview.account", said.Accounts[state], strings.ToLower(h.say("account."+state))))
		}
	}
	if groups := said.Health.GroupsFromJira; groups != nil && !groups.OK {
		bad(page.ToneWarn, h.say("overview.groups", groups.Error))
	}
	if !said.Health.Policy.OK {
		bad(page.ToneWarn, said.Health.Policy.Error)
	}
	if len(said.Accounts) == 0 {
		bad(page.ToneBad, h.say("accounts.none.title"))
	}
	return number
}

// denials lists why requests were denied, the most frequent reason of the week first.
func (h *Handler) denials(day, week storage.DenialCounts) (counts []page.Count) {
	reasons := slices.SortedFunc(maps.Keys(week), func(a, b string) int {
		return cmp.Or(cmp.Compare(week[b], week[a]), cmp.Compare(a, b))
	})
	for _, reason := range reasons {
		text := h.reasonWords(reason)
		counts = append(counts, page.Count{Text: strings.ToUpper(text[:1]) + text[1:], N: thousands(week[reason]), Other: thousands(day[reason])})
	}
	return counts
}

// thousands formats a number with separators.
func thousands(n uint64) string { return humanize.Comma(int64(n)) }
