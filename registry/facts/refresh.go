package facts

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// refresh is the JSON of the document about the refreshing: which node does it now, and
// what came of the last time.
type refresh struct {
	// Node refreshes until Until, unless it extends that. If it dies, another node
	// takes over then.
	Node  string    `json:"node,omitempty"`
	Until time.Time `json:"until,omitzero"`
	// CompletedAt is when the last complete refresh began.
	CompletedAt time.Time `json:"completed_at,omitzero"`
	// EndedAt is when the last refresh ended, complete or not.
	EndedAt time.Time `json:"ended_at,omitzero"`
	// FailingSince is when refreshing began to fail; it is zero while it succeeds.
	// Failures counts the attempts, and Error says why the last one failed.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Failures     int       `json:"failures,omitempty"`
	Error        string    `json:"error,omitempty"`
	// NotBefore is when Jira may be asked again.
	NotBefore time.Time `json:"not_before,omitzero"`
}

// maxBackoff bounds the pause after a failure.
const maxBackoff = 5 * time.Minute

// due returns when the next refresh should begin.
func (r refresh) due(interval time.Duration) time.Time {
	next := r.CompletedAt
	switch {
	case r.Failures > 0:
		backoff := min(interval, maxBackoff, 15*time.Second<<min(r.Failures-1, 10))
		next = r.EndedAt.Add(backoff)
	case !r.CompletedAt.IsZero():
		next = r.CompletedAt.Add(interval)
		if next.Before(r.EndedAt) { // it took longer than interval
			next = r.EndedAt
		}
	}
	if r.NotBefore.After(next) {
		return r.NotBefore
	}
	return next
}

// free returns when this node may refresh: at once, or when the other node's time is
// up.
func (r refresh) free(node string) time.Time {
	if r.Node == "" || r.Node == node {
		return time.Time{}
	}
	return r.Until
}

// The bounds of the time that a node has for refreshing before it must extend it.
const (
	minLease = 10 * time.Second
	maxLease = 5 * time.Minute
)

// leaseTime returns how long a node that has died keeps others from refreshing: as long
// as the interval, within the bounds.
func (k *Keeper) leaseTime() time.Duration {
	return min(max(k.options.Interval, minLease), maxLease)
}

// lease is a node's right to refresh.
type lease struct {
	keeper *Keeper

	mu      sync.Mutex
	version uint64
	damaged bool // until it is replaced
	refresh refresh
}

// acquire returns a lease if it is time to refresh and no other node does. Otherwise it
// returns when to try again.
func (k *Keeper) acquire(ctx context.Context) (*lease, time.Time, error) {
	now := k.now()
	known := k.refreshKnown()
	if at := k.nextTry(known); now.Before(at) {
		return nil, at, nil
	}
	// The mirror may be behind: what counts is the store.
	document, err := k.store.Document(ctx, storage.DocumentName{Kind: KindRefresh, ID: refreshID})
	var current refresh
	damaged := errors.Is(err, storage.ErrDamaged)
	switch {
	case errors.Is(err, storage.ErrNotFound):
	case damaged:
		k.logger.Warn("the document about the refreshing of owners is damaged, and is replaced", errorField(err))
	case err != nil:
		return nil, time.Time{}, err
	case json.Unmarshal(document.Data, &current) != nil:
		current = refresh{} // of a later version, or damaged: begin again
	}
	if at := k.nextTry(current); now.Before(at) {
		return nil, at, nil
	}
	l := &lease{keeper: k, version: document.Version, damaged: damaged, refresh: current}
	err = l.write(ctx, actionRefreshBegun, func(r *refresh) { r.Node, r.Until = k.node, now.Add(k.leaseTime()) })
	if errors.Is(err, storage.ErrConflict) { // another node was faster
		return nil, now.Add(time.Second), nil
	}
	return l, time.Time{}, err
}

// nextTry returns when this node should try to refresh.
func (k *Keeper) nextTry(r refresh) time.Time {
	at := r.due(k.options.Interval)
	if free := r.free(k.node); free.After(at) {
		return free
	}
	return at
}

// refreshKnown returns the refresh document as the mirror knows it.
func (k *Keeper) refreshKnown() refresh {
	documents, _ := k.refreshes.Documents()
	var r refresh
	if document := documents[refreshID]; document.Err == nil && document.Data != nil {
		_ = json.Unmarshal(document.Data, &r) // it begins again if it cannot be used
	}
	return r
}

// write changes the document, as long as no other node has.
func (l *lease) write(ctx context.Context, action string, edit func(*refresh)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := l.refresh
	edit(&next)
	data, err := json.Marshal(next)
	if err != nil {
		return err
	}
	err = l.keeper.store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: storage.DocumentName{Kind: KindRefresh, ID: refreshID}, Version: l.version, Damaged: l.damaged, Data: data,
		Event: storage.Event{
			At: l.keeper.now().UTC(), Action: action, Name: l.keeper.url,
			Actor: storage.Actor{Kind: storage.ActorSystem},
		},
	})
	if err == nil {
		l.version, l.damaged = l.version+1, false
		l.refresh = next
	}
	return err
}

// until returns until when the lease is valid.
func (l *lease) until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.refresh.Until
}

// hold extends the lease until ctx is done. If it is lost, hold calls lost.
func (l *lease) hold(ctx context.Context, lost func()) {
	ticker := time.NewTicker(l.keeper.leaseTime() * 2 / 5)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := l.write(ctx, actionRefreshContinued, func(r *refresh) { r.Until = l.keeper.now().Add(l.keeper.leaseTime()) })
		if errors.Is(err, storage.ErrConflict) || err != nil && l.keeper.now().After(l.until()) {
			lost()
			return
		}
	}
}

// WithoutLease returns a document about the refreshing without the node that does it, which
// is not a gateway of another store.
func WithoutLease(data json.RawMessage) (json.RawMessage, error) {
	var r refresh
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, err
	}
	r.Node, r.Until = "", time.Time{}
	return json.Marshal(r)
}
