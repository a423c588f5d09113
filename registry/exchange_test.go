package registry

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// jwt is the origin of a token for a JWT that is valid for five minutes.
func jwt(r *Registry, id string) Origin {
	return Origin{
		Issuer: "https://issuer.example", Subject: "repo:acme/site", Address: "192.0.2.1",
		ID: id, Until: r.now().Add(5 * time.Minute), Lifetime: 15 * time.Minute,
	}
}

func tryExchange(t *testing.T, r *Registry, origin Origin, fields map[string]any) (Issued, error) {
	t.Helper()
	all := map[string]any{"owner": "ci-site", "name": "deploy", "kind": "service"}
	for name, value := range fields {
		all[name] = value
	}
	return r.Exchange(t.Context(), origin, edit(t, all))
}

func exchange(t *testing.T, r *Registry, origin Origin) Issued {
	t.Helper()
	issued, err := tryExchange(t, r, origin, nil)
	if err != nil {
		t.Fatal(err)
	}
	return issued
}

func TestExchange(t *testing.T) {
	r, _ := newRegistry(t)
	id := token.IDFrom([32]byte{1})
	issued := exchange(t, r, jwt(r, id))
	record := issued.Record
	if record.ID != id || issued.Token.ID() != id || record.Issuer != "https://issuer.example" || !record.ExpiresAt.Equal(r.now().Add(15*time.Minute)) {
		t.Errorf("got %+v", record)
	}
	if _, err := r.Lookup(t.Context(), issued.Token); err != nil {
		t.Error(err)
	}
	page, err := r.Events(t.Context(), storage.EventQuery{TokenID: id})
	if err != nil || len(page.Events) != 1 {
		t.Fatalf("%d events, %v", len(page.Events), err)
	}
	event := page.Events[0]
	if event.Action != ActionExchange || event.Actor.Kind != storage.ActorWorkload || event.Actor.Name != "repo:acme/site" || event.Actor.Address != "192.0.2.1" {
		t.Errorf("event %+v", event)
	}
	issuer := ""
	for _, change := range event.Changes {
		if change.Field == "issuer" {
			issuer = string(change.New)
		}
	}
	if issuer != `"https://issuer.example"` {
		t.Errorf("the event names the issuer %s", issuer)
	}
}

