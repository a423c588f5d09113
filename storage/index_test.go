package storage

import (
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestEntriesOfExtremeTimes checks that times which an entry cannot hold become ones
// that are equivalent for all practical purposes.
func TestEntriesOfExtremeTimes(t *testing.T) {
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	times := []time.Time{
		{},
		time.Unix(0, 0), time.Date(-5000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 0, time.UTC),
		now.Add(-time.Second), now, now.Add(time.Second),
		time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC), time.Date(200000, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, notBefore := range times {
		for _, expires := range times {
			r := &token.Record{ID: "0123456789", Owner: "a", Name: "b", Status: token.StatusActive, NotBefore: notBefore, ExpiresAt: expires, CreatedAt: expires}
			for _, state := range token.States() {
				if state == token.StateDamaged {
					continue // the index cannot distinguish them
				}
				q := Query{State: state, Now: now}
				scan, err := q.Scan()
				if err != nil {
					t.Fatal(err)
				}
				if got := len(in(scan, IndexEntries(r))) == 1; got != q.Match(r) {
					t.Errorf("not before %s, expires %s: in the list of %s: %t", notBefore, expires, state, got)
				}
			}
		}
	}
}

func TestCursors(t *testing.T) {
	var entries []string
	for i, created := range []time.Time{time.Unix(300, 0), time.Unix(200, 0), time.Unix(100, 0), {}} {
		r := &token.Record{ID: "000000000" + string(rune('0'+i)), Owner: "a", Name: "b", Status: token.StatusActive, CreatedAt: created}
		entries = append(entries, IndexEntries(r)[0])
	}
	if !slices.IsSorted(entries) {
		t.Fatalf("newest first: %q", entries)
	}
	for i, entry := range entries {
		first, _ := (&Query{}).Scan()
		q := Query{Cursor: first.Cursor(entry)}
		scan, err := q.Scan()
		if err != nil {
			t.Fatal(err)
		}
		if got := in(scan, entries); !slices.Equal(got, entries[i+1:]) {
			t.Errorf("after %d: %q", i, got)
		}
	}
}

func in(scan Scan, entries []string) []string {
	out := []string{}
	for _, e := range entries {
		if scan.Start <= e && e < scan.End && scan.Match(e) {
			out = append(out, e)
		}
	}
	return out
}

func TestEventIDs(t *testing.T) {
	id := EventID{}
	at := time.UnixMilli(1_700_000_000_000)
	for i, now := range []time.Time{at, at, at.Add(-time.Hour), at.Add(time.Millisecond), at} {
		next := id.Next(now)
		if !id.Before(next) || id.Key() >= next.Key() {
			t.Fatalf("%d: %s is not after %s", i, next, id)
		}
		parsed, err := ParseEventID(next.String())
		fromKey, err2 := ParseEventID(next.Key())
		if err != nil || err2 != nil || parsed != next || fromKey != next {
			t.Fatalf("%s: %v, %v", next, err, err2)
		}
		id = next
	}
	if last := (EventID{1, 1<<32 - 1}); last.Next(time.UnixMilli(0)) != (EventID{Millis: 2}) {
		t.Errorf("after %s: %s", last, last.Next(time.UnixMilli(0)))
	}
}

// TestChangesOfToken: a list of a token's changes does not read the events that whoever
// holds the token can cause.
func TestChangesOfToken(t *testing.T) {
	id := "0123456789"
	scan, err := EventQuery{TokenID: id, Actions: []string{"disable", "delete"}}.Scan()
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]bool{"disable": true, ActionDenied: false, ActionWrite: false, ActionWriteBegun: false} {
		event := Event{Action: action, TokenID: id, Owner: "a"}
		if got := slices.Contains(EventLists(event), scan.List); got != want {
			t.Errorf("%s is read: %t", action, got)
		}
	}
	all, err := EventQuery{TokenID: id, Actions: []string{"disable", ActionDenied}}.Scan()
	if err != nil || all.List == scan.List || all.IsBackfilled() || !scan.IsBackfilled() {
		t.Errorf("%+v, %v", all, err)
	}
}
