// Package audit makes the audit trail prove itself. The store puts events in order and
// numbers them; this package adds them to a Merkle tree, in tiles that the store keeps
// too, and signs checkpoints of it with a key that the store does not have. Package
// proof checks the result.
//
// Events are added to the tree a few seconds after they were recorded, by whichever
// gateway comes first: a change is atomic with its event, and Redis cannot compute
// SHA-256 in a script. Nothing of this is in a request's way.
package tree

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"go.uber.org/zap"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/jiratokens/caddy-jira-tokens/audit/proof"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Store is what a Log needs from a store.
type Store interface {
	storage.Trail
	AddEvents(ctx context.Context, events ...storage.Event) error
}

// Options configure a Log.
type Options struct {
	// Key signs checkpoints. If it is nil, a key that Keep has does.
	Key *Key
	// Trusted are verifier keys, besides, that checkpoints in the store may be signed
	// with.
	Trusted []string
	// Retention is how long events are kept. Their hashes stay. 0 means forever.
	Retention time.Duration
	// Keep keeps the signing key, and the newest checkpoint.
	Keep Keep
	// StoreKey identifies the store among those whose checkpoints Keep has.
	StoreKey string
	// Lineage identifies the history of the store's server; nil if that is never
	// replaced by another one.
	Lineage func(ctx context.Context) (string, error)
	// Node identifies this gateway in events.
	Node   string
	Logger *zap.Logger
	Now    func() time.Time
}

// Log adds events to the tree of the audit trail and signs checkpoints. It is safe for
// concurrent use, also by several processes with the same store.
type Log struct {
	Options
	store Store

	// turn is a lock that a context can interrupt. It guards what follows.
	turn chan struct{}
	keys *keyRing
	// head is the newest checkpoint that this gateway knows in the store, tree what
	// it covers. They are zero until they have been read.
	head proof.Signed
	tree *tree
	// announced is set once the trail says that this gateway signs it.
	announced bool
	memory
}

// New returns a Log. It does not use the store and Keep yet.
func New(store Store, options Options) *Log {
	return &Log{Options: options, store: store, turn: make(chan struct{}, 1)}
}

const (
	// batch is how many events are added to the tree at once.
	batch = 1000
	// maxConflicts is how often other gateways may come first.
	maxConflicts = 100
	// maxGap is how many missing events are noted one by one.
	maxGap = 10_000
)

// Integrate adds all events to the tree that it does not have yet, and returns the
// signed checkpoint that covers them.
func (l *Log) Integrate(ctx context.Context) (proof.Signed, error) {
	if err := l.acquire(ctx); err != nil {
		return proof.Signed{}, err
	}
	defer l.release()
	return l.integrate(ctx)
}

func (l *Log) acquire(ctx context.Context) error {
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *Log) release() { <-l.turn }

func (l *Log) integrate(ctx context.Context) (proof.Signed, error) {
	lineage := l.lineageNow(ctx)
	for conflicts := 0; ; {
		more, err := l.step(ctx)
		switch {
		case errors.Is(err, storage.ErrConflict) && conflicts < maxConflicts:
			conflicts++ // another gateway was first
		case err != nil:
			return proof.Signed{}, err
		case !more:
			l.remember(ctx, l.head, lineage)
			return l.head, nil
		}
	}
}

// step adds one batch of events to the tree. It reports whether there may be more.
func (l *Log) step(ctx context.Context) (more bool, err error) {
	if err := l.refresh(ctx); err != nil {
		return false, err
	}
	events, err := l.store.RawEvents(ctx, l.tree.last, batch)
	if err != nil || len(events) == 0 && l.head.Note != nil {
		return false, err
	}
	next := l.tree.clone()
	for _, event := range events {
		l.addEvent(next, event)
	}
	trail := l.head.Origin
	if trail == "" {
		trail = l.keys.signing.nameOfNewTrail()
	}
	head, err := next.sign(trail, l.keys.signing)
	if err != nil {
		return false, err
	}
	if err := next.save(ctx, l.store, l.head.Note); err != nil {
		return false, err
	}
	if l.head.Note == nil {
		l.Logger.Info("beginning to sign the audit trail: its events so far are added to a tree now", zap.String("trail", trail))
	}
	l.head, l.tree = head, next
	return len(events) == batch, nil
}

// addEvent adds an event to a tree, at the place that its number says.
func (l *Log) addEvent(t *tree, event storage.RawEvent) {
	t.last = event.ID
	number := int64(proof.NumberOf(event.Data)) //nolint:gosec // G115: at most 63 bits
	next := t.size() + 1
	switch {
	case number == 0 || number == next: // an earlier version did not number its events
	case number < next:
		l.Logger.Error("an audit event is not in its place, so it is not added to the tree: run caddy jira-token audit verify",
			zap.Stringer("event", event.ID), zap.Int64("number", number), zap.Int64("expected", next))
		return
	case number-next <= maxGap:
		l.Logger.Error("audit events are missing: somebody has removed them from the token store",
			zap.Int64("from", next), zap.Int64("through", number-1))
		for ; next < number; next++ {
			t.add(tlog.RecordHash(proof.Gap(uint64(next))))
		}
	default:
		l.Logger.Error("very many audit events are missing, or the number of an event was changed",
			zap.Stringer("event", event.ID), zap.Int64("number", number), zap.Int64("expected", next))
	}
	t.add(tlog.RecordHash(event.Data))
}

