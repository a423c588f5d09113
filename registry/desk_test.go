package registry

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// desks returns a registry with the desks of alice, who has no rights but her own, of
// bea, who may act on behalf of others, and of root and eve, who manage.
func desks(t *testing.T) (r *Registry, alice, bea, root, eve *Desk) {
	t.Helper()
	r, _ = newRegistry(t)
	members := map[string]policy.Group{"bi": {Members: []string{"bea"}}, "admins": {Members: []string{"root", "eve"}}}
	rules, err := policy.New(&policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}},
		Groups:   []policy.Rule{{Group: "bi", OnBehalf: true}, {Group: "admins", Manage: true}},
	}, policy.Surroundings{Groups: members, Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	r.owners = NewDirectory(rules, members)
	return r, r.DeskOf("alice"), r.DeskOf("bea"), r.DeskOf("root"), r.DeskOf("eve")
}

func person(name string) Actor { return Actor{Kind: storage.ActorOwner, Name: name} }

// wantRefused checks that a person was not allowed to do something.
func wantRefused(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.As(err, new(ForbiddenError)) {
		t.Errorf("%s: got %v, want a ForbiddenError", what, err)
	}
}

func TestDeskShowsOwnTokens(t *testing.T) {
	r, alice, bea, root, _ := desks(t)
	own, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "Alice", "name": "own"}))
	if err != nil {
		t.Fatal(err)
	}
	service, err := r.Create(t.Context(), admin, edit(t, map[string]any{"owner": "alice", "name": "service", "kind": "service"}))
	if err != nil {
		t.Fatal(err)
	}
	for _, desk := range []*Desk{bea, alice} {
		_, hidden := desk.Show(t.Context(), service.Record.ID)
		_, absent := desk.Show(t.Context(), "0123456789")
		if !errors.Is(hidden, storage.ErrNotFound) || !errors.Is(absent, storage.ErrNotFound) {
			t.Errorf("%s: another's token: %v; an absent one: %v", desk.Person(), hidden, absent)
		}
	}
	for desk, want := range map[*Desk]int{alice: 1, bea: 0, root: 2} {
		page, err := desk.List(t.Context(), Query{Query: storage.Query{Owner: "alice"}})
		if err != nil || len(page.Records) != want {
			t.Errorf("%s sees %d tokens of alice, %v; want %d", desk.Person(), len(page.Records), err, want)
		}
	}
	if record, err := alice.Show(t.Context(), own.Record.ID); err != nil || record.Name != "own" {
		t.Errorf("alice's own token: %v, %v", record, err)
	}
	if _, err := alice.Events(t.Context(), EventQuery{TokenID: own.Record.ID}); err != nil {
		t.Error(err)
	}
	if _, err := alice.Events(t.Context(), EventQuery{TokenID: service.Record.ID}); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("events of another's token: %v", err)
	}
	_, err = alice.Events(t.Context(), EventQuery{})
	wantRefused(t, "the whole trail", err)
}

func TestDeskCreatesForOthersOnBehalf(t *testing.T) {
	_, alice, bea, root, _ := desks(t)
	for what, fields := range map[string]map[string]any{
		"for another": {"owner": "carol", "name": "n"},
		"a service":   {"owner": "alice", "name": "n", "kind": "service"},
	} {
		for _, desk := range []*Desk{alice, root} {
			_, err := desk.Create(t.Context(), person(desk.Person()), edit(t, fields))
			wantRefused(t, desk.Person()+", "+what, err)
		}
		if _, err := bea.Create(t.Context(), person("bea"), edit(t, fields)); err != nil {
			t.Errorf("bea, %s: %v", what, err)
		}
	}
	_, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n", "scope": "admin", "exempt": "I like to"}))
	wantRefused(t, "an exemption", err)
}