// TestExchangeOnce: of any number of exchanges of a JWT at the same time, one succeeds,
// and none afterwards, whatever became of the token.
func TestExchangeOnce(t *testing.T) {
	r, now := newRegistry(t)
	id := token.IDFrom([32]byte{1})
	var group sync.WaitGroup
	var succeeded, refused atomic.Int32
	for range 20 {
		group.Go(func() {
			switch _, err := tryExchange(t, r, jwt(r, id), nil); {
			case err == nil:
				succeeded.Add(1)
			case errors.Is(err, ErrExchanged):
				refused.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	group.Wait()
	if succeeded.Load() != 1 || refused.Load() != 19 {
		t.Fatalf("%d succeeded, %d were refused", succeeded.Load(), refused.Load())
	}
	if _, err := r.Revoke(t.Context(), admin, id); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), admin, id); err == nil {
		t.Error("a token whose JWT is still valid was deleted")
	}
	*now = now.Add(4 * time.Minute)
	if _, err := tryExchange(t, r, jwt(r, id), nil); !errors.Is(err, ErrExchanged) {
		t.Errorf("after it was revoked: %v", err)
	}
	for range 2 { // without an ID, a JWT can be exchanged again
		exchange(t, r, jwt(r, ""))
	}
}

// TestDeletedIDStaysUnused: what was deleted does not come back under its ID, neither for the
// form nor for the JWT that the ID follows from.
func TestDeletedIDStaysUnused(t *testing.T) {
	r, _, _ := newDamaged(t)
	id := token.IDFrom([32]byte{1})
	chosen := func(_ context.Context, record *token.Record) error {
		record.ID = id
		return nil
	}
	fields := edit(t, map[string]any{"owner": "alice", "name": "n"})
	if _, err := r.Create(t.Context(), admin, fields, chosen); err != nil {
		t.Fatal(err)
	}
	if err := r.Delete(t.Context(), admin, id); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Create(t.Context(), admin, fields, chosen); !errors.Is(err, storage.ErrConflict) {
		t.Errorf("the form: %v", err)
	}
	if _, err := tryExchange(t, r, jwt(r, id), nil); !errors.Is(err, ErrExchanged) {
		t.Errorf("the JWT: %v", err)
	}
	if got := actionsOf(t, r, id); got != "create delete" {
		t.Errorf("the trail: %s", got)
	}
}

// TestRecordOutlivesJWT: the record is kept for some time after the token has expired. If
// the JWT can be exchanged only once, it is kept for a week after that has expired, in case
// a clock is wrong.
func TestRecordOutlivesJWT(t *testing.T) {
	r, now := newRegistry(t)
	origin := jwt(r, "")
	if record := exchange(t, r, origin).Record; !record.VanishesAt.Equal(record.ExpiresAt.Add(keptAfterEnd)) {
		t.Errorf("vanishes at %s, expires at %s", record.VanishesAt, record.ExpiresAt)
	}
	origin.ID, origin.Until = token.IDFrom([32]byte{1}), now.Add(20*time.Hour)
	if record := exchange(t, r, origin).Record; record.VanishesAt.Before(origin.Until.Add(7 * 24 * time.Hour)) {
		t.Errorf("vanishes at %s, the JWT expires at %s", record.VanishesAt, origin.Until)
	}
}

// TestClockThatWasWrong: a JWT that was exchanged is not exchanged again, although the clock
// was days ahead for a while, in which records were deleted, or is days behind.
func TestClockThatWasWrong(t *testing.T) {
	r, now := newRegistry(t)
	sweep := func() {
		t.Helper()
		if _, err := r.store.(*catalog.Catalog).Store.(storage.Sweeper).Sweep(t.Context(), *now); err != nil {
			t.Fatal(err)
		}
	}
	origin := jwt(r, token.IDFrom([32]byte{1}))
	origin.Until = now.Add(6 * time.Hour)
	exchange(t, r, origin)
	for _, ahead := range []time.Duration{8 * time.Hour, 6 * 24 * time.Hour} {
		*now = now.Add(ahead)
		sweep()
		*now = now.Add(-ahead)
		if _, err := tryExchange(t, r, origin, nil); !errors.Is(err, ErrExchanged) {
			t.Errorf("after the clock was ahead by %s: %v", ahead, err)
		}
	}
	*now = now.Add(8 * 24 * time.Hour)
	sweep()
	if _, err := r.Show(t.Context(), origin.ID); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("the record is still there after a week: %v", err)
	}
}

// TestExchangeUnderPolicy: the policy holds for tokens that are exchanged for JWTs as for
// others, without exceptions.
func TestExchangeUnderPolicy(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"write"}, MaxLifetime: policy.Span(20 * time.Minute), MaxTokens: 2, Approval: []string{"write"}, Confine: policy.ConfineRequired})
	confined := map[string]any{"confine": map[string]any{"projects": []string{"SITE"}}}
	with := func(field string, value any) map[string]any {
		return map[string]any{"confine": confined["confine"], field: value}
	}
	_, err := tryExchange(t, r, jwt(r, ""), nil)
	wantForbidden(t, err, "confine", "must be confined")
	if strings.Contains(err.Error(), "--exempt") {
		t.Errorf("suggests an exemption: %v", err)
	}
	_, err = tryExchange(t, r, jwt(r, ""), map[string]any{"exempt": "no"})
	wantForbidden(t, err, "confine", "must be confined")
	_, err = tryExchange(t, r, jwt(r, ""), with("scope", "admin"))
	wantForbidden(t, err, "scope", "admin")
	_, err = tryExchange(t, r, jwt(r, ""), with("scope", "write"))
	wantForbidden(t, err, "scope", "must be approved")
	long := jwt(r, "")
	long.Lifetime = time.Hour
	_, err = tryExchange(t, r, long, confined)
	wantForbidden(t, err, "expires_at", "must expire within")
	for range 2 {
		if _, err := tryExchange(t, r, jwt(r, ""), confined); err != nil {
			t.Fatal(err)
		}
	}
	_, err = tryExchange(t, r, jwt(r, ""), confined)
	wantForbidden(t, err, "owner", "may have 2")
	if _, err = tryExchange(t, r, jwt(r, ""), with("account", "nobody")); err == nil {
		t.Error("an account that does not exist is accepted")
	}
}

