package redisstore

import (
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// TestEventNumbersBesideOlderNodes checks that the numbers of events follow from how
// many there are, although older nodes do not number theirs, and that a number is not
// given to another event after somebody has deleted one.
func TestEventNumbersBesideOlderNodes(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil)
	add := func(want uint64) string {
		t.Helper()
		if err := s.AddEvents(t.Context(), storage.Event{Action: "a"}); err != nil {
			t.Fatal(err)
		}
		page, err := s.Events(t.Context(), storage.EventQuery{Limit: storage.MaxPageSize})
		if err != nil {
			t.Fatal(err)
		}
		last := page.Events[len(page.Events)-1]
		if last.Seq != want {
			t.Errorf("the event has the number %d, want %d", last.Seq, want)
		}
		return last.ID
	}
	older := func() { server.Do("xadd", s.(*store).events, "*", "e", `{"id":"","action":"older"}`) }
	older()
	older()
	add(3)
	add(4)
	older()
	add(6)
	server.Do("xdel", s.(*store).events, add(7))
	add(8)
	server.Do("del", s.(*store).tree) // as far as possible
	add(8)
}