// refresh makes head and tree those of the store.
func (l *Log) refresh(ctx context.Context) error {
	if l.keys == nil {
		keys, err := loadKeys(ctx, l.Key, l.Trusted, l.Keep)
		if err != nil {
			return err
		}
		l.keys = &keys
		l.recall(ctx)
	}
	values, err := l.store.TreeValues(ctx, storage.TreeHead, valueLast)
	if err != nil {
		return err
	}
	if l.tree != nil && bytes.Equal(values[0], l.head.Note) {
		return nil
	}
	head, tree, err := l.read(ctx, values[0], values[1])
	if err != nil {
		return err
	}
	if err := l.compare(ctx, head); err != nil {
		return err
	}
	if err := l.announceKey(ctx, head); err != nil {
		return err
	}
	l.head, l.tree = head, tree
	return nil
}

// read returns the tree that the store has, given its head and the ID of its last
// event. It repairs a tree that is damaged if the events still lead to a checkpoint
// that is signed.
func (l *Log) read(ctx context.Context, note, last []byte) (proof.Signed, *tree, error) {
	if note == nil && l.remembered.Note == nil {
		return proof.Signed{}, newTree(), nil
	}
	head, err := l.open(note)
	if err == nil {
		tree, err := readTree(ctx, l.store, head.Checkpoint, last)
		if !errors.As(err, new(damagedTreeError)) {
			return head, tree, err
		}
		l.Logger.Error("the tree of the audit trail is damaged: making it again from the events", zap.Error(err))
		return l.rebuilt(ctx, head, note)
	}
	if l.remembered.Note == nil {
		return proof.Signed{}, nil, untrustedError{err}
	}
	l.Logger.Error("the token store has no checkpoint of the audit trail that can be trusted: making the tree again from the events, up to the checkpoint that this gateway remembers",
		zap.Int64("events", l.remembered.Size), zap.Error(err))
	return l.rebuilt(ctx, l.remembered, note)
}

// open verifies a checkpoint of the store.
func (l *Log) open(note []byte) (proof.Signed, error) {
	if note == nil {
		return proof.Signed{}, errors.New("there is none")
	}
	unverified, err := proof.Open(note, nil)
	if !errors.Is(err, proof.ErrUnknownKey) {
		return proof.Signed{}, err
	}
	_, keys, err := l.keys.verifierKeys(unverified.Origin)
	if err != nil {
		return proof.Signed{}, err
	}
	return proof.Open(note, keys)
}

// untrustedError means that another key has signed the checkpoint in the store.
type untrustedError struct{ err error }

func (e untrustedError) Error() string {
	return fmt.Sprintf("the checkpoint of the audit trail in the token store cannot be trusted, so this gateway does not continue it: %s. "+
		"Give all gateways the same signing key (audit { key … }); if the key has changed, add the old verifier key to trusted_keys; if it is lost, run caddy jira-token audit adopt", e.err)
}

func (e untrustedError) Unwrap() error { return e.err }

// announceKey records, once, that this gateway continues the trail with another key
// than the one that signed its checkpoint.
func (l *Log) announceKey(ctx context.Context, head proof.Signed) error {
	if head.Key == "" || l.announced {
		return nil
	}
	texts, keys, err := l.keys.verifierKeys(head.Origin)
	if err != nil {
		return err
	}
	if _, err := proof.Open(head.Note, keys[:1]); err == nil {
		return nil
	}
	l.Logger.Info("checkpoints of the audit trail are signed with another key from now on", zap.String("old", head.Key), zap.String("new", texts[0]))
	if err := l.store.AddEvents(ctx, l.event(proof.ActionKey, field("key", quoted(head.Key), quoted(texts[0])))); err != nil {
		return err
	}
	l.announced = true
	return nil
}

// event returns an event about the trail itself.
func (l *Log) event(action string, changes ...storage.FieldChange) storage.Event {
	return storage.Event{At: l.Now().UTC(), Action: action, Actor: storage.Actor{Kind: storage.ActorSystem, Name: l.Node}, Changes: changes}
}

func field(name string, old, new json.RawMessage) storage.FieldChange {
	return storage.FieldChange{Field: name, Old: old, New: new}
}

func number(n int64) json.RawMessage { return strconv.AppendInt(nil, n, 10) }

func quoted(text string) json.RawMessage {
	encoded, _ := json.Marshal(text) // cannot fail
	return encoded
}
