package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// PolicyKind is the kind of the document that says which policy was loaded last.
const PolicyKind = "policy"

// lastPolicy is the document's name.
var lastPolicy = storage.DocumentName{Kind: PolicyKind, ID: "last"}

// LoadedPolicy says which policy was loaded last by a gateway with this store.
type LoadedPolicy struct {
	// Fingerprint identifies the policy.
	Fingerprint string `json:"fingerprint"`
	// Node is the gateway that loaded it, At when it did.
	Node string    `json:"node"`
	At   time.Time `json:"at"`
}

// loadedPolicy returns the policy that was loaded last by a gateway with this store, or nil
// if that is not known.
func (r *Registry) loadedPolicy(ctx context.Context) (*LoadedPolicy, error) {
	document, err := r.store.Document(ctx, lastPolicy)
	switch {
	case errors.Is(err, storage.ErrNotFound), errors.Is(err, storage.ErrDamaged):
		return nil, nil
	case err != nil:
		return nil, err
	}
	var last LoadedPolicy
	if json.Unmarshal(document.Data, &last) != nil {
		return nil, nil
	}
	return &last, nil
}

// Agreement finds out whether all gateways that share a store have the same policy.
type Agreement struct {
	mine    LoadedPolicy
	mirror  *storage.Mirror
	store   storage.Store
	changed func(other *LoadedPolicy)
	logger  *zap.Logger

	// retry is how long to wait before the policy is recorded again, if the store is
	// away.
	retry time.Duration
	// stopped is closed by Stop.
	stopped chan struct{}
	mu      sync.Mutex
	end     func() // ends the subscription
}

// NewAgreement returns an Agreement for a policy with this fingerprint that is loaded
// by a node. changed is called with the other policy when another node has loaded
// one, and with nil when the policies are the same again.
func NewAgreement(store storage.Store, mirror *storage.Mirror, fingerprint, node string, changed func(other *LoadedPolicy), logger *zap.Logger) *Agreement {
	return &Agreement{
		mine: LoadedPolicy{Fingerprint: fingerprint, Node: node}, store: store, mirror: mirror, changed: changed, logger: logger,
		retry: 5 * time.Second, stopped: make(chan struct{}),
	}
}

// Announce begins to watch for other policies, after recording that this node has
// loaded its own. If there are no rules, that is only recorded where there were some.
// While the store is away, it waits.
func (a *Agreement) Announce(ctx context.Context, rules bool) error {
	err := a.announce(ctx, rules)
	for errors.Is(err, storage.ErrUnavailable) {
		select {
		case <-a.stopped:
			return nil
		case <-ctx.Done():
			return nil
		case <-time.After(a.retry):
			err = a.announce(ctx, rules)
		}
	}
	a.watch()
	if err != nil {
		return fmt.Errorf("recording the loaded policy: %w", err)
	}
	return nil
}

func (a *Agreement) announce(ctx context.Context, rules bool) error {
	return errors.Join(a.record(ctx, rules), a.mirror.Refresh(ctx, lastPolicy.ID))
}

func (a *Agreement) watch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case <-a.stopped:
		return
	default:
	}
	differed := false
	a.end = a.mirror.Subscribe(func(known storage.Mirrored) {
		other := a.otherIn(known)
		if other != nil || differed {
			a.changed(other)
		}
		differed = other != nil
	})
}

// Stop stops watching. It must be called only once.
func (a *Agreement) Stop() {
	a.mu.Lock()
	defer a.mu.Unlock()
	close(a.stopped)
	if a.end != nil {
		a.end()
	}
}

// Other returns the policy that another node has loaded since this one, or nil if
// there is none.
func (a *Agreement) Other() *LoadedPolicy {
	known, _ := a.mirror.Documents()
	return a.otherIn(known)
}

func (a *Agreement) otherIn(known storage.Mirrored) *LoadedPolicy {
	document, ok := known[lastPolicy.ID]
	var last LoadedPolicy
	if !ok || document.Err != nil || json.Unmarshal(document.Data, &last) != nil {
		return nil
	}
	if last.Fingerprint == a.mine.Fingerprint || last.Node == a.mine.Node {
		return nil
	}
	return &last
}

// record stores that this node has loaded its policy, unless the last one was the
// same. It replaces a damaged document.
func (a *Agreement) record(ctx context.Context, rules bool) error {
	for range attempts {
		known, err := a.store.Document(ctx, lastPolicy)
		damaged := errors.Is(err, storage.ErrDamaged)
		var last LoadedPolicy
		switch {
		case damaged:
			a.logger.Warn("the document about the policy that was loaded last is damaged, and is replaced", zap.Error(err))
		case errors.Is(err, storage.ErrNotFound):
			if !rules {
				return nil
			}
		case err != nil:
			return err
		default:
			if err := json.Unmarshal(known.Data, &last); err != nil {
				a.logger.Warn("the document about the policy that was loaded last is damaged, and is replaced", zap.Error(err))
				last = LoadedPolicy{}
			} else if last.Fingerprint == a.mine.Fingerprint {
				return nil
			}
		}
		err = a.write(ctx, known.Version, damaged, last)
		if !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return fmt.Errorf("%s: %w", lastPolicy, storage.ErrConflict)
}

// write stores that this node has loaded its policy, after the last one.
func (a *Agreement) write(ctx context.Context, version uint64, damaged bool, last LoadedPolicy) error {
	a.mine.At = time.Now().UTC().Truncate(time.Second)
	data, err := json.Marshal(a.mine)
	if err != nil {
		return err
	}
	return a.store.ApplyDocument(ctx, storage.DocumentChange{
		DocumentName: lastPolicy, Version: version, Damaged: damaged, Data: data,
		Event: storage.Event{
			At: a.mine.At, Action: ActionPolicyLoaded, Name: a.mine.Fingerprint, Actor: storage.Actor{Kind: storage.ActorSystem, Name: a.mine.Node},
			Changes: []storage.FieldChange{{Field: "policy", Old: encode(last.Fingerprint), New: encode(a.mine.Fingerprint)}},
		},
	})
}
