package storage

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
)

// Mirror keeps all documents of one kind in memory, so that using them costs no call
// to the store. It reads a document again when it changes, and all of them when
// changes may have been missed and at intervals. While the store is away, it keeps
// what it knows.
type Mirror struct {
	kind  string
	store Documents
	// interval is the age at which all documents are read again; timeout bounds one
	// read of the store.
	interval, timeout time.Duration

	// turn is a lock that a context can interrupt. It is held while the store is read
	// and the result is published, so that no read overtakes a later one.
	turn        chan struct{}
	subscribers map[*subscriber]struct{} // guarded by turn
	current     atomic.Pointer[Mirrored]

	poked   chan struct{}
	mu      sync.Mutex
	pending map[string]struct{} // IDs of documents to read again
	all     bool                // whether to read all documents again
}

// Mirrored holds the documents of a kind by their IDs. It must not be modified.
type Mirrored map[string]MirroredDocument

// MirroredDocument is a document, or the reason why it cannot be used.
type MirroredDocument struct {
	Document
	// Err is the DocumentError of a damaged document, and nil otherwise.
	Err error
}

// subscriber is called with the documents whenever they have changed.
type subscriber struct{ changed func(Mirrored) }

// retryMirror is how long to wait before the store is read again after a failure.
const retryMirror = time.Second

// NewMirror returns a mirror of the documents of a kind. It is empty until Load or
// Run has read the store.
func NewMirror(store Documents, kind string, options CacheOptions) *Mirror {
	return &Mirror{
		kind: kind, store: store, interval: options.TTL, timeout: options.ReadTimeout,
		turn: make(chan struct{}, 1), subscribers: make(map[*subscriber]struct{}),
		poked: make(chan struct{}, 1), pending: make(map[string]struct{}),
	}
}

// Documents returns the documents as last read. It reports false if they have never
// been read.
func (m *Mirror) Documents() (Mirrored, bool) {
	if known := m.current.Load(); known != nil {
		return *known, true
	}
	return nil, false
}

// Subscribe calls changed with the documents if they are known, and after each
// change. Calls do not overlap. Once the function that it returns has returned, there
// are no more calls.
func (m *Mirror) Subscribe(changed func(Mirrored)) (cancel func()) {
	s := &subscriber{changed}
	m.turn <- struct{}{}
	defer m.release()
	m.subscribers[s] = struct{}{}
	if known, ok := m.Documents(); ok {
		changed(known)
	}
	return func() {
		m.turn <- struct{}{}
		defer m.release()
		delete(m.subscribers, s)
	}
}

// Load reads all documents.
func (m *Mirror) Load(ctx context.Context) error {
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	return m.load(ctx)
}

// Ready returns nil once the documents are known. It reads them if they have never
// been read.
func (m *Mirror) Ready(ctx context.Context) error {
	if m.current.Load() != nil {
		return nil
	}
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	if m.current.Load() != nil {
		return nil // somebody else has read them in the meantime
	}
	return m.load(ctx)
}

// Refresh reads the document with this ID again, after this node has changed it.
func (m *Mirror) Refresh(ctx context.Context, id string) error {
	return m.refreshAll(ctx, map[string]struct{}{id: {}})
}

// busyShare bounds the share of a processor that rereading documents takes, and
// maxMirrorPause how long a change can wait for that: if thousands of documents change
// in a row, the copies of a large mirror would otherwise be most of a gateway's garbage.
const (
	busyShare      = 20
	maxMirrorPause = time.Second
)

// Run keeps the mirror current until ctx is done.
func (m *Mirror) Run(ctx context.Context) {
	due := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.poked:
		case <-timer.C:
		}
		began := time.Now()
		read, all := m.take(!began.Before(due))
		var err error
		if all {
			err = m.Load(ctx)
			due = time.Now().Add(m.interval)
		} else if len(read) > 0 {
			err = m.refreshAll(ctx, read)
		}
		if err != nil {
			due = time.Now().Add(min(m.interval, retryMirror))
		}
		if !all {
			background.Pause(ctx, min(busyShare*time.Since(began), maxMirrorPause))
		}
		timer.Reset(time.Until(due))
	}
}

// refreshAll reads the documents with these IDs again.
func (m *Mirror) refreshAll(ctx context.Context, ids map[string]struct{}) error {
	if err := m.acquire(ctx); err != nil {
		return err
	}
	defer m.release()
	if m.current.Load() == nil {
		return m.load(ctx)
	}
	return m.reread(ctx, ids)
}

