package storagetest

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func testUses(t *testing.T, s storage.Store) {
	minute := epoch.Truncate(time.Minute)
	first := storage.Use{At: minute, Address: netip.MustParseAddr("203.0.113.7"), UserAgent: `BI tool/1.0 (“Łódź” "x" \ <b>)`}
	second := storage.Use{At: minute.Add(time.Minute), Address: netip.MustParseAddr("2001:db8::7")}
	known, never, gone := NewRecord(1, "anna", "a"), NewRecord(2, "anna", "b"), NewRecord(3, "anna", "c")
	apply(t, s, Create(known), Create(never))
	ids := []string{known.ID, never.ID, gone.ID}
	wantUses(t, s, ids, nil)

	saveUses(t, s, map[string]storage.Use{known.ID: first, gone.ID: first})
	wantUses(t, s, ids, map[string]storage.Use{known.ID: first})
	saveUses(t, s, map[string]storage.Use{known.ID: second})
	wantUses(t, s, ids, map[string]storage.Use{known.ID: second})
	saveUses(t, s, map[string]storage.Use{known.ID: first}) // from a node that is late
	wantUses(t, s, ids, map[string]storage.Use{known.ID: second})

	apply(t, s, Delete(known), Create(known))
	wantUses(t, s, ids, nil)
	saveUses(t, s, nil)
	wantUses(t, s, nil, nil)
}

// testManyUses writes more uses than fit into one command.
func testManyUses(t *testing.T, s storage.Store) {
	const n = 1100
	ids, uses := make([]string, n), make(map[string]storage.Use, n)
	for i := range n {
		r := NewRecord(i, "anna", "a")
		apply(t, s, Create(r))
		ids[i] = r.ID
		uses[r.ID] = storage.Use{At: epoch.Add(time.Duration(i) * time.Minute), UserAgent: fmt.Sprint("client ", i)}
	}
	saveUses(t, s, uses)
	wantUses(t, s, ids, uses)
}

func saveUses(t *testing.T, s storage.Store, uses map[string]storage.Use) {
	t.Helper()
	if err := s.SaveUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
}

func wantUses(t *testing.T, s storage.Store, ids []string, want map[string]storage.Use) {
	t.Helper()
	got, err := s.Uses(t.Context(), ids)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d uses, want %d", len(got), len(want))
	}
	for id, use := range want {
		if got[id] != use {
			t.Errorf("last use of %s: %+v, want %+v", id, got[id], use)
		}
	}
}
