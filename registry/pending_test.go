package registry

import (
	"slices"
	"testing"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestPendingIsTold: each time that a token begins to wait for approval, and not again while
// it waits.
func TestPendingIsTold(t *testing.T) {
	r := ruled(t, policy.Rule{Scopes: []string{"read", "write"}, Approval: []string{"write"}})
	var told []string
	r.OnPending(func(record *token.Record) { told = append(told, record.Name) })
	want := func(what string, names ...string) {
		t.Helper()
		if !slices.Equal(told, names) {
			t.Errorf("%s: told of %q, want %q", what, told, names)
		}
		told = nil
	}
	update := func(id string, fields map[string]any) {
		t.Helper()
		if _, err := r.Update(t.Context(), admin, id, edit(t, fields)); err != nil {
			t.Fatal(err)
		}
	}
	reads, _ := create(t, r, map[string]any{"owner": "alice", "name": "reads"})
	want("a token that works at once")
	waiting, _ := create(t, r, map[string]any{"owner": "alice", "name": "waits", "scope": "write"})
	want("one that waits", "waits")
	update(waiting.ID, map[string]any{"purpose": "still waits"})
	want("a change while it waits")
	update(reads.ID, map[string]any{"scope": "write"})
	want("a change that must be approved", "reads")
}
