package catalog

import (
	"fmt"
	"slices"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestOwnersFollowChanges: owners are listed in the order of their names, whenever their
// tokens were created, and a token that is transferred counts for its new owner at once.
func TestOwnersFollowChanges(t *testing.T) {
	c := open(t)
	create := func(n int, owner string) *token.Record {
		t.Helper()
		r := storagetest.NewRecord(n, owner, "one")
		if err := c.Apply(t.Context(), storagetest.Create(r)); err != nil {
			t.Fatal(err)
		}
		return r
	}
	expect := func(query storage.OwnersQuery, total int, want ...string) {
		t.Helper()
		if !c.isReady(t.Context(), patience) {
			t.Fatal(c.loading())
		}
		query.Now = storagetest.NewRecord(1, "x", "x").CreatedAt
		found, err := c.Owners(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, owner := range found.Tallies {
			got = append(got, fmt.Sprintf("%s %d", owner.Owner, owner.States()[token.StateActive]))
		}
		if !slices.Equal(got, want) || found.Total != total {
			t.Errorf("%q: %v of %d, want %v of %d", query.Text, got, found.Total, want, total)
		}
	}
	one := create(1, "mira")
	create(2, "Anna")
	expect(storage.OwnersQuery{}, 2, "anna 1", "mira 1")
	create(3, "zoe")
	create(4, "bert")
	create(5, "mira")
	expect(storage.OwnersQuery{}, 4, "anna 1", "bert 1", "mira 2", "zoe 1")
	expect(storage.OwnersQuery{Limit: 2}, 4, "anna 1", "bert 1")
	expect(storage.OwnersQuery{Text: "RA"}, 1, "mira 2")
	services := func(owner string, kind token.Kind) bool { return kind == token.KindService || owner == "bert" }
	expect(storage.OwnersQuery{Match: services}, 1, "bert 1")
	transfer := func(r *token.Record, to string) *token.Record {
		t.Helper()
		change := storagetest.Update(r, func(r *token.Record) { r.Owner = to })
		if err := c.Apply(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		return change.New
	}
	one = transfer(one, "Carl")
	expect(storage.OwnersQuery{}, 5, "anna 1", "bert 1", "carl 1", "mira 1", "zoe 1")
	transfer(one, "zoe")
	expect(storage.OwnersQuery{}, 4, "anna 1", "bert 1", "mira 1", "zoe 2")
}
