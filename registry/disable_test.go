package registry

import (
	"context"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestDisabledByBoth: once somebody who manages tokens has disabled a token, its owner
// cannot enable it, whoever has disabled it before or disables it afterwards.
func TestDisabledByBoth(t *testing.T) {
	r, alice, _, root, _ := desks(t)
	system := Actor{Kind: storage.ActorSystem}
	for name, test := range map[string]struct {
		disable []Actor
		enables bool
		// recorded is how many of them are recorded.
		recorded int
	}{
		"the owner":                              {[]Actor{person("alice")}, true, 1},
		"the owner twice":                        {[]Actor{person("alice"), person("Alice")}, true, 1},
		"the owner, then an administrator":       {[]Actor{person("alice"), person("root")}, false, 2},
		"the owner, then the command":            {[]Actor{person("alice"), admin}, false, 2},
		"an administrator, then the owner":       {[]Actor{person("root"), person("alice")}, false, 1},
		"both, then the owner":                   {[]Actor{person("alice"), admin, person("alice")}, false, 2},
		"an administrator twice":                 {[]Actor{admin, admin}, false, 1},
		"the gateway, then an administrator":     {[]Actor{system, admin}, false, 2},
		"the gateway, then the owner":            {[]Actor{system, person("alice")}, true, 1},
		"an administrator, then another of them": {[]Actor{admin, person("root"), person("alice")}, false, 2},
	} {
		t.Run(name, func(t *testing.T) {
			issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
			if err != nil {
				t.Fatal(err)
			}
			id := issued.Record.ID
			for _, actor := range test.disable {
				var err error
				switch {
				case actor.Kind == storage.ActorSystem:
					err = r.DisableUnused(t.Context(), id, "unused for 90d")
				case isOwner(actor, "alice"):
					_, err = alice.Disable(t.Context(), actor, id)
				case isOwner(actor, "root"):
					_, err = root.Disable(t.Context(), actor, id)
				default:
					_, err = r.Disable(t.Context(), actor, id)
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			recorded := 0
			err = r.eachEvent(t.Context(), EventQuery{TokenID: id, Actions: []string{ActionDisable}}, func(Event) { recorded++ })
			if err != nil || recorded != test.recorded {
				t.Errorf("%d events, want %d, %v", recorded, test.recorded, err)
			}
			if !test.enables {
				_, err = alice.Enable(t.Context(), person("alice"), id)
				wantRefused(t, "the owner", err)
				if record, err := root.Enable(t.Context(), person("root"), id); err != nil || record.Status != token.StatusActive {
					t.Errorf("%+v, %v", record, err)
				}
			} else if record, err := alice.Enable(t.Context(), person("alice"), id); err != nil || record.Status != token.StatusActive {
				t.Errorf("%+v, %v", record, err)
			}
		})
	}
}

// TestReasonEndsWithTakeOver: why the gateway has disabled a token is not why it stays
// disabled.
func TestReasonEndsWithTakeOver(t *testing.T) {
	r, alice, _, _, _ := desks(t)
	issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.DisableUnused(t.Context(), issued.Record.ID, "unused for 90d"); err != nil {
		t.Fatal(err)
	}
	if record, err := r.Disable(t.Context(), admin, issued.Record.ID); err != nil || record.StatusReason != "" || record.Status != token.StatusDisabled {
		t.Errorf("%+v, %v", record, err)
	}
}

// TestEnableLosesToDisable: an administrator who disables a token while its owner enables
// it wins.
func TestEnableLosesToDisable(t *testing.T) {
	r, alice, _, _, _ := desks(t)
	issued, err := alice.Create(t.Context(), person("alice"), edit(t, map[string]any{"owner": "alice", "name": "n"}))
	if err != nil {
		t.Fatal(err)
	}
	id := issued.Record.ID
	if _, err := alice.Disable(t.Context(), person("alice"), id); err != nil {
		t.Fatal(err)
	}
	asked := 0
	_, err = r.setStatus(t.Context(), person("alice"), ActionEnable, id, token.StatusActive, alice.needsApproval, alice.mayEnable, func(ctx context.Context, _ *token.Record) error {
		if asked++; asked > 1 {
			return nil
		}
		_, err := r.Disable(ctx, admin, id)
		return err
	})
	wantRefused(t, "the owner", err)
	record, err := r.Show(t.Context(), id)
	if err != nil || record.Status != token.StatusDisabled {
		t.Errorf("%+v, %v", record, err)
	}
}
