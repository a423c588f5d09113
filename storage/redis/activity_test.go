package redisstore

import (
	"slices"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
)

// TestActivity: a batch that is sent again counts nothing twice, damaged activity is
// overwritten, and all of it expires.
func TestActivity(t *testing.T) {
	server := redistest.Start(t)
	s := open(t, &Store{URL: server.URL()}, nil).(*store)
	r := storagetest.NewRecord(1, "anna", "a")
	if err := s.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	key := s.activityKey(r.ID)
	add := func(id string) {
		t.Helper()
		batch := storage.ActivityBatch{ID: id, Today: 20784, Counts: map[storage.TokenDay]storage.Counts{{TokenID: r.ID, Day: 20784}: {Requests: 3}}}
		if err := s.AddActivity(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	want := func(requests uint64) {
		t.Helper()
		got, err := s.Activity(t.Context(), r.ID, 0)
		var days []storage.Activity
		if requests > 0 {
			days = []storage.Activity{{Day: 20784, Counts: storage.Counts{Requests: requests}}}
		}
		if err != nil || !slices.Equal(got, days) {
			t.Errorf("%v, %v, want %d requests", got, err, requests)
		}
	}
	add("one")
	add("one")
	want(3)
	add("two")
	want(6)
	if left, _ := server.Do("pttl", key).(int64); left <= 0 || left > activityLife.Milliseconds() {
		t.Errorf("it expires in %d ms", left)
	}
	for i, damage := range [][]any{{"set", key, "20784 x, 1 2"}, {"set", key, "\xff"}, {"lpush", key, "x"}} {
		server.Do("del", key)
		server.Do(damage...)
		want(0)
		add(string(rune('a' + i)))
		want(3)
	}
}
