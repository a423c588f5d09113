package storage

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Use is the last use of a token: when, to the minute, from where and by which
// program.
type Use struct {
	At        time.Time  `json:"at"`
	Address   netip.Addr `json:"address,omitzero"`
	UserAgent string     `json:"user_agent,omitempty"`
}

// useInterval is how often uses are written: what a crash loses at most.
const useInterval = time.Minute

// maxUserAgent bounds what is kept of a program's name for itself, in bytes.
const maxUserAgent = 200

// UseLog collects the last uses of tokens in memory and writes them to the store
// in batches; no request waits for it.
type UseLog struct {
	store   Store
	written func(tokens int, err error)
	now     func() time.Time

	mu sync.Mutex
	// noted are those since the last write; unwritten are on their way to the
	// store, or wait there until it takes them.
	noted, unwritten map[string]Use
}

// NewUseLog returns a log of uses that writes to store. written is told, after
// each interval, how many tokens were used in it, and how the write went.
func NewUseLog(store Store, written func(tokens int, err error)) *UseLog {
	return &UseLog{
		store: store, written: written, now: time.Now,
		noted: make(map[string]Use), unwritten: make(map[string]Use),
	}
}

// Note records that the token with this id was used just now.
func (l *UseLog) Note(id string, address netip.Addr, userAgent string) {
	use := Use{
		At: l.now().UTC().Truncate(time.Minute), Address: address,
		UserAgent: userAgent[:min(len(userAgent), maxUserAgent)],
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noted[id] == use {
		return
	}
	// A copy: it is part of all of the request's headers.
	use.UserAgent = token.Printable(use.UserAgent, maxUserAgent)
	l.noted[id] = use
}

// Run writes what is noted once an interval until ctx is done, and once more
// then.
func (l *UseLog) Run(ctx context.Context) {
	ticker := time.NewTicker(useInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), useWriteTimeout)
			l.write(last)
			cancel()
			return
		}
	}
}

// useWriteTimeout bounds the last write, which the end of Caddy waits for.
const useWriteTimeout = 5 * time.Second

// write writes what is noted. What cannot be written waits for the next time.
func (l *UseLog) write(ctx context.Context) {
	l.mu.Lock()
	used := len(l.noted)
	batch := maps.Clone(l.unwritten)
	maps.Copy(batch, l.noted)
	l.unwritten, l.noted = batch, make(map[string]Use)
	l.mu.Unlock()
	var err error
	if len(batch) > 0 {
		err = l.store.SaveUses(ctx, batch)
	}
	if err == nil {
		l.mu.Lock()
		l.unwritten = make(map[string]Use)
		l.mu.Unlock()
	}
	l.written(used, err)
}

// Last returns the last uses of tokens, as far as they were used: those of all
// nodes that the store has, and this node's own up to now.
func (l *UseLog) Last(ctx context.Context, ids []string) (map[string]Use, error) {
	uses, err := l.store.Uses(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("reading when tokens were used: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, id := range ids {
		for _, own := range []map[string]Use{l.unwritten, l.noted} {
			if use, ok := own[id]; ok && !use.At.Before(uses[id].At) {
				uses[id] = use
			}
		}
	}
	return uses, nil
}
