package registry

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
)

// external returns the fields of a token for an external person, changed by others.
func external(owner string, others map[string]any) map[string]any {
	fields := map[string]any{
		"owner": owner, "kind": "external", "purpose": "support", "responsible": "bob", "expires_at": "30d",
		"confine": map[string]any{"projects": []string{"SUP"}},
	}
	maps.Copy(fields, others)
	return fields
}

// TestExternalPeopleAreNoUsers: nobody gets around the rules for external people by a
// token as a user, and nobody's tokens are taken for those of an external person.
func TestExternalPeopleAreNoUsers(t *testing.T) {
	r, now := newRegistry(t)
	ctx := t.Context()
	eve, err := tryCreate(t, r, external("eve@client.example", nil))
	if err != nil {
		t.Fatal(err)
	}
	alice, err := tryCreate(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	create := func(fields map[string]any) error {
		_, err := tryCreate(t, r, fields)
		return err
	}
	wantForbidden(t, create(map[string]any{"owner": "EVE@client.example"}), "owner", "EVE@client.example is an external person with the token "+eve.Record.ID+": use --external")
	wantForbidden(t, create(map[string]any{"owner": "eve@client.example", "kind": "service"}), "owner", "is an external person")
	wantForbidden(t, create(external("Alice", nil)), "owner", "Alice is a user with the token "+alice.Record.ID+", not an external person: use --owner")
	for _, fields := range []map[string]any{external("eve@client.example", nil), nil, {"kind": "service"}, {"owner": "new"}, external("new@client.example", nil)} {
		if err := create(fields); err != nil {
			t.Errorf("%v: %v", fields, err)
		}
	}
	wantForbidden(t, create(map[string]any{"owner": "eve@client.example"}), "owner", "with 2 tokens, ")
	// An exception, after which both kinds are known.
	if err := create(map[string]any{"owner": "eve@client.example", "exempt": "she also works here"}); err != nil {
		t.Error(err)
	}
	for _, fields := range []map[string]any{{"owner": "eve@client.example"}, external("eve@client.example", nil)} {
		if err := create(fields); err != nil {
			t.Errorf("%v: %v", fields, err)
		}
	}
	// Once their tokens have ended, people can change sides.
	if err := create(external("max@client.example", map[string]any{"expires_at": "1h"})); err != nil {
		t.Error(err)
	}
	*now = now.Add(2 * time.Hour)
	if err := create(map[string]any{"owner": "max@client.example"}); err != nil {
		t.Errorf("after the tokens have expired: %v", err)
	}
	if _, err := r.RevokeOwner(ctx, admin, "alice"); err != nil {
		t.Fatal(err)
	}
	if err := create(external("alice", nil)); err != nil {
		t.Errorf("after the tokens were revoked: %v", err)
	}
}

// TestTrailOfNewTokens: a token that is created has no old values, and one that is deleted
// has no new ones.
func TestTrailOfNewTokens(t *testing.T) {
	r, _ := newRegistry(t)
	made, _ := create(t, r, map[string]any{"owner": "ci", "kind": "service", "name": "x", "scope": "write", "max_concurrent": 3})
	if err := r.Delete(t.Context(), admin, made.ID); err != nil {
		t.Fatal(err)
	}
	page, err := r.Events(t.Context(), EventQuery{TokenID: made.ID})
	if err != nil || len(page.Events) != 2 {
		t.Fatalf("%+v, %v", page.Events, err)
	}
	kinds := 0
	for i, event := range page.Events {
		for _, change := range event.Changes {
			if i == 0 && change.Old != nil || i == 1 && change.New != nil || change.Old == nil && change.New == nil {
				t.Errorf("%s: %s: %s → %s", event.Action, change.Field, change.Old, change.New)
			}
			if change.Field == "kind" {
				kinds++
			}
		}
	}
	if kinds != 2 {
		t.Errorf("%d of 2 events say what kind the token is", kinds)
	}
}

// TestViewsSayWhatThePolicyLimits, for those who look at a token without networks of its
// own.
func TestViewsSayWhatThePolicyLimits(t *testing.T) {
	r := ruled(t, policy.Rule{Networks: []string{"10.0.0.0/8", "192.0.2.1"}, Place: "Caddyfile:5"})
	for _, test := range []struct {
		fields map[string]any
		want   string
	}{
		{nil, "limited to 10.0.0.0/8, 192.0.2.1/32 by everyone (Caddyfile:5)"},
		{map[string]any{"deny_ip": []string{"10.1.0.0/16"}}, "limited to 10.0.0.0/8, 192.0.2.1/32 by everyone (Caddyfile:5)"},
		{map[string]any{"allow_ip": []string{"10.1.0.0/16"}}, ""},
		{map[string]any{"exempt": "test"}, ""},
	} {
		issued, err := tryCreate(t, r, test.fields)
		if err != nil {
			t.Fatal(err)
		}
		views, err := r.Views(t.Context(), issued.Record)
		if err != nil {
			t.Fatal(err)
		}
		for _, view := range append(views, r.ViewIssued(issued)) {
			got := ""
			for _, limit := range view.Limits {
				if got += limit.String(); limit.Field != "allow_ip" {
					t.Errorf("a limit of %s", limit.Field)
				}
			}
			text, err := view.MarshalJSON()
			if err != nil || got != test.want || strings.Contains(string(text), `"limited_by_policy"`) != (test.want != "") {
				t.Errorf("%v: %q in %s, %v; want %q", test.fields, got, text, err, test.want)
			}
		}
	}
}
