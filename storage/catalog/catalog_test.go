package catalog

import (
	"context"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// patience is far longer than reading a test's tokens takes.
const patience = time.Minute

// alwaysFinds is a store that answers every list from the catalog.
type alwaysFinds struct{ *Catalog }

func (s alwaysFinds) List(ctx context.Context, query storage.Query) (storage.Page, error) {
	if query.State == token.StateDamaged || ctx.Err() != nil {
		return s.Store.List(ctx, query)
	}
	if !s.isReady(ctx, patience) {
		return storage.Page{}, s.loading()
	}
	if err := s.settle(ctx, true, query.Judge); err != nil {
		return storage.Page{}, err
	}
	return s.find(ctx, query)
}

// open returns a catalog of an empty file.
func open(t testing.TB) *Catalog {
	t.Helper()
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	ctx, cancel := context.WithCancel(context.Background()) // until the end of the test
	running := background.New(ctx)
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = store.Close()
	})
	return New(store, nil, running)
}

// TestConformance runs the suite for stores with every list from the catalog, so that
// lists are the same whether a store or the catalog answers.
func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Store { return alwaysFinds{open(t)} })
}

// TestUnusedTakesNoMemory: until somebody asks for a list that needs the catalog, it keeps
// nothing about what changes, however much that is, and nothing is missing afterwards.
func TestUnusedTakesNoMemory(t *testing.T) {
	c := open(t)
	records, _ := storagetest.FilteredRecords(time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC))
	for i, r := range records {
		if err := c.Apply(t.Context(), storagetest.Create(r)); err != nil {
			t.Fatal(err)
		}
		if i == len(records)/2 {
			if n := len(c.dirty); n != 0 {
				t.Errorf("it keeps %d changes that nobody has asked about", n)
			}
			if !c.isReady(t.Context(), patience) {
				t.Fatal("it was not read")
			}
		}
	}
	if page, err := (alwaysFinds{c}).List(t.Context(), storage.Query{Limit: storage.MaxPageSize}); err != nil || len(page.Records) != len(records) {
		t.Errorf("%d of %d tokens, %v", len(page.Records), len(records), err)
	}
}

// TestDamagedAreNobodys: lists of an owner, such as those of people, do not name damaged
// records of others.
func TestDamagedAreNobodys(t *testing.T) {
	c := open(t)
	c.damaged = map[string]storage.DamagedError{"0123456789": {ID: "0123456789"}}
	for owner, want := range map[string]int{"": 1, "alice": 0} {
		page, err := c.find(t.Context(), storage.Query{Search: "345", Owner: owner})
		if err != nil || len(page.Damaged) != want {
			t.Errorf("of %q: %v, %v", owner, page.Damaged, err)
		}
	}
}

