package facts

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	noWrite = "the scope write is not allowed"
	left    = "is no longer active"
	absent  = "is not a user in Jira"
)

// TestLeaving: who leaves a group or is deactivated is suspended at the next refresh, and
// works again when back. Nothing is written while nothing changes.
func TestLeaving(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(dress.String(), func(t *testing.T) {
			w := newWorld(t, dress)
			n := w.newNode()
			w.jira.SetUser("bob", true, "writers", "other")
			w.jira.SetUser("carol", true)
			writes := n.issue("Bob@Example.com", map[string]any{"scope": "write"})
			reads := n.issue("bob@example.com", nil)
			service := n.issue("ci", map[string]any{"kind": "service"})
			external := n.issue("eve@client.example", map[string]any{"kind": "external", "purpose": "x", "responsible": "carol@example.com", "expires_at": "9d", "confine": map[string]any{"projects": []string{"A"}}})
			nobody := n.issue("typo@example.com", nil)
			n.want(writes, noWrite)
			n.want(nobody, "")

			n.refreshNow()
			for record, says := range map[*token.Record]string{writes: "", reads: "", service: "", external: "", nobody: absent} {
				n.want(record, says)
			}
			view := n.state("bob")
			if view.State != registry.OwnerActive || fmt.Sprint(view.Groups) != "[other writers]" || !view.LastConfirmed.Equal(w.now()) {
				t.Errorf("%+v", view)
			}
			if view := n.state("typo"); view.State != registry.OwnerInactive || !strings.Contains(view.StateReason, absent) {
				t.Errorf("%+v", view)
			}
			if view := n.state("ci"); view.State != registry.OwnerActive || !view.LastConfirmed.IsZero() {
				t.Errorf("a service: %+v", view)
			}
			if changes := w.store.take(KindOwner); changes != 3 {
				t.Errorf("%d changes of owners, want 3", changes)
			}
			n.refreshNow()
			if changes := w.store.take(KindOwner); changes != 0 || !n.state("bob").LastConfirmed.Equal(w.now()) {
				t.Errorf("%d changes although nothing has changed", changes)
			}

			w.jira.SetUser("bob", true, "other")
			n.refreshNow()
			n.want(writes, noWrite)
			n.want(reads, "")
			w.jira.SetUser("bob", false, "writers")
			w.jira.SetUser("carol", false)
			n.refreshNow()
			n.want(writes, left)
			n.want(reads, left)
			n.want(service, "")
			n.want(external, "the person who is responsible for the token "+left)
			w.jira.RemoveUser("bob")
			n.refreshNow()
			n.want(reads, absent)
			w.jira.SetUser("bob", true, "writers")
			w.jira.SetUser("carol", true)
			n.refreshNow()
			n.want(writes, "")
			n.want(external, "")
			back := w.now()
			w.jira.SetUser("bob", true, "writers", "more")
			n.refreshNow()
			for name, at := range map[string]time.Time{"bob@example.com": back, "carol@example.com": back, "typo@example.com": {}} {
				if got := n.directory.Person(name).ReturnedAt; !got.Equal(at) {
					t.Errorf("%s returned at %s, want %s", name, got, at)
				}
			}

			page, err := n.registry.Events(t.Context(), storage.EventQuery{Document: "owner/bob@example.com"})
			if err != nil || len(page.Events) != 6 || page.Events[1].Action != actionOwnerChanged || fmt.Sprintf("%s", page.Events[1].Changes) != `[{groups ["other","writers"] ["other"]}]` {
				t.Errorf("%+v, %v", page.Events, err)
			}
			// Nobody is remembered without tokens.
			if _, err := n.registry.RevokeOwner(t.Context(), admin, "bob@example.com"); err != nil {
				t.Fatal(err)
			}
			n.refreshNow()
			if documents, _ := n.owners.Documents(); len(documents) != 2 {
				t.Errorf("%d documents, want those of carol and typo", len(documents))
			}
		})
	}
}

