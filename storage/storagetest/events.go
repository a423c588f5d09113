package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func testEvents(t *testing.T, s storage.Store) {
	began := time.Now().Add(-time.Minute)
	a, b := NewRecord(1, "anna", "a"), NewRecord(2, "bert", "b")
	apply(t, s, Create(a), Create(b))
	want := []string{"create " + a.ID, "create " + b.ID}
	for i := range 9 {
		change := Update(a, func(r *token.Record) { r.Name = fmt.Sprint(i) })
		apply(t, s, change)
		a = change.New
		want = append(want, "update "+a.ID)
	}
	apply(t, s, Delete(b))
	want = append(want, "delete "+b.ID)

	all, _ := readEvents(t, s, storage.EventQuery{})
	if got := described(all); !slices.Equal(got, want) {
		t.Fatalf("trail:\n got %v\nwant %v", got, want)
	}
	for i := 1; i < len(all); i++ {
		before, err := storage.ParseEventID(all[i-1].ID)
		if err != nil {
			t.Fatal(err)
		}
		if id, err := storage.ParseEventID(all[i].ID); err != nil || !before.Before(id) {
			t.Fatalf("event %q is not after %q: %v", all[i].ID, all[i-1].ID, err)
		}
	}
	ofB := []string{want[1], want[len(want)-1]}
	for _, test := range []struct {
		name  string
		query storage.EventQuery
		want  []string
	}{
		{"one at a time", storage.EventQuery{Limit: 1}, want},
		{"since before", storage.EventQuery{Since: began}, want},
		{"since later", storage.EventQuery{Since: time.Now().Add(time.Hour)}, nil},
		{"since very much later", storage.EventQuery{Since: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)}, nil},
		{"since 1903", storage.EventQuery{Since: time.Date(1903, 1, 1, 0, 0, 0, 0, time.UTC)}, want},
		{"after the fourth", storage.EventQuery{Cursor: all[3].ID, Limit: 3}, want[4:]},
		{"after the fourth, since earlier", storage.EventQuery{Cursor: all[3].ID, Since: began}, want[4:]},
		{"since the cursor's future", storage.EventQuery{Cursor: all[3].ID, Since: time.Now().Add(time.Hour)}, nil},
		{"of a token", storage.EventQuery{TokenID: b.ID}, ofB},
		{"of a token, one at a time", storage.EventQuery{TokenID: b.ID, Limit: 1}, ofB},
		{"of a token, after its first", storage.EventQuery{TokenID: b.ID, Cursor: all[1].ID}, ofB[1:]},
		{"of a token, since before", storage.EventQuery{TokenID: b.ID, Since: began}, ofB},
		{"of an unknown token", storage.EventQuery{TokenID: "0000000000"}, nil},
		{"of an invalid id", storage.EventQuery{TokenID: a.ID[:5]}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, _ := readEvents(t, s, test.query)
			if !slices.Equal(described(got), test.want) {
				t.Errorf("got %v, want %v", described(got), test.want)
			}
		})
	}
}

// testEventsFollowed follows the trail as it grows, starting while it is empty.
func testEventsFollowed(t *testing.T, s storage.Store) {
	r := NewRecord(1, "anna", "a")
	for _, query := range []storage.EventQuery{{}, {TokenID: r.ID}, {Since: time.Now().Add(-time.Minute)}} {
		if events, next := readEvents(t, s, query); len(events) != 0 || next == "" {
			t.Fatalf("empty trail: %v, next %q", events, next)
		}
	}
	_, next := readEvents(t, s, storage.EventQuery{})
	_, nextOfR := readEvents(t, s, storage.EventQuery{TokenID: r.ID})
	for i := range 20 {
		change := Create(r)
		if i > 0 {
			change = Update(r, func(*token.Record) {})
		}
		apply(t, s, change, Create(NewRecord(i, "other", "other")))
		r = change.New
		var got []storage.Event
		if got, next = readEvents(t, s, storage.EventQuery{Cursor: next}); len(got) != 2 {
			t.Fatalf("round %d: new events %v", i, described(got))
		}
		got, nextOfR = readEvents(t, s, storage.EventQuery{TokenID: r.ID, Cursor: nextOfR})
		if len(got) != 1 || got[0].TokenID != r.ID {
			t.Fatalf("round %d: new events of %s: %v", i, r.ID, described(got))
		}
	}
}

