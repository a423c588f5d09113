package storage

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"
)

// heldDocuments is a Documents whose contents and failures a test sets.
type heldDocuments struct {
	mu    sync.Mutex
	err   error
	held  map[string]Document
	bad   map[string]error
	reads int
}

func (d *heldDocuments) set(change func(*heldDocuments)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

func (d *heldDocuments) Document(_ context.Context, name DocumentName) (Document, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	if err := errors.Join(d.err, d.bad[name.ID]); err != nil {
		return Document{}, err
	}
	document, ok := d.held[name.ID]
	if !ok {
		return Document{}, DocumentError{name, ErrNotFound}
	}
	return document, nil
}

func (d *heldDocuments) Documents(context.Context, DocumentQuery) (page DocumentPage, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reads++
	for _, id := range slices.Sorted(maps.Keys(d.held)) {
		page.Documents = append(page.Documents, d.held[id])
	}
	for _, err := range d.bad {
		page.Add(Document{}, err)
	}
	return page, d.err
}

func group(id string, version uint64, data string) Document {
	return Document{DocumentName{"group", id}, version, json.RawMessage(data)}
}

func newTestMirror(held ...Document) (*Mirror, *heldDocuments) {
	store := &heldDocuments{held: make(map[string]Document), bad: make(map[string]error)}
	for _, document := range held {
		store.held[document.ID] = document
	}
	return NewMirror(store, "group", CacheOptions{TTL: 10 * time.Millisecond, ReadTimeout: time.Minute}), store
}

// TestMirrorInAnOutage checks that a mirror keeps what it knows while the store is
// away, and catches up by itself.
func TestMirrorInAnOutage(t *testing.T) {
	mirror, store := newTestMirror(group("a", 1, "1"))
	if _, known := mirror.Documents(); known {
		t.Error("known before anything was read")
	}
	store.set(func(d *heldDocuments) { d.err = ErrUnavailable })
	if err := mirror.Ready(t.Context()); !errors.Is(err, ErrUnavailable) {
		t.Errorf("Ready without a store: %v", err)
	}
	store.set(func(d *heldDocuments) { d.err = nil })
	if err := mirror.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	seen := make(chan Mirrored, 100)
	cancel := mirror.Subscribe(func(documents Mirrored) { seen <- documents })
	if first := <-seen; len(first) != 1 {
		t.Errorf("a subscriber began with %v", first)
	}
	store.set(func(d *heldDocuments) { d.err, d.held["b"] = ErrUnavailable, group("b", 1, "1") })
	if err := mirror.Refresh(t.Context(), "a"); err == nil {
		t.Error("Refresh succeeded without a store")
	}
	if known, ok := mirror.Documents(); !ok || len(known) != 1 {
		t.Errorf("known in the outage: %v", known)
	}
	go mirror.Run(t.Context())
	mirror.DocumentChanged(DocumentName{"group", "b"})
	mirror.DocumentChanged(DocumentName{"other", "c"})
	store.set(func(d *heldDocuments) { d.err = nil })
	if now := <-seen; len(now) != 2 {
		t.Errorf("after the outage: %v", now)
	}
	cancel()
	store.set(func(d *heldDocuments) { delete(d.held, "a") })
	if err := mirror.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	select {
	case now := <-seen:
		t.Errorf("called after cancel: %v", now)
	default:
	}
}

// TestMirrorPublishesChangesOnly checks that subscribers are not bothered by reads
// that find nothing new, and that they learn of damage.
func TestMirrorPublishesChangesOnly(t *testing.T) {
	mirror, store := newTestMirror(group("a", 1, "1"), group("b", 1, "1"))
	calls, last := 0, Mirrored(nil)
	defer mirror.Subscribe(func(documents Mirrored) { calls, last = calls+1, documents })()
	step := func(want int, what string, change func(*heldDocuments), read func() error) {
		t.Helper()
		store.set(change)
		if err := read(); err != nil || calls != want {
			t.Errorf("%s: %d calls, want %d; %v", what, calls, want, err)
		}
	}
	load := func() error { return mirror.Load(t.Context()) }
	refresh := func(id string) func() error {
		return func() error { return mirror.Refresh(t.Context(), id) }
	}
	nothing := func(*heldDocuments) {}
	step(1, "first load", nothing, load)
	step(1, "same again", nothing, load)
	step(1, "unchanged", nothing, refresh("a"))
	step(1, "never there", nothing, refresh("c"))
	step(2, "recreated with the same version", func(d *heldDocuments) { d.held["a"] = group("a", 1, "2") }, load)
	step(3, "deleted", func(d *heldDocuments) { delete(d.held, "a") }, refresh("a"))
	damage := func(d *heldDocuments) {
		delete(d.held, "b")
		d.bad["b"] = DocumentError{DocumentName{"group", "b"}, ErrDamaged}
	}
	step(4, "damaged", damage, load)
	step(4, "still damaged", nothing, refresh("b"))
	if !errors.Is(last["b"].Err, ErrDamaged) || len(last) != 1 {
		t.Errorf("in the end: %v", last)
	}

	other, _ := newTestMirror()
	other.Inherit(mirror)
	if known, ok := other.Documents(); !ok || len(known) != 1 {
		t.Errorf("inherited %v", known)
	}
}

// ApplyDocument implements Documents.
func (*heldDocuments) ApplyDocument(context.Context, DocumentChange) error { return ErrUnavailable }
