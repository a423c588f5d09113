package pool

import (
	"maps"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Mirror returns the mirror of the documents of a kind. It is shared with other
// configurations, and begins with what mirrors of the same store know. It reads the
// store once Start has been called.
func (s *Cache) Mirror(kind string) *storage.Mirror {
	s.mirrorsMu.Lock()
	defer s.mirrorsMu.Unlock()
	if known, ok := s.mirrors[kind]; ok {
		return known
	}
	mirror := storage.NewMirror(s.Store, kind, s.key.options)
	s.others(func(other *Cache) {
		if from := other.knownMirror(kind); from != nil {
			mirror.Inherit(from)
		}
	})
	if s.mirrors == nil {
		s.mirrors = make(map[string]*storage.Mirror)
	}
	s.mirrors[kind] = mirror
	if s.mirroring {
		s.running.Go(mirror.Run)
	}
	return mirror
}

// knownMirror returns the mirror of a kind, or nil. It does not wait for one that is
// being made, since that one may be waiting for this cache's.
func (s *Cache) knownMirror(kind string) *storage.Mirror {
	if !s.mirrorsMu.TryLock() {
		return nil
	}
	defer s.mirrorsMu.Unlock()
	return s.mirrors[kind]
}

// startMirrors makes all mirrors run, now and when they are made.
func (s *Cache) startMirrors() {
	s.mirrorsMu.Lock()
	defer s.mirrorsMu.Unlock()
	if s.mirroring {
		return
	}
	s.mirroring = true
	for _, mirror := range s.mirrors {
		s.running.Go(mirror.Run)
	}
}

func (s *Cache) runningMirrors() []*storage.Mirror {
	s.mirrorsMu.Lock()
	defer s.mirrorsMu.Unlock()
	return slices.Collect(maps.Values(s.mirrors))
}

// DocumentChanged passes a notification on to the mirrors.
func (s *Cache) DocumentChanged(name storage.DocumentName) {
	for _, mirror := range s.runningMirrors() {
		mirror.DocumentChanged(name)
	}
}
