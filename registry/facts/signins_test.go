package facts

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

var root = storage.Actor{Kind: storage.ActorOwner, Name: "alice", Address: "192.0.2.7"}

// entrance is a node at which people sign in. Writers may write; the groups are kept for
// thirty days.
type entrance struct {
	*SignIns
	t         *testing.T
	directory *registry.Directory
	mirror    *storage.Mirror
}

func newEntrance(t *testing.T, store storage.Store, now *time.Time) *entrance {
	t.Helper()
	rules, err := policy.New(&policy.Config{
		Everyone: &policy.Rule{Scopes: []string{"read"}},
		Groups:   []policy.Rule{{Group: "writers", Scopes: []string{"write"}}, {Group: "managers", Manage: true}},
	}, policy.Surroundings{OtherGroups: true})
	if err != nil {
		t.Fatal(err)
	}
	e := &entrance{t: t, directory: registry.NewDirectory(rules, map[string]policy.Group{"configured": {Members: []string{"alice"}}})}
	e.mirror = storage.NewMirror(store, KindSignIn, storage.CacheOptions{TTL: time.Minute, ReadTimeout: time.Minute})
	e.SignIns = NewSignIns(store, e.mirror, e.directory, 30*24*time.Hour, zap.NewNop())
	t.Cleanup(e.Close)
	e.now = func() time.Time { return *now }
	if err := e.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *entrance) record(name, via string, groups ...string) {
	e.t.Helper()
	if err := e.Record(e.t.Context(), root, name, via, "sub-of-"+strings.ToLower(name), groups); err != nil {
		e.t.Fatal(err)
	}
}

// writes reports whether a token of an owner that writes works.
func (e *entrance) writes(owner string) bool {
	return e.directory.Standing(&token.Record{Owner: owner, Name: "n", Scope: token.ScopeWrite, Account: "default"}).Suspension == nil
}

func TestSignInGroups(t *testing.T) {
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	now := time.Now().Truncate(time.Second)
	here, there := newEntrance(t, store, &now), newEntrance(t, store, &now)
	if here.writes("alice") {
		t.Fatal("alice writes before she has signed in")
	}
	here.record("Alice", "okta", "writers", "staff", "writers")
	person := here.directory.Person("alice")
	if !here.writes("ALICE") || !slices.Equal(person.Groups, []string{"configured", "staff", "writers"}) || !person.ConfirmedAt.Equal(now) || person.Unknown {
		t.Errorf("after the sign-in: %+v", person.Facts)
	}
	if err := there.mirror.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	there.learn()
	if !there.writes("alice") || there.writes("bob") {
		t.Error("the other node has not learned it")
	}

	// What is not new is not recorded again, until a part of the time is over.
	events := func() int {
		page, err := store.Events(t.Context(), storage.EventQuery{Owner: "alice"})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Events)
	}
	before := events()
	here.record("Alice", "okta", "staff", "writers")
	if n := events(); n != before {
		t.Errorf("%d events instead of %d", n, before)
	}
	now = now.Add(2 * 24 * time.Hour)
	here.record("Alice", "okta", "staff", "writers")
	if n := events(); n != before+1 || !here.directory.Person("alice").ConfirmedAt.Equal(now) {
		t.Errorf("%d events instead of %d; %+v", n, before+1, here.directory.Person("alice").Facts)
	}
	// The other node, which has not learned that, does not undo it.
	there.record("Alice", "okta", "staff")
	if there.writes("alice") {
		t.Error("alice has left the group, but writes")
	}
	there.record("Alice", "okta", "writers")

	// It lapses by itself.
	now = now.Add(30*24*time.Hour - time.Second)
	if there.learn(); !there.writes("alice") {
		t.Error("it has lapsed early")
	}
	now = now.Add(time.Second)
	there.learn()
	if person := there.directory.Person("alice"); there.writes("alice") || !person.Unknown || !slices.Equal(person.Groups, []string{"configured"}) {
		t.Errorf("it does not lapse: %+v", person.Facts)
	}
}

// TestSignInsOfOthers: somebody of that name at another provider has no rights by the groups
// of this one, and what Jira says about who has left comes first.
func TestSignInsOfOthers(t *testing.T) {
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	now := time.Now()
	e := newEntrance(t, store, &now)
	e.record("alice", "okta", "managers")
	e.record("alice", "proxy", "writers")
	for via, want := range map[string][]string{"": {"configured", "managers", "writers"}, "okta": {"configured", "managers"}, "proxy": {"configured", "writers"}, "jira": {"configured"}} {
		person := e.directory.PersonVia("Alice", via)
		if !slices.Equal(person.Groups, want) || person.Rights.Manage() != slices.Contains(want, "managers") {
			t.Errorf("via %q: %v, manages: %v", via, person.Groups, person.Rights.Manage())
		}
	}
	e.directory.Learn(map[string]registry.Facts{"alice": {Name: "alice", Groups: []string{"jira-users"}, ConfirmedAt: now}})
	if groups := e.directory.Person("alice").Groups; !slices.Equal(groups, []string{"configured", "jira-users", "managers", "writers"}) {
		t.Errorf("with those of Jira: %v", groups)
	}
	if groups := e.directory.PersonVia("alice", "jira").Groups; !slices.Equal(groups, []string{"configured", "jira-users"}) {
		t.Errorf("via Jira: %v", groups)
	}
	e.directory.Learn(map[string]registry.Facts{"alice": {Name: "alice", Inactive: true, Why: "is no longer active"}})
	if e.record("alice", "okta", "managers"); e.writes("alice") || !e.directory.Person("alice").Inactive {
		t.Error("alice has left, and comes back by signing in")
	}
}

func TestHostileSignIns(t *testing.T) {
	store := filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop())
	t.Cleanup(func() { _ = store.Close() })
	now := time.Now()
	e := newEntrance(t, store, &now)
	many := []string{"", " ", "writers\n", "a\x00b", strings.Repeat("x", 300), "\u202e", "writers"}
	for i := range 5000 {
		many = append(many, fmt.Sprintf("z%05d", i))
	}
	e.record("alice", "okta", many...)
	groups := e.directory.Person("alice").Groups
	if len(groups) != maxSignInGroups+1 || !e.writes("alice") || slices.Contains(groups, "") {
		t.Errorf("%d groups: %.3q", len(groups), groups)
	}
	// A document under another name gives no rights.
	other := signInName("bob", "okta")
	err := store.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: other, Data: []byte(`{"name":"eve","via":"okta","groups":["writers"],"at":"2999-01-01T00:00:00Z"}`)})
	if err != nil {
		t.Fatal(err)
	}
	damaged := signInName("carol", "okta")
	if err := store.ApplyDocument(t.Context(), storage.DocumentChange{DocumentName: damaged, Data: []byte(`"nonsense"`)}); err != nil {
		t.Fatal(err)
	}
	if err := e.mirror.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	if e.learn(); e.writes("eve") || e.writes("bob") || e.writes("carol") {
		t.Error("a document of somebody else gives rights")
	}
	if e.record("carol", "okta", "writers"); !e.writes("carol") {
		t.Error("a damaged document is not replaced")
	}
}
