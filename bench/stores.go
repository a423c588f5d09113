package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	caddycore "github.com/caddyserver/caddy/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// bigStore is a store that is filled directly, since going through Caddy would
// take one request per token.
type bigStore struct {
	line string // its line in the Caddyfile
	open func(context.Context) (storage.Store, error)
	// size returns the size of the store in bytes.
	size func(context.Context) (int64, error)
}

func (l *lab) openBig(name string) (*bigStore, error) {
	if name == "file" {
		return bigFile(filepath.Join(l.dir, "many-tokens.db")), nil
	}
	address, err := l.startRedis()
	if err != nil {
		return nil, err
	}
	return bigRedis(address), nil
}

func bigFile(path string) *bigStore {
	return &bigStore{
		line: "file " + path,
		open: func(ctx context.Context) (storage.Store, error) {
			s := filestore.New(path, zap.NewNop())
			if err := s.Open(ctx); err != nil {
				return nil, errors.Join(err, s.Close())
			}
			return s, nil
		},
		size: func(context.Context) (int64, error) {
			info, err := os.Stat(path)
			if errors.Is(err, os.ErrNotExist) {
				return 0, nil
			}
			if err != nil {
				return 0, err
			}
			return info.Size(), nil
		},
	}
}

func bigRedis(address string) *bigStore {
	return &bigStore{
		line: "redis redis://" + address + "/0",
		open: func(context.Context) (storage.Store, error) {
			// Hundreds of writers queue up while the store is being filled.
			module := &redisstore.Store{URL: "redis://" + address + "/0", Timeout: caddycore.Duration(patience)}
			if err := module.Provision(caddycore.Context{}); err != nil {
				return nil, err
			}
			return module.NewStore(zap.NewNop())
		},
		size: func(ctx context.Context) (size int64, err error) {
			client := redis.NewClient(&redis.Options{Addr: address})
			defer client.Close()
			text, err := client.Info(ctx, "memory").Result()
			if err != nil {
				return 0, err
			}
			_, rest, _ := strings.Cut(text, "used_memory:")
			_, err = fmt.Sscan(rest, &size)
			return size, err
		},
	}
}

// population is the set of tokens in a store.
type population struct {
	keep    int // maximum number of secrets to keep
	ids     []string
	secrets []string // of the first tokens
}

// request returns a request that uses token number i.
func (p *population) request(i int, host string) []byte {
	return request(host, ownerOf(i), p.secrets[i])
}

// tokensPerOwner is how many tokens each owner has.
const tokensPerOwner = 10

// ownerOf returns the owner of token number i.
func ownerOf(i int) string { return fmt.Sprintf("owner-%d@example.com", i/tokensPerOwner) }

// grow adds tokens until the store has n of them.
func (p *population) grow(ctx context.Context, store storage.Store, n int) error {
	const creators = 512 // lets stores batch concurrent writes
	from := len(p.ids)
	p.ids = append(p.ids, make([]string, n-from)...)
	p.secrets = append(p.secrets, make([]string, max(0, min(n, p.keep)-len(p.secrets)))...)
	failures := make([]error, creators)
	var creating sync.WaitGroup
	for creator := range creators {
		creating.Go(func() {
			for i := from + creator; i < n && failures[creator] == nil && ctx.Err() == nil; i += creators {
				if err := p.create(ctx, store, i); err != nil {
					failures[creator] = fmt.Errorf("token %d: %w", i, err)
				}
			}
		})
	}
	creating.Wait()
	return errors.Join(append(failures, ctx.Err())...)
}

func (p *population) create(ctx context.Context, store storage.Store, i int) error {
	secret := token.New()
	// In the past and a second apart, as if created by people.
	created := time.Now().Truncate(time.Second).AddDate(-1, 0, 0).Add(time.Duration(i) * time.Second)
	record := &token.Record{
		ID: secret.ID(), Owner: ownerOf(i), Name: fmt.Sprintf("Token %d of the build server", i),
		Scope: token.ScopeRead, Account: "default", Status: token.StatusActive,
		CreatedAt: created, UpdatedAt: created, ExpiresAt: created.AddDate(10, 0, 0),
		Digest: secret.Digest(), Version: 1,
	}
	p.ids[i] = record.ID
	if i < len(p.secrets) {
		p.secrets[i] = secret.Reveal()
	}
	return store.Apply(ctx, storage.Change{New: record, Event: storage.Event{
		At: created, Action: "create", TokenID: record.ID, Owner: record.Owner, Name: record.Name,
		Actor:   storage.Actor{Kind: storage.ActorAdmin, Name: "bench", Address: "127.0.0.1"},
		Changes: []storage.FieldChange{{Field: "scope", New: json.RawMessage(`"read"`)}},
	}})
}