// requestEvent returns the event of a request with a token of this owner.
func requestEvent(action string, r *token.Record, project string) storage.Event {
	return storage.Event{
		At: epoch, Action: action, TokenID: r.ID, Owner: r.Owner, Name: r.Name,
		Actor:   storage.Actor{Kind: storage.ActorClient, Name: r.Owner, Address: "192.0.2.7"},
		Request: &storage.EventRequest{Method: "POST", Path: "/rest/api/2/issue", Project: project, Status: 201},
		Count:   3, Until: epoch.Add(time.Minute),
	}
}

// testEventBatches writes events in batches, and finds them by every filter.
func testEventBatches(t *testing.T, s storage.Store) {
	anna, bert := NewRecord(1, "Anna", "a"), NewRecord(2, "bert", "b")
	apply(t, s, Create(anna), Create(bert))
	batch := []storage.Event{
		requestEvent(storage.ActionDenied, anna, "ACME"),
		requestEvent(storage.ActionWrite, anna, "ACME"),
		requestEvent(storage.ActionWrite, bert, "ACME"),
		requestEvent(storage.ActionWriteBegun, bert, "ACME2"),
		{At: epoch, Action: storage.ActionDenied, Actor: storage.Actor{Kind: storage.ActorClient, Address: "192.0.2.8"}, Request: &storage.EventRequest{Reason: "no_credentials"}},
		{At: epoch, Action: storage.ActionEventsLost, Actor: storage.Actor{Kind: storage.ActorSystem}, Count: 7, Until: epoch.Add(time.Second)},
	}
	if err := s.AddEvents(t.Context(), batch...); err != nil {
		t.Fatal(err)
	}
	if err := s.AddEvents(t.Context()); err != nil {
		t.Fatalf("no events: %v", err)
	}
	all, _ := readEvents(t, s, storage.EventQuery{})
	if len(all) != 2+len(batch) {
		t.Fatalf("trail: %v", described(all))
	}
	for i, event := range batch {
		got := all[2+i]
		got.ID, got.Seq = "", 0
		if asJSON(t, got) != asJSON(t, event) {
			t.Errorf("event %d:\n got %s\nwant %s", i, asJSON(t, got), asJSON(t, event))
		}
	}
	at := func(i int) time.Time {
		id, err := storage.ParseEventID(all[i].ID)
		if err != nil {
			t.Fatal(err)
		}
		return time.UnixMilli(id.Millis)
	}
	for _, test := range []struct {
		name  string
		query storage.EventQuery
		want  []int
	}{
		{"of a token", storage.EventQuery{TokenID: anna.ID}, []int{0, 2, 3}},
		{"changes of a token", storage.EventQuery{TokenID: anna.ID, Actions: []string{"create", "update"}}, []int{0}},
		{"requests of a token", storage.EventQuery{TokenID: anna.ID, Actions: []string{"create", storage.ActionWrite}}, []int{0, 3}},
		{"of an owner", storage.EventQuery{Owner: "anna"}, []int{0, 2, 3}},
		{"of another token's owner", storage.EventQuery{TokenID: anna.ID, Owner: "bert"}, nil},
		{"of a project", storage.EventQuery{Project: "ACME"}, []int{2, 3, 4}},
		{"of a longer project", storage.EventQuery{Project: "ACME2"}, []int{5}},
		{"of a project and an owner", storage.EventQuery{Project: "ACME", Owner: "BERT"}, []int{4}},
		{"denials", storage.EventQuery{Actions: []string{storage.ActionDenied}}, []int{2, 6}},
		{"changes", storage.EventQuery{Actions: []string{"create"}}, []int{0, 1}},
		{"changes and writes", storage.EventQuery{Actions: []string{"create", storage.ActionWrite}}, []int{0, 1, 3, 4}},
		{"losses", storage.EventQuery{Actions: []string{storage.ActionEventsLost, "update"}}, []int{7}},
		{"an address", storage.EventQuery{Actor: "192.0.2.8"}, []int{6}},
		{"a kind of actor", storage.EventQuery{Actor: "System"}, []int{7}},
		{"an actor", storage.EventQuery{Actor: "ANNA"}, []int{2, 3}},
		{"an actor's writes", storage.EventQuery{Actor: "anna", Actions: []string{storage.ActionWrite}}, []int{3}},
		{"until the batch", storage.EventQuery{Until: at(0)}, nil},
		{"until later", storage.EventQuery{Until: time.Now().Add(time.Hour), Owner: "anna"}, []int{0, 2, 3}},
		{"until very much later", storage.EventQuery{Until: time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), Project: "ACME2"}, []int{5}},
		{"until 1903", storage.EventQuery{Until: time.Date(1903, 1, 1, 0, 0, 0, 0, time.UTC)}, nil},
		{"from until before", storage.EventQuery{Since: time.Now().Add(time.Hour), Until: at(0), TokenID: anna.ID}, nil},
		{"of nobody", storage.EventQuery{Owner: "ann"}, nil},
	} {
		for _, limit := range []int{0, 1} {
			test.query.Limit = limit
			found, _ := readEvents(t, s, test.query)
			var want []string
			for _, i := range test.want {
				want = append(want, all[i].ID)
			}
			var got []string
			for _, event := range found {
				got = append(got, event.ID)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, limit %d: got %v of %v, want %v", test.name, limit, got, described(all), want)
			}
		}
	}
}

