package manager

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// trailFilters are the parameters that select events.
var trailFilters = []string{"owner", "token", "project", "actor", "since", "until", "action"}

// trailKinds are the kinds of events that one click selects.
var trailKinds = []struct{ key, actions string }{
	{"trail.all", ""},
	{"trail.tokens", "create,update,exchange,rotate,end_overlap,handover,handover_opened,handover_alarm,disable,enable,revoke,approve,reject,transfer,delete,import"},
	{"trail.denied", "denied"},
	{"trail.writes", "write,write_begun"},
	{"trail.held", "approval_request,approval_approve,approval_reject,approval_use,approval_expire"},
	{"trail.accounts", "account_add,account_replace,account_remove,account_reencrypt,account_refused,account_accepted,account_connect_opened,account_connect_returned"},
	{"trail.people", "owner_changed,owner_signed_in,policy_loaded,sign_out,session_end"},
	{"trail.itself", "audit_trimmed,audit_lost,audit_key,events_lost,damaged"},
}

// eventsAsked returns the query for the events that a request asks for. If somebody has
// pasted a whole token, only its ID is used.
func eventsAsked(r *http.Request) url.Values {
	asked := url.Values{}
	pass(r.URL.Query(), asked, trailFilters...)
	for name := range asked {
		text, _ := token.CutSecrets(asked.Get(name))
		asked.Set(name, text)
	}
	return asked
}

// trail shows the audit trail, newest events first.
func (h *Handler) trail(w http.ResponseWriter, r *http.Request, v *visit) {
	asked := eventsAsked(r)
	content := page.Trail{Asked: make(map[string]string)}
	for name := range asked {
		content.Asked[name] = asked.Get(name)
	}
	query := url.Values{"limit": {"50"}, "order": {"newest"}}
	pass(asked, query, trailFilters...)
	pass(r.URL.Query(), query, "cursor")
	base := mounted(r).base + "trail"
	var found admin.EventPage
	err := h.understood(r.URL.Query(), append([]string{"cursor"}, trailFilters...)...)
	if err == nil {
		err = h.as(r, v).call(http.MethodGet, "audit", query, nil, &found)
	}
	frame := page.Frame{Title: h.say("nav.trail"), Section: page.SectionTrail}
	status, ok := h.explained(&frame, err)
	if !ok {
		h.refused(w, r, v, err)
		return
	}
	content.Events = h.events(found.Events)
	for _, kind := range trailKinds {
		to := url.Values{}
		pass(asked, to, trailFilters...)
		to.Del("action")
		pass(url.Values{"action": {kind.actions}}, to, "action")
		content.Kinds = append(content.Kinds, page.Filter{Text: h.say(kind.key), URL: base + "?" + to.Encode(), Current: asked.Get("action") == kind.actions})
	}
	for _, format := range []string{"csv", "json"} {
		to := url.Values{"format": {format}}
		pass(asked, to, trailFilters...)
		content.Exports = append(content.Exports, page.Hint{Text: h.say("trail.export." + format), URL: base + "/export?" + to.Encode()})
	}
	if found.More {
		to := url.Values{"cursor": {found.Next}}
		pass(asked, to, trailFilters...)
		content.Next = base + "?" + to.Encode()
	}
	if query.Has("cursor") {
		content.Previous = base + "?" + asked.Encode()
	}
	content.Filtered = len(asked) > 0
	content.Proof = h.proofState(r, v)
	frame.Content = content
	h.render(w, r, status, "trail", v, frame)
}

// explained puts a mistake in what was asked for above the page, which is shown without
// results. It reports false if the page cannot be shown at all.
func (h *Handler) explained(frame *page.Frame, err error) (status int, ok bool) {
	if err == nil {
		return http.StatusOK, true
	}
	failed, ok := errors.AsType[answerError](err)
	if !ok || failed.Status != http.StatusBadRequest {
		return 0, false
	}
	frame.Notice = &page.Notice{Tone: page.ToneBad, Text: failed.plain()}
	return failed.Status, true
}

// proofState says up to where a signed checkpoint proves the trail.
func (h *Handler) proofState(r *http.Request, v *visit) page.State {
	var checkpoint admin.Checkpoint
	if err := h.as(r, v).call(http.MethodGet, "audit/checkpoint", nil, nil, &checkpoint); err != nil {
		return page.State{Word: h.say("trail.unproven"), Reason: err.Error(), Tone: page.ToneBad}
	}
	return page.State{Word: h.say("trail.proven", checkpoint.Size), Reason: h.say("trail.proven.text"), Tone: page.ToneGood}
}

