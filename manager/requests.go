package manager

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// requests shows the tokens and the held changes that wait for approval.
func (h *Handler) requests(w http.ResponseWriter, r *http.Request, v *visit) {
	query := url.Values{"state": {"pending"}, "limit": {"50"}}
	pass(r.URL.Query(), query, "cursor")
	var found tokenPage
	if err := h.as(r, v).call(http.MethodGet, "tokens", query, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	var content page.Requests
	for _, t := range found.Tokens {
		waiting := page.PendingToken{TokenRow: h.row(t)}
		if t.State != token.StateDamaged {
			var err error
			if waiting.Verdict, err = h.verdict(r, v, t); err != nil {
				h.refused(w, r, v, err)
				return
			}
		}
		content.Tokens = append(content.Tokens, waiting)
	}
	if found.Next != "" {
		content.Next = mounted(r).base + "requests?" + url.Values{"cursor": {found.Next}}.Encode()
	}
	if query.Has("cursor") {
		content.Previous = mounted(r).base + "requests"
	} else {
		var held admin.ApprovalList
		if err := h.as(r, v).call(http.MethodGet, "approvals", url.Values{"state": {"pending"}}, nil, &held); err != nil {
			h.refused(w, r, v, err)
			return
		}
		slices.SortStableFunc(held.Approvals, func(a, b admin.Approval) int { return a.RequestedAt.Compare(b.RequestedAt) })
		for _, request := range held.Approvals {
			row := h.heldRow(request)
			row.MayDecide = h.mayDecide(r.Context(), v, request.TokenID)
			content.Held = append(content.Held, row)
		}
		content.MoreHeld = held.More
	}
	h.render(w, r, http.StatusOK, "requests", v, page.Frame{Title: h.say("nav.requests"), Section: page.SectionRequests, Notice: h.done(r, "approve-change", "reject-change"), Content: content})
}

func (h *Handler) heldRow(request admin.Approval) page.HeldRow {
	row := page.HeldRow{
		ID: request.ID, Method: request.Request.Method, URI: request.Request.URI, Jira: request.Request.Jira,
		TokenID: request.TokenID, Token: cmp.Or(request.TokenName, request.TokenID), Owner: request.Owner,
		Asked: h.moment(request.RequestedAt), Ends: h.moment(request.ExpiresAt), Why: request.Reason,
		State: page.State{Word: h.say("held." + string(request.State)), Tone: heldTones[request.State]},
	}
	if request.DecidedBy != nil && request.DecidedAt != nil {
		row.DecidedBy, row.Decided = h.actor(*request.DecidedBy), h.moment(*request.DecidedAt)
	}
	return row
}

var heldTones = map[handler.ApprovalState]page.Tone{
	approvals.StatePending: page.ToneWarn, approvals.StateApproved: page.ToneGood, approvals.StateUsed: page.ToneGood,
	approvals.StateRejected: page.ToneBad, approvals.StateExpired: page.ToneQuiet,
}

// showRequest shows a held change, and what it would do to what Jira has now.
func (h *Handler) showRequest(w http.ResponseWriter, r *http.Request, v *visit) {
	h.heldPage(w, r, v, http.StatusOK, page.Field{}, nil)
}

// heldPage shows a held change as it is now, with the reason that was typed.
func (h *Handler) heldPage(w http.ResponseWriter, r *http.Request, v *visit, status int, reason page.Field, notice *page.Notice) {
	var held admin.ApprovalDetails
	if err := h.as(r, v).call(http.MethodGet, "approvals/"+url.PathEscape(r.PathValue("id")), nil, nil, &held); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.Held{
		HeldRow: h.heldRow(held.Approval), Pending: held.State == approvals.StatePending, Reason: reason,
		Parts: held.Request.Parts, Size: held.Request.Size, Digest: held.Request.Digest, Body: token.Visible(bodyText(held.Body)),
	}
	if content.Pending {
		var err error
		content.MayReject = token.Fold(held.Owner) == token.Fold(v.person())
		if content.MayNot, err = v.mayNotDecide(r.Context(), held.TokenID); err != nil && !errors.Is(err, token.ErrNotFound) {
			h.refused(w, r, v, err)
			return
		}
	}
	if typed, _ := token.CutSecrets(reason.Value); typed != "" && notice != nil && (!content.Pending || content.MayNot != "" && !content.MayReject) {
		notice.More = append(notice.More, h.say("held.typed", typed)) // there is no input for it now
	}
	title := held.Request.Method + " " + held.Request.URI
	if held.Comparison != nil {
		title = held.Comparison.Does
		content.Differences = differences(held.Comparison.Differences)
		content.NotCompared = held.Comparison.Error
	}
	h.render(w, r, status, "request", v, page.Frame{Title: title, Section: page.SectionRequests, Notice: notice, Content: content})
}

// bodyText returns the body of a held request for people: JSON with indentation.
func bodyText(body json.RawMessage) string {
	var text string
	if len(body) == 0 || json.Unmarshal(body, &text) == nil {
		return text
	}
	var indented bytes.Buffer
	if json.Indent(&indented, body, "", "  ") != nil {
		return string(body)
	}
	return indented.String()
}

// differences returns what a request would change for people. Where a text is changed in
// the middle, only the middle is marked.
func differences(compared []approvals.Difference) []page.Difference {
	shown := make([]page.Difference, len(compared))
	for i, difference := range compared {
		shown[i] = page.Difference{Field: difference.Field, ID: difference.ID}
		before, after := token.Visible(readable(difference.Old)), token.Visible(readableSent(difference.New))
		shown[i].Before, shown[i].Old, shown[i].New, shown[i].After = middle(before, after)
	}
	return shown
}

// middle splits two texts into what they begin and end with in common, and what is
// between. It does not split words.
func middle(old, new string) (before, from, to, after string) {
	from, to = old, new
	boundary := 0
	for i := 0; i < len(from) && i < len(to) && from[i] == to[i]; i++ {
		if from[i] == ' ' || from[i] == '\n' {
			boundary = i + 1
		}
	}
	before, from, to = from[:boundary], from[boundary:], to[boundary:]
	boundary = 0
	for i := 1; i <= len(from) && i <= len(to) && from[len(from)-i] == to[len(to)-i]; i++ {
		if c := from[len(from)-i]; c == ' ' || c == '\n' {
			boundary = i
		}
	}
	return before, from[:len(from)-boundary], to[:len(to)-boundary], from[len(from)-boundary:]
}

// decideRequest approves or rejects a held change.
func (h *Handler) decideRequest(w http.ResponseWriter, r *http.Request, v *visit) {
	values, ok := h.typed(w, r)
	if !ok {
		return
	}
	verdict := values.Get("verdict")
	if verdict != "approve" && verdict != "reject" {
		h.problem(w, r, http.StatusBadRequest, "problem.form")
		return
	}
	path := "approvals/" + url.PathEscape(r.PathValue("id")) + "/" + verdict
	err := h.as(r, v).call(http.MethodPost, path, nil, map[string]string{"reason": values.Get("reason")}, nil)
	failed, refused := errors.AsType[answerError](err)
	switch {
	case err == nil:
		http.Redirect(w, r, mounted(r).base+"requests?done="+verdict+"-change", http.StatusSeeOther) //nolint:gosec // a path of this site: verdict is one of two words
	case refused && failed.Status == http.StatusBadRequest:
		h.heldPage(w, r, v, failed.Status, page.Field{Value: values.Get("reason"), Wrong: failed.plain()}, nil)
	case refused && failed.Status != http.StatusServiceUnavailable && failed.Status != http.StatusNotFound:
		// Somebody else has decided, perhaps, or the token has changed.
		h.heldPage(w, r, v, failed.Status, page.Field{Value: values.Get("reason")}, &page.Notice{Tone: page.ToneBad, Text: h.say("held.not", strings.TrimSuffix(failed.plain(), "."))})
	default:
		h.refused(w, r, v, err)
	}
}