// TestJiraAway: while Jira gives no usable answer, what it said is kept for a day. Then its
// groups give no rights, but nobody becomes inactive. The log says so once.
func TestJiraAway(t *testing.T) {
	page := func(w http.ResponseWriter, _ *http.Request) bool {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<html>maintenance</html>")
		return true
	}
	nonsense := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/user") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `[{"accountId":7}]`)
		return true
	}
	forever := func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/user/search") {
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, "["+strings.TrimSuffix(strings.Repeat(`{"accountId":"x","emailAddress":"x@example.com","active":true},`, 50), ",")+"]")
		return true
	}
	missing := func(w http.ResponseWriter, r *http.Request) bool {
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, "404 page not found")
		return true
	}
	for name, faults := range map[string]fakejira.Faults{
		"down": {Status: 502}, "a page": {Intercept: page}, "nonsense": {Intercept: nonsense}, "pages for ever": {Intercept: forever},
		"no Jira": {Intercept: missing}, "busy for long": {RateLimit: &fakejira.RateLimit{RetryAfter: 3600}}, "anonymous": {AnonymousFallback: "AUTHENTICATED_FAILED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fakejira.Cloud)
			n := w.newNode()
			w.jira.SetUser("bob", true, "writers")
			w.jira.SetUser("gone", false)
			writes, reads := n.issue("bob@example.com", map[string]any{"scope": "write"}), n.issue("bob@example.com", nil)
			gone := n.issue("gone@example.com", nil)
			n.refreshNow()
			confirmed := w.now()
			if name == "anonymous" {
				w.jira.SetAccounts([]fakejira.Account{{User: "x", Secret: "y"}})
			}
			w.jira.SetFaults(faults)
			for range 23 {
				n.refreshNow()
				n.want(writes, "")
				n.want(gone, left)
			}
			if health := n.Health(); health.OK || health.Error == "" || health.Lapsed || !health.LastConfirmed.Equal(confirmed) {
				t.Errorf("%+v", health)
			}
			for range 3 {
				n.refreshNow()
				n.want(writes, noWrite)
				n.want(reads, "")
				n.want(gone, left)
			}
			if view := n.state("bob"); view.State != registry.OwnerUnknown || !view.LastConfirmed.Equal(confirmed) || !n.Health().Lapsed {
				t.Errorf("%+v, %+v", view, n.Health())
			}
			w.jira.SetFaults(fakejira.Faults{})
			w.jira.SetAccounts([]fakejira.Account{{User: w.user, Secret: fakejira.DefaultSecret}})
			w.pass(24 * time.Hour)
			n.refreshNow()
			n.want(writes, "")
			if n.log.FilterMessageSnippet("does not say which groups").Len() != 1 || n.log.FilterMessageSnippet("for too long").Len() != 1 ||
				n.log.FilterMessageSnippet("again").Len() != 2 || !n.Health().OK {
				t.Errorf("%+v, %+v", n.log.All(), n.Health())
			}
		})
	}
}

// TestJiraAwayFromTheStart: a gateway that has never got an answer is not unhealthy at once.
func TestJiraAwayFromTheStart(t *testing.T) {
	w := newWorld(t, fakejira.Cloud)
	n := w.newNode()
	n.issue("bob@example.com", nil)
	w.jira.SetFaults(fakejira.Faults{Status: 502})
	n.refreshNow()
	if health := n.Health(); health.OK || health.Lapsed || !health.LastConfirmed.IsZero() {
		t.Errorf("%+v", health)
	}
	if lines := n.log.All(); len(lines) != 1 || lines[0].ContextMap()["last_confirmed"] != "never" {
		t.Errorf("%+v", lines)
	}
	for range 24 {
		n.refreshNow()
	}
	if health := n.Health(); !health.Lapsed {
		t.Errorf("after a day: %+v", health)
	}
}

// TestBusyJira: a refresh waits as long as Jira asks for, and continues.
func TestBusyJira(t *testing.T) {
	w := newWorld(t, fakejira.Cloud)
	n := w.newNode()
	n.now = time.Now // since it really waits
	w.jira.SetUser("bob", true, "writers")
	writes := n.issue("bob@example.com", map[string]any{"scope": "write"})
	var asked atomic.Int64
	w.jira.SetFaults(fakejira.Faults{Intercept: func(out http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/user/groups") || asked.Add(1) > 1 {
			return false
		}
		out.Header().Set("Retry-After", "1")
		out.WriteHeader(http.StatusTooManyRequests)
		return true
	}})
	n.refreshNow()
	n.want(writes, "")
	if asked.Load() != 2 || !n.Health().OK {
		t.Errorf("asked %d times; %+v", asked.Load(), n.Health())
	}
}