// TestOrders compares every order of every list with a plain sort.
func TestOrders(t *testing.T) {
	c := open(t)
	now := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	records, uses := storagetest.FilteredRecords(now)
	for _, r := range records {
		if err := c.Apply(t.Context(), storagetest.Create(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SaveUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	newest := func(a, b *token.Record) int {
		if order := b.CreatedAt.Compare(a.CreatedAt); order != 0 {
			return order
		}
		return strings.Compare(a.ID, b.ID)
	}
	never := now.AddDate(1000, 0, 0)
	orders := map[storage.Sort]func(a, b *token.Record) int{
		storage.SortCreated: newest,
		storage.SortExpires: func(a, b *token.Record) int {
			times := []time.Time{a.ExpiresAt, b.ExpiresAt}
			for i := range times {
				if times[i].IsZero() {
					times[i] = never
				}
			}
			return times[0].Compare(times[1])
		},
		storage.SortUsed: func(a, b *token.Record) int {
			return uses[b.ID].At.Compare(uses[a.ID].At) // the zero time comes last
		},
		storage.SortOwner: func(a, b *token.Record) int {
			return strings.Compare(token.Fold(a.Owner+"\x00"+a.Name), token.Fold(b.Owner+"\x00"+b.Name))
		},
		storage.SortName: func(a, b *token.Record) int {
			return strings.Compare(token.Fold(a.Name+"\x00"+a.Owner), token.Fold(b.Name+"\x00"+b.Owner))
		},
	}
	for by, compare := range orders {
		for _, reversed := range []bool{false, true} {
			sorted := slices.Clone(records)
			slices.SortFunc(sorted, func(a, b *token.Record) int {
				order := compare(a, b)
				if reversed {
					order = -order
				}
				if order == 0 {
					return newest(a, b)
				}
				return order
			})
			sort := by
			if reversed {
				sort = "-" + by
			}
			for _, q := range append(storagetest.Filters(now), storage.Query{Now: now}) {
				var want []string
				for _, r := range sorted {
					if storagetest.Filtered(q, r, uses[r.ID].At) {
						want = append(want, r.ID)
					}
				}
				for _, limit := range []int{5, 1000} {
					q.Sort, q.Limit, q.Cursor = sort, limit, ""
					if got := findAll(t, c, q); !slices.Equal(got, want) {
						t.Fatalf("%+v:\n got %v\nwant %v", q, got, want)
					}
				}
			}
		}
	}
	for _, cursor := range []string{"x", "expires.x.y", "expires.MQ." + storage.Key(now, records[0].ID), storage.Key(now, records[0].ID)} {
		if _, err := c.Find(t.Context(), storage.Query{Now: now, Sort: storage.SortOwner, Cursor: cursor}); err == nil {
			t.Errorf("cursor %q is accepted", cursor)
		}
	}
}

// findAll returns the ids of all pages.
func findAll(t testing.TB, c *Catalog, q storage.Query) (ids []string) {
	t.Helper()
	if !c.isReady(t.Context(), patience) {
		t.Fatal(c.loading())
	}
	for {
		page, err := c.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Records) > q.PageSize() {
			t.Fatalf("%d records on a page of %d", len(page.Records), q.PageSize())
		}
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		if q.Cursor = page.Next; q.Cursor == "" {
			return ids
		}
	}
}

// TestCountsAreLists: each number of the overview is that of the tokens in the list it
// links to, and the numbers of the owners add up to it.
func TestCountsAreLists(t *testing.T) {
	c := open(t)
	now := time.Date(2026, 3, 8, 0, 0, 0, 0, time.UTC)
	records, uses := storagetest.FilteredRecords(now)
	for _, r := range records {
		if err := c.Apply(t.Context(), storagetest.Create(r)); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.SaveUses(t.Context(), uses); err != nil {
		t.Fatal(err)
	}
	if !c.isReady(t.Context(), patience) {
		t.Fatal(c.loading())
	}
	judge, week := suspends("other"), 7*24*time.Hour
	query := storage.CensusQuery{Now: now, Judge: judge, Expiring: week, Unused: week}
	census, err := c.Census(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	type list struct {
		counted int
		query   storage.Query
	}
	lists := map[string]list{
		"expiring":   {census.Expiring, storage.Query{Expires: []storage.Span{{After: now, Until: now.Add(week)}}}},
		"unused":     {census.Unused, storage.Query{Unused: storage.Span{Until: now.Add(-week)}}},
		"never used": {census.NeverUsed, storage.Query{NeverUsed: true}},
	}
	for _, state := range []token.State{token.StateActive, token.StatePending, token.StateSuspended, token.StateNotYetValid} {
		lists[string(state)] = list{census.States[state], storage.Query{State: state}}
	}
	for name, list := range lists {
		list.query.Now, list.query.Judge, list.query.WithoutEnded = now, judge, true
		if found := findAll(t, c, list.query); len(found) != list.counted {
			t.Errorf("%s: %d are counted and %d listed", name, list.counted, len(found))
		}
	}
	owners, err := c.Owners(t.Context(), storage.OwnersQuery{Now: query.Now, Judge: judge, Text: "OWNER"})
	if err != nil {
		t.Fatal(err)
	}
	sums := make(map[token.State]int)
	for _, owner := range owners.Tallies {
		for state, n := range owner.States() {
			sums[state] += n
		}
	}
	if !maps.Equal(sums, census.States) {
		t.Errorf("owners have %v, but there are %v", sums, census.States)
	}
}
