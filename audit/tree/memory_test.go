package tree

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"
	"sync"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// memoryStore is a store in memory.
type memoryStore struct {
	mu     sync.Mutex
	events []storage.RawEvent
	number uint64
	tree   map[string][]byte
}

func newMemoryStore() *memoryStore { return &memoryStore{tree: make(map[string][]byte)} }

func (m *memoryStore) AddEvents(_ context.Context, events ...storage.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, event := range events {
		m.number++
		id := storage.EventID{Millis: int64(1000 + 10*m.number)}
		event.Seq, event.ID = m.number, id.String()
		data, err := json.Marshal(event)
		if err != nil {
			return err
		}
		m.events = append(m.events, storage.RawEvent{ID: id, Data: data})
	}
	return nil
}

func (m *memoryStore) RawEvents(_ context.Context, after storage.EventID, limit int) ([]storage.RawEvent, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	low, high := 0, len(m.events)
	for low < high {
		if middle := (low + high) / 2; after.Before(m.events[middle].ID) {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return append([]storage.RawEvent(nil), m.events[low:min(len(m.events), low+limit)]...), nil
}

func (m *memoryStore) TreeValues(_ context.Context, names ...string) ([][]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	values := make([][]byte, len(names))
	for i, name := range names {
		values[i] = m.tree[name]
	}
	return values, nil
}

func (m *memoryStore) SaveTree(_ context.Context, head []byte, values map[string][]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !bytes.Equal(m.tree[storage.TreeHead], head) {
		return storage.ErrConflict
	}
	for name, value := range values {
		m.tree[name] = bytes.Clone(value)
	}
	return nil
}

func (m *memoryStore) RemoveEvents(_ context.Context, through storage.EventID, limit int) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for n < limit && n < len(m.events)-1 && !through.Before(m.events[n].ID) {
		n++
	}
	m.events = m.events[n:]
	before, _ := strconv.Atoi(string(m.tree[storage.TreeRemoved]))
	m.tree[storage.TreeRemoved] = strconv.AppendInt(nil, int64(before+n), 10)
	return n, nil
}

// copied returns a store with the same contents.
func (m *memoryStore) copied() *memoryStore {
	c := newMemoryStore()
	c.number = m.number
	for _, event := range m.events {
		c.events = append(c.events, storage.RawEvent{ID: event.ID, Data: bytes.Clone(event.Data)})
	}
	for name, value := range m.tree {
		c.tree[name] = bytes.Clone(value)
	}
	return c
}