// TestOneBadAnswer: others are refreshed although Jira gives no usable answer about one
// owner, whose groups lapse.
func TestOneBadAnswer(t *testing.T) {
	w := newWorld(t, fakejira.DataCenter)
	n := w.newNode()
	for _, name := range []string{"bob", "carol"} {
		w.jira.SetUser(name, true, "writers")
	}
	bob, carol := n.issue("bob", map[string]any{"scope": "write"}), n.issue("carol", map[string]any{"scope": "write"})
	n.refreshNow()
	w.jira.SetFaults(fakejira.Faults{Intercept: func(out http.ResponseWriter, r *http.Request) bool {
		if r.URL.Query().Get("username") == "bob" {
			out.WriteHeader(http.StatusInternalServerError)
		}
		return r.URL.Query().Get("username") == "bob"
	}})
	for range 23 {
		n.refreshNow()
		n.want(bob, "")
	}
	n.refreshNow()
	n.want(bob, noWrite)
	n.want(carol, "")
	if view := n.state("bob"); view.State != registry.OwnerUnknown || !n.Health().OK || n.log.Len() != 0 {
		t.Errorf("%+v, %+v, %v", view, n.Health(), n.log.All())
	}
	w.jira.SetFaults(fakejira.Faults{})
	n.refreshNow()
	n.want(bob, "")
}

// TestOneNodeAsks: of several nodes, one asks and all know. If it dies, another takes over.
func TestOneNodeAsks(t *testing.T) {
	w := newWorld(t, fakejira.Cloud)
	one, two := w.newNode(), w.newNode()
	w.jira.SetUser("bob", true, "writers")
	writes := one.issue("bob@example.com", map[string]any{"scope": "write"})
	one.refreshNow()
	w.jira.Take()
	two.turn(t.Context())
	two.look()
	two.want(writes, "")
	if asked := w.jira.Take(); len(asked) != 0 {
		t.Errorf("the second node asked %d questions", len(asked))
	}

	w.pass(time.Hour)
	if held, _, err := one.acquire(t.Context()); held == nil || err != nil { // and dies
		t.Fatal(err)
	}
	w.jira.SetUser("bob", true)
	two.look()
	two.turn(t.Context())
	two.look()
	two.want(writes, "")
	w.pass(maxLease)
	two.turn(t.Context())
	two.look()
	two.want(writes, noWrite)
	one.look()
	one.want(writes, noWrite)
}

// TestReplacedDuringRefresh: a refresh that ends with its configuration is nobody's
// failure, and the next configuration begins at once.
func TestReplacedDuringRefresh(t *testing.T) {
	w := newWorld(t, fakejira.Cloud)
	one, two := w.newNode(), w.newNode()
	w.jira.SetUser("bob", true, "writers")
	writes := one.issue("bob@example.com", map[string]any{"scope": "write"})
	ctx, cancel := context.WithCancel(t.Context())
	w.jira.SetFaults(fakejira.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/user/groups") {
			cancel()
			<-r.Context().Done()
		}
		return false
	}})
	one.turn(ctx)
	w.jira.SetFaults(fakejira.Faults{})
	two.look()
	two.turn(t.Context())
	two.look()
	two.want(writes, "")
	if one.log.Len() != 0 || !two.Health().OK {
		t.Errorf("%+v, %+v", one.log.All(), two.Health())
	}
}

