package manager

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestEventsInWords: the trail is for people, not for programs.
func TestEventsInWords(t *testing.T) {
	pages, err := page.New()
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{pages: pages, now: time.Now}
	shown := h.event(admin.Event{
		Action: "update", Actor: admin.Actor{Kind: storage.ActorSystem, Name: "vm (process 5070)"},
		Changes: []storage.FieldChange{
			{Field: "confine", Old: json.RawMessage(`{"projects":["DEMO"]}`), New: json.RawMessage(`{"projects":["DEMO","OPS"],"hide":["internal-comments"]}`)},
			{Field: "allow_ip", New: json.RawMessage(`["192.0.2.0/24"]`)}, {Field: "odd", New: json.RawMessage(`{"b":{"c":1},"a_b":["x"]}`)},
		},
	})
	if shown.Actor != "the gateway vm" {
		t.Errorf("actor: %q", shown.Actor)
	}
	for i, want := range []page.Change{
		{Field: "What it may see", Old: "project DEMO", New: "2 projects (DEMO, OPS); hidden: internal-comments"},
		{Field: "Works from these networks", New: "192.0.2.0/24"}, {Field: "odd", New: "a b: x, b: c: 1"},
	} {
		if got := shown.Change[i]; got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
	loaded := h.event(admin.Event{Action: "policy_loaded", Name: "7c4178ec8f56"})
	if loaded.About != "" || strings.Contains(loaded.Text, "loaded") {
		t.Errorf("%+v", loaded)
	}
}
