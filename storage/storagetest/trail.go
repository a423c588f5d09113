package storagetest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// rawEvents reads the whole trail as it is stored, in pages of this size.
func rawEvents(t testing.TB, s storage.Store, page int) (all []storage.RawEvent) {
	t.Helper()
	var after storage.EventID
	for {
		events, err := s.RawEvents(t.Context(), after, page)
		if err != nil || len(events) > page {
			t.Fatalf("%d events after %s: %v", len(events), after, err)
		}
		if len(events) == 0 {
			return all
		}
		all = append(all, events...)
		after = events[len(events)-1].ID
	}
}

// testRawEvents checks that the JSON of an event is the whole event, and stays the
// same: its hash is in the tree.
func testRawEvents(t *testing.T, s storage.Store) {
	r := NewRecord(1, "anna", `"id":""`)
	apply(t, s, Create(r), Delete(r))
	change := storage.DocumentChange{DocumentName: storage.DocumentName{Kind: "group", ID: "a"}, Data: []byte("1"), Event: storage.Event{Action: "update"}}
	if err := s.ApplyDocument(t.Context(), change); err != nil {
		t.Fatal(err)
	}
	if err := s.AddEvents(t.Context(), storage.Event{Seq: 99, ID: "1-1", Action: "account_refused", Name: "default"}); err != nil {
		t.Fatal(err)
	}
	listed, _ := readEvents(t, s, storage.EventQuery{})
	raw := rawEvents(t, s, 3)
	if len(raw) != 4 || len(listed) != 4 {
		t.Fatalf("%d raw and %d listed events, want 4", len(raw), len(listed))
	}
	again := rawEvents(t, s, 1000)
	for i, event := range raw {
		var decoded storage.Event
		if err := json.Unmarshal(event.Data, &decoded); err != nil {
			t.Fatalf("%s: %v", event.Data, err)
		}
		if got, want := asJSON(t, decoded), asJSON(t, listed[i]); got != want || decoded.ID != event.ID.String() {
			t.Errorf("raw event %s:\n got %s\nwant %s", event.ID, got, want)
		}
		if want := fmt.Sprintf(`{"seq":%d,"id":%q,`, i+1, event.ID); !strings.HasPrefix(string(event.Data), want) {
			t.Errorf("raw event %s does not begin with %s", event.Data, want)
		}
		if !bytes.Equal(event.Data, again[i].Data) {
			t.Errorf("raw event %s was %s", again[i].Data, event.Data)
		}
	}
}

// testEventNumbers checks that concurrent events are numbered without gaps, in the
// order of their IDs.
func testEventNumbers(t *testing.T, s storage.Store) {
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			for i := range 10 {
				err := s.AddEvents(t.Context(), storage.Event{Action: "a", Name: fmt.Sprint(worker, i)}, storage.Event{Action: "b"})
				r := NewRecord(i, "anna", "a")
				// A change that fails takes no number.
				failed := s.Apply(t.Context(), Update(r, func(*token.Record) {}))
				if err != nil || !errors.Is(failed, storage.ErrConflict) || s.Apply(t.Context(), Create(r)) != nil {
					t.Error(err, failed)
				}
			}
		})
	}
	wg.Wait()
	all, _ := readEvents(t, s, storage.EventQuery{Limit: 7})
	if len(all) != 8*10*3 {
		t.Fatalf("%d events", len(all))
	}
	for i, event := range all {
		if event.Seq != uint64(i)+1 {
			t.Fatalf("event %d has number %d", i+1, event.Seq)
		}
	}
}

func testTree(t *testing.T, s storage.Store) {
	want := func(want ...string) {
		t.Helper()
		values, err := s.TreeValues(t.Context(), storage.TreeHead, "tile/0/1", "nonsense")
		if err != nil || len(values) != 3 {
			t.Fatal(values, err)
		}
		for i, value := range values {
			if (value == nil) != (want[i] == "") || string(value) != want[i] {
				t.Errorf("value %d is %q, want %q", i, value, want[i])
			}
		}
	}
	save := func(head, next, tile string) error {
		var old []byte
		if head != "" {
			old = []byte(head)
		}
		return s.SaveTree(t.Context(), old, map[string][]byte{storage.TreeHead: []byte(next), "tile/0/1": []byte(tile)})
	}
	want("", "", "")
	wantError(t, save("other", "x", "x"), storage.ErrConflict)
	want("", "", "")
	if err := save("", "one\n", "\x00\xff{"); err != nil {
		t.Fatal(err)
	}
	want("one\n", "\x00\xff{", "")
	wantError(t, save("", "x", "x"), storage.ErrConflict)
	wantError(t, save("one", "x", "x"), storage.ErrConflict)
	want("one\n", "\x00\xff{", "")
	if err := save("one\n", "two", "tile"); err != nil {
		t.Fatal(err)
	}
	want("two", "tile", "")

	// Of concurrent writers, one wins each round.
	var wg sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for worker := range 8 {
		wg.Go(func() {
			err := save("two", fmt.Sprint("by ", worker), "x")
			if err == nil {
				mu.Lock()
				won++
				mu.Unlock()
			} else if !errors.Is(err, storage.ErrConflict) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if won != 1 {
		t.Errorf("%d writers have won", won)
	}
}

func testRemoveEvents(t *testing.T, s storage.Store) {
	if n, err := s.RemoveEvents(t.Context(), storage.EventID{Millis: maxTime}, 10); n != 0 || err != nil {
		t.Fatalf("removed %d events of an empty trail: %v", n, err)
	}
	a := NewRecord(1, "anna", "a")
	apply(t, s, Create(a))
	for i := range 6 {
		change := Update(a, func(r *token.Record) { r.Name = fmt.Sprint(i) })
		apply(t, s, change)
		a = change.New
	}
	all := rawEvents(t, s, 100)
	for _, step := range []struct {
		through   storage.EventID
		limit     int
		n, number int
	}{
		{storage.EventID{Millis: 1}, 10, 0, 1},
		{all[3].ID, 2, 2, 3},
		{all[3].ID, 10, 2, 5},
		{all[3].ID, 10, 0, 5},
		{storage.EventID{Millis: maxTime}, 10, 2, 7}, // never the newest
		{storage.EventID{Millis: maxTime}, 10, 0, 7},
	} {
		n, err := s.RemoveEvents(t.Context(), step.through, step.limit)
		if err != nil || n != step.n {
			t.Fatalf("%+v: removed %d events: %v", step, n, err)
		}
		for _, query := range []storage.EventQuery{{}, {TokenID: a.ID}, {Owner: "anna"}} {
			left, _ := readEvents(t, s, query)
			if len(left) != len(all)+1-step.number || left[0].Seq != uint64(step.number) {
				t.Errorf("%+v: %+v: %d events are left, the first is number %d", step, query, len(left), left[0].Seq)
			}
		}
		values, err := s.TreeValues(t.Context(), storage.TreeRemoved)
		if want := fmt.Sprint(step.number - 1); err != nil || string(values[0]) != want && step.number > 1 {
			t.Errorf("%+v: %q events are counted as removed, want %s: %v", step, values[0], want, err)
		}
	}
	wantStored(t, s, a)
	apply(t, s, Update(a, func(*token.Record) {}))
	if left, _ := readEvents(t, s, storage.EventQuery{}); len(left) != 2 || left[1].Seq != uint64(len(all))+1 {
		t.Errorf("the next event is %+v", left)
	}
}

// maxTime is a time in the far future, in milliseconds.
const maxTime = 9e12
