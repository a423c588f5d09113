package registry

import (
	"maps"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestDeskExemptsNobodyAlone(t *testing.T) {
	r, _, _, root, eve := desks(t)
	exempt := map[string]any{"scope": "admin", "exempt": "because"}
	fields := map[string]any{"owner": "root", "name": "n"}
	maps.Copy(fields, exempt)
	issued, err := root.Create(t.Context(), person("root"), edit(t, fields))
	if err != nil || issued.Record.Status != token.StatusPending {
		t.Fatalf("an exempt token: %+v, %v", issued.Record, err)
	}
	_, err = root.Approve(t.Context(), person("root"), issued.Record.ID, Verdict{})
	wantRefused(t, "approving it", err)
	if _, err := eve.Approve(t.Context(), person("eve"), issued.Record.ID, Verdict{}); err != nil {
		t.Error(err)
	}
	plain, err := root.Create(t.Context(), person("root"), edit(t, map[string]any{"owner": "root", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	changed, err := root.Update(t.Context(), person("root"), plain.Record.ID, edit(t, exempt))
	if err != nil || changed.Status != token.StatusPending {
		t.Errorf("an exemption later: %+v, %v", changed, err)
	}
	disabled, err := r.Disable(t.Context(), admin, issued.Record.ID)
	if err != nil {
		t.Fatal(err)
	}
	changed, err = eve.Update(t.Context(), person("eve"), disabled.ID, edit(t, map[string]any{"exempt": "another reason"}))
	if err != nil || changed.Status != token.StatusDisabled || !changed.Unapproved {
		t.Errorf("of a disabled token: %+v, %v", changed, err)
	}
	enabled, err := root.Enable(t.Context(), person("root"), disabled.ID)
	if err != nil || enabled.Status != token.StatusPending || enabled.Unapproved {
		t.Errorf("once it is enabled: %+v, %v", enabled, err)
	}
}

// TestDeskWidensNoExemption: an exemption is approved for a token as it is.
func TestDeskWidensNoExemption(t *testing.T) {
	_, _, _, root, eve := desks(t)
	issued, err := root.Create(t.Context(), person("root"), edit(t, map[string]any{"owner": "root", "name": "n", "exempt": "needs a year"}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := eve.Approve(t.Context(), person("eve"), issued.Record.ID, Verdict{}); err != nil {
		t.Fatal(err)
	}
	renamed, err := root.Update(t.Context(), person("root"), issued.Record.ID, edit(t, map[string]any{"name": "m"}))
	if err != nil || renamed.Status != token.StatusActive {
		t.Errorf("renamed: %+v, %v", renamed, err)
	}
	widened, err := root.Update(t.Context(), person("root"), issued.Record.ID, edit(t, map[string]any{"scope": "admin"}))
	if err != nil || widened.Status != token.StatusPending {
		t.Errorf("widened: %+v, %v", widened, err)
	}
}

func TestDeskHoldsChanges(t *testing.T) {
	r, alice, bea, root, eve := desks(t)
	issued, err := r.Create(t.Context(), admin, edit(t, map[string]any{"owner": "alice", "name": "agent", "hold_writes": true}))
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	_, err = alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"hold_writes": false}))
	wantRefused(t, "the owner ends it", err)
	if _, err := alice.Update(t.Context(), person("alice"), id, edit(t, map[string]any{"name": "renamed"})); err != nil {
		t.Error(err)
	}
	if _, err := root.Update(t.Context(), person("root"), id, edit(t, map[string]any{"hold_writes": false})); err != nil {
		t.Errorf("somebody else who manages: %v", err)
	}
	service, err := bea.Create(t.Context(), person("bea"), edit(t, map[string]any{"owner": "deploy", "name": "n", "kind": "service", "responsible": "root", "hold_writes": true}))
	if err != nil {
		t.Fatal(err)
	}
	wantRefused(t, "whoever is responsible", root.MayDecide(t.Context(), service.Record.ID))
	if err := eve.MayDecide(t.Context(), service.Record.ID); err != nil {
		t.Errorf("somebody else: %v", err)
	}
	if _, err := r.Rotate(t.Context(), person("eve"), service.Record.ID, 0); err != nil {
		t.Fatal(err)
	}
	wantRefused(t, "whoever knows the secret", eve.MayDecide(t.Context(), service.Record.ID))
	for name, desk := range map[string]*Desk{"root": root, "eve": eve} {
		_, err := desk.Update(t.Context(), person(name), service.Record.ID, edit(t, map[string]any{"hold_writes": false}))
		wantRefused(t, name+" ends that its changes are held", err)
	}
}

func TestDeskAsksNothingAsSomebodyElse(t *testing.T) {
	r, _, _, root, _ := desks(t)
	r.accounts = func() []string { return []string{"default", token.OwnAccount} }
	issued, err := r.Create(t.Context(), admin, edit(t, map[string]any{"owner": "alice", "name": "n", "account": token.OwnAccount}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = root.Update(t.Context(), person("root"), issued.Record.ID, edit(t, map[string]any{"confine": map[string]any{"jql": "project = SECRET"}}))
	wantRefused(t, "how much the owner sees", err)
}
