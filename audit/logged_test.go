package audit

import (
	"encoding/json"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestEventsAreLogged checks that every event that was written is logged once, with the
// fields that it has in JSON.
func TestEventsAreLogged(t *testing.T) {
	core, log := observer.New(zapcore.InfoLevel)
	files := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	store := Logged(files, zap.New(core))
	record := storagetest.NewRecord(1, "anna", "a")
	at := time.Date(2026, 3, 1, 12, 0, 0, 5000, time.UTC)
	denied := storage.Event{
		At: at, Action: storage.ActionDenied, TokenID: record.ID, Owner: "anna", Name: "a",
		Actor: storage.Actor{Kind: storage.ActorClient, Name: "anna", Address: "192.0.2.7", Claim: "curl"},
		Request: &storage.EventRequest{
			Method: "POST", Path: "/rest/api/2/issue", Operation: "POST /rest/api/2/issue", Access: "write", Account: "default",
			Project: "ACME", Issue: "ACME-7", Status: 403, Reason: "scope_insufficient", JiraRequestID: "1x1", ClaimedTokenID: "4fT0aB9xYz",
		},
		Count: 3, Until: at.Add(time.Second),
	}
	for _, err := range []error{
		store.Apply(t.Context(), storagetest.Create(record)),
		store.AddEvents(t.Context(), denied, storage.Event{At: at, Action: storage.ActionEventsLost, Count: 2, Until: at}),
		store.ApplyDocument(t.Context(), storage.DocumentChange{
			DocumentName: storage.DocumentName{Kind: "group", ID: "a"}, Data: json.RawMessage("{}"), Event: storage.Event{At: at, Action: "group_add"},
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Apply(t.Context(), storagetest.Create(record)); err == nil {
		t.Error("a conflict is not an error")
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.AddEvents(t.Context(), denied); err == nil {
		t.Error("a closed store takes events")
	}
	lines := log.All()
	if len(lines) != 4 || lines[0].Message != "create" || lines[1].Message != "denied" || lines[2].Message != "events_lost" || lines[3].Message != "group_add" {
		t.Fatalf("log: %v", lines)
	}
	if lines[3].ContextMap()["document"] != "group/a" || lines[0].ContextMap()["changes"] == nil {
		t.Errorf("log: %v", lines)
	}
	var want map[string]any
	if err := json.Unmarshal(jsonOf(t, denied), &want); err != nil {
		t.Fatal(err)
	}
	for _, onlyInStore := range []string{"id", "action"} { // the line's message is the action
		delete(want, onlyInStore)
	}
	if got, want := string(jsonOf(t, lines[1].ContextMap())), string(jsonOf(t, want)); got != want {
		t.Errorf("logged\n%s, in JSON\n%s", got, want)
	}
}

func jsonOf(t *testing.T, value any) []byte {
	t.Helper()
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