func TestDeskChanges(t *testing.T) {
	r, alice, bea, root, _ := desks(t)
	issued, err := r.Create(t.Context(), admin, edit(t, map[string]any{"owner": "alice", "name": "n", "scope": "admin", "exempt": "migration"}))
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	_, err = alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"expires_at": "never", "allow_ip": []string{"10.0.0.0/8"}}))
	wantRefused(t, "changing an exempt token", err)
	if _, err := alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"name": "renamed"})); err != nil {
		t.Errorf("renaming an exempt token: %v", err)
	}
	_, err = alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"exempt": "my own reason"}))
	wantRefused(t, "another reason", err)
	if _, err := bea.Rotate(t.Context(), person("bea"), id, 0); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("rotating another's token: %v", err)
	}
	_, err = root.Rotate(t.Context(), person("root"), id, 0)
	wantRefused(t, "the secret of another's token", err)
	if _, err := alice.Rotate(t.Context(), person("alice"), id, time.Hour); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(context.Context, Actor, string) (*token.Record, error){"disable": bea.Disable, "enable": bea.Enable, "revoke": bea.Revoke} {
		if _, err := change(t.Context(), person("bea"), id); !errors.Is(err, storage.ErrNotFound) {
			t.Errorf("bea, %s: %v", name, err)
		}
	}
	if record, err := root.Revoke(t.Context(), person("root"), id); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("root ends it: %v", err)
	}
}

func TestDeskApprovesOthers(t *testing.T) {
	r, alice, _, root, eve := desks(t)
	pending := func(owner string, actor Actor) string {
		issued, err := r.Create(t.Context(), actor, edit(t, map[string]any{"owner": owner, "name": "n", "scope": "write"}))
		if err != nil || issued.Record.Status != token.StatusPending {
			t.Fatalf("%+v, %v", issued.Record, err)
		}
		return issued.Record.ID
	}
	mine := pending("root", person("root"))
	_, err := root.Approve(t.Context(), person("root"), mine, Verdict{})
	wantRefused(t, "approving one's own token", err)
	others := pending("alice", person("root"))
	_, err = root.Approve(t.Context(), person("root"), others, Verdict{})
	wantRefused(t, "approving what one has asked for", err)
	if _, err := eve.Approve(t.Context(), person("eve"), others, Verdict{}); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	_, err = alice.Approve(t.Context(), person("alice"), mine, Verdict{})
	wantRefused(t, "approving without manage", err)
	if record, err := eve.Reject(t.Context(), person("eve"), mine, Verdict{Reason: "not needed"}); err != nil || record.Status != token.StatusRevoked {
		t.Errorf("rejecting: %v", err)
	}
}

func TestDeskOfSomebodyWhoHasLeft(t *testing.T) {
	r, alice, _, root, _ := desks(t)
	issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	r.owners.Learn(map[string]Facts{"alice": {Name: "alice", Inactive: true}, "root": {Name: "root", Inactive: true}})
	if alice.Left() == "" {
		t.Error("alice has left, which nobody says")
	}
	_, err = alice.Show(t.Context(), issued.Record.ID)
	wantRefused(t, "show", err)
	_, err = alice.List(t.Context(), Query{})
	wantRefused(t, "list", err)
	_, err = alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	wantRefused(t, "create", err)
	_, err = alice.Revoke(t.Context(), person("alice"), issued.Record.ID)
	wantRefused(t, "revoke", err)
	_, err = root.List(t.Context(), Query{})
	wantRefused(t, "list of a manager", err)
	_, err = root.Events(t.Context(), EventQuery{})
	wantRefused(t, "the trail", err)
}

func TestDeskEnables(t *testing.T) {
	r, alice, _, root, _ := desks(t)
	issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	disable := func(actor Actor) {
		t.Helper()
		if _, err := r.Disable(t.Context(), actor, id); err != nil {
			t.Fatal(err)
		}
	}
	for _, actor := range []Actor{person("alice"), {Kind: storage.ActorSystem}} {
		disable(actor)
		if _, err := alice.Enable(t.Context(), person("alice"), id); err != nil {
			t.Errorf("disabled by %+v: %v", actor, err)
		}
	}
	for _, actor := range []Actor{person("root"), admin, {Kind: storage.ActorAdmin, Name: "alice"}} {
		disable(actor)
		_, err := alice.Enable(t.Context(), person("alice"), id)
		wantRefused(t, "what an administrator has disabled", err)
		if _, err := root.Enable(t.Context(), person("root"), id); err != nil {
			t.Error(err)
		}
	}
}

