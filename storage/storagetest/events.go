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
	if err := s.AddEvent(t.Context(), storage.Event{Action: "account_refused", Name: "default"}); err != nil {
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