// checkpoint answers with the newest checkpoint, as a file to keep.
func (h *Handler) checkpoint(w http.ResponseWriter, r *http.Request, v *visit) {
	var checkpoint admin.Checkpoint
	if err := h.as(r, v).call(http.MethodGet, "audit/checkpoint", nil, nil, &checkpoint); err != nil {
		h.refused(w, r, v, err)
		return
	}
	attach(w, "text/plain; charset=utf-8", "checkpoint-"+strconv.FormatInt(checkpoint.Size, 10)+".txt")
	_, _ = io.WriteString(w, checkpoint.Checkpoint) // the browser may be gone
}

// attach makes the response a file.
func attach(w http.ResponseWriter, contentType, name string) {
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
}

// showEvent shows one event, with the proof that it is in the trail.
func (h *Handler) showEvent(w http.ResponseWriter, r *http.Request, v *visit) {
	path := "audit/" + url.PathEscape(r.PathValue("event"))
	var event admin.Event
	if err := h.as(r, v).call(http.MethodGet, path, nil, nil, &event); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.EventDetails{Event: h.event(event), Raw: indented(event)}
	content.At = h.moment(event.At)
	if event.Count > 1 {
		content.Until = h.moment(event.Until)
	}
	if proof, err := h.proof(r, v, event.ID); err != nil {
		content.NoProof = err.Error()
	} else {
		content.Proof = string(proof)
	}
	h.render(w, r, http.StatusOK, "event", v, page.Frame{Title: h.actionWords(event.Action), Section: page.SectionTrail, Content: content})
}

// indented returns an event as JSON for people.
func indented(event admin.Event) string {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if encoder.Encode(event) != nil {
		return "" // cannot happen: it was JSON
	}
	return text.String()
}

// proof returns the proof that an event is in the trail.
func (h *Handler) proof(r *http.Request, v *visit, id string) ([]byte, error) {
	var text bytes.Buffer
	err := h.as(r, v).call(http.MethodGet, "audit/proof/"+url.PathEscape(id), nil, nil, &text)
	return text.Bytes(), err
}

// eventProof answers with the proof of an event, as a file to keep.
func (h *Handler) eventProof(w http.ResponseWriter, r *http.Request, v *visit) {
	proof, err := h.proof(r, v, r.PathValue("event"))
	if err != nil {
		h.refused(w, r, v, err)
		return
	}
	attach(w, "text/plain; charset=utf-8", "event.tlog-proof")
	_, _ = w.Write(proof) //nolint:gosec // plain text to download; the browser may be gone
}

// exportTrail answers with all events that are asked for, oldest first, as a file.
func (h *Handler) exportTrail(w http.ResponseWriter, r *http.Request, v *visit) {
	if err := h.understood(r.URL.Query(), append([]string{"format"}, trailFilters...)...); err != nil {
		h.refused(w, r, v, err)
		return
	}
	query := eventsAsked(r)
	query.Set("limit", strconv.Itoa(admin.MaxPageSize))
	contentType, name := "application/x-ndjson", "trail.ndjson"
	write := json.NewEncoder(w).Encode
	begin := func() error { return nil }
	switch format := r.URL.Query().Get("format"); format {
	case "", "json":
	case "csv":
		contentType, name = "text/csv; charset=utf-8", "trail.csv"
		table := admin.NewEventCSV(w)
		begin, write = table.Begin, func(event any) error { return table.Write(event.(admin.Event)) }
	default:
		h.refused(w, r, v, answerError{Status: http.StatusBadRequest, Message: h.say("trail.export.unknown")})
		return
	}
	for begun := false; ; begun = true {
		var found admin.EventPage
		err := h.as(r, v).call(http.MethodGet, "audit", query, nil, &found)
		switch {
		case err != nil && begun:
			panic(http.ErrAbortHandler) // only a broken connection says that the file is incomplete
		case err != nil:
			h.refused(w, r, v, err)
			return
		case !begun:
			attach(w, contentType, name)
			if begin() != nil {
				return // the browser is gone
			}
		}
		for _, event := range found.Events {
			if write(event) != nil {
				return // the browser is gone
			}
		}
		if !found.More {
			return
		}
		query.Set("cursor", found.Next)
	}
}
