package storagetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func testListPages(t *testing.T, s storage.Store) {
	if page, err := s.List(t.Context(), storage.Query{}); err != nil || len(page.Records) != 0 || page.Next != "" {
		t.Fatalf("list of an empty store: %+v, %v", page, err)
	}
	const n = 57
	records := make([]*token.Record, n)
	for i := range records {
		records[i] = NewRecord(i/3, "anna", fmt.Sprint(i)) // three per second
	}
	for _, i := range []int{5, 50, 30, 0} { // not in order of creation
		records[i], records[n-1-i] = records[n-1-i], records[i]
	}
	for _, r := range records {
		apply(t, s, Create(r))
	}
	slices.SortFunc(records, newestFirst)
	want := ids(records)
	for _, limit := range []int{1, 2, 7, n - 1, n, n + 1} {
		if got := listAll(t, s, storage.Query{Limit: limit}); !slices.Equal(got, want) {
			t.Errorf("limit %d:\n got %v\nwant %v", limit, got, want)
		}
	}
	page, err := s.List(t.Context(), storage.Query{Limit: n})
	if err != nil || page.Next != "" {
		t.Errorf("the page that ends with the last record has a next page: %q, %v", page.Next, err)
	}
}

func testListCursorSurvivesChanges(t *testing.T, s storage.Store) {
	var records []*token.Record
	for i := range 10 {
		records = append(records, NewRecord(i, "anna", fmt.Sprint(i)))
		apply(t, s, Create(records[i]))
	}
	slices.Reverse(records)
	page, err := s.List(t.Context(), storage.Query{Limit: 4})
	if err != nil {
		t.Fatal(err)
	}
	// Delete the record that the cursor came from and one that is yet to be listed,
	// and create a newer record and one within the part that is yet to be listed.
	old := NewRecord(2, "anna", "late")
	apply(t, s, Delete(records[3]), Create(NewRecord(99, "anna", "new")), Delete(records[6]), Create(old))
	want := []*token.Record{records[4], records[5], records[7], old, records[8], records[9]}
	slices.SortFunc(want, newestFirst)
	if got := listAll(t, s, storage.Query{Limit: 4, Cursor: page.Next}); !slices.Equal(got, ids(want)) {
		t.Errorf("after the changes:\n got %v\nwant %v", got, ids(want))
	}
}

