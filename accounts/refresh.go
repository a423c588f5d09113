package accounts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of the audit trail about consents.
const (
	// ActionRefreshBegun is written before Jira is asked for new tokens, ActionRefreshed
	// after they have been saved.
	ActionRefreshBegun   = "account_refresh_begun"
	ActionRefreshed      = "account_refreshed"
	ActionRefreshFailed  = "account_refresh_failed"
	ActionRefreshRefused = "account_refresh_refused"
)

// system is the actor of what a gateway does by itself.
var system = storage.Actor{Kind: storage.ActorSystem}

// storeTimeout bounds one call of the store in the background.
const storeTimeout = 5 * time.Second

// app returns the OAuth app for a Jira.
func (s *Set) app(url string) (*jira.ConsentApp, error) {
	for known, app := range s.options.Apps {
		if !jira.SameURL(known, url) {
			continue
		}
		reached := *app
		if at, ok := s.options.Jira(url); ok && !app.Cloud {
			reached.Transport = at.Transport // Data Center issues tokens itself
		}
		return &reached, nil
	}
	return nil, fmt.Errorf("the configuration has no OAuth app for %s: add oauth %s { … } to jira_tokens", url, url)
}

// lease is a node's right to refresh a consent.
type lease struct {
	version uint64
	record  record
	tokens  jira.ConsentTokens
}

// refresh replaces the tokens of this generation, or waits until another node has.
//
// Jira accepts a refresh token once. So a node writes its name into the document before
// it asks Jira, and only one can. If it dies before it has saved the new tokens, another
// node takes over and tries the old refresh token: Cloud accepts it for ten minutes after
// its use, and Data Center if it has not been used.
func (c *consent) refresh(ctx context.Context, generation int) error {
	app, err := c.set.app(c.ref.Jira)
	if err != nil {
		return err
	}
	held, err := c.acquire(ctx, generation)
	if held == nil || err != nil {
		return err
	}
	log := c.set.options.Logger.With(zap.String("account", token.Printable(c.ref.label(), maxUser)))
	if held.record.User != app.ClientID {
		return c.refuse(ctx, held, "it is a consent to another OAuth app than the configuration's")
	}
	if !app.Cloud {
		background.Pause(ctx, c.set.settle)
	}
	// An answer that is lost loses the account, so even a shutdown waits for it.
	tokens, err := app.Refresh(context.WithoutCancel(ctx), held.tokens.Refresh)
	if refused, ok := errors.AsType[jira.GrantRefusedError](err); ok {
		log.Error("Jira has ended a consent: its owner must connect again", zap.Error(refused))
		return c.refuse(ctx, held, refused.Error())
	}
	if err != nil {
		log.Warn("the tokens of a consent cannot be refreshed at the moment", zap.Error(err))
		released := held.record
		released.Grant = held.record.Grant.with(func(g *grant) { g.Node = "" })
		if errRelease := c.set.applyBriefly(ctx, ActionRefreshFailed, c.ref, held.version, &held.record, &released); errRelease != nil {
			log.Warn("a failed refresh is not recorded in the store", zap.Error(errRelease)) // others wait for leaseTime
		}
		return err
	}
	return c.save(ctx, held, tokens, app.Cloud, log)
}

// with returns a copy of g with changes.
func (g *grant) with(change func(*grant)) *grant {
	changed := *g
	change(&changed)
	return &changed
}

