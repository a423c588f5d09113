package storage

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Use is the last use of a token: when (to the minute), from where and by which
// program.
type Use struct {
	At        time.Time  `json:"at"`
	Address   netip.Addr `json:"address,omitzero"`
	UserAgent string     `json:"user_agent,omitempty"`
}

// UseFollower is a store to which several nodes can save uses.
type UseFollower interface {
	// UsedSince returns the ids of the tokens whose uses have been saved since the call
	// that returned the mark, on any node, and the mark for the next call. A negative mark
	// returns only the next one. ErrTooOld means that the mark is too old.
	UsedSince(ctx context.Context, mark int64) (ids []string, next int64, err error)
}

// ErrTooOld reports that a store no longer knows what has happened since then.
var ErrTooOld = errors.New("the store no longer knows what has happened since then")

// useInterval is how often uses are written, and so the most that a crash loses.
const useInterval = time.Minute

// UseLog collects the last uses of tokens and counts their requests in memory, and writes
// that to the store in batches, so that no request waits.
type UseLog struct {
	store   Store
	written func(tokens int, err error)
	now     func() time.Time

	mu sync.Mutex
	// noted holds the uses since the last write; unwritten holds those that are
	// being written, or could not be written yet.
	noted, unwritten map[string]Use

	activity activityLog
	denials  denialLog
}

// NewUseLog returns a log of uses that writes to store. After each interval it calls
// written with the number of tokens used in that interval and the error of the
// write.
func NewUseLog(store Store, written func(tokens int, err error)) *UseLog {
	return &UseLog{
		store: store, written: written, now: time.Now,
		noted: make(map[string]Use), unwritten: make(map[string]Use), activity: newActivityLog(),
	}
}

// Note records that the token with this id was used just now.
func (l *UseLog) Note(id string, address netip.Addr, userAgent string) {
	use := Use{
		At: l.now().UTC().Truncate(time.Minute), Address: address,
		UserAgent: userAgent[:min(len(userAgent), token.MaxClaim)],
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.noted[id] == use {
		return
	}
	// This copies the string, so as not to retain all of the request's headers.
	use.UserAgent = token.Claim(userAgent)
	l.noted[id] = use
}

// Run writes what is new once per interval until ctx is done, and then once more.
func (l *UseLog) Run(ctx context.Context) {
	ticker := time.NewTicker(useInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			l.write(ctx)
		case <-l.activity.crowded:
			l.write(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), useWriteTimeout)
			l.write(last)
			cancel()
			return
		}
	}
}

// useWriteTimeout is the timeout of the last write, which Caddy waits for when it
// exits.
const useWriteTimeout = 5 * time.Second

// write writes the noted uses and the counts of requests. If that fails, they are kept
// for the next time.
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
		err = errors.Join(l.activity.write(ctx, l.store, DayOf(l.now())), l.denials.write(ctx, l.store, l.now()))
	}
	l.written(used, err)
}

// Noted returns the uses that this node has noted and that may not be in the store yet.
func (l *UseLog) Noted() map[string]Use {
	l.mu.Lock()
	defer l.mu.Unlock()
	uses := maps.Clone(l.unwritten)
	maps.Copy(uses, l.noted)
	return uses
}

// UsedAfter reports whether this node has noted a use of a token after t that may not be
// in the store yet.
func (l *UseLog) UsedAfter(id string, t time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.noted[id].At.After(t) || l.unwritten[id].At.After(t)
}

// Last returns the last uses of those of the tokens that have been used. It includes
// the uses on all nodes that are in the store, and those on this node up to now.
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
