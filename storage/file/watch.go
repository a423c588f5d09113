package filestore

import (
	"context"
	"sync"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// watchers are told of changes. All changes of a file are made by this
// process, so that none can be missed. There can be several watchers: while a
// configuration is reloaded, the old one and the new one share the store.
type watchers struct {
	mu  sync.Mutex
	all map[*watching]struct{}
}

type watching struct{ storage.Watcher }

// Watch tells watcher of changes until ctx is done.
func (s *store) Watch(ctx context.Context, watcher storage.Watcher) error {
	w := &watching{watcher}
	s.watchers.mu.Lock()
	if s.watchers.all == nil {
		s.watchers.all = make(map[*watching]struct{})
	}
	s.watchers.all[w] = struct{}{}
	s.watchers.mu.Unlock()
	defer func() {
		s.watchers.mu.Lock()
		delete(s.watchers.all, w)
		s.watchers.mu.Unlock()
	}()

	watcher.Restored()
	<-ctx.Done()
	return ctx.Err()
}

func (ws *watchers) changed(changed string) {
	ws.mu.Lock()
	defer ws.mu.Unlock()
	for w := range ws.all {
		storage.Tell(w.Watcher, changed)
	}
}
