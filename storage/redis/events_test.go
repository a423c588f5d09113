package redisstore

import (
	"fmt"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestEventListsOfOlderNodes checks that filters find the events that versions with
// fewer lists have written, even if there are many, and that later events are found too.
func TestEventListsOfOlderNodes(t *testing.T) {
	server := redistest.Start(t)
	older := open(t, &Store{URL: server.URL()}, nil).(*store)
	const count = 2*eventsAtOnce + 1
	id := storagetest.NewRecord(1, "Anna", "a").ID
	for i := range count {
		server.Do("xadd", older.events, "*", "e", fmt.Sprintf(`{"id":"","action":"create","token_id":"%s","owner":"Anna","name":"%d"}`, id, i))
	}
	server.Do("set", older.key("event_lists"), "1")
	for _, query := range []storage.EventQuery{{Owner: "anna"}, {Actions: []string{"create"}}, {TokenID: id, Actions: []string{"create"}}} {
		s := open(t, &Store{URL: server.URL()}, nil) // it has not indexed anything yet
		query.Limit = storage.MaxPageSize
		found := 0
		for more := true; more; {
			page, err := s.Events(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			found, more, query.Cursor = found+len(page.Events), page.More, page.Next
		}
		if found != count {
			t.Errorf("%+v: %d events, want %d", query, found, count)
		}
		if err := s.AddEvents(t.Context(), storage.Event{Action: "update", Owner: "anna"}); err != nil {
			t.Fatal(err)
		}
	}
	page, err := older.Events(t.Context(), storage.EventQuery{Owner: "anna", Actions: []string{"update"}})
	if err != nil || len(page.Events) != 3 {
		t.Errorf("%+v, %v", page, err)
	}
}