// testFewEventsMatch reads a trail in which a filter without an index matches few
// events.
func testFewEventsMatch(t *testing.T, s storage.Store) {
	r := NewRecord(1, "anna", "a")
	for range 10 {
		batch := make([]storage.Event, storage.MaxEvents)
		for i := range batch {
			batch[i] = requestEvent(storage.ActionWrite, r, "ACME")
		}
		if err := s.AddEvents(t.Context(), batch...); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.AddEvents(t.Context(), requestEvent(storage.ActionDenied, r, "ACME")); err != nil {
		t.Fatal(err)
	}
	for _, query := range []storage.EventQuery{{}, {Project: "ACME"}, {TokenID: r.ID}, {Owner: "anna"}} {
		query.Actions = []string{storage.ActionDenied}
		found, next := readEvents(t, s, query)
		if len(found) != 1 || found[0].ID != next {
			t.Errorf("%+v: %v, next %s", query, described(found), next)
		}
	}
}

func described(events []storage.Event) []string {
	var out []string
	for _, e := range events {
		out = append(out, e.Action+" "+e.TokenID)
	}
	return out
}

func testCancelledContext(t *testing.T, s storage.Store) {
	r := NewRecord(1, "anna", "a")
	apply(t, s, Create(r))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := s.Get(ctx, r.ID)
	wantError(t, err, context.Canceled)
	_, err = s.List(ctx, storage.Query{})
	wantError(t, err, context.Canceled)
	_, err = s.Events(ctx, storage.EventQuery{})
	wantError(t, err, context.Canceled)
	wantError(t, s.Apply(ctx, Delete(r)), context.Canceled)
	wantStored(t, s, r)

	expired, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err = s.Get(expired, r.ID); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("after the deadline: %v", err)
	}
}

// testEventOfNoToken checks that an event without a change is in the trail, in
// order.
func testEventOfNoToken(t *testing.T, s storage.Store) {
	before := NewRecord(1, "owner", "before")
	apply(t, s, Create(before))
	if err := s.AddEvents(t.Context(), storage.Event{Action: "account_refused", Name: "default"}); err != nil {
		t.Fatal(err)
	}
	page, err := s.Events(t.Context(), storage.EventQuery{})
	if err != nil || len(page.Events) != 2 {
		t.Fatalf("the trail is %+v, %v, want two events", page.Events, err)
	}
	if first, last := page.Events[0], page.Events[1]; first.TokenID != before.ID || last.Action != "account_refused" || last.ID == "" {
		t.Errorf("the trail is %+v", page.Events)
	}
	page, err = s.Events(t.Context(), storage.EventQuery{TokenID: before.ID})
	if err != nil || len(page.Events) != 1 {
		t.Errorf("the token's trail is %+v, %v, want only its own event", page.Events, err)
	}
}
