package manager

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
)

// events returns events in words, newest first.
func (h *Handler) events(events []admin.Event) []page.Event {
	shown := make([]page.Event, 0, len(events))
	for _, event := range slices.Backward(events) {
		shown = append(shown, h.event(event))
	}
	return shown
}

func (h *Handler) event(event admin.Event) page.Event {
	shown := page.Event{ID: event.ID, At: h.moment(event.At), Text: h.actionWords(event.Action), Actor: h.actor(event.Actor), About: event.Name}
	if event.TokenID != "" {
		shown.URL = "tokens/" + event.TokenID
	}
	for _, change := range event.Changes {
		shown.Change = append(shown.Change, page.Change{Field: strings.ReplaceAll(change.Field, "_", " "), Old: plain(change.Old), New: plain(change.New)})
	}
	return shown
}

// actionWords says what an event is about. Events that the page does not know have their
// own name.
func (h *Handler) actionWords(action string) string {
	if text, err := h.pages.Words().Say("event." + action); err == nil {
		return text
	}
	return strings.ReplaceAll(action, "_", " ")
}

func (h *Handler) actor(actor admin.Actor) string {
	name := actor.Name
	if name == "" {
		name = h.say("actor." + actor.Kind)
	}
	if actor.Address != "" {
		return h.say("actor.from", name, actor.Address)
	}
	return name
}

// plain returns JSON as text for people.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// trail shows the audit trail.
func (h *Handler) trail(w http.ResponseWriter, r *http.Request, v *visit) {
	asked := r.URL.Query()
	query := url.Values{"limit": {"100"}}
	pass(asked, query, "cursor", "since", "token")
	var found admin.EventPage
	if err := h.as(r, v).call(http.MethodGet, "audit", query, nil, &found); err != nil {
		h.refused(w, r, v, err)
		return
	}
	content := page.Trail{Events: h.events(found.Events), Since: asked.Get("since"), Token: asked.Get("token")}
	if found.More {
		to := url.Values{"cursor": {found.Next}}
		pass(asked, to, "since", "token")
		content.Next = mounted(r).base + "trail?" + to.Encode()
	}
	h.render(w, r, http.StatusOK, "trail", v, page.Frame{Title: h.say("nav.trail"), Section: page.SectionTrail, Content: content})
}