// TestExchangedTokensDoNotChange, since they would no longer be short-lived, or for
// whom the JWT was.
func TestExchangedTokensDoNotChange(t *testing.T) {
	r, _ := newRegistry(t)
	issued := exchange(t, r, jwt(r, ""))
	id := issued.Record.ID
	wantState := func(what string, err error) {
		t.Helper()
		if _, ok := errors.AsType[StateError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := r.Update(t.Context(), admin, id, edit(t, map[string]any{"expires_at": "90d"}))
	wantState("update", err)
	_, err = r.Rotate(t.Context(), admin, id, 0)
	wantState("rotate", err)
	_, err = r.RotateHeld(t.Context(), admin, issued.Token, 0)
	wantState("rotate by the holder", err)
	wantState("delete", r.Delete(t.Context(), admin, id))
	result, err := r.Transfer(t.Context(), admin, "ci-site", "alice")
	if err != nil || result.Changed != 0 || len(result.LeftOut) != 1 {
		t.Errorf("transfer: %+v, %v", result, err)
	}
	for _, change := range []func() error{
		func() error { _, err := r.Disable(t.Context(), admin, id); return err },
		func() error { _, err := r.Enable(t.Context(), admin, id); return err },
		func() error { _, err := r.EndHeld(t.Context(), admin, issued.Token, "leaked"); return err },
	} {
		if err := change(); err != nil {
			t.Error(err)
		}
	}
}

// TestListLeavesOutEnded: a list shows the living ones, and the others if asked.
func TestListLeavesOutEnded(t *testing.T) {
	r, now := newRegistry(t)
	create(t, r, map[string]any{"owner": "alice", "name": "expires", "expires_at": "1h"})
	exchange(t, r, jwt(r, ""))
	*now = now.Add(time.Hour + time.Second) // none has vanished
	living := exchange(t, r, jwt(r, "")).Record
	yes, no := true, false
	for _, c := range []struct {
		query Query
		want  int
	}{
		{Query{}, 2},
		{Query{Query: storage.Query{Exchanged: &yes}}, 1},
		{Query{Expiring: time.Hour}, 0},
		{Query{Query: storage.Query{Exchanged: &no}}, 1},
		{Query{Query: storage.Query{State: token.StateExpired}}, 2},
		{Query{Query: storage.Query{State: token.StateExpired, Exchanged: &yes}}, 1},
	} {
		page, err := r.List(t.Context(), c.query)
		if err != nil || len(page.Records) != c.want {
			t.Errorf("%+v lists %d, %v, want %d", c.query, len(page.Records), err, c.want)
		}
	}
	owners, err := r.Owners(t.Context(), OwnerQuery{Search: "ci"})
	if err != nil || len(owners.Owners) != 1 || owners.Owners[0].Tokens[token.StateActive] != 1 || owners.Owners[0].Tokens[token.StateExpired] != 0 {
		t.Errorf("owners %+v, %v", owners, err)
	}
	view := r.View(living)
	text, err := view.MarshalJSON()
	if err != nil || !strings.Contains(string(text), `"issuer":"https://issuer.example"`) {
		t.Errorf("%s, %v", text, err)
	}
}
