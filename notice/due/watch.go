// Package due finds what notices are due: tokens and accounts that expire soon, and
// tokens that nobody uses. One node looks for all that share a store.
package due

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Account is an account with an expiry.
type Account struct {
	// Name and Owner are as in accounts.View; ID identifies the account.
	ID, Name, Owner string
	// Jira is the URL of the account's Jira.
	Jira      string
	ExpiresAt time.Time
	// Since is when the account was added or replaced.
	Since time.Time
}

// Options configure a Watch.
type Options struct {
	Store storage.Store
	// Counter counts tokens; nil if the store cannot.
	Counter storage.ExpiryCounter
	// LastUses returns the last uses of tokens.
	LastUses func(ctx context.Context, ids []string) (map[string]storage.Use, error)
	// Accounts returns the accounts that expire.
	Accounts func() []Account
	// Publish publishes notices, each of them once; Forget makes it forget those that
	// cannot come up again.
	Publish func(ctx context.Context, notices ...notice.Notice) (int, error)
	Forget  func(ctx context.Context, before time.Time) error
	// Disable disables a token.
	Disable func(ctx context.Context, id, reason string) error
	// Counted is called with the number of tokens that expire within each time of Before.
	Counted func(map[time.Duration]int)

	// Before is how long before its end a token is reported, longest first.
	Before []time.Duration
	// UnusedAfter is how long a token is unused before it is reported; 0: not at all.
	UnusedAfter time.Duration
	// DisableUnused disables such tokens.
	DisableUnused bool
	// PublicURL is the address of the gateway, if it is known.
	PublicURL string

	Logger *zap.Logger
	Now    func() time.Time
}

const (
	// retryAfter is how long to wait when the store cannot be used.
	retryAfter = 10 * time.Second
	// The bounds of the time between two scans. It is longest with many tokens: a scan
	// takes at most a hundredth of the time.
	minEvery, maxEvery, rest = time.Minute, time.Hour, 100
	// keepMarks is how long it is remembered what was published, beyond the time when it
	// could come up again, in case the clock is set back.
	keepMarks = 7 * 24 * time.Hour
)

var scanName = storage.DocumentName{Kind: "notice_scan", ID: "tokens"}

// progress is the JSON of the document about the scans, which all nodes share.
type progress struct {
	storage.Holder
	// ScannedAt is when the last scan began, and Every when the next begins after that.
	ScannedAt time.Time     `json:"scanned_at,omitzero"`
	Every     time.Duration `json:"every,omitzero"`
	// Covered says for each of Before until when tokens that expire have been looked at:
	// those that expire later are due later.
	Covered map[string]time.Time `json:"covered,omitempty"`
	// UnusedCovered is the same for the last uses of tokens, and UnusedAt when they were
	// last looked at.
	UnusedCovered time.Time `json:"unused_covered,omitzero"`
	UnusedAt      time.Time `json:"unused_at,omitzero"`
	// SteadySince is since when the clock has not jumped, as far as scans show.
	SteadySince time.Time `json:"steady_since,omitzero"`
	ForgotAt    time.Time `json:"forgot_at,omitzero"`
	// Expiring counts tokens by the times of Before.
	Expiring map[string]int `json:"expiring,omitempty"`
}

// Watch scans for what is due.
type Watch struct {
	Options
	node  string
	claim storage.Claim
	every time.Duration // the shortest time between two scans
}

// New returns a watch. It scans once Run is called.
func New(options Options) *Watch {
	w := &Watch{Options: options, node: rand.Text(), every: minEvery}
	for _, before := range w.Before {
		w.every = min(w.every, max(before/60, time.Second))
	}
	if w.UnusedAfter > 0 {
		w.every = min(w.every, max(w.UnusedAfter/60, time.Second))
	}
	return w
}

// Run scans whenever it is time, until ctx is done.
func (w *Watch) Run(ctx context.Context) {
	background.Pause(ctx, min(w.every, retryAfter)) // let the gateway start
	for ctx.Err() == nil {
		err := w.turn(ctx)
		wait := min(w.every, retryAfter)
		if err != nil {
			wait = retryAfter
			if ctx.Err() == nil {
				w.Logger.Debug("cannot look for notices that are due", zap.Error(err)) // an outage has its own line
			}
		}
		background.Pause(ctx, wait)
	}
}

// turn scans if it is time and no other node does.
func (w *Watch) turn(ctx context.Context) error {
	p, version, err := w.read(ctx)
	if err != nil {
		return err
	}
	w.count(p)
	now := w.Now()
	if !w.claim.MayTake(p.Holder, w.node) || now.Before(p.ScannedAt.Add(max(p.Every, w.every))) && !now.Before(p.ScannedAt) && p.Node == "" {
		return nil
	}
	p.Node, p.Beat = w.node, p.Beat+1
	if err := w.write(ctx, version, p); err != nil {
		if errors.Is(err, storage.ErrConflict) {
			return nil // another node was faster
		}
		return err
	}
	scanning, lost := context.WithCancel(ctx)
	held := make(chan struct{})
	go func() {
		defer close(held)
		w.hold(scanning, lost)
	}()
	began := time.Now()
	next, err := w.scan(scanning, p, now)
	lost()
	<-held
	if err == nil {
		next.Every = min(maxEvery, rest*time.Since(began))
	}

	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), retryAfter)
	defer cancel()
	return errors.Join(err, w.release(release, next))
}

// hold gives signs of life until ctx is done. If another node has taken over, it calls
// lost.
func (w *Watch) hold(ctx context.Context, lost func()) {
	seen := time.Now()
	for {
		background.Pause(ctx, storage.BeatEvery)
		if ctx.Err() != nil {
			return
		}
		p, version, err := w.read(ctx)
		if err == nil && p.Node == w.node {
			p.Beat++
			if err = w.write(ctx, version, p); err == nil {
				seen = time.Now()
			}
		} else if err == nil {
			lost()
			return
		}
		if time.Since(seen) >= storage.ClaimTime-storage.BeatEvery {
			lost()
			return
		}
	}
}

// release records how far a scan came, and lets other nodes scan.
func (w *Watch) release(ctx context.Context, next progress) error {
	p, version, err := w.read(ctx)
	if err != nil || p.Node != w.node {
		return err
	}
	next.Holder = storage.Holder{Beat: p.Beat + 1}
	if err := w.write(ctx, version, next); err != nil {
		return err
	}
	w.count(next)
	return nil
}

func (w *Watch) read(ctx context.Context) (p progress, version uint64, err error) {
	document, err := w.Store.Document(ctx, scanName)
	if errors.Is(err, storage.ErrNotFound) {
		return p, 0, nil
	}
	if err != nil {
		return p, 0, err
	}
	if json.Unmarshal(document.Data, &p) != nil {
		p = progress{} // of a later version: begin again
	}
	return p, document.Version, nil
}

func (w *Watch) write(ctx context.Context, version uint64, p progress) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return w.Store.ApplyQuietly(ctx, storage.DocumentChange{DocumentName: scanName, Version: version, Data: data})
}

// count passes on the counts of the last scan.
func (w *Watch) count(p progress) {
	counts := make(map[time.Duration]int)
	for _, before := range w.Before {
		if n, ok := p.Expiring[before.String()]; ok {
			counts[before] = n
		}
	}
	w.Counted(counts)
}