// acquire writes this node into the document. It returns nil if there is nothing to
// refresh any more.
func (c *consent) acquire(ctx context.Context, generation int) (*lease, error) {
	var seen uint64 // the version in which another node refreshes
	var since time.Time
	for {
		c.mu.Lock()
		tokens, done, changed := c.tokens, c.generation > generation, c.changed
		c.mu.Unlock()
		if done {
			return nil, nil
		}
		document, r, err := c.set.readBriefly(ctx, c.ref)
		switch {
		case err != nil && !errors.Is(err, token.ErrNotFound):
			return nil, err
		case !c.isFor(r):
			return nil, errors.Join(errGone, c.reread(ctx))
		case r.Grant.Generation > generation || r.Grant.Generation == generation && !r.Grant.FailingSince.IsZero():
			return nil, c.reread(ctx)
		}
		// Do not compare the clocks of two machines: measure here how long nothing happens.
		if node := r.Grant.Node; node != "" && node != c.set.node {
			if seen != document.Version {
				seen, since = document.Version, time.Now()
			}
			if left := c.set.lease - time.Since(since); left > 0 {
				select {
				case <-time.After(min(left, time.Second)):
				case <-changed:
				case <-ctx.Done():
					return nil, context.Cause(ctx)
				}
				continue
			}
		}
		held := &lease{version: document.Version + 1, record: *r}
		secret, err := c.set.secret(storage.MirroredDocument{Document: document}, new(record))
		if err != nil || json.Unmarshal([]byte(secret), &held.tokens) != nil {
			return nil, UnreadableError{c.ref, errors.New("its tokens are damaged: connect it again")}
		}
		if r.Grant.Generation < generation {
			held.tokens = tokens // the store has lost them, as in a failover
		}
		held.record.Grant = r.Grant.with(func(g *grant) { g.Node, g.Generation = c.set.node, generation })
		err = c.set.applyBriefly(ctx, ActionRefreshBegun, c.ref, document.Version, r, &held.record)
		if !errors.Is(err, storage.ErrConflict) {
			return held, err
		}
	}
}

// errGone reports that a consent no longer is what the account uses.
var errGone = errors.New("the account was removed or replaced in the meantime")

// reread makes this node learn what the store says.
func (c *consent) reread(ctx context.Context) error {
	bounded, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return c.set.own.mirror.Refresh(bounded, c.ref.document().ID)
}

// save saves new tokens. They are used here at once; the store may be away for a while.
func (c *consent) save(ctx context.Context, held *lease, tokens jira.ConsentTokens, cloud bool, log *zap.Logger) error {
	secret, err := json.Marshal(tokens)
	if err != nil {
		return err
	}
	c.mu.Lock()
	c.tokens, c.generation, c.stale = tokens, held.record.Grant.Generation+1, false
	c.broadcast()
	c.mu.Unlock()
	version, old := held.version, held.record
	for warned := false; ; {
		saved := old
		saved.Grant = old.Grant.with(func(g *grant) {
			g.Node, g.FailingSince, g.Error = "", time.Time{}, ""
			g.RefreshedAt, g.Generation = c.set.options.Now().UTC().Truncate(time.Second), held.record.Grant.Generation+1
		})
		saved.ExpiresAt = saved.Grant.expires(cloud)
		if err := c.set.seal(&saved, c.ref, string(secret)); err != nil {
			return err
		}
		err := c.set.applyBriefly(ctx, ActionRefreshed, c.ref, version, &old, &saved)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, storage.ErrConflict):
			document, r, err := c.set.readBriefly(ctx, c.ref)
			switch {
			case err != nil: // ask again
			case !c.isFor(r) || r.Grant.Generation > held.record.Grant.Generation:
				return nil // it was removed or replaced, or another node took over
			default:
				// Another node took over but has no newer tokens. These are the only ones.
				version, old = document.Version, *r
				continue
			}
		case ctx.Err() != nil:
			return err
		}
		if !warned {
			log.Error("new tokens of a consent cannot be saved yet; until they are, only this gateway can use the account", zap.Error(err))
			warned = true
		}
		background.Pause(ctx, time.Second)
	}
}

// refuse records that Jira has ended the consent.
func (c *consent) refuse(ctx context.Context, held *lease, why string) error {
	failing := held.record
	failing.Grant = held.record.Grant.with(func(g *grant) {
		g.Node, g.FailingSince, g.Error = "", c.set.options.Now().UTC().Truncate(time.Second), why
	})
	err := c.set.applyBriefly(ctx, ActionRefreshRefused, c.ref, held.version, &held.record, &failing)
	if err == nil {
		return jira.RefusedError{Why: failing.failure(c.ref)}
	}
	return err
}

// applyBriefly makes a change, also while the gateway stops.
func (s *Set) applyBriefly(ctx context.Context, action string, ref Ref, version uint64, old, changed *record) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return s.apply(bounded, system, action, ref, version, old, changed)
}

// readBriefly reads an account from the store.
func (s *Set) readBriefly(ctx context.Context, ref Ref) (storage.Document, *record, error) {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	return s.read(bounded, ref)
}