// take returns what must be read again, and resets it.
func (m *Mirror) take(due bool) (read map[string]struct{}, all bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	read, all = m.pending, m.all || due
	m.pending, m.all = make(map[string]struct{}), false
	return read, all
}

// DocumentChanged reads the document again in the background, if it is of this kind.
func (m *Mirror) DocumentChanged(name DocumentName) {
	if name.Kind != m.kind {
		return
	}
	m.mu.Lock()
	m.pending[name.ID] = struct{}{}
	m.mu.Unlock()
	m.poke()
}

// Restored reads all documents again in the background, since changes may have been
// missed.
func (m *Mirror) Restored() {
	m.mu.Lock()
	m.all = true
	m.mu.Unlock()
	m.poke()
}

func (m *Mirror) poke() {
	select {
	case m.poked <- struct{}{}:
	default: // Run has yet to see the last one
	}
}

// Inherit takes over the documents of another mirror of the same store, unless this
// one has read them itself.
func (m *Mirror) Inherit(from *Mirror) {
	known, ok := from.Documents()
	if !ok {
		return
	}
	m.turn <- struct{}{}
	defer m.release()
	if m.current.Load() == nil {
		m.publish(known)
	}
}

func (m *Mirror) acquire(ctx context.Context) error {
	select {
	case m.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return errors.Join(ErrUnavailable, context.Cause(ctx))
	}
}

func (m *Mirror) release() { <-m.turn }

// load reads all documents and publishes them.
func (m *Mirror) load(ctx context.Context) error {
	found := make(Mirrored)
	query := DocumentQuery{Kind: m.kind, Limit: MaxPageSize}
	for {
		bounded, cancel := context.WithTimeout(ctx, m.timeout)
		page, err := m.store.Documents(bounded, query)
		cancel()
		if err != nil {
			return err
		}
		for _, document := range page.Documents {
			found[document.ID] = MirroredDocument{Document: document}
		}
		for _, damaged := range page.Damaged {
			found[damaged.Name.ID] = MirroredDocument{Document{DocumentName: damaged.Name}, damaged}
		}
		if page.Next == "" {
			break
		}
		query.Cursor = page.Next
	}
	if known, ok := m.Documents(); !ok || !maps.EqualFunc(known, found, same) {
		m.publish(found)
	}
	return nil
}

// reread reads documents again, and publishes those that have changed together, because
// that copies all documents. After an error, it publishes what it has read before.
func (m *Mirror) reread(ctx context.Context, ids map[string]struct{}) (err error) {
	known, _ := m.Documents()
	var found Mirrored // a copy of known, once there is a change
	for id := range ids {
		var now MirroredDocument
		var exists bool
		if now, exists, err = m.read(ctx, id); err != nil {
			break
		}
		old, had := known[id]
		if had == exists && (!had || same(old, now)) {
			continue
		}
		if found == nil {
			found = maps.Clone(known)
		}
		if exists {
			found[id] = now
		} else {
			delete(found, id)
		}
	}
	if found != nil {
		m.publish(found)
	}
	return err
}

// read reads one document. It reports false if there is none.
func (m *Mirror) read(ctx context.Context, id string) (now MirroredDocument, exists bool, err error) {
	name := DocumentName{m.kind, id}
	bounded, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	document, err := m.store.Document(bounded, name)
	switch {
	case errors.Is(err, ErrNotFound):
		return MirroredDocument{}, false, nil
	case errors.Is(err, ErrDamaged):
		return MirroredDocument{Document{DocumentName: name}, err}, true, nil
	case err != nil:
		return MirroredDocument{}, false, err
	}
	return MirroredDocument{Document: document}, true, nil
}

// same reports whether a document is unchanged. A document that was deleted and
// created again can have its old version.
func same(a, b MirroredDocument) bool {
	if a.Err != nil || b.Err != nil {
		return a.Err != nil && b.Err != nil && a.Err.Error() == b.Err.Error()
	}
	return a.Version == b.Version && bytes.Equal(a.Data, b.Data)
}

// publish makes documents the current ones.
func (m *Mirror) publish(documents Mirrored) {
	m.current.Store(&documents)
	for s := range m.subscribers {
		s.changed(documents)
	}
}
