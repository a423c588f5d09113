package storagetest

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// testSweep checks that records vanish with everything that belongs to them, but not
// before their time, and that the audit trail stays.
func testSweep(t *testing.T, s storage.Store) {
	sweeper, ok := s.(storage.Sweeper)
	if !ok {
		return // its records of exchanged tokens stay until somebody deletes them
	}
	vanishing := func(n int, expires time.Time) *token.Record {
		record := NewRecord(n, "ci", "deploy")
		record.Issuer, record.ExpiresAt, record.VanishesAt = "https://issuer.example", expires, expires.Add(time.Hour)
		return record
	}
	// Long ago, whatever the clock of the server says.
	ended := epoch.AddDate(-6, 0, 0)
	const many = storage.MaxSwept + 10
	kept := NewRecord(0, "ci", "kept")
	kept.ExpiresAt = ended
	later := vanishing(1, ended.Add(time.Hour))
	records := []*token.Record{kept, later}
	for i := range many {
		records = append(records, vanishing(2+i, ended))
	}
	for _, record := range records {
		apply(t, s, Create(record))
	}
	revoked := records[2]
	apply(t, s, Update(revoked, func(r *token.Record) { r.Status = token.StatusRevoked }))
	uses := map[string]storage.Use{revoked.ID: {At: epoch, Address: netip.MustParseAddr("192.0.2.1")}}
	if err := s.SaveUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	sweep := func(now time.Time, want int) {
		t.Helper()
		if n, err := sweeper.Sweep(t.Context(), now); err != nil || n != want {
			t.Fatalf("deleted %d, %v, want %d", n, err, want)
		}
	}
	sweep(ended.Add(time.Hour), 0) // the very moment
	sweep(ended.Add(time.Hour+time.Second), storage.MaxSwept)
	sweep(ended.Add(time.Hour+time.Second), many-storage.MaxSwept)
	sweep(ended.Add(time.Hour+time.Second), 0)

	for _, query := range []storage.Query{{}, {Owner: "ci"}, {Search: "ci"}, {State: token.StateExpired}, {State: token.StateRevoked}} {
		query.Now = ended.Add(3 * time.Hour)
		page, err := s.List(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		want := 2
		if query.State == token.StateRevoked {
			want = 0
		}
		if len(page.Records) != want || len(page.Damaged) != 0 {
			t.Errorf("%+v lists %d records and %d damaged ones, want %d", query, len(page.Records), len(page.Damaged), want)
		}
	}
	if _, err := s.Get(t.Context(), revoked.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("a vanished record: %v", err)
	}
	if left, err := s.Uses(t.Context(), []string{revoked.ID}); err != nil || len(left) != 0 {
		t.Errorf("the uses of a vanished token: %v, %v", left, err)
	}
	if page, err := s.Events(t.Context(), storage.EventQuery{TokenID: revoked.ID}); err != nil || len(page.Events) != 2 {
		t.Errorf("%d events of a vanished token, %v", len(page.Events), err)
	}
	if counter, ok := s.(storage.Counter); ok {
		if n, err := counter.Count(t.Context()); err != nil || n != 2 {
			t.Errorf("%d records, %v", n, err)
		}
	}
	// The same id can be used again.
	again := vanishing(5, ended.Add(2*time.Hour))
	again.ID = revoked.ID
	apply(t, s, Create(again))
	sweep(ended.Add(4*time.Hour), 2)
}