func testListFilters(t *testing.T, s storage.Store) {
	now := epoch.Add(24 * time.Hour)
	with := func(r *token.Record, status token.Status, notBefore, expires time.Duration) *token.Record {
		r.Status = status
		if notBefore != 0 {
			r.NotBefore = now.Add(notBefore)
		}
		if expires != 0 {
			r.ExpiresAt = now.Add(expires)
		}
		return r
	}
	records := []*token.Record{
		with(NewRecord(1, "anna", "CI build"), token.StatusActive, 0, 0),
		with(NewRecord(2, "ANNA", "ci deploy"), token.StatusActive, -time.Hour, time.Hour),
		with(NewRecord(3, "bert", "wallboard"), token.StatusActive, time.Second, 0),
		with(NewRecord(4, "bert", "old wallboard"), token.StatusActive, 0, -time.Second),
		with(NewRecord(5, "anna.b", "Prüfung ÄÖ"), token.StatusActive, -time.Second, time.Second),
		with(NewRecord(6, "ann", "x"), token.StatusDisabled, 0, -time.Hour),
		with(NewRecord(7, "Ωmega", "anna's"), token.StatusRevoked, time.Hour, 0),
		with(NewRecord(8, "ωmega", "kelvin K"), token.StatusRevoked, 0, 0),
		with(NewRecord(9, "bert", "begins now"), token.StatusActive, 0, 0),
		with(NewRecord(10, "bert", "ends now"), token.StatusActive, 0, 0),
	}
	records = append(records, with(NewRecord(11, "carl", "waits"), token.StatusPending, 0, 0), with(NewRecord(12, "carl", "waited"), token.StatusPending, 0, -time.Second))
	records[8].NotBefore, records[9].ExpiresAt = now, now
	for _, r := range records {
		apply(t, s, Create(r))
	}
	queries := []storage.Query{
		{},
		{Owner: "anna"},
		{Owner: "Anna"},
		{Owner: "ann"},
		{Owner: "nobody"},
		{Owner: "ΩMEGA"},
		{Owner: "bert\x00"},
		{Search: "ci"},
		{Search: "CI "},
		{Search: "ANNA"},
		{Search: "äö"},
		{Search: "prÜF"},
		{Search: "KELVIN k"},
		{Search: "no such text"},
		{Search: records[2].ID},
		{Search: records[2].ID[2:8]},
		{Search: "active"},
		{Search: "anna\x00ci"},
		{Search: "000000000000"},
		{Search: "*"},
		{Search: `\`},
		{Owner: "bert", Search: "WALL"},
		{Owner: "bert", Search: "wall", State: token.StateExpired},
	}
	for _, state := range token.States() {
		queries = append(queries, storage.Query{State: state}, storage.Query{State: state, Owner: "BERT"},
			storage.Query{State: state, Search: "an"})
		for _, moment := range []time.Duration{-48 * time.Hour, -time.Second, time.Second, 48 * time.Hour} {
			queries = append(queries, storage.Query{State: state, Now: now.Add(moment)})
		}
	}
	slices.Reverse(records)
	for _, q := range queries {
		if q.Now.IsZero() {
			q.Now = now
		}
		want := []string{}
		for _, r := range records {
			if matches(q, r) {
				want = append(want, r.ID)
			}
		}
		for _, limit := range []int{0, 1, 2} {
			q.Limit = limit
			if got := listAll(t, s, q); !slices.Equal(got, want) {
				t.Errorf("%+v:\n got %v\nwant %v", q, got, want)
			}
		}
	}
}

// matches is a plain and independent implementation of storage.Query.
func matches(q storage.Query, r *token.Record) bool {
	state, works := r.State(q.Now), r.State(q.Now) == token.StateActive || r.State(q.Now) == token.StateNotYetValid
	return (q.Owner == "" || strings.EqualFold(q.Owner, r.Owner)) &&
		(state == q.State || q.State == "" && (works || q.Expires == nil)) &&
		(q.Expires == nil || !r.ExpiresAt.IsZero() && r.ExpiresAt.After(q.Expires[0].After) && !r.ExpiresAt.After(q.Expires[0].Until)) &&
		(containsFold(r.Name, q.Search) || containsFold(r.Owner, q.Search) || strings.Contains(r.ID, q.Search))
}

func containsFold(s, part string) bool {
	runes, n := []rune(s), len([]rune(part))
	for i := 0; i+n <= len(runes); i++ {
		if strings.EqualFold(string(runes[i:i+n]), part) {
			return true
		}
	}
	return false
}

// testListFollowsUpdates changes the fields that lists depend on, and checks that no
// list keeps a record that no longer belongs there.
func testListFollowsUpdates(t *testing.T, s storage.Store) {
	r := NewRecord(1, "anna", "one")
	apply(t, s, Create(r))
	for _, edit := range []func(r *token.Record){
		func(r *token.Record) { r.Name = "two" },
		func(r *token.Record) { r.Status = token.StatusDisabled },
		func(r *token.Record) { r.Status = token.StatusPending },
		func(r *token.Record) { r.Owner = "bert" },
		func(r *token.Record) { r.Status = token.StatusActive; r.ExpiresAt = epoch.Add(time.Hour) },
		func(r *token.Record) { r.Owner = "Anna" },
		func(r *token.Record) { r.Status = token.StatusRevoked },
		func(r *token.Record) { r.CreatedAt = epoch.Add(time.Minute) },
	} {
		change := Update(r, edit)
		apply(t, s, change)
		r = change.New
		for _, q := range []storage.Query{
			{},
			{Owner: "anna"},
			{Owner: "bert"},
			{Search: "one"},
			{Search: "two"},
			{State: token.StateActive},
			{State: token.StateExpired},
			{State: token.StateDisabled},
			{State: token.StatePending},
			{State: token.StateRevoked},
		} {
			q.Now = epoch.Add(2 * time.Hour)
			want := []string{}
			if matches(q, r) {
				want = append(want, r.ID)
			}
			if got := listAll(t, s, q); !slices.Equal(got, want) {
				t.Errorf("%+v, record %s: got %v, want %v", q, asJSON(t, r), got, want)
			}
		}
	}
}

func testListLimits(t *testing.T, s storage.Store) {
	const n = storage.DefaultPageSize + 5
	for i := range n {
		apply(t, s, Create(NewRecord(i, "anna", "x")))
	}
	for limit, want := range map[int]int{
		0: storage.DefaultPageSize, -1: storage.DefaultPageSize, 3: 3, storage.MaxPageSize + 1: n,
	} {
		page, err := s.List(t.Context(), storage.Query{Limit: limit})
		if err != nil || len(page.Records) != want || (page.Next == "") != (want == n) {
			t.Errorf("list with limit %d: %d records, next %q, %v; want %d", limit, len(page.Records), page.Next, err, want)
		}
		events, err := s.Events(t.Context(), storage.EventQuery{Limit: limit})
		if err != nil || len(events.Events) != want || events.More != (want < n) {
			t.Errorf("events with limit %d: %d, more %t, %v; want %d", limit, len(events.Events), events.More, err, want)
		}
	}
}

func testBadCursors(t *testing.T, s storage.Store) {
	apply(t, s, Create(NewRecord(1, "anna", "x")))
	for _, cursor := range []string{"x", "-", "1", "\x00", strings.Repeat("z", 22), strings.Repeat("9", 40) + "-1", "0123456789-0123456789"} {
		_, err := s.List(t.Context(), storage.Query{Cursor: cursor})
		wantError(t, err, storage.ErrBadCursor)
		if cursor != "0123456789-0123456789" { // a valid cursor, from 1970
			_, err = s.Events(t.Context(), storage.EventQuery{Cursor: cursor})
			wantError(t, err, storage.ErrBadCursor)
		}
	}
}

func newestFirst(a, b *token.Record) int {
	if c := b.CreatedAt.Compare(a.CreatedAt); c != 0 {
		return c
	}
	return strings.Compare(a.ID, b.ID)
}

func ids(records []*token.Record) []string {
	out := make([]string, len(records))
	for i, r := range records {
		out[i] = r.ID
	}
	return out
}
