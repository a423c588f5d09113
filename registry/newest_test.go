package registry

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestNewestEvents reads the trail backwards, page by page, and finds every event once.
func TestNewestEvents(t *testing.T) {
	r, _ := newRegistry(t)
	r.now = time.Now
	var events []storage.Event
	for i := range 2500 {
		owner := "alice"
		if i%10 == 0 {
			owner = "bob"
		}
		events = append(events, storage.Event{At: time.Now(), Action: ActionAccountRefused, Name: fmt.Sprint(i), Owner: owner})
	}
	if err := r.store.AddEvents(t.Context(), events...); err != nil {
		t.Fatal(err)
	}
	for what, query := range map[string]EventQuery{
		"everything": {}, "of bob": {Owner: "BOB", Limit: 7}, "until now": {Until: time.Now().Add(time.Second), Limit: 1000}, "the last hour": {Since: time.Now().Add(-time.Hour), Limit: 999},
	} {
		forwards := query
		forwards.Limit = storage.MaxPageSize
		var want, got []string
		for {
			page, err := r.Events(t.Context(), forwards)
			if err != nil {
				t.Fatal(err)
			}
			for _, event := range page.Events {
				want = append(want, event.ID)
			}
			if forwards.Cursor = page.Next; !page.More {
				break
			}
		}
		for range 1000 {
			page, err := r.NewestEvents(t.Context(), query)
			if err != nil {
				t.Fatal(err)
			}
			if len(page.Events) > query.PageSize() {
				t.Fatalf("%s: a page of %d events", what, len(page.Events))
			}
			for _, event := range page.Events {
				got = append(got, event.ID)
			}
			if query.Cursor = page.Next; !page.More {
				break
			}
		}
		slices.Reverse(got)
		if !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("%s: %d events backwards, %d forwards", what, len(got), len(want))
		}
	}
	if page, err := r.NewestEvents(t.Context(), EventQuery{Until: time.Now().Add(-time.Hour)}); err != nil || len(page.Events) > 0 || page.More {
		t.Errorf("an hour ago: %+v, %v", page, err)
	}
	if _, err := r.NewestEvents(t.Context(), EventQuery{Cursor: "x"}); err == nil {
		t.Error("a cursor that is not one is accepted")
	}
}

func TestEvent(t *testing.T) {
	r, _ := newRegistry(t)
	create(t, r, map[string]any{"owner": "alice", "name": "n"})
	page, err := r.Events(t.Context(), EventQuery{})
	if err != nil || len(page.Events) == 0 {
		t.Fatal(err)
	}
	if found, err := r.Event(t.Context(), page.Events[0].ID); err != nil || found.Name != "n" {
		t.Errorf("%+v, %v", found, err)
	}
	for _, id := range []string{"", "x", "1-1", page.Events[0].ID + "1"} {
		if _, err := r.Event(t.Context(), id); err == nil {
			t.Errorf("there is an event %q", id)
		}
	}
}
