package registry

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// ruled returns a registry under a policy with the groups bi, of bea, and admins, of
// root.
func ruled(t *testing.T, everyone policy.Rule, groups ...policy.Rule) *Registry {
	t.Helper()
	r, _ := newRegistry(t)
	obey(t, r, everyone, groups...)
	return r
}

// obey changes the policy of a registry, as a reload does.
func obey(t *testing.T, r *Registry, everyone policy.Rule, groups ...policy.Rule) {
	t.Helper()
	members := map[string]policy.Group{"bi": {Members: []string{"Bea"}}, "admins": {Members: []string{"root"}}}
	rules, err := policy.New(&policy.Config{Everyone: &everyone, Groups: groups}, policy.Surroundings{
		Groups: members, Account: func(string) bool { return true },
	})
	if err != nil {
		t.Fatal(err)
	}
	r.owners = NewDirectory(rules, members)
}

// tryCreate creates a token of alice with the fields added to the required ones.
func tryCreate(t *testing.T, r *Registry, fields map[string]any) (Issued, error) {
	t.Helper()
	all := map[string]any{"owner": "alice", "name": "test"}
	maps.Copy(all, fields)
	return r.Create(t.Context(), admin, edit(t, all))
}

// wantForbidden checks that the policy forbids something because of a field.
func wantForbidden(t *testing.T, err error, field, says string) {
	t.Helper()
	forbidden, ok := errors.AsType[PolicyError](err)
	if !ok || forbidden.Field != field || !strings.Contains(err.Error(), says) {
		t.Errorf("got %v, want a PolicyError about %s: %s", err, field, says)
	}
}

func TestCreateUnderPolicy(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read"}, MaxLifetime: policy.Span(90 * 24 * time.Hour), Place: "Caddyfile:5"},
		policy.Rule{Group: "bi", Scopes: []string{"write"}, MaxLifetime: policy.Never})
	_, err := tryCreate(t, r, map[string]any{"scope": "write"})
	wantForbidden(t, err, "scope", "everyone (Caddyfile:5); to make an exception")
	_, err = tryCreate(t, r, map[string]any{"expires_at": "never"})
	wantForbidden(t, err, "expires_at", "within 90d")
	_, err = tryCreate(t, r, map[string]any{"expires_at": "91d"})
	wantForbidden(t, err, "expires_at", "within 90d")
	if issued, err := tryCreate(t, r, nil); err != nil || issued.Record.ExpiresAt.Sub(issued.Record.CreatedAt) != 90*24*time.Hour {
		t.Errorf("without an expiry: %+v, %v", issued.Record, err)
	}
	if _, err := tryCreate(t, r, map[string]any{"owner": "BEA", "scope": "write", "expires_at": "never"}); err != nil {
		t.Errorf("a member of the group: %v", err)
	}
	issued, err := tryCreate(t, r, map[string]any{"scope": "admin", "expires_at": "never", "exempt": "migration"})
	if err != nil {
		t.Fatal(err)
	}
	if view := r.View(issued.Record); view.State != token.StateActive || view.Exempt != "migration" {
		t.Errorf("exempt: %+v", view)
	}
	_, err = r.Update(t.Context(), admin, issued.Record.ID, edit(t, map[string]any{"exempt": ""}))
	wantForbidden(t, err, "scope", "admin")
	if _, err := r.Update(t.Context(), admin, issued.Record.ID, edit(t, map[string]any{"name": "renamed"})); err != nil {
		t.Error(err)
	}
}

func TestMaxTokens(t *testing.T) {
	r := ruled(t, policy.Rule{MaxTokens: 3}, policy.Rule{Group: "bi", MaxTokens: 5})
	revoked, err := tryCreate(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Revoke(t.Context(), admin, revoked.Record.ID); err != nil {
		t.Fatal(err)
	}
	var made, refused int
	var mu sync.Mutex
	var group sync.WaitGroup
	for range 12 {
		group.Go(func() {
			_, err := tryCreate(t, r, nil)
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				made++
				return
			}
			refused++
			wantForbidden(t, err, "owner", "alice has 3 tokens that are neither expired nor revoked, and may have 3; rule: everyone; revoke one")
		})
	}
	group.Wait()
	if made != 3 || refused != 9 {
		t.Errorf("made %d and refused %d, want 3 and 9", made, refused)
	}
	if _, err := tryCreate(t, r, map[string]any{"exempt": "one more"}); err != nil {
		t.Error(err)
	}
	for i := range 6 {
		if _, err := tryCreate(t, r, map[string]any{"owner": "bea"}); (err == nil) != (i < 5) {
			t.Errorf("token %d of bea: %v", i+1, err)
		}
	}
}

