package registry

import (
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
)

// TestNodesDisagree: a node notices that another one has loaded another policy, and
// that all have the same again.
func TestNodesDisagree(t *testing.T) {
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	mirror := storage.NewMirror(store, PolicyKind, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Second})
	load := func() {
		t.Helper()
		if err := mirror.Load(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var heard []string
	node := func(name, fingerprint string, rules bool) *Agreement {
		t.Helper()
		a := NewAgreement(store, mirror, fingerprint, name, func(other *LoadedPolicy) {
			if other == nil {
				heard = append(heard, name+" agrees")
				return
			}
			heard = append(heard, name+" sees "+other.Fingerprint+" of "+other.Node)
		})
		if err := a.Announce(t.Context(), rules); err != nil {
			t.Fatal(err)
		}
		load()
		return a
	}
	wants := func(want ...string) {
		t.Helper()
		if len(heard) != len(want) {
			t.Fatalf("heard %q, want %q", heard, want)
		}
		for i := range want {
			if heard[i] != want[i] {
				t.Errorf("heard %q, want %q", heard, want)
			}
		}
		heard = nil
	}
	unruled := node("z", "none", false)
	if events, err := store.Events(t.Context(), storage.EventQuery{}); err != nil || len(events.Events) != 0 {
		t.Errorf("a node without a policy wrote %+v, %v", events, err)
	}
	unruled.Stop()
	a := node("a", "one", true)
	b := node("b", "one", true)
	wants()
	again := node("b", "two", true) // a reload, before the old configuration stops
	b.Stop()
	wants("a sees two of b")
	if a.Other() == nil || again.Other() != nil {
		t.Errorf("a sees %+v, b sees %+v", a.Other(), again.Other())
	}
	a.Stop()
	a = node("a", "two", true)
	wants()
	again.Stop()
	back := node("b", "one", true)
	wants("a sees one of b")
	back.Stop()
	node("b", "two", true)
	wants("a agrees")
	a.Stop()
}

func TestFingerprints(t *testing.T) {
	groups := map[string]policy.Group{"bi": {Members: []string{"bea"}}}
	config := func(scope, place string) *policy.Config {
		return &policy.Config{Everyone: &policy.Rule{Scopes: []string{scope}, Place: place}, Groups: []policy.Rule{{Group: "bi", Manage: true, Place: place}}}
	}
	here := policy.Fingerprint(config("read", "Caddyfile:1"), groups)
	if there := policy.Fingerprint(config("read", "other:9"), groups); there != here {
		t.Error("the place of a rule matters")
	}
	for name, other := range map[string]string{
		"scope":   policy.Fingerprint(config("write", ""), groups),
		"members": policy.Fingerprint(config("read", ""), nil),
		"none":    policy.Fingerprint(nil, groups),
	} {
		if other == here {
			t.Errorf("another %s does not matter", name)
		}
	}
}
