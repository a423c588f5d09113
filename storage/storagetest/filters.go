package storagetest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// suspended is a judge: the tokens with one account are suspended.
type suspended string

func (s suspended) Suspended(r *token.Record) bool { return r.Account == string(s) }
func (s suspended) Edition() any                   { return s }

// FilteredRecords returns records that differ in everything that lists can be filtered by,
// and the last uses of some of them.
func FilteredRecords(now time.Time) ([]*token.Record, map[string]storage.Use) {
	scopes := []token.Scope{token.ScopeRead, token.ScopeReadAll, token.ScopeWrite, token.ScopeAdmin}
	kinds := []token.Kind{token.KindUser, token.KindService, token.KindExternal}
	projects := [][]token.Project{nil, {{Key: "ACME"}}, {{Key: "OPS"}, {Key: "ACME", ID: "10000"}}}
	networks := [][]netip.Prefix{nil, {netip.MustParsePrefix("203.0.113.0/24")}, {netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::/32")}}
	statuses := []token.Status{token.StatusActive, token.StatusActive, token.StatusActive, token.StatusPending, token.StatusDisabled, token.StatusRevoked}
	var records []*token.Record
	uses := make(map[string]storage.Use)
	for i := range 120 {
		r := NewRecord(i*3600, fmt.Sprintf("owner%d", i%7), fmt.Sprintf("Token %c%d", 'A'+i%5, i))
		r.Scope, r.Kind, r.Status = scopes[i%4], kinds[i%3], statuses[i%6]
		r.Confine.Projects, r.Networks.Allow = projects[i%9/3], networks[i%8/3]
		if r.Account = "default"; i%10 == 3 {
			r.Account = "other"
		}
		switch i % 4 {
		case 1:
			r.ExpiresAt = now.Add(time.Duration(i-30) * time.Hour)
		case 2:
			r.ExpiresAt = now.AddDate(1, 0, i%12)
		}
		if i%11 == 5 {
			r.Kind, r.Issuer, r.ExpiresAt = token.KindService, "https://issuer.example", now.Add(time.Duration(i-60)*time.Minute)
			r.VanishesAt = now.AddDate(0, 0, 1)
		}
		if r.Kind == token.KindExternal {
			r.Purpose, r.Responsible = "a report", "alice"
		}
		if i%3 != 0 {
			uses[r.ID] = storage.Use{At: now.Add(-time.Duration(i*i) * time.Minute)}
		}
		records = append(records, r)
	}
	return records, uses
}

// Filters returns queries for each way to filter FilteredRecords, and for some
// combinations.
func Filters(now time.Time) []storage.Query {
	yes, no := true, false
	week := 7 * 24 * time.Hour
	queries := []storage.Query{
		{Scopes: []token.Scope{token.ScopeAdmin}},
		{Scopes: []token.Scope{token.ScopeRead, token.ScopeWrite}},
		{Kinds: []token.Kind{token.KindUser}},
		{Kinds: []token.Kind{token.KindExternal}},
		{Project: "ACME"},
		{Project: "ops"},
		{Project: "NONE"},
		{Network: netip.MustParsePrefix("203.0.113.7/32")},
		{Network: netip.MustParsePrefix("10.0.0.0/7")},
		{Network: netip.MustParsePrefix("2001:db8::1/128")},
		{Network: netip.MustParsePrefix("192.0.2.0/24")},
		{NeverUsed: true},
		{Unused: storage.Span{Until: now.Add(-week)}},
		{Used: storage.Span{After: now.Add(-week), Until: now}},
		{Used: storage.Span{Until: now.Add(-week)}},
		{Created: storage.Span{After: epoch.Add(50 * time.Hour), Until: epoch.Add(60 * time.Hour)}},
		{Created: storage.Span{After: epoch.Add(50 * time.Hour)}},
		{Created: storage.Span{Until: epoch.Add(50 * time.Hour)}},
		{Exchanged: &yes},
		{Exchanged: &no},
		{WithoutEnded: true},
		{Alive: true},
		{Account: "other"},
		{Expires: []storage.Span{{After: now, Until: now.Add(week)}}},
		{State: token.StateActive, Judge: suspended("other")},
		{State: token.StateSuspended, Judge: suspended("other")},
		{State: token.StateActive, Judge: suspended("default")},
		{State: token.StateRevoked, Judge: suspended("other")},
	}
	for _, q := range slices.Clone(queries) {
		q.Search = "token b"
		queries = append(queries, q)
		q.Search, q.Owner = "", "OWNER3"
		queries = append(queries, q)
		q.Owner, q.Scopes, q.Project = "", []token.Scope{token.ScopeRead}, "ACME"
		queries = append(queries, q)
		q.State, q.NeverUsed = token.StateExpired, true
		queries = append(queries, q)
	}
	for i := range queries {
		queries[i].Now = now
	}
	return queries
}

// Filtered is a plain and independent implementation of the filters.
func Filtered(q storage.Query, r *token.Record, use time.Time) bool {
	state := r.State(q.Now)
	if q.Judge != nil && state == token.StateActive && q.Judge.Suspended(r) {
		state = token.StateSuspended
	}
	within := func(s storage.Span, t time.Time) bool {
		return s == storage.Span{} || (s.After.IsZero() || t.After(s.After)) && (s.Until.IsZero() || !t.After(s.Until))
	}
	from := r.CreatedAt
	for _, t := range []time.Time{r.NotBefore, use} {
		if t.After(from) {
			from = t
		}
	}
	working := state == token.StateActive || state == token.StateNotYetValid || state == token.StateSuspended
	ended := r.Issuer != "" && !q.Now.Before(r.ExpiresAt)
	for _, wrong := range []bool{
		q.Owner != "" && !strings.EqualFold(q.Owner, r.Owner),
		q.State != "" && q.State != state,
		q.State == "" && (q.Expires != nil || q.NeverUsed || q.Unused != storage.Span{}) && !working,
		q.State == "" && q.WithoutEnded && ended,
		q.Alive && (state == token.StateExpired || state == token.StateRevoked),
		q.Expires != nil && (r.ExpiresAt.IsZero() || !within(q.Expires[0], r.ExpiresAt) || r.Issuer != ""),
		q.Unused != storage.Span{} && r.Issuer != "",
		q.Account != "" && q.Account != r.Account,
		q.Scopes != nil && !slices.Contains(q.Scopes, r.Scope),
		q.Kinds != nil && !slices.Contains(q.Kinds, r.Kind),
		q.Project != "" && !strings.Contains(strings.ToUpper(fmt.Sprint(r.Confine.Projects)), strings.ToUpper(q.Project)),
		q.Network.IsValid() && !slices.ContainsFunc(r.Networks.Allow, func(p netip.Prefix) bool { return p.Contains(q.Network.Addr()) || q.Network.Contains(p.Addr()) }),
		q.NeverUsed && !use.IsZero(),
		q.Used != storage.Span{} && (use.IsZero() || !within(q.Used, use)),
		q.Unused != storage.Span{} && !within(q.Unused, from),
		!within(q.Created, r.CreatedAt),
		q.Exchanged != nil && *q.Exchanged != (r.Issuer != ""),
		q.Search != "" && !containsFold(r.Name, q.Search) && !containsFold(r.Owner, q.Search) && !strings.Contains(r.ID, q.Search),
	} {
		if wrong {
			return false
		}
	}
	return true
}

func testListMoreFilters(t *testing.T, s storage.Store) {
	now := epoch.Add(150 * time.Hour)
	records, uses := FilteredRecords(now)
	for _, r := range records {
		apply(t, s, Create(r))
	}
	saveUses(t, s, uses)
	slices.SortFunc(records, newestFirst)
	some := 0
	for _, q := range Filters(now) {
		var want []string
		for _, r := range records {
			if Filtered(q, r, uses[r.ID].At) {
				want = append(want, r.ID)
			}
		}
		if len(want) > 0 {
			some++
		}
		for _, limit := range []int{0, 1, 7} {
			q.Limit = limit
			if got := listAll(t, s, q); !slices.Equal(got, want) {
				t.Errorf("%+v:\n got %v\nwant %v", q, got, want)
			}
		}
	}
	if some < 80 {
		t.Errorf("only %d queries find anything", some)
	}
	got, err := s.Records(t.Context(), []string{records[3].ID, "0000000000", records[1].ID})
	if err != nil || !slices.Equal(ids(got.Records), []string{records[3].ID, records[1].ID}) || len(got.Damaged) > 0 {
		t.Errorf("records: %v, %v, %v", ids(got.Records), got.Damaged, err)
	}
}
