package tree

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.etcd.io/bbolt"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/internal/redistest"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	filestore "github.com/jiratokens/caddy-jira-tokens/storage/file"
	redisstore "github.com/jiratokens/caddy-jira-tokens/storage/redis"

	"github.com/caddyserver/caddy/v2"
)

// image is everything that a store has of the trail.
type image struct {
	events []entry
	tree   map[string]string
	// sequence is the number of the last event that the file store has recorded.
	sequence uint64
}

// entry is an event as it is stored, under its ID.
type entry struct{ id, data string }

func (m image) clone() image { return image{slices.Clone(m.events), maps.Clone(m.tree), m.sequence} }

// backing is a store whose contents a test can read and change behind its back.
type backing interface {
	// open returns the store. No other may be open.
	open(t testing.TB) storage.Store
	read(t testing.TB) image
	write(t testing.TB, m image)
}

// memoryKeep implements Keep.
type memoryKeep struct {
	mu     sync.Mutex
	values map[string][]byte
	turn   sync.Mutex // held from Lock to Unlock, whatever is locked
}

func newKeep() *memoryKeep { return &memoryKeep{values: make(map[string][]byte)} }

func (k *memoryKeep) Load(_ context.Context, key string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if value, ok := k.values[key]; ok {
		return value, nil
	}
	return nil, fs.ErrNotExist
}

func (k *memoryKeep) Store(_ context.Context, key string, value []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.values[key] = bytes.Clone(value)
	return nil
}

func (k *memoryKeep) Lock(context.Context, string) error {
	k.turn.Lock()
	return nil
}

func (k *memoryKeep) Unlock(context.Context, string) error {
	k.turn.Unlock()
	return nil
}

// onlyKey returns a Keep that has the same key, but remembers no checkpoint.
func (k *memoryKeep) onlyKey() *memoryKeep {
	return &memoryKeep{values: map[string][]byte{keyPlace: k.values[keyPlace]}}
}

// newLog returns a Log, and what it logs.
func newLog(store Store, keep Keep) (*Log, *observer.ObservedLogs) {
	core, logs := observer.New(zapcore.InfoLevel)
	return New(store, Options{Keep: keep, StoreKey: "test", Node: "node", Logger: zap.New(core), Now: time.Now}), logs
}

// addEvents records n events, in batches.
func addEvents(t testing.TB, s Store, n int) {
	t.Helper()
	for n > 0 {
		var events []storage.Event
		for range min(n, storage.MaxEvents) {
			events = append(events, storage.Event{
				At: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Action: "update", TokenID: "4fT0aB9xYz", Owner: "anna", Name: fmt.Sprint("event ", n),
				Actor: storage.Actor{Kind: storage.ActorAdmin, Name: "zoë", Address: "2001:db8::1"},
			})
			n--
		}
		if err := s.AddEvents(context.Background(), events...); err != nil {
			t.Fatal(err)
		}
	}
}

// export returns an export of the trail.
func export(t testing.TB, l *Log) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := l.Export(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(t testing.TB, l *Log, options proof.Options) proof.Report {
	t.Helper()
	report, err := proof.Verify(bytes.NewReader(export(t, l)), options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// findings describes what a report has found: kinds and numbers of events.
func findings(r proof.Report) string {
	var parts []string
	for _, f := range r.Findings {
		part := f.Kind
		if f.Event > 0 {
			part += fmt.Sprint(" ", f.Event)
		}
		if f.Through > 0 {
			part += fmt.Sprint("-", f.Through)
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

func integrate(t testing.TB, l *Log) proof.Signed {
	t.Helper()
	signed, err := l.Integrate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// fileBacking is a file store.
type fileBacking struct{ path string }

func (f fileBacking) open(t testing.TB) storage.Store {
	s := filestore.New(f.path, zap.NewNop())
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f fileBacking) bolt(t testing.TB, do func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(f.path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.Update(do); err != nil {
		t.Fatal(err)
	}
}

func (f fileBacking) read(t testing.TB) image {
	m := image{tree: make(map[string]string)}
	f.bolt(t, func(tx *bbolt.Tx) error {
		m.sequence = tx.Bucket([]byte("events")).Sequence()
		_ = tx.Bucket([]byte("events")).ForEach(func(key, data []byte) error {
			m.events = append(m.events, entry{string(key), string(data)})
			return nil
		})
		return tx.Bucket([]byte("tree")).ForEach(func(name, value []byte) error {
			m.tree[string(name)] = string(value)
			return nil
		})
	})
	return m
}

func (f fileBacking) write(t testing.TB, m image) {
	f.bolt(t, func(tx *bbolt.Tx) error {
		for _, name := range []string{"events", "tree"} {
			if err := tx.DeleteBucket([]byte(name)); err != nil {
				return err
			}
			b, err := tx.CreateBucket([]byte(name))
			if err != nil {
				return err
			}
			if err := b.SetSequence(m.sequence); err != nil {
				return err
			}
		}
		for _, e := range m.events {
			if err := tx.Bucket([]byte("events")).Put([]byte(e.id), []byte(e.data)); err != nil {
				return err
			}
		}
		for name, value := range m.tree {
			if err := tx.Bucket([]byte("tree")).Put([]byte(name), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
}

// redisBacking is a Redis store.
type redisBacking struct{ server *redistest.Server }

func (r redisBacking) open(t testing.TB) storage.Store {
	module := &redisstore.Store{URL: r.server.URL()}
	if err := module.Provision(caddy.Context{}); err != nil {
		t.Fatal(err)
	}
	s, err := module.NewStore(zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (r redisBacking) read(t testing.TB) image {
	m := image{tree: make(map[string]string)}
	for _, message := range r.server.Do("xrange", "{jira_tokens}:events", "-", "+").([]any) {
		fields := message.([]any)
		m.events = append(m.events, entry{fields[0].(string), fields[1].([]any)[1].(string)})
	}
	values := r.server.Do("hgetall", "{jira_tokens}:tree").([]any)
	for pair := range slices.Chunk(values, 2) {
		m.tree[pair[0].(string)] = pair[1].(string)
	}
	return m
}

func (r redisBacking) write(t testing.TB, m image) {
	r.server.Do("del", "{jira_tokens}:events", "{jira_tokens}:tree")
	// One call, since there are many events.
	args := []any{"eval", "for i = 1, #ARGV, 2 do redis.call('xadd', KEYS[1], ARGV[i], 'e', ARGV[i + 1]) end return 1", 1, "{jira_tokens}:events"}
	for _, e := range m.events {
		args = append(args, e.id, e.data)
	}
	r.server.Do(args...)
	for name, value := range m.tree {
		r.server.Do("hset", "{jira_tokens}:tree", name, value)
	}
}

// eachBacking runs a test with every kind of store.
func eachBacking(t *testing.T, test func(t *testing.T, b backing)) {
	t.Run("file", func(t *testing.T) {
		test(t, fileBacking{filepath.Join(t.TempDir(), "tokens.db")})
	})
	t.Run("redis", func(t *testing.T) {
		test(t, redisBacking{redistest.Start(t)})
	})
}
