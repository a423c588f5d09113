package accounts

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/fakejira"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// TestRefreshedOnce checks that nodes refresh a consent once for all of them, and that
// requests wait no longer than that.
func TestRefreshedOnce(t *testing.T) {
	for _, dress := range []fakejira.Dress{fakejira.Cloud, fakejira.DataCenter} {
		t.Run(dress.String(), func(t *testing.T) {
			module := &redisstore.Store{Address: []string{redistest.Start(t).Addr}, Timeout: caddy.Duration(20 * time.Second)}
			if err := module.Provision(caddy.Context{Context: t.Context()}); err != nil {
				t.Fatal(err)
			}
			store, err := module.NewStore(zap.NewNop())
			if err != nil {
				t.Fatal(err)
			}
			w := consentingWorld(t, dress, store)
			key := newTestKey(t)
			nodes := []*Set{w.node(key), w.node(key)}
			for _, node := range nodes {
				node.settle = 50 * time.Millisecond
			}
			w.connects(nodes[0], "pat")
			var old [2]string
			for i, node := range nodes {
				old[i], _ = w.owned(node, "pat", usable).Authorization(t.Context())
			}
			w.site.SetConsent(fakejira.Consent{Lifetime: 10 * time.Hour})
			w.later.Store(int64(59 * time.Minute))
			var racing sync.WaitGroup
			for i := range 40 {
				racing.Go(func() {
					account, err := nodes[i%2].FindOwn(t.Context(), w.user("pat"), w.at.URL)
					if err == nil {
						_, err = account.Authorization(t.Context())
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			racing.Wait()
			for i, node := range nodes {
				w.owned(node, "pat", func(account *jira.Account, err error) bool {
					if err != nil {
						return false
					}
					now, _ := account.Authorization(t.Context())
					return now != old[i]
				})
				w.isUser(node, "pat")
			}
			if got, want := w.site.Refreshes(), (fakejira.Refreshes{Done: 1}); got != want {
				t.Errorf("%+v", got)
			}
			w.sweepTokens(nodes[1], "pat")
		})
	}
}

// TestNodeDiesWhileRefreshing checks that another node takes over.
func TestNodeDiesWhileRefreshing(t *testing.T) {
	for name, test := range map[string]struct {
		used, reuse bool // whether the dead node had used the refresh token, and Jira accepts it again
	}{"before": {}, "after": {used: true, reuse: true}, "too late": {used: true}} {
		t.Run(name, func(t *testing.T) {
			w := consentingWorld(t, fakejira.Cloud, filestore.New(filepath.Join(t.TempDir(), "tokens.db"), zap.NewNop()))
			key := newTestKey(t)
			dead, node := w.node(key), quick(w.node(key))
			w.connects(dead, "pat")
			w.owned(node, "pat", usable)
			held, err := dead.own.known().own[Own(w.user("pat"), w.at.URL).key()].consent.acquire(t.Context(), 1)
			if held == nil || err != nil {
				t.Fatal(held, err)
			}
			if test.used {
				if _, err := w.apps[w.at.URL].Refresh(t.Context(), held.tokens.Refresh); err != nil {
					t.Fatal(err)
				}
			}
			consent := fakejira.Consent{Lifetime: 10 * time.Hour}
			if test.reuse {
				consent.ReuseInterval = time.Hour
			}
			w.site.SetConsent(consent)
			w.later.Store(int64(time.Hour))
			account := w.owned(node, "pat", usable)
			_, err = account.Authorization(t.Context())
			if test.used && !test.reuse {
				if refused, ok := errors.AsType[jira.RefusedError](err); !ok || !strings.Contains(refused.Error(), "account connect --owner pat@example.com") {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			w.isUser(node, "pat")
			w.isUser(dead, "pat")
		})
	}
}

// TestConsentEnds checks that the end of one owner's consent is nobody else's, and that
// the owner can connect again.
func TestConsentEnds(t *testing.T) {
	consenting(t, func(t *testing.T, w *world) {
		key := newTestKey(t)
		here, there := quick(w.node(key)), quick(w.node(key))
		w.connects(here, "pat")
		w.site.EndConsents()
		w.connects(here, "eve")
		w.site.SetConsent(fakejira.Consent{Lifetime: 10 * time.Hour})
		w.later.Store(int64(time.Hour))
		account := w.owned(there, "pat", usable)
		for range 3 {
			if _, err := account.Authorization(t.Context()); !errors.As(err, new(jira.RefusedError)) || !strings.Contains(err.Error(), "connect it again: caddy jira-token account connect --owner") {
				t.Errorf("%v", err)
			}
		}
		if n := w.site.Refreshes(); n.Refused != 1 {
			t.Errorf("%+v", n)
		}
		failing := func(view View, err error) bool {
			return err == nil && view.State == StateFailing && !view.FailingSince.IsZero() && strings.Contains(view.Error, "account connect")
		}
		w.shown(here, "pat", "failing", failing)
		w.shown(there, "pat", "failing", failing)
		w.isUser(there, "eve")
		w.happened(ActionRefreshRefused, "invalid_grant")
		w.later.Store(0)
		w.connects(there, "pat")
		w.shown(here, "pat", "valid", func(view View, err error) bool { return err == nil && view.State == StateValid })
		w.isUser(here, "pat")
	})
}

// TestJiraAwayWhileRefreshing checks that a token is used as long as it can be, and that
// the account works again once Jira does.
func TestJiraAwayWhileRefreshing(t *testing.T) {
	consenting(t, func(t *testing.T, w *world) {
		node := quick(w.node(newTestKey(t)))
		w.connects(node, "pat")
		w.site.SetConsent(fakejira.Consent{Lifetime: 10 * time.Hour})
		account := w.owned(node, "pat", usable)
		want, _ := account.Authorization(t.Context())
		w.site.SetFaults(fakejira.Faults{Status: http.StatusBadGateway})
		w.later.Store(int64(59 * time.Minute))
		for range 3 {
			if got, err := account.Authorization(t.Context()); err != nil || got != want {
				t.Errorf("%v", err)
			}
		}
		w.happened(ActionRefreshFailed, "")
		w.later.Store(int64(61 * time.Minute))
		if _, err := account.Authorization(t.Context()); err == nil || errors.As(err, new(jira.RefusedError)) {
			t.Errorf("with an expired token: %v", err)
		}
		w.site.SetFaults(fakejira.Faults{})
		w.later.Store(int64(70 * time.Minute))
		w.isUser(node, "pat")
		if n := w.site.Refreshes(); n.Reused != 0 || n.Done != 1 {
			t.Errorf("%+v", n)
		}
	})
}

// awayStore is a store that can be away for changes.
type awayStore struct {
	storage.Store
	away atomic.Bool
}

func (s *awayStore) ApplyDocument(ctx context.Context, change storage.DocumentChange) error {
	if s.away.Load() {
		return token.ErrUnavailable
	}
	return s.Store.ApplyDocument(ctx, change)
}

// TestStoreAwayWhileRefreshing checks that new tokens are not lost if they cannot be
// saved at once.
func TestStoreAwayWhileRefreshing(t *testing.T) {
	consenting(t, func(t *testing.T, w *world) {
		store := &awayStore{Store: w.store}
		w.store = store
		key := newTestKey(t)
		here, there := quick(w.node(key)), w.node(key)
		w.connects(here, "pat")
		account := w.owned(here, "pat", usable)
		old, _ := account.Authorization(t.Context())
		w.site.SetConsent(fakejira.Consent{Lifetime: 10 * time.Hour})
		w.site.SetFaults(fakejira.Faults{Intercept: func(_ http.ResponseWriter, r *http.Request) bool {
			if strings.HasSuffix(r.URL.Path, "/token") {
				store.away.Store(true) // just after the node has announced that it refreshes
			}
			return false
		}})
		w.later.Store(int64(time.Hour))
		if got, err := account.Authorization(t.Context()); err != nil || got == old {
			t.Fatal(err)
		}
		w.isUser(here, "pat")
		w.site.SetFaults(fakejira.Faults{})
		store.away.Store(false)
		w.happened(ActionRefreshed, "")
		w.isUser(there, "pat")
		if n := w.site.Refreshes(); n.Done != 1 || n.Reused != 0 {
			t.Errorf("%+v", n)
		}
	})
}

// TestRevokedAtJira checks that consents that are no longer needed are ended in Jira.
func TestRevokedAtJira(t *testing.T) {
	consenting(t, func(t *testing.T, w *world) {
		node := w.node(newTestKey(t))
		ref, free := Own(w.user("pat"), w.at.URL), func(context.Context) (int, error) { return 0, nil }
		w.connects(node, "pat")
		w.connects(node, "pat") // which Cloud would end too
		w.isUser(node, "pat")
		revoked := 1
		if w.apps[w.at.URL].Cloud {
			revoked = 0
		} else {
			w.happened(ActionRevoked, w.at.URL)
		}
		if n := w.site.Refreshes().Revoked; n != revoked {
			t.Errorf("%d revoked, want %d", n, revoked)
		}
		if err := node.Remove(t.Context(), admin, ref, free); err != nil {
			t.Fatal(err)
		}
		w.happened(ActionRevoked, w.at.URL)
		for w.site.Refreshes().Revoked != revoked+1 {
			time.Sleep(time.Millisecond)
		}
		w.connects(node, "pat")
		w.site.SetFaults(fakejira.Faults{Status: http.StatusServiceUnavailable})
		if err := node.Remove(t.Context(), admin, ref, free); err != nil {
			t.Fatal(err)
		}
		w.happened(ActionNotRevoked, "HTTP 503")
	})
}
