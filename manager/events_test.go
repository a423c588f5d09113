package manager

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestEventsInWords: the trail is for people, not for programs.
func TestEventsInWords(t *testing.T) {
	pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{pages: pages, now: time.Now}
	shown := h.event(admin.Event{
		Action: "update", Actor: admin.Actor{Kind: storage.ActorSystem, Name: "vm (process 5070)"},
		Changes: []storage.FieldChange{
			{Field: "confine", Old: json.RawMessage(`{"projects":["DEMO"]}`), New: json.RawMessage(`{"projects":["DEMO","OPS"],"hide":["internal-comments"]}`)},
			{Field: "allow_ip", New: json.RawMessage(`["192.0.2.0/24"]`)}, {Field: "odd", New: json.RawMessage(`{"b":{"c":1},"a_b":["x"]}`)},
			{Field: "status", Old: json.RawMessage(`"pending"`), New: json.RawMessage(`"active"`)}, {Field: "status", New: json.RawMessage(`"unheard-of"`)},
			{Field: "expires_at", Old: json.RawMessage(`null`), New: json.RawMessage(`"2026-12-27T12:08:50Z"`)},
		},
	})
	if shown.Actor != "the gateway vm" {
		t.Errorf("actor: %q", shown.Actor)
	}
	for i, want := range [][3]string{
		{"What it may see", "project DEMO", "2 projects (DEMO, OPS); hidden: internal-comments"},
		{"Works from these networks", "", "192.0.2.0/24"}, {"odd", "", "a b: x, b: c: 1"},
		{"status", "Waits for approval", "Active"}, {"status", "", "unheard-of"},
	} {
		if got := shown.Change[i]; [3]string{got.Field, got.Old.Text, got.New.Text} != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	if ends := shown.Change[5]; ends.Old.Text != "" || ends.New.At.Exact() != "27 December 2026, 12:08 UTC" {
		t.Errorf("the end: %+v", ends)
	}
	loaded := h.event(admin.Event{Action: "policy_loaded", Name: "7c4178ec8f56"})
	if loaded.About != "" || strings.Contains(loaded.Text, "loaded") {
		t.Errorf("%+v", loaded)
	}
}
