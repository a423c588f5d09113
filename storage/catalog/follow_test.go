package catalog

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// node returns the catalog of a gateway that shares a Redis.
func node(t *testing.T, server *redistest.Server) *Catalog {
	t.Helper()
	module := &redisstore.Store{URL: server.URL(), Timeout: caddy.Duration(patience)}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	store, err := module.NewStore(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background()) // until the end of the test
	running := background.New(ctx)
	t.Cleanup(func() {
		cancel()
		running.Wait()
		_ = store.Close()
	})
	return New(store, store.(storage.UseFollower), running)
}

// TestOtherNodes: what another node changes shows in this node's lists, as do the uses that
// it saves.
func TestOtherNodes(t *testing.T) {
	server := redistest.Start(t)
	here, there := node(t, server), node(t, server)
	r := storagetest.NewRecord(1, "anna", "one")
	if err := there.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	now := r.CreatedAt.Add(time.Hour)
	never, sorted := storage.Query{NeverUsed: true, Now: now}, storage.Query{Sort: storage.SortName, Now: now}
	if got := findAll(t, here, never); !slices.Equal(got, []string{r.ID}) {
		t.Fatalf("never used: %v", got)
	}
	if err := there.SaveUses(t.Context(), map[string]storage.Use{r.ID: {At: now.Truncate(time.Minute)}}); err != nil {
		t.Fatal(err)
	}
	if got := findAll(t, here, never); len(got) != 0 {
		t.Errorf("never used, though another node has saved a use: %v", got)
	}
	if got := findAll(t, here, storage.Query{Used: storage.Span{After: now.Add(-time.Hour)}, Now: now}); !slices.Equal(got, []string{r.ID}) {
		t.Errorf("used: %v", got)
	}
	second := storagetest.NewRecord(2, "anna", "zero")
	renamed := storagetest.Update(r, func(r *token.Record) { r.Name, r.Status = "two", token.StatusDisabled })
	if err := errors.Join(there.Apply(t.Context(), renamed), there.Apply(t.Context(), storagetest.Create(second))); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(patience); ; { // until the notifications arrive
		if got := findAll(t, here, sorted); slices.Equal(got, []string{r.ID, second.ID}) {
			break
		} else if time.Now().After(end) {
			t.Fatalf("by name: %v", got)
		}
	}
	census, err := here.Census(t.Context(), storage.CensusQuery{Now: now})
	if err != nil || census.States[token.StateDisabled] != 1 || census.States[token.StateActive] != 1 || census.NeverUsed != 1 {
		t.Errorf("%+v, %v", census, err)
	}
}

// watched is a store whose notifications can be lost.
type watched struct {
	storage.Store
	watcher chan storage.Watcher
}

func (s watched) Watch(ctx context.Context, w storage.Watcher) error {
	s.watcher <- w
	<-ctx.Done()
	return ctx.Err()
}

// TestLostNotifications: while notifications may be missing, the store answers, and a list
// that it cannot sort fails with the reason. After that, everything is read again.
func TestLostNotifications(t *testing.T) {
	c := open(t)
	inner := c.Store
	store := watched{inner, make(chan storage.Watcher, 1)}
	c.Store = store
	first, second := storagetest.NewRecord(1, "anna", "a"), storagetest.NewRecord(2, "anna", "b")
	if err := inner.Apply(t.Context(), storagetest.Create(first)); err != nil {
		t.Fatal(err)
	}
	search, sorted := storage.Query{Search: "ann", Now: first.CreatedAt}, storage.Query{Sort: storage.SortOwner, Now: first.CreatedAt}
	found := func(q storage.Query) []string {
		t.Helper()
		page, err := c.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range page.Records {
			ids = append(ids, r.ID)
		}
		return ids
	}
	if got := found(search); !slices.Equal(got, []string{first.ID}) { // from the store
		t.Errorf("before anything is known: %v", got)
	}
	w := <-store.watcher
	w.Restored()
	if got := findAll(t, c, sorted); !slices.Equal(got, []string{first.ID}) {
		t.Errorf("sorted: %v", got)
	}
	cause := errors.New("the subscription is gone")
	w.Lost(cause)
	if err := inner.Apply(t.Context(), storagetest.Create(second)); err != nil { // as another node would
		t.Fatal(err)
	}
	if got := found(search); !slices.Equal(got, []string{second.ID, first.ID}) {
		t.Errorf("while notifications are lost: %v", got)
	}
	if _, err := c.Find(t.Context(), sorted); !errors.Is(err, cause) {
		t.Errorf("sorted while notifications are lost: %v", err)
	}
	if _, err := c.Census(t.Context(), storage.CensusQuery{Now: first.CreatedAt}); !errors.Is(err, cause) {
		t.Errorf("counted while notifications are lost: %v", err)
	}
	w.Restored()
	if got := findAll(t, c, sorted); !slices.Equal(got, []string{first.ID, second.ID}) {
		t.Errorf("afterwards: %v", got)
	}
}

// TestVanishedTokens: tokens that have vanished are neither listed nor counted, even before
// they are swept.
func TestVanishedTokens(t *testing.T) {
	c := open(t)
	r := storagetest.NewRecord(1, "ci", "deploy")
	r.Issuer, r.ExpiresAt, r.VanishesAt = "https://issuer.example", r.CreatedAt.Add(time.Hour), r.CreatedAt.Add(2*time.Hour)
	if err := c.Apply(t.Context(), storagetest.Create(r)); err != nil {
		t.Fatal(err)
	}
	yes := true
	for after, want := range map[time.Duration]int{time.Minute: 1, 90 * time.Minute: 1, 3 * time.Hour: 0} {
		q := storage.Query{Exchanged: &yes, Now: r.CreatedAt.Add(after)}
		if got := findAll(t, c, q); len(got) != want {
			t.Errorf("after %s: %v, want %d", after, got, want)
		}
	}
	census, err := c.Census(t.Context(), storage.CensusQuery{Now: r.CreatedAt.Add(90 * time.Minute)})
	if err != nil || len(census.States) != 0 {
		t.Errorf("%+v, %v", census, err)
	}
}
