package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// grant is the state of a consent. It is part of the account's document.
type grant struct {
	// ID tells apart the consents of an account.
	ID string `json:"id"`
	// ConsentedAt is when the owner consented, RefreshedAt when the tokens were last
	// replaced.
	ConsentedAt time.Time `json:"consented_at"`
	RefreshedAt time.Time `json:"refreshed_at"`
	// Generation counts the pairs of tokens, from 1.
	Generation int `json:"generation"`
	// Node is the node that refreshes the tokens at the moment: it has written itself
	// here before it asks Jira, so that no other node does. Empty if none does.
	Node string `json:"node,omitempty"`
	// FailingSince is when Jira refused to refresh the tokens, and Error says how.
	FailingSince time.Time `json:"failing_since,omitzero"`
	Error        string    `json:"error,omitempty"`
}

// Jira Cloud ends consents that are not used for 90 days, and all of them after a year.
// Data Center has only the first rule (atlassian.oauth2.provider.refresh.token.expiration.seconds).
// See https://developer.atlassian.com/cloud/jira/platform/oauth-2-3lo-apps/.
const (
	unusedLifetime  = 90 * 24 * time.Hour
	consentLifetime = 365 * 24 * time.Hour
)

// expires returns when a consent ends if it is not used any more.
func (g *grant) expires(cloud bool) time.Time {
	unused, at := g.RefreshedAt.Add(unusedLifetime), g.ConsentedAt.Add(consentLifetime)
	if cloud && at.Before(unused) {
		return at
	}
	return unused
}

const (
	// refreshEarly is how long before its expiry an access token is replaced, or a
	// quarter of its lifetime if that is less.
	refreshEarly = 2 * time.Minute
	// leaseTime is how long other nodes wait for the one that refreshes before one of
	// them takes over. Everything that it does fits into that time.
	leaseTime = 20 * time.Second
	// settleTime is how long a node waits between announcing that it refreshes and
	// doing it: on Data Center the old access token ends at that moment, so the other
	// nodes must have stopped using it.
	settleTime = 500 * time.Millisecond
)

// consent is the credential of a consent. It refreshes the tokens shortly before they
// expire, when they are used. It is safe for concurrent use.
type consent struct {
	set *Set
	ref Ref

	mu     sync.Mutex
	record record
	tokens jira.ConsentTokens
	// generation is that of tokens. It is ahead of the record until they are saved.
	generation int
	// stale is set if Jira has refused the access token before its expiry.
	stale bool
	// changed is closed, and replaced, when anything here changes.
	changed chan struct{}

	// refreshing is set while this node refreshes the tokens or waits for another that
	// does. After a failure, failed says why, and next is when to try again.
	refreshing bool
	failed     error
	wait       time.Duration
	next       time.Time
}

// openConsent returns the credential of a consent, whose tokens are in secret. While it
// is the same consent, it is the same credential.
func (s *Set) openConsent(opened, old *stored, secret string) (*consent, error) {
	var tokens jira.ConsentTokens
	if json.Unmarshal([]byte(secret), &tokens) != nil || opened.record.Grant == nil || opened.ref.document() != opened.document.DocumentName {
		return nil, errors.New("its tokens are damaged: connect it again")
	}
	c := &consent{set: s, ref: opened.ref, changed: make(chan struct{})}
	if old != nil && old.consent != nil && old.consent.isFor(&opened.record) {
		c = old.consent
	}
	c.learn(opened.record, tokens)
	return c, nil
}

// isFor reports whether a record is of the same consent, perhaps refreshed.
func (c *consent) isFor(r *record) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r != nil && r.Grant != nil && r.Target == c.record.Target && r.Grant.ID == c.record.Grant.ID
}

// learn takes over what the store says.
func (c *consent) learn(r record, tokens jira.ConsentTokens) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record = r
	if r.Grant.Generation > c.generation {
		c.tokens, c.generation, c.stale = tokens, r.Grant.Generation, false
	}
	c.broadcast()
}

// broadcast wakes those who wait for a change.
func (c *consent) broadcast() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Authorization implements jira.Credential. It waits only while there is no usable access
// token.
func (c *consent) Authorization(ctx context.Context) (string, error) {
	for {
		access, changed, err := c.usable(c.set.options.Now())
		switch {
		case err != nil:
			return "", err
		case access != "":
			return "Bearer " + access, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", context.Cause(ctx)
		}
	}
}

// usable returns an access token, or else a channel that is closed when there may be one.
func (c *consent) usable(now time.Time) (access string, changed <-chan struct{}, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	saved := c.generation == c.record.Grant.Generation
	if saved && !c.record.Grant.FailingSince.IsZero() {
		return "", nil, c.ended()
	}
	left := c.tokens.Expiry.Sub(now)
	early := min(refreshEarly, c.tokens.Expiry.Sub(c.record.Grant.RefreshedAt)/4)
	begun := saved && c.record.Grant.Node != ""
	// On Data Center, a refresh ends the access token at once.
	endsNow := func() bool { return !c.record.Scoped && (begun || c.refreshing && saved) }
	if left <= early || c.stale || endsNow() {
		c.start(now)
	}
	switch {
	case left > 0 && !c.stale && !endsNow():
		return c.tokens.Access, nil, nil
	case !c.refreshing:
		return "", nil, c.failed
	}
	return "", c.changed, nil
}

// ended returns the error of a consent that Jira no longer accepts.
func (c *consent) ended() error { return jira.RefusedError{Why: c.record.failure(c.ref)} }

// failure says why a consent fails and what to do.
func (r *record) failure(ref Ref) string {
	return fmt.Sprintf("%s; connect it again: caddy jira-token account connect %s", r.Grant.Error, ref.flags())
}

// Forget makes the next Authorization refresh the tokens after Jira has refused the
// access token, unless they are new. See jira.Account.
func (c *consent) Forget() bool {
	c.mu.Lock()
	refused := c.generation
	c.mu.Unlock()
	_ = c.reread(context.Background()) // another node may have new ones
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.set.options.Now()
	if c.generation == refused && !c.refreshing {
		if now.Sub(c.record.Grant.RefreshedAt) < shortestPause || now.Before(c.next) {
			return false
		}
		c.stale = true
	}
	return true
}

// The pause after a failure to refresh. It doubles each time, up to the longest one.
const (
	shortestPause = 5 * time.Second
	longestPause  = 2 * time.Minute
)

// start refreshes the tokens in the background, unless that has begun already. The
// caller holds c.mu.
func (c *consent) start(now time.Time) {
	if c.refreshing || now.Before(c.next) {
		return
	}
	generation := c.generation
	c.refreshing = c.set.options.Go(func(ctx context.Context) {
		err := c.refresh(ctx, generation)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.refreshing, c.failed = false, err
		if err == nil {
			c.wait, c.next, c.stale = 0, time.Time{}, false
		} else {
			c.wait = min(max(2*c.wait, shortestPause), longestPause)
			c.next = c.set.options.Now().Add(c.wait)
		}
		c.broadcast()
	})
	if !c.refreshing {
		c.failed = errors.New("the gateway is stopping")
	}
}
