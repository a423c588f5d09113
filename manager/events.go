package manager

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// events returns events in words.
func (h *Handler) events(events []admin.Event) []page.Event {
	shown := make([]page.Event, 0, len(events))
	for _, event := range events {
		shown = append(shown, h.event(event))
	}
	return shown
}

func (h *Handler) event(event admin.Event) page.Event {
	shown := page.Event{ID: event.ID, At: h.moment(recordedAt(event)), Text: h.actionWords(event.Action), Actor: h.actor(event.Actor), About: event.Name, Request: h.request(event)}
	if event.TokenID != "" {
		shown.URL = "tokens/" + url.PathEscape(event.TokenID)
		if shown.About == "" {
			shown.About = event.TokenID
		}
	}
	if shown.About != "" {
		if text, err := h.pages.Words().Say("event." + event.Action + ".what"); err == nil {
			shown.Text = text
		}
	}
	if event.Owner != "" && event.Owner != event.Name {
		shown.Owner = event.Owner
	}
	if event.Count > 1 {
		shown.Count = h.say("event.times", event.Count)
	}
	if inner[event.Action] {
		shown.About = ""
	}
	for _, change := range event.Changes {
		shown.Change = append(shown.Change, page.Change{Field: h.fieldName(change.Field), Old: h.value(change.Field, change.Old), New: h.value(change.Field, change.New)})
	}
	return shown
}

// inner are the actions about things of the gateway that have only names for programs.
var inner = map[string]bool{"policy_loaded": true, "session_key_create": true, "session_key_replace": true, "session_forget": true}

// fieldName returns what the form calls a field of a token, or its name as words.
func (h *Handler) fieldName(field string) string {
	input := field
	if other, ok := inputOf[field]; ok {
		input = other
	}
	if text, err := h.pages.Words().Say("field." + input); err == nil {
		return text
	}
	return fieldWords(field)
}

// value returns the value of a field of an event for people: never JSON, times in the
// reader's zone, and what the page has words for in these.
func (h *Handler) value(field string, value json.RawMessage) page.Value {
	var text string
	if json.Unmarshal(value, &text) == nil {
		if at, err := time.Parse(time.RFC3339, text); err == nil {
			return page.Value{Text: text, At: h.moment(at)}
		}
		if words, known := h.pages.Words()[map[string]string{"status": "state.", "scope": "scope.", "kind": "kind."}[field]+text]; known {
			return page.Value{Text: words}
		}
	}
	return page.Value{Text: valueWords(field, value)}
}

// valueWords returns the value of a field of an event as text.
func valueWords(field string, value json.RawMessage) string {
	if field == "confine" && len(value) > 0 && string(value) != "null" {
		for _, known := range token.Fields() {
			var record token.Record
			if known.Name == field && known.Set(&record, value, time.Time{}) == nil {
				return record.Confine.String()
			}
		}
	}
	var decoded any
	if text := readable(value); text != string(value) || json.Unmarshal(value, &decoded) != nil {
		return text
	}
	return flat(decoded)
}

// flat returns a decoded value as "name: value, other: value".
func flat(value any) string {
	switch value := value.(type) {
	case map[string]any:
		parts := make([]string, 0, len(value))
		for _, name := range slices.Sorted(maps.Keys(value)) {
			parts = append(parts, fieldWords(name)+": "+flat(value[name]))
		}
		return strings.Join(parts, ", ")
	case []any:
		parts := make([]string, len(value))
		for i, item := range value {
			parts[i] = flat(item)
		}
		return strings.Join(parts, ", ")
	}
	text, _ := plain(value, false)
	return text
}

// process is the number of a gateway's process, in its name.
var process = regexp.MustCompile(` \(process \d+\)$`)

// recordedAt returns the time at which an event was recorded.
func recordedAt(event admin.Event) time.Time {
	if id, err := storage.ParseEventID(event.ID); err == nil {
		return id.Time()
	}
	return event.At
}

// request says which request an event is about, and what became of it.
func (h *Handler) request(event admin.Event) string {
	r := event.Request
	switch {
	case r == nil:
		return ""
	case r.Method == "":
		return h.say("event.differ")
	}
	text := r.Method + " " + r.Path
	if r.Status > 0 {
		text += " → " + strconv.Itoa(r.Status)
	}
	if r.Reason != "" {
		text += ": " + h.reasonWords(r.Reason)
	}
	return text
}