func TestDeskActsAsNobodyElse(t *testing.T) {
	r, alice, bea, _, _ := desks(t)
	r.accounts = func() []string { return []string{"default", token.OwnAccount} }
	members := map[string]policy.Group{"both": {Members: []string{"bea"}}}
	rules, err := policy.New(&policy.Config{Groups: []policy.Rule{{Group: "both", OnBehalf: true, Manage: true}}, Everyone: new(policy.Rule)},
		policy.Surroundings{Groups: members, Account: func(string) bool { return true }})
	if err != nil {
		t.Fatal(err)
	}
	r.owners = NewDirectory(rules, members)
	fields := map[string]any{"owner": "alice", "name": "n", "account": token.OwnAccount}
	own, err := alice.Create(t.Context(), person("alice"), edit(t, fields))
	if err != nil {
		t.Fatal(err)
	}
	_, err = bea.Create(t.Context(), person("bea"), edit(t, fields))
	wantRefused(t, "create", err)
	_, err = bea.CreateHandedOver(t.Context(), person("bea"), edit(t, fields), time.Hour)
	wantRefused(t, "create with a link", err)
	_, err = bea.Rotate(t.Context(), person("bea"), own.Record.ID, 0)
	wantRefused(t, "rotate", err)
	_, err = bea.HandOver(t.Context(), person("bea"), own.Record.ID, 0, time.Hour)
	wantRefused(t, "rotate with a link", err)
	fields["account"] = "default"
	known, err := bea.Create(t.Context(), person("bea"), edit(t, fields))
	if err != nil {
		t.Fatal(err)
	}
	_, err = bea.Update(t.Context(), person("bea"), known.Record.ID, edit(t, map[string]any{"account": token.OwnAccount}))
	wantRefused(t, "give a token whose secret is known that account", err)
	if _, err := alice.Rotate(t.Context(), person("alice"), own.Record.ID, 0); err != nil {
		t.Errorf("the owner: %v", err)
	}
}

