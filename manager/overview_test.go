package manager

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/catalog"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

func TestOverview(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	alice, root := newBrowser(t, server, "alice"), newBrowser(t, server, "root")
	alice.get("/tokens/").want(t, "the first page of alice", http.StatusOK, "No tokens yet")
	alice.get("/tokens/overview").want(t, "the overview for alice", http.StatusForbidden)
	a.create(t, map[string]any{"owner": "alice", "name": "soon", "expires_at": "5d"})
	a.create(t, map[string]any{"owner": "alice", "name": "writes", "scope": "write", "exempt": "for the test"})
	ended := a.create(t, map[string]any{"owner": "alice", "name": "ended"}).Record
	if _, err := a.registry.Revoke(t.Context(), registry.Actor{Kind: registry.ActorAdmin}, ended.ID); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"", "overview"} {
		page := root.get("/tokens/" + path)
		page.want(t, path, http.StatusOK, `href="/tokens/all?state=active">2 <`, `href="/tokens/all?expiring=30d&amp;sort=expires">1 <`, `href="/tokens/all?never_used=true">2 were never used`,
			`href="/tokens/all?scope=write&amp;state=active">1 read and change`, `<a class="number quiet" href="/tokens/requests">0 <`, "Nothing wrong", "1 account: not used yet", `href="/tokens/all?state=revoked">Revoked`, "No request was denied")
	}
	root.get("/tokens/accounts").want(t, "an account that nobody has used", http.StatusOK, "Not used yet")
	account, err := a.accounts.Find(t.Context(), "default")
	if err != nil {
		t.Fatal(err)
	}
	account.Answered("https://jira.example.com")
	root.get("/tokens/overview").want(t, "once Jira has answered", http.StatusOK, "All well")
	root.get("/tokens/accounts").want(t, "the account", http.StatusOK, "Works")
	account.Refused("https://jira.example.com", errors.New("no such user"), time.Now())
	account.Answered("https://jira.example.com") // a request from before that
	root.get("/tokens/overview").want(t, "once Jira has refused it", http.StatusOK, "Have a look", "1 account: jira refuses it")
	for _, path := range []string{"all?state=active", "all?expiring=30d&sort=expires", "all?never_used=true", "all?scope=write&state=active", "all?unused=90d", "requests", "accounts", "trail?action=denied&since=7d"} {
		root.get("/tokens/"+path).want(t, path, http.StatusOK)
	}
}

func TestDenialsInTheOverview(t *testing.T) {
	pages, err := newPages()
	if err != nil {
		t.Fatal(err)
	}
	h := &Handler{pages: pages, logger: zap.NewNop()}
	counts := h.denials(storage.DenialCounts{"scope_insufficient": 3}, storage.DenialCounts{"scope_insufficient": 1234567, "later_version": 4})
	if len(counts) != 2 || counts[0].Text != "Scope too small" || counts[0].N != "1,234,567" || counts[0].Other != "3" || counts[1].Text != "Later version" {
		t.Errorf("%+v", counts)
	}
}

// away is a store that cannot be reached.
type away struct{ storage.Store }

func (away) List(context.Context, storage.Query) (storage.Page, error) {
	return storage.Page{}, token.ErrUnavailable
}

func (away) Get(context.Context, string) (*token.Record, error) { return nil, token.ErrUnavailable }

func (away) Document(context.Context, storage.DocumentName) (storage.Document, error) {
	return storage.Document{}, token.ErrUnavailable
}

func (away) Documents(context.Context, storage.DocumentQuery) (storage.DocumentPage, error) {
	return storage.DocumentPage{}, token.ErrUnavailable
}

func (away) Events(context.Context, storage.EventQuery) (storage.EventPage, error) {
	return storage.EventPage{}, token.ErrUnavailable
}

// TestStoreAway: every page for people who manage says that the store is away.
func TestStoreAway(t *testing.T) {
	a := newApp(t)
	server := serve(t, a, new(header))
	root := newBrowser(t, server, "root")
	gone := away{a.store}
	a.registry = registry.New(gone, storage.NewCache(t.Context(), gone, options), storage.NewUseLog(gone, func(int, error) {}), a.people, a.accounts.Names)
	a.App.(*parts).held = newParts(t, gone).held
	for _, path := range []string{"", "overview", "tokens", "all", "requests", "requests/0123456789-0123456789abcdef", "owners", "owner?name=alice", "trail", "trail/1-1"} {
		page := root.get("/tokens/" + path)
		page.want(t, path, http.StatusServiceUnavailable, "cannot reach its tokens")
	}
	root.post("/tokens/requests/0123456789-0123456789abcdef", map[string][]string{"verdict": {"reject"}, "reason": {"what was <typed>"}}).
		want(t, "a decision", http.StatusServiceUnavailable, "nothing was done", "what was &lt;typed&gt;")
	if page := root.post("/tokens/all/whose", map[string][]string{"token": {"0123456789"}}); page.status != http.StatusServiceUnavailable || !strings.Contains(page.body, "nothing was done") {
		t.Errorf("whose is this: %d", page.status)
	}
}

// slow is a store that has answered the first page of all tokens, and does not go on.
type slow struct{ storage.Store }

func (s slow) List(ctx context.Context, query storage.Query) (storage.Page, error) {
	if query.Cursor != "" {
		<-ctx.Done()
		return storage.Page{}, ctx.Err()
	}
	page, err := s.Store.List(ctx, query)
	if err == nil && query.Limit == storage.MaxPageSize {
		last := page.Records[len(page.Records)-1]
		page.Next = storage.Key(last.CreatedAt, last.ID)
	}
	return page, err
}

// TestTokensBeingRead: while the gateway is still reading the tokens, pages that need all of
// them say so and how far it is, and load again by themselves.
func TestTokensBeingRead(t *testing.T) {
	a := newApp(t)
	a.create(t, map[string]any{"owner": "alice", "name": "one"})
	ctx, cancel := context.WithCancel(t.Context())
	running := background.New(ctx)
	defer running.Wait()
	defer cancel()
	a.registry = registry.New(catalog.New(slow{a.store}, nil, running), storage.NewCache(t.Context(), a.store, options), storage.NewUseLog(a.store, func(int, error) {}), a.people, a.accounts.Names)
	root := newBrowser(t, serve(t, a, new(header)), "root")
	root.get("/tokens/all").want(t, "the newest tokens", http.StatusOK, "one")
	var asking sync.WaitGroup
	for _, path := range []string{"overview", "all?sort=name", "owners"} {
		asking.Go(func() {
			page := root.get("/tokens/" + path)
			page.want(t, path, http.StatusServiceUnavailable, "the gateway is still reading", "loads again by itself")
			if page.header.Get("Refresh") == "" {
				t.Errorf("%s is not asked for again", path)
			}
		})
	}
	asking.Wait()
	if answer := root.get("/tokens/api/v1/overview"); answer.status != http.StatusServiceUnavailable || answer.header.Get("Retry-After") == "" {
		t.Errorf("the JSON API: %d, %v", answer.status, answer.header)
	}
}
