package registry

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestListByLifetime checks that lists of expiring and unused tokens can be combined with
// what only the registry knows, and that a use which has not been written yet counts.
func TestListByLifetime(t *testing.T) {
	r, now := newRegistry(t)
	day := 24 * time.Hour
	*now = time.Now().Truncate(time.Second).Add(-6 * day) // uses are noted with the machine's clock
	week, _ := create(t, r, map[string]any{"owner": "alice", "name": "a week", "expires_at": "7d"})
	bot, _ := create(t, r, map[string]any{"owner": "ci", "name": "bot", "kind": "service", "expires_at": "30d"})
	create(t, r, map[string]any{"owner": "alice", "name": "long", "expires_at": "31d"})
	never, _ := create(t, r, map[string]any{"owner": "alice", "name": "never"})
	list := func(query Query) []string {
		t.Helper()
		page, err := r.List(t.Context(), query)
		if err != nil || page.Next != "" {
			t.Fatalf("%+v: %v, next %q", query, err, page.Next)
		}
		var ids []string
		for _, record := range page.Records {
			ids = append(ids, record.ID)
		}
		slices.Sort(ids)
		return ids
	}
	want := func(query Query, records ...*token.Record) {
		t.Helper()
		var ids []string
		for _, record := range records {
			ids = append(ids, record.ID)
		}
		slices.Sort(ids)
		if got := list(query); !slices.Equal(got, ids) {
			t.Errorf("%+v: got %v, want %v", query, got, ids)
		}
	}
	want(Query{Expiring: 30 * day}, week, bot)
	want(Query{Expiring: 30 * day, Query: storage.Query{Kinds: []token.Kind{token.KindService}}}, bot)
	want(Query{Expiring: 30 * day, Query: storage.Query{Owner: "ALICE"}}, week)
	want(Query{UnusedFor: time.Second})

	*now = now.Add(6 * day)
	want(Query{Expiring: day}, week)
	want(Query{UnusedFor: 6 * day, Expiring: day}, week)
	if n := len(list(Query{UnusedFor: 6 * day})); n != 4 {
		t.Errorf("%d tokens are unused, want 4", n)
	}
	if n := len(list(Query{UnusedFor: 6*day + time.Second})); n != 0 {
		t.Errorf("%d tokens have been unused for longer than they exist", n)
	}
	r.Used(never.ID, netip.MustParseAddr("203.0.113.7"), "curl")
	if unused := list(Query{UnusedFor: 6 * day}); slices.Contains(unused, never.ID) {
		t.Errorf("a token that was just used is listed: %v", unused)
	}
}