func TestPendingTokens(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}})
	ctx := t.Context()
	if issued, err := tryCreate(t, r, nil); err != nil || issued.Record.Status != token.StatusActive {
		t.Errorf("a read token: %+v, %v", issued.Record, err)
	}
	pending := func() string {
		issued, err := tryCreate(t, r, map[string]any{"scope": "write"})
		if err != nil {
			t.Fatal(err)
		}
		if view := r.View(issued.Record); view.State != token.StatePending || !strings.Contains(view.StateReason, "everyone") {
			t.Fatalf("%s %s", view.State, view.StateReason)
		}
		return issued.Record.ID
	}
	id := pending()
	for name, try := range map[string]func() (*token.Record, error){
		"enable":                  func() (*token.Record, error) { return r.Enable(ctx, admin, id) },
		"disable":                 func() (*token.Record, error) { return r.Disable(ctx, admin, id) },
		"reject without a reason": func() (*token.Record, error) { return r.Reject(ctx, admin, id, Verdict{}) },
	} {
		if _, err := try(); err == nil {
			t.Errorf("%s worked on a pending token", name)
		}
	}
	if _, err := r.Rotate(ctx, admin, id, 0); err != nil {
		t.Error(err)
	}
	if record, err := r.Show(ctx, id); err != nil || record.Status != token.StatusPending {
		t.Errorf("after a rotation: %+v, %v", record, err)
	}
	if record, err := r.Approve(ctx, admin, id, Verdict{Reason: "agreed"}); err != nil || r.State(record) != token.StateActive {
		t.Errorf("approved: %+v, %v", record, err)
	}
	if _, err := r.Approve(ctx, admin, id, Verdict{}); err == nil {
		t.Error("approved twice")
	}
	// Nobody approved what the token becomes by a change.
	for _, fields := range []map[string]any{{"allow_ip": []string{"10.0.0.0/8"}}, {"expires_at": "30d"}} {
		record, err := r.Update(ctx, admin, id, edit(t, fields))
		if err != nil || record.Status != token.StatusPending {
			t.Errorf("after %v: %+v, %v", fields, record, err)
		}
		if _, err := r.Approve(ctx, admin, id, Verdict{}); err != nil {
			t.Error(err)
		}
	}
	if record, err := r.Update(ctx, admin, id, edit(t, map[string]any{"name": "new name"})); err != nil || record.Status != token.StatusActive {
		t.Errorf("after a new name: %+v, %v", record, err)
	}
	id = pending()
	record, err := r.Reject(ctx, admin, id, Verdict{Reason: "ask for read"})
	if view := r.View(record); err != nil || view.State != token.StateRevoked || view.StateReason != "ask for read" {
		t.Errorf("rejected: %+v, %v", view, err)
	}
	events, err := r.Events(ctx, storage.EventQuery{TokenID: id})
	if err != nil || len(events.Events) != 2 || events.Events[1].Action != ActionReject {
		t.Errorf("the trail has %+v, %v", events.Events, err)
	}
}

// TestTightenedPolicySuspends: tokens that no longer comply are suspended, not changed,
// and work again when the policy allows them again.
func TestTightenedPolicySuspends(t *testing.T) {
	loose, tight := policy.Rule{Scopes: []string{"write"}}, policy.Rule{Scopes: []string{"read"}, Place: "Caddyfile:5"}
	r := ruled(t, loose)
	issued, err := tryCreate(t, r, map[string]any{"scope": "write"})
	if err != nil {
		t.Fatal(err)
	}
	reading, err := tryCreate(t, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	list := func(state token.State) (ids string) {
		t.Helper()
		var query Query
		query.State = state
		page, err := r.List(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range page.Records {
			ids += record.ID + " "
		}
		return ids
	}
	obey(t, r, tight)
	view := r.View(issued.Record)
	if view.State != token.StateSuspended || view.StateReason != "the scope write is not allowed for alice: expected read; rule: everyone (Caddyfile:5)" {
		t.Errorf("%s: %s", view.State, view.StateReason)
	}
	if suspended, active := list(token.StateSuspended), list(token.StateActive); suspended != issued.Record.ID+" " || active != reading.Record.ID+" " {
		t.Errorf("suspended %s, active %s", suspended, active)
	}
	if standing := r.Standing(reading.Record); standing.Suspension != nil {
		t.Errorf("%+v", standing.Suspension)
	}
	obey(t, r, loose)
	if state := r.State(issued.Record); state != token.StateActive {
		t.Errorf("after loosening: %s", state)
	}
}

func TestExternalPeople(t *testing.T) {
	r, _ := newRegistry(t)
	all := map[string]any{"owner": "eve@client.example", "kind": "external", "purpose": "support", "responsible": "alice", "expires_at": "30d", "confine": map[string]any{"projects": []string{"SUP"}}}
	without := func(names ...string) map[string]any {
		fields := maps.Clone(all)
		for _, name := range names {
			delete(fields, name)
		}
		return fields
	}
	for _, name := range []string{"purpose", "responsible"} {
		if _, err := tryCreate(t, r, without(name)); err == nil || !strings.Contains(err.Error(), "missing "+name) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	for _, name := range []string{"expires_at", "confine"} {
		_, err := tryCreate(t, r, without(name))
		wantForbidden(t, err, name, "a token for an external person must")
	}
	issued, err := tryCreate(t, r, all)
	if err != nil {
		t.Fatal(err)
	}
	if hidden := issued.Record.Confine.Hide; len(hidden) != 1 || hidden[0] != token.HideInternalComments {
		t.Errorf("hides %v, want internal comments", hidden)
	}
	shown := without("confine")
	shown["confine"] = map[string]any{"projects": []string{"SUP"}, "hide": []string{"Margin"}}
	if issued, err = tryCreate(t, r, shown); err != nil || strings.Join(issued.Record.Confine.Hide, " ") != "Margin" {
		t.Errorf("hides %v, %v, want what was said", issued.Record.Confine.Hide, err)
	}
	shown["responsible"] = "Eve@client.example"
	if _, err := tryCreate(t, r, shown); err == nil {
		t.Error("an external person is responsible for the token")
	}
	// When the responsible person leaves, the token is suspended.
	r.owners.Learn(map[string]Facts{"alice": {Name: "alice", Inactive: true}})
	if s := r.Standing(issued.Record).Suspension; s == nil || !strings.Contains(s.String(), "responsible for the token is no longer active: alice") || strings.Contains(s.Why(), "alice") {
		t.Errorf("%+v", s)
	}
	for kind, want := range map[token.Kind]int{token.KindExternal: 2, token.KindUser: 0} {
		page, err := r.List(t.Context(), Query{Query: storage.Query{Kinds: []token.Kind{kind}}})
		if err != nil || len(page.Records) != want {
			t.Errorf("%s: %d tokens, %v", kind, len(page.Records), err)
		}
	}
}
