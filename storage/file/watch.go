package filestore

import (
	"context"
	"sync"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// watchers are notified of changes. None can be missed, since only this process
// changes the file. There can be several watchers, since during a reload the old and
// the new configuration share the store.
type watchers struct {
	mu  sync.Mutex
	all map[*watching]struct{}
}

type watching struct{ storage.Watcher }

// Watch notifies watcher of changes until ctx is done.
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