// TestDeskAsksTheTrail: what happened to a token later does not say who has asked for it.
func TestDeskAsksTheTrail(t *testing.T) {
	r, _, _, root, _ := desks(t)
	issued, err := r.Create(t.Context(), person("root"), edit(t, map[string]any{"owner": "deploy", "name": "n", "kind": "service", "responsible": "eve", "hold_writes": true}))
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.Events(t.Context(), EventQuery{TokenID: issued.Record.ID})
	if err != nil || len(page.Events) != 1 {
		t.Fatal(page, err)
	}
	if _, err := r.Update(t.Context(), person("eve"), issued.Record.ID, edit(t, map[string]any{"name": "m"})); err != nil {
		t.Fatal(err)
	}
	created, err := storage.ParseEventID(page.Events[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.store.RemoveEvents(t.Context(), created, 1); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	wantRefused(t, "whoever created it", root.MayDecide(t.Context(), issued.Record.ID))
}

// TestLinkEndsWithTheAccount: a link that was made for one account does not lead to a token
// for another.
func TestLinkEndsWithTheAccount(t *testing.T) {
	r, _ := newRegistry(t)
	record, _ := create(t, r, map[string]any{"owner": "alice", "name": "n"})
	issued, err := r.HandOver(t.Context(), admin, record.ID, 0, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Update(t.Context(), admin, record.ID, edit(t, map[string]any{"account": "reporting"})); err != nil {
		t.Fatal(err)
	}
	if opened, err := r.OpenHandover(t.Context(), admin, issued.Link); err == nil {
		t.Errorf("opened: %+v", opened)
	}
}

// TestDeskTransfers: to give somebody a token is as good as to create one for them.
func TestDeskTransfers(t *testing.T) {
	r, alice, bea, root, _ := desks(t)
	for _, name := range []string{"one", "two"} {
		create(t, r, map[string]any{"owner": "carol", "name": name})
	}
	create(t, r, map[string]any{"owner": "carol", "name": "writes", "scope": "write", "exempt": "for the test"})
	for what, desk := range map[string]*Desk{"alice": alice, "bea": bea} {
		_, err := desk.Transfer(t.Context(), person(what), "carol", what)
		wantRefused(t, what+" transfers", err)
		_, err = desk.PreviewTransfer(t.Context(), "carol", what)
		wantRefused(t, what+" looks", err)
		_, err = desk.RevokeOwner(t.Context(), person(what), "carol")
		wantRefused(t, what+" ends all", err)
	}
	_, err := root.Transfer(t.Context(), person("root"), "carol", "dave")
	wantRefused(t, "root, who has no on_behalf, gives tokens to others", err)
	_, err = root.Transfer(t.Context(), person("root"), "root", "dave")
	wantRefused(t, "root gives their own tokens to others", err)

	preview, err := root.PreviewTransfer(t.Context(), "carol", "Root")
	if err != nil || preview.Changed != 3 || len(preview.LeftOut) != 0 {
		t.Errorf("the preview is %+v, %v", preview, err)
	}
	if page, err := r.List(t.Context(), Query{Query: storage.Query{Owner: "carol"}}); err != nil || len(page.Records) != 3 {
		t.Errorf("after the preview: %+v, %v", page, err)
	}
	result, err := root.Transfer(t.Context(), person("root"), "carol", "root")
	if err != nil || result.Changed != preview.Changed {
		t.Errorf("the transfer is %+v, %v", result, err)
	}
	if result, err = root.RevokeOwner(t.Context(), person("root"), "root"); err != nil || result.Changed != 3 {
		t.Errorf("the end of all: %+v, %v", result, err)
	}
}

// TestDeskTakesNoRightsOfAnotherProvider: somebody who is called alice at one identity
// provider gets no token by the groups of whoever is called alice at another.
func TestDeskTakesNoRightsOfAnotherProvider(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}}, policy.Rule{Group: "admins", Scopes: []string{"admin"}})
	r.owners.LearnSignIns(map[string][]SignIn{"alice": {{Name: "alice", Via: "okta", Groups: []string{"admins"}}}})
	fields := map[string]any{"owner": "alice", "name": "n", "scope": "admin"}
	if issued, err := r.DeskVia("alice", "okta").Create(t.Context(), person("alice"), edit(t, fields)); err != nil {
		t.Errorf("through the same provider: %+v, %v", issued.Record, err)
	}
	if _, err := r.DeskVia("alice", "google").Create(t.Context(), person("alice"), edit(t, fields)); !errors.As(err, new(PolicyError)) {
		t.Errorf("through another: %v", err)
	}
	reader, err := r.DeskVia("alice", "google").Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.DeskVia("alice", "google").Update(t.Context(), person("alice"), reader.Record.ID, edit(t, map[string]any{"scope": "admin"})); !errors.As(err, new(PolicyError)) {
		t.Errorf("widening a token: %v", err)
	}
	if renamed, err := r.DeskVia("alice", "google").Update(t.Context(), person("alice"), reader.Record.ID, edit(t, map[string]any{"name": "m"})); err != nil {
		t.Errorf("renaming a token: %+v, %v", renamed, err)
	}
}

// TestEnableTakesNoRightsOfAnotherProvider: a change of a disabled token must be approved if
// only the groups of another provider allow it without that.
func TestEnableTakesNoRightsOfAnotherProvider(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}}, policy.Rule{Group: "admins", Scopes: []string{"write"}})
	r.owners.LearnSignIns(map[string][]SignIn{"alice": {{Name: "alice", Via: "okta", Groups: []string{"admins"}}}})
	for via, want := range map[string]token.Status{"okta": token.StatusActive, "google": token.StatusPending} {
		alice := r.DeskVia("alice", via)
		issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
		if err != nil {
			t.Fatal(err)
		}
		id := issued.Record.ID
		if _, err := alice.Disable(t.Context(), person("alice"), id); err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"scope": "write"})); err != nil {
			t.Fatal(err)
		}
		if record, err := alice.Enable(t.Context(), person("alice"), id); err != nil || record.Status != want {
			t.Errorf("through %s: %+v, %v", via, record, err)
		}
	}
}
