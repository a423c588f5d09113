package storagetest

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// testListExpiring checks the bounds of a span, several spans, and which states are
// listed.
func testListExpiring(t *testing.T, s storage.Store) {
	now := epoch.Add(time.Hour)
	expiring := func(n int, status token.Status, in time.Duration) *token.Record {
		r := NewRecord(n, "anna", fmt.Sprint(in))
		r.Status = status
		if in != 0 {
			r.ExpiresAt = now.Add(in)
		}
		apply(t, s, Create(r))
		return r
	}
	expiring(1, token.StatusActive, 0)
	expiring(2, token.StatusActive, -time.Second)
	expired := expiring(3, token.StatusActive, 0)
	apply(t, s, Update(expired, func(r *token.Record) { r.ExpiresAt = now }))
	soon := expiring(4, token.StatusActive, time.Second)
	day := expiring(5, token.StatusActive, 24*time.Hour)
	later := expiring(6, token.StatusActive, 24*time.Hour+time.Second)
	week := expiring(7, token.StatusActive, 7*24*time.Hour)
	disabled := expiring(8, token.StatusDisabled, time.Hour)
	expiring(9, token.StatusRevoked, time.Hour)
	expiring(10, token.StatusPending, time.Hour)
	waiting := expiring(11, token.StatusActive, 3*time.Hour)
	change := Update(waiting, func(r *token.Record) { r.NotBefore = now.Add(2 * time.Hour) })
	apply(t, s, change)

	// All tokens that were exchanged for JWTs expire soon, which is nothing to tell.
	exchanged := NewRecord(12, "ci", "deploy")
	exchanged.Issuer, exchanged.ExpiresAt, exchanged.VanishesAt = "https://issuer.example", now.Add(time.Second), now.Add(time.Hour)
	apply(t, s, Create(exchanged))

	countExpiring(t, s, now, []time.Duration{30 * 24 * time.Hour, 24 * time.Hour, time.Second, time.Millisecond}, []int{5, 3, 1, 0})
	within := func(after, until time.Duration) storage.Span {
		return storage.Span{After: now.Add(after), Until: now.Add(until)}
	}
	for _, test := range []struct {
		query storage.Query
		want  []*token.Record
	}{
		{storage.Query{Expires: []storage.Span{within(0, 24*time.Hour)}}, []*token.Record{waiting, day, soon}},
		{storage.Query{Expires: []storage.Span{within(0, 24*time.Hour-time.Second)}}, []*token.Record{waiting, soon}},
		{storage.Query{Expires: []storage.Span{within(time.Second, 24*time.Hour)}}, []*token.Record{waiting, day}},
		{storage.Query{Expires: []storage.Span{within(24*time.Hour, 48*time.Hour), within(6*24*time.Hour, 7*24*time.Hour)}}, []*token.Record{week, later}},
		{storage.Query{Expires: []storage.Span{within(0, 24*time.Hour)}, State: token.StateDisabled}, []*token.Record{disabled}},
		{storage.Query{Expires: []storage.Span{within(0, 24*time.Hour)}, Owner: "ANNA", Search: "24h"}, []*token.Record{day}},
		{storage.Query{Expires: []storage.Span{within(0, 24*time.Hour)}, Owner: "bert"}, nil},
	} {
		for _, limit := range []int{0, 1, 2} {
			test.query.Now, test.query.Limit = now, limit
			if got := listAll(t, s, test.query); !slices.Equal(got, ids(test.want)) {
				t.Errorf("%+v:\n got %v\nwant %v", test.query, got, ids(test.want))
			}
		}
	}
}

// countExpiring checks the counts of a store that can count expiring tokens.
func countExpiring(t *testing.T, s storage.Store, now time.Time, within []time.Duration, want []int) {
	t.Helper()
	counter, ok := s.(storage.ExpiryCounter)
	if !ok {
		return
	}
	if got, err := counter.CountExpiring(t.Context(), now, within); err != nil || !slices.Equal(got, want) {
		t.Errorf("tokens that expire within %v: %v, %v; want %v", within, got, err, want)
	}
}

// testListUnused checks from when a token counts as unused, and that pages are full
// however many used tokens lie between unused ones.
func testListUnused(t *testing.T, s storage.Store) {
	now := epoch.Add(24 * time.Hour)
	records := make([]*token.Record, 1100)
	uses := make(map[string]storage.Use)
	for i := range records {
		records[i] = NewRecord(i, "anna", fmt.Sprint(i))
		if i%100 != 0 {
			uses[records[i].ID] = storage.Use{At: now.Add(-time.Minute)}
		}
	}
	never, used, disabled, revoked := records[0], records[100], records[200], records[300]
	waiting, expired := records[400], records[500]
	uses[used.ID] = storage.Use{At: now.Add(-2 * time.Hour)}
	disabled.Status, revoked.Status = token.StatusDisabled, token.StatusRevoked
	waiting.NotBefore, expired.ExpiresAt = now.Add(-time.Hour), now
	for _, r := range records {
		apply(t, s, Create(r))
	}
	exchanged := NewRecord(1200, "anna", "deploy")
	exchanged.Issuer, exchanged.CreatedAt = "https://issuer.example", records[0].CreatedAt
	exchanged.ExpiresAt, exchanged.VanishesAt = now.Add(time.Hour), now.Add(time.Hour)
	apply(t, s, Create(exchanged))
	saveUses(t, s, uses)
	others := []*token.Record{records[1000], records[900], records[800], records[700], records[600]}
	for _, test := range []struct {
		query storage.Query
		want  []*token.Record
	}{
		{storage.Query{Unused: storage.Span{Until: now.Add(-time.Hour)}}, append(slices.Clone(others), waiting, used, never)},
		{storage.Query{Unused: storage.Span{Until: now.Add(-time.Hour - time.Second)}}, append(slices.Clone(others), used, never)},
		{storage.Query{Unused: storage.Span{Until: now.Add(-2 * time.Hour)}}, append(slices.Clone(others), used, never)},
		{storage.Query{Unused: storage.Span{Until: now.Add(-2*time.Hour - time.Second)}}, append(slices.Clone(others), never)},
		{storage.Query{Unused: storage.Span{After: never.CreatedAt, Until: now.Add(-time.Hour)}}, append(slices.Clone(others), waiting, used)},
		{storage.Query{Unused: storage.Span{Until: records[700].CreatedAt}}, append(slices.Clone(others[3:]), never)},
		{storage.Query{Unused: storage.Span{Until: now.Add(-time.Hour)}, State: token.StateRevoked}, []*token.Record{revoked}},
		{storage.Query{Unused: storage.Span{Until: now.Add(-time.Hour)}, State: token.StateExpired}, []*token.Record{expired}},
		{storage.Query{Unused: storage.Span{Until: now.Add(-time.Hour)}, Owner: "ANNA", Search: "00"}, append(slices.Clone(others), waiting, used)},
		{storage.Query{Unused: storage.Span{Until: epoch.Add(-time.Second)}}, nil},
	} {
		for _, limit := range []int{0, 1, 3} {
			test.query.Now, test.query.Limit = now, limit
			if got := listAll(t, s, test.query); !slices.Equal(got, ids(test.want)) {
				t.Errorf("%+v:\n got %v\nwant %v", test.query, got, ids(test.want))
			}
		}
	}
}
