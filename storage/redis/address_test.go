package redisstore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/storage/storagetest"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// cached returns a watched cache in front of s, as on a real node.
func cached(t *testing.T, s storage.Store, ttl time.Duration) *storage.Cache {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cache := storage.NewCache(ctx, s, storage.CacheOptions{Size: 1000, TTL: ttl, Grace: time.Hour, ReadTimeout: 5 * time.Second})
	var watching sync.WaitGroup
	watching.Go(func() { s.Watch(ctx, cache) })
	t.Cleanup(func() { cancel(); watching.Wait(); cache.Wait() })
	return cache
}

// TestAddressMoves moves the address to another server while the old one keeps its
// connections and still answers. Revocations that the new primary acknowledges must
// be effective, and changes must reach it.
func TestAddressMoves(t *testing.T) {
	for name, demote := range map[string]func(old *redistest.Server){
		"still takes itself for the primary": func(*redistest.Server) {},
		"a replica that is cut off":          func(old *redistest.Server) { old.Do("replicaof", "127.0.0.1", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			old := redistest.Start(t)
			host, port, _ := net.SplitHostPort(old.Addr)
			next := redistest.Start(t, "--replicaof", host, port, "--repl-diskless-sync-delay", "0")
			network := redistest.StartProxy(t, old)
			logger, messages := logged()
			here := open(t, &Store{URL: network.URL()}, logger)
			node := cached(t, here, time.Hour) // so that only the move makes it read again
			there := open(t, &Store{URL: next.URL()}, zap.NewNop())

			r := storagetest.NewRecord(1, "anna", "a")
			if err := here.Apply(t.Context(), storagetest.Create(r)); err != nil {
				t.Fatal(err)
			}
			redistest.Eventually(t, "the token is known", func() error {
				_, err := node.Get(t.Context(), r.ID)
				_, known := here.(*store).client.address.current()
				return errors.Join(err, wantTrue(known, "the server is known"))
			})
			old.WaitReplicas(1)
			for range 2 { // there and back
				redistest.Eventually(t, "the replica has it", func() error {
					_, err := there.Get(t.Context(), r.ID)
					return err
				})
				next.Do("replicaof", "no", "one")
				network.Switch(next)
				demote(old)

				revoke := storagetest.Update(r, func(r *token.Record) { r.Name += "b" })
				if err := there.Apply(t.Context(), revoke); err != nil {
					t.Fatal(err)
				}
				r = revoke.New
				redistest.Eventually(t, "the change holds here", func() error {
					got, err := node.Get(t.Context(), r.ID)
					if err == nil && got.Version != r.Version {
						err = fmt.Errorf("version %d, want %d", got.Version, r.Version)
					}
					return err
				})
				change := storagetest.Update(r, func(r *token.Record) { r.Name += "c" })
				if err := here.Apply(t.Context(), change); err != nil {
					t.Fatalf("a change through the old address: %v", err)
				}
				r = change.New
				if got, err := there.Get(t.Context(), r.ID); err != nil || got.Version != r.Version {
					t.Errorf("the change did not reach the new server: %+v, %v", got, err)
				}
				if text := strings.Join(messages(), "\n"); !strings.Contains(text, "has moved to another server") {
					t.Errorf("logged %q", text)
				}
				host, port, _ := net.SplitHostPort(next.Addr)
				old.Do("replicaof", host, port)
				next.WaitReplicas(1)
				old, next = next, old
				there = open(t, &Store{URL: next.URL()}, zap.NewNop())
			}
		})
	}
}

func wantTrue(ok bool, what string) error {
	if !ok {
		return errors.New("not yet: " + what)
	}
	return nil
}

// TestAddressOfSeveralServers checks that an address which keeps changing servers,
// as that of a load balancer does, does not cause connections to be closed forever.
func TestAddressOfSeveralServers(t *testing.T) {
	one, two := redistest.Start(t), redistest.Start(t)
	network := redistest.StartProxy(t, one)
	s := open(t, &Store{URL: network.URL()}, zap.NewNop()).(*store)
	moves := 0
	for range 10 * moveBurst {
		s.client.Get(t.Context(), "x")
		moved, err := s.client.address.check(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if moved {
			moves++
		}
		one, two = two, one
		network.Switch(one)
	}
	if moves == 0 || moves > moveBurst+2 {
		t.Errorf("followed %d moves, want about %d", moves, moveBurst)
	}
}

// TestDeafSubscription checks that changes are noticed even if a subscription that is
// up does not announce them.
func TestDeafSubscription(t *testing.T) {
	server := redistest.Start(t)
	heard, _ := storagetest.Watch(t, open(t, &Store{URL: server.URL()}, nil))
	heard.Want(t, "restored")
	server.Do("xadd", "{jira_tokens}:events", "*", "e", "{}")
	heard.Want(t, "lost")
	heard.Want(t, "restored")
}

// TestEventsAreHeard checks that an event without a change is announced, so that it is
// not mistaken for an unannounced change, and that it drops no token.
func TestEventsAreHeard(t *testing.T) {
	server := redistest.Start(t)
	here, there := open(t, &Store{URL: server.URL()}, nil), open(t, &Store{URL: server.URL()}, nil)
	heard, _ := storagetest.Watch(t, there)
	heard.Want(t, "restored")
	if err := here.AddEvents(t.Context(), storage.Event{Action: "account_refused", Name: "default"}); err != nil {
		t.Fatal(err)
	}
	s := there.(*store)
	redistest.Eventually(t, "the event is announced", func() error {
		last, err := s.lastEvent(t.Context())
		if known, _ := s.history.known(); err == nil && known != last {
			err = fmt.Errorf("%s, want %s", known, last)
		}
		return err
	})
	if due := s.checkSubscription(t.Context(), s.checkSubscription(t.Context(), storage.EventID{})); due != (storage.EventID{}) {
		t.Errorf("%s counts as not announced", due)
	}
	select {
	case got := <-heard:
		t.Errorf("the watcher was notified of %q", got)
	default:
	}
}

// current returns the run id of the server at the address at the last check, and
// whether it is known.
func (a *address) current() (server string, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.server, a.server != ""
}