// TestNewOwner: Jira is asked about a new owner at once, if the policy depends on it, or
// soon.
func TestNewOwner(t *testing.T) {
	w := newWorld(t, fakejira.Cloud)
	n := w.newNode()
	w.jira.SetUser("bob", true, "writers")
	w.jira.SetUser("carol", true)
	try := func(owner string) error {
		edit, err := token.NewEdit(map[string]any{"owner": owner, "name": "x", "scope": "write"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = n.registry.Create(t.Context(), admin, edit)
		return err
	}
	for owner, says := range map[string]string{
		"bob@example.com": "", "carol@example.com": noWrite, "typo@example.com": absent + "; if it is a service or an external person rather than a user, use --service or --external",
	} {
		if err := try(owner); says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v, want %q", owner, err, says)
		}
	}
	w.jira.SetFaults(fakejira.Faults{Status: 502})
	if err := try("bob@example.com"); err != nil {
		t.Errorf("what is known is enough while Jira is away: %v", err)
	}
	w.jira.SetUser("dora", true, "writers")
	if err := try("dora@example.com"); err == nil || !strings.Contains(err.Error(), "depends on the groups of dora@example.com") || !strings.Contains(err.Error(), "HTTP 502") {
		t.Errorf("while Jira is away: %v", err)
	}

	// In the background.
	w.jira.SetFaults(fakejira.Faults{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); n.askExpected(ctx) }()
	dora := n.issue("dora@example.com", map[string]any{"scope": "write"})
	for n.directory.Person("dora@example.com").ConfirmedAt.IsZero() {
		time.Sleep(time.Millisecond)
	}
	n.want(dora, "")
	cancel()
	<-done

	// Again, if Jira does not answer.
	w.jira.SetFaults(fakejira.Faults{Status: 502})
	w.jira.SetUser("fred", true, "writers")
	fred := n.issue("fred@example.com", map[string]any{"scope": "write"})
	if !n.askAll(t.Context(), n.takeExpected()) {
		t.Error("an owner is forgotten while Jira does not answer")
	}
	w.jira.SetFaults(fakejira.Faults{})
	if n.askAll(t.Context(), n.takeExpected()) {
		t.Error("Jira was not asked again")
	}
	n.want(fred, "")
}

// TestManyOwners: a refresh asks a few questions at a time.
func TestManyOwners(t *testing.T) {
	w := newWorld(t, fakejira.DataCenter)
	n := w.newNode()
	const owners = 300
	done := make(chan struct{})
	for i := range owners {
		w.jira.SetUser(fmt.Sprint("u", i), true, "writers")
		go func() { n.issue(fmt.Sprint("u", i), map[string]any{"scope": "write"}); done <- struct{}{} }()
	}
	for range owners {
		<-done
	}
	var now, most atomic.Int64
	w.jira.SetFaults(fakejira.Faults{Intercept: func(http.ResponseWriter, *http.Request) bool {
		if n := now.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(time.Millisecond)
		now.Add(-1)
		return false
	}})
	n.refreshNow()
	if documents, _ := n.owners.Documents(); len(documents) != owners || most.Load() > questionsAtOnce {
		t.Errorf("%d owners known, %d questions at once", len(documents), most.Load())
	}
}

// spoilt is a store in which documents are damaged until they are replaced.
type spoilt struct {
	storage.Store
	mu      sync.Mutex
	damaged map[storage.DocumentName]bool
}

func (s *spoilt) Document(ctx context.Context, name storage.DocumentName) (storage.Document, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damaged[name] {
		return storage.Document{}, storage.DocumentError{Name: name, Err: storage.ErrDamaged}
	}
	return s.Store.Document(ctx, name)
}

func (s *spoilt) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.damaged[change.DocumentName] != change.Damaged {
		return storage.ErrConflict
	}
	delete(s.damaged, change.DocumentName)
	change.Damaged = false
	return s.Store.ApplyDocument(ctx, change)
}

// TestDamagedDocuments: a refresh replaces damaged documents, instead of failing for ever.
func TestDamagedDocuments(t *testing.T) {
	w := newWorld(t, fakejira.DataCenter)
	w.jira.SetUser("bob", true, "writers")
	damaged := &spoilt{Store: w.store.Store, damaged: map[storage.DocumentName]bool{documentName("bob"): true, {Kind: KindRefresh, ID: refreshID}: true}}
	w.store.Store = damaged
	n := w.newNode()
	bob := n.issue("bob", map[string]any{"scope": "write"})
	n.want(bob, noWrite)
	n.refreshNow()
	n.want(bob, "")
	if len(damaged.damaged) != 0 {
		t.Errorf("still damaged: %v", damaged.damaged)
	}
	if lines := n.log.FilterMessageSnippet("is damaged, and is replaced").Len(); lines != 1 {
		t.Errorf("%d lines in the log, want 1", lines)
	}
}