// reasonWords says why a request was denied.
func (h *Handler) reasonWords(reason string) string {
	if text, err := h.pages.Words().Say("reason." + reason); err == nil {
		return text
	}
	return fieldWords(reason)
}

// actionWords says what an event is about. Events of later versions have their own name.
func (h *Handler) actionWords(action string) string {
	if text, err := h.pages.Words().Say("event." + action); err == nil {
		return text
	}
	return fieldWords(action)
}

// fieldWords returns the name of a field in JSON as words.
func fieldWords(name string) string { return strings.ReplaceAll(name, "_", " ") }

// actor says who has caused an event.
func (h *Handler) actor(actor admin.Actor) string {
	name := actor.Name
	if name == "" {
		if text, err := h.pages.Words().Say("actor." + actor.Kind); err == nil {
			name = text
		} else {
			name = actor.Kind
		}
	}
	if node := process.ReplaceAllString(name, ""); actor.Kind == "system" && node != name {
		name = h.say("actor.gateway", node)
	}
	if actor.Address != "" {
		return h.say("actor.from", name, actor.Address)
	}
	return name
}

// readable returns JSON as text for people: the text of a rich text of Jira's, the names
// of things that have one, and anything else as it is.
func readable(value json.RawMessage) string {
	var decoded any
	if len(value) == 0 || json.Unmarshal(value, &decoded) != nil {
		return string(value)
	}
	if text, ok := plain(decoded, false); ok {
		return text
	}
	return string(value)
}

// readableSent is like readable, for what a client sends: of an object with several
// members, any of them may be the one that Jira goes by, so all of them are shown.
func readableSent(value json.RawMessage) string {
	var decoded any
	if len(value) == 0 || json.Unmarshal(value, &decoded) != nil {
		return string(value)
	}
	if text, ok := plain(decoded, true); ok {
		return text
	}
	return string(value)
}

// plain returns a value of Jira's as text. It reports false if there is no better text
// than its JSON, or, if whole is set, none that says everything.
func plain(value any, whole bool) (string, bool) {
	switch value := value.(type) {
	case nil:
		return "", true
	case string:
		return value, true
	case bool:
		return strconv.FormatBool(value), true
	case float64:
		return strconv.FormatFloat(value, 'f', -1, 64), true
	case []any:
		texts := make([]string, 0, len(value))
		for _, item := range value {
			text, ok := plain(item, whole)
			if !ok {
				return "", false
			}
			texts = append(texts, text)
		}
		return strings.Join(texts, ", "), true
	case map[string]any:
		if value["type"] == "doc" {
			var text strings.Builder
			richText(&text, value)
			return strings.TrimSpace(text.String()), true
		}
		if whole && len(value) > 1 {
			return "", false
		}
		for _, name := range []string{"displayName", "name", "value", "key"} {
			if text, ok := value[name].(string); ok {
				return text, true
			}
		}
	}
	return "", false
}

// blocks are the nodes of Jira's rich texts that end a line.
var blocks = map[string]bool{"paragraph": true, "heading": true, "listItem": true, "codeBlock": true, "blockquote": true, "tableRow": true, "hardBreak": true, "rule": true}

// richText writes the text of a node of the Atlassian Document Format: see
// https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/.
func richText(to *strings.Builder, node map[string]any) {
	kind, _ := node["type"].(string)
	text, isText := node["text"].(string)
	attributes, _ := node["attrs"].(map[string]any)
	content, _ := node["content"].([]any)
	switch {
	case isText:
		to.WriteString(text)
	case attributes["text"] != nil: // mentions, emoji, states
		text, _ := attributes["text"].(string)
		to.WriteString(text)
	case attributes["url"] != nil: // cards
		text, _ := attributes["url"].(string)
		to.WriteString(text)
	case len(content) == 0 && !blocks[kind]:
		to.WriteString("[" + kind + "]")
	}
	marks, _ := node["marks"].([]any)
	for _, mark := range marks { // where a link leads is what matters about it
		mark, _ := mark.(map[string]any)
		attributes, _ := mark["attrs"].(map[string]any)
		if href, ok := attributes["href"].(string); ok && href != text {
			to.WriteString(" (" + href + ")")
		}
	}
	for _, child := range content {
		if child, ok := child.(map[string]any); ok {
			richText(to, child)
		}
	}
	if blocks[kind] && !strings.HasSuffix(to.String(), "\n") {
		to.WriteString("\n")
	}
}
