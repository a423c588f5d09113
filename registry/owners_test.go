package registry

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// ownersOf lists owners as "name kind state groups counts".
func ownersOf(t *testing.T, r *Registry, query OwnerQuery) []string {
	t.Helper()
	page, err := r.Owners(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	texts := []string{}
	for _, owner := range page.Owners {
		texts = append(texts, fmt.Sprint(token.Fold(owner.Owner), " ", owner.Kind, " ", owner.State, " ", owner.Groups, " ", owner.Tokens))
	}
	return texts
}

func TestOwners(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read"}}, policy.Rule{Group: "bi", Scopes: []string{"write"}})
	create(t, r, map[string]any{"owner": "Bea", "name": "1", "scope": "write"})
	revoked, _ := create(t, r, map[string]any{"owner": "bea", "name": "2"})
	create(t, r, map[string]any{"owner": "BEA", "name": "3", "kind": "service"})
	create(t, r, map[string]any{"owner": "ci", "name": "4", "kind": "service"})
	var group errgroup.Group // the store batches concurrent changes
	group.SetLimit(64)
	for i := range 2*storage.MaxPageSize + 10 {
		group.Go(func() error {
			_, err := tryCreate(t, r, map[string]any{"owner": fmt.Sprint("many", i%3)})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Revoke(t.Context(), admin, revoked.ID); err != nil {
		t.Fatal(err)
	}
	r.owners.Learn(map[string]Facts{"many1": {Name: "many1", Inactive: true, ConfirmedAt: r.now()}})
	all := []string{
		"bea user active [bi] map[active:2 revoked:1]", "ci service active [] map[active:1]",
		"many0 user active [] map[active:670]", "many1 user inactive [] map[suspended:670]", "many2 user active [] map[active:670]",
	}
	for _, test := range []struct {
		query OwnerQuery
		want  []string
	}{
		{OwnerQuery{}, all},
		{OwnerQuery{State: OwnerInactive}, all[3:4]},
		{OwnerQuery{Group: "bi"}, all[:1]},
		{OwnerQuery{Search: "eA"}, all[:1]},
		{OwnerQuery{Search: "many", State: OwnerActive}, []string{all[2], all[4]}},
		{OwnerQuery{Group: "b"}, []string{}},
	} {
		if got := ownersOf(t, r, test.query); !slices.Equal(got, test.want) {
			t.Errorf("%+v: got %q, want %q", test.query, got, test.want)
		}
	}
	page, err := r.Owners(t.Context(), OwnerQuery{Search: "bea"})
	if err != nil || page.Owners[0].Rules != "group bi and everyone" || !page.Owners[0].LastConfirmed.IsZero() {
		t.Errorf("%+v, %v", page, err)
	}
}

func TestRevokeOwner(t *testing.T) {
	r, _ := newRegistry(t)
	_, secret := create(t, r, map[string]any{"owner": "alice", "name": "1"})
	create(t, r, map[string]any{"owner": "Alice", "name": "2"})
	_, other := create(t, r, map[string]any{"owner": "bob", "name": "3"})
	result, err := r.RevokeOwner(t.Context(), admin, "ALICE")
	if err != nil || result.Changed != 2 || len(result.LeftOut) != 0 {
		t.Errorf("%+v, %v", result, err)
	}
	for secret, want := range map[token.Token]token.Status{secret: token.StatusRevoked, other: token.StatusActive} {
		if record, err := r.Lookup(t.Context(), secret); err != nil || record.Status != want {
			t.Errorf("%s, want %s: %v", record.Status, want, err)
		}
	}
	if result, err = r.RevokeOwner(t.Context(), admin, "alice"); err != nil || result.Changed != 0 {
		t.Errorf("again: %+v, %v", result, err)
	}
	if _, err = r.RevokeOwner(t.Context(), admin, "alcie"); !errors.Is(err, storage.ErrNotFound) || !strings.Contains(err.Error(), `"alcie"`) {
		t.Errorf("a misspelled owner: %v", err)
	}
}

// interrupted is a store whose changes fail once there have been as many as it has
// left.
type interrupted struct {
	storage.Store
	left int
}

func (s *interrupted) Apply(ctx context.Context, change storage.Change) error {
	if s.left--; s.left < 0 {
		return fmt.Errorf("%w: gone", storage.ErrUnavailable)
	}
	return s.Store.Apply(ctx, change)
}

func TestTransfer(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read"}, MaxLifetime: policy.Span(30 * 24 * time.Hour), MaxTokens: 4},
		policy.Rule{Group: "bi", Scopes: []string{"write"}, Approval: []string{"write"}, MaxTokens: 9},
		policy.Rule{Group: "admins", Scopes: []string{"admin"}, MaxTokens: 99, Accounts: []string{"default", token.OwnAccount}})
	accounts := append(r.accounts(), token.OwnAccount)
	r.accounts = func() []string { return accounts }
	made := func(fields map[string]any) string {
		fields["owner"] = "root"
		record, _ := create(t, r, fields)
		return record.ID
	}
	own := made(map[string]any{"name": "own", "account": token.OwnAccount})
	administers := made(map[string]any{"name": "admin", "scope": "admin"})
	exempt := made(map[string]any{"name": "exempt", "expires_at": "never", "exempt": "migration"})
	service := made(map[string]any{"name": "service", "kind": "service"})
	answers := made(map[string]any{"name": "external", "kind": "external", "purpose": "x", "responsible": "alice", "exempt": "x", "confine": map[string]any{"projects": []string{"A"}}})
	plain := made(map[string]any{"name": "plain"})
	revoked := made(map[string]any{"name": "revoked"})
	if _, err := r.Revoke(t.Context(), admin, revoked); err != nil {
		t.Fatal(err)
	}

	wantLeft := func(result OwnerResult, want map[string]string) {
		t.Helper()
		if len(result.LeftOut) != len(want) {
			t.Errorf("left out: %+v, want %d", result.LeftOut, len(want))
		}
		for _, left := range result.LeftOut {
			if says, ok := want[left.ID]; !ok || !strings.Contains(left.Why, says) {
				t.Errorf("%s is left out: %s; want %q", left.Name, left.Why, says)
			}
		}
	}
	// Interrupted after the first change, then repeated.
	store := r.store
	r.store = &interrupted{store, 1}
	result, err := r.Transfer(t.Context(), admin, "ROOT", "alice")
	if !errors.Is(err, storage.ErrUnavailable) || result.Changed != 1 {
		t.Errorf("interrupted: %+v, %v", result, err)
	}
	r.store = store
	result, err = r.Transfer(t.Context(), admin, "ROOT", "alice")
	if err != nil || result.Changed != 1 {
		t.Errorf("%+v, %v", result, err)
	}
	wantLeft(result, map[string]string{
		own: "the Jira credential of ROOT", administers: "scope admin is not allowed for alice", exempt: "must expire within 30d; rule: everyone",
		answers: "alice is responsible",
	})
	for id, want := range map[string]string{plain: "alice", service: "alice", revoked: "root", own: "root", exempt: "root"} {
		if record, err := r.Show(t.Context(), id); err != nil || record.Owner != want {
			t.Errorf("%s is %s's, want %s: %v", record.Name, record.Owner, want, err)
		}
	}
	page, err := r.Events(t.Context(), EventQuery{TokenID: plain})
	last := page.Events[len(page.Events)-1]
	if err != nil || last.Action != ActionTransfer || len(last.Changes) != 1 || string(last.Changes[0].Old) != `"root"` || string(last.Changes[0].New) != `"alice"` {
		t.Errorf("audit: %+v, %v", last, err)
	}

	// A number that the new owner may not exceed.
	for range 3 {
		made(map[string]any{"name": "more"})
	}
	result, err = r.Transfer(t.Context(), admin, "root", "alice")
	if err != nil || result.Changed != 2 || !strings.Contains(fmt.Sprint(result.LeftOut), "alice has 4 tokens") {
		t.Errorf("%+v, %v", result, err)
	}
	// What must be approved waits for it.
	writes := made(map[string]any{"name": "writes", "scope": "write"})
	if _, err = r.Transfer(t.Context(), admin, "root", "bea"); err != nil {
		t.Fatal(err)
	}
	if record, err := r.Show(t.Context(), writes); err != nil || record.Status != token.StatusPending || !record.OwnedBy("bea") {
		t.Errorf("%s of %s: %v", record.Status, record.Owner, err)
	}
	for to, says := range map[string]string{"Alice": "same owner", "": "invalid owner", "a:b": "colon"} {
		if _, err := r.Transfer(t.Context(), admin, "alice", to); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("to %q: %v", to, err)
		}
	}
}

// TestTransferToOutsider: the stricter rules for external people cannot be evaded.
func TestTransferToOutsider(t *testing.T) {
	r, _ := newRegistry(t)
	outside := map[string]any{"owner": "eve@client.example", "name": "x", "kind": "external", "purpose": "x", "responsible": "bob", "expires_at": "9d", "confine": map[string]any{"projects": []string{"A"}}}
	create(t, r, outside)
	create(t, r, map[string]any{"owner": "alice", "name": "user"})
	outside["owner"], outside["exempt"] = "alice", "she is both"
	create(t, r, outside)
	result, err := r.Transfer(t.Context(), admin, "alice", "eve@client.example")
	if err != nil || result.Changed != 1 || len(result.LeftOut) != 1 || !strings.Contains(result.LeftOut[0].Why, "outside the organization") {
		t.Errorf("%+v, %v", result, err)
	}
	r.owners.Learn(map[string]Facts{"bob": {Name: "bob", Inactive: true}})
	result, err = r.Transfer(t.Context(), admin, "alice", "Bob")
	if err != nil || result.Changed != 0 || len(result.LeftOut) != 1 || !strings.Contains(result.LeftOut[0].Why, "the owner Bob is no longer active") {
		t.Errorf("to an inactive owner: %+v, %v", result, err)
	}
}
