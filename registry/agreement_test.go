package registry

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

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
		}, zap.NewNop())
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

// away is a store that cannot be reached at first.
type away struct {
	storage.Store
	attempts atomic.Int32
	from     int32 // the attempt from which it is there
}

func (s *away) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	if s.attempts.Add(1) < s.from {
		return storage.Document{}, storage.ErrUnavailable
	}
	return s.Store.Document(ctx, name)
}

// TestAnnouncedWhenTheStoreIsBack: a node that starts while the store is away records
// its policy later, unless it is stopped.
func TestAnnouncedWhenTheStoreIsBack(t *testing.T) {
	files := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = files.Close() })
	announce := func(store *away, stop bool) {
		t.Helper()
		mirror := storage.NewMirror(store, PolicyKind, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Second})
		a := NewAgreement(store, mirror, "one", "a", func(*LoadedPolicy) {}, zap.NewNop())
		a.retry = time.Millisecond
		if stop {
			a.Stop()
		} else {
			defer a.Stop()
		}
		if err := a.Announce(t.Context(), true); err != nil {
			t.Fatal(err)
		}
	}
	announce(&away{Store: files, from: 1 << 30}, true)
	if _, err := files.Document(t.Context(), lastPolicy); !errors.Is(err, storage.ErrNotFound) {
		t.Errorf("stopped before the store was back: %v", err)
	}
	announce(&away{Store: files, from: 3}, false)
	if _, err := files.Document(t.Context(), lastPolicy); err != nil {
		t.Errorf("the policy is not recorded: %v", err)
	}
}

// spoilt is a store that says that a document is damaged until it is replaced.
type spoilt struct {
	storage.Store
	replaced bool
}

func (s *spoilt) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	if !s.replaced {
		return storage.Document{}, storage.DocumentError{Name: name, Err: storage.ErrDamaged}
	}
	return s.Store.Document(ctx, name)
}

func (s *spoilt) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	if change.Damaged == s.replaced {
		return storage.ErrConflict
	}
	s.replaced, change.Damaged = true, false
	return s.Store.ApplyDocument(ctx, change)
}

// TestDamagedAgreement: the next gateway to load a policy replaces a damaged document, and
// says so in its log.
func TestDamagedAgreement(t *testing.T) {
	files := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = files.Close() })
	announce := func(store storage.Store, fingerprint string, rules bool) []string {
		t.Helper()
		core, log := observer.New(zap.WarnLevel)
		mirror := storage.NewMirror(store, PolicyKind, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Second})
		a := NewAgreement(store, mirror, fingerprint, "a", func(*LoadedPolicy) {}, zap.New(core))
		defer a.Stop()
		if err := a.Announce(t.Context(), rules); err != nil {
			t.Fatal(err)
		}
		var lines []string
		for _, entry := range log.All() {
			lines = append(lines, entry.Message)
		}
		return lines
	}
	want := func(lines []string, fingerprint string) {
		t.Helper()
		document, err := files.Document(t.Context(), lastPolicy)
		if err != nil || !strings.Contains(string(document.Data), `"fingerprint":"`+fingerprint+`"`) {
			t.Errorf("%s, %v", document.Data, err)
		}
		if len(lines) != 1 || !strings.Contains(lines[0], "is damaged, and is replaced") {
			t.Errorf("log: %q", lines)
		}
	}
	want(announce(&spoilt{Store: files}, "one", true), "one")
	document, err := files.Document(t.Context(), lastPolicy)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: lastPolicy, Version: document.Version, Data: []byte(`7`)}); err != nil {
		t.Fatal(err)
	}
	want(announce(files, "two", false), "two")
	if lines := announce(files, "two", true); lines != nil {
		t.Errorf("log: %q", lines)
	}
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
