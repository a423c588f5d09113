package facts

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// A refresh gives up after so many questions in a row without a usable answer. A question
// for which Jira is too busy is repeated, unless Jira asks to wait for longer than
// maxWait.
const (
	failuresInARow = 5
	busyInARow     = 10
	maxWait        = time.Minute
)

func errorField(err error) zap.Field {
	return zap.String("error", token.Printable(err.Error(), 500))
}

// storePause is how long to wait when the store cannot be used.
const storePause = 10 * time.Second

// turn refreshes if it is time for that and no other node does it. It returns how long to
// wait until the next turn.
func (k *Keeper) turn(ctx context.Context) time.Duration {
	l, at, err := k.acquire(ctx)
	switch {
	case err != nil:
		if ctx.Err() == nil {
			k.logger.Debug("cannot find out whether the owners of tokens must be refreshed", errorField(err)) // an outage has its own line
		}
		return storePause
	case l == nil:
		return min(max(at.Sub(k.now()), 0), lookAtLeastEvery)
	}
	k.refresh(ctx, l)
	return min(max(l.refresh.due(k.options.Interval).Sub(k.now()), 0), lookAtLeastEvery)
}

var (
	errLost    = errors.New("another node refreshes the owners")
	errTooSlow = errors.New("Jira answers too slowly")
)

// refresh asks Jira about everybody and records how that went.
func (k *Keeper) refresh(ctx context.Context, l *lease) {
	begun := k.now().UTC().Truncate(time.Second)
	limited, cancel := context.WithTimeoutCause(ctx, max(k.options.Interval, k.options.Keep/2), errTooSlow)
	defer cancel()
	working, stop := context.WithCancelCause(limited)
	var holding sync.WaitGroup
	holding.Go(func() {
		l.hold(working, func() { stop(errLost) })
	})
	err := k.round(working, begun)
	lost := errors.Is(context.Cause(working), errLost)
	stop(nil)
	holding.Wait()
	if lost {
		return // the document is another node's now
	}
	before := l.refresh
	recording, cancelRecording := context.WithTimeout(context.WithoutCancel(ctx), storePause) // even while the configuration is replaced
	defer cancelRecording()
	writeErr := l.write(recording, actionRefreshEnded, func(r *refresh) {
		r.Node, r.Until = "", time.Time{}
		if ctx.Err() != nil {
			return // another configuration begins again
		}
		r.record(begun, k.now().UTC(), err)
	})
	if writeErr == nil && ctx.Err() == nil {
		writeErr = k.refreshes.Refresh(recording, refreshID)
	}
	if writeErr != nil {
		k.logger.Debug("cannot record the refresh of the owners of tokens", errorField(writeErr))
		return
	}
	k.learn()
	k.report(before, l.refresh)
}

// record records how a refresh went.
func (r *refresh) record(begun, ended time.Time, err error) {
	r.EndedAt = ended
	switch {
	case errors.Is(err, storage.ErrUnavailable): // which is not Jira's fault
		r.Failures++
		return
	case err == nil:
		r.CompletedAt, r.FailingSince, r.Failures, r.Error, r.NotBefore = begun, time.Time{}, 0, "", time.Time{}
		return
	}
	if r.FailingSince.IsZero() {
		r.FailingSince = begun
	}
	r.Failures++
	r.Error = token.Printable(err.Error(), 500)
	if busy, ok := errors.AsType[jira.BusyError](err); ok {
		r.NotBefore = ended.Add(busy.RetryAfter)
	}
}

// report logs when refreshing begins to fail, and when it works again.
func (k *Keeper) report(before, after refresh) {
	switch was, is := !before.FailingSince.IsZero(), !after.FailingSince.IsZero(); {
	case is && !was:
		k.logger.Error("Jira does not say which groups the owners of tokens are in: what is known remains valid for a while",
			zap.String("jira", k.url), zap.String("error", after.Error),
			zap.Duration("kept_for", k.options.Keep), lastConfirmed(after))
	case was && !is:
		k.logger.Info("Jira says again which groups the owners of tokens are in", zap.String("jira", k.url))
	}
}

// round asks Jira about everybody who has tokens or is responsible for some. It gives up
// when Jira fails to answer several times in a row.
func (k *Keeper) round(ctx context.Context, begun time.Time) error {
	k.usersMu.Lock()
	users, err := k.reopenUsers(ctx)
	k.usersMu.Unlock()
	if err != nil {
		return err
	}
	people, err := k.registry.People(ctx)
	if err != nil {
		return err
	}
	results := tally{unanswered: make(map[string]error)}
	group, working := errgroup.WithContext(ctx)
	group.SetLimit(questionsAtOnce)
	for id, name := range people {
		if documentName(name).Check() != nil {
			continue
		}
		if working.Err() != nil {
			break
		}
		group.Go(func() error {
			answer, err := k.askPatiently(working, users, name)
			if results.count(id, err) {
				return fmt.Errorf("giving up after %d failures in a row: %w", failuresInARow, err)
			}
			if err != nil {
				return context.Cause(ctx)
			}
			return k.save(working, answer)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if len(people) > 0 && len(results.unanswered) == len(people) {
		for _, err := range results.unanswered {
			return err
		}
	}
	for id, err := range results.unanswered {
		if err := k.markFailing(ctx, id, people[id], err, begun); err != nil {
			return err
		}
	}
	return k.forget(ctx, people, begun)
}

// tally collects the answers of a round.
type tally struct {
	mu         sync.Mutex
	inARow     int
	unanswered map[string]error
}

// count counts an answer, and reports whether there have been too many failures in a
// row.
func (t *tally) count(id string, err error) (giveUp bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.inARow = 0
		return false
	}
	t.inARow++
	t.unanswered[id] = err
	return t.inARow >= failuresInARow
}

// askPatiently asks about an owner, and waits if Jira asks for that, as long as it is not
// for too long.
func (k *Keeper) askPatiently(ctx context.Context, users *jira.Users, name string) (owner, error) {
	for tries := 1; ; tries++ {
		answer, err := k.ask(ctx, users, name)
		busy, ok := errors.AsType[jira.BusyError](err)
		if !ok || busy.RetryAfter > maxWait || tries == busyInARow {
			return answer, err
		}
		background.Pause(ctx, busy.RetryAfter)
	}
}

// markFailing records that Jira has given no usable answer about an owner, although it
// answers about others: what it said before lapses after a while.
func (k *Keeper) markFailing(ctx context.Context, id, name string, cause error, begun time.Time) error {
	last := k.refreshKnown()
	err := k.update(ctx, id, func(known *owner) *owner {
		why := token.Printable(cause.Error(), 500)
		switch {
		case known == nil:
			return &owner{Name: name, State: stateUnknown, Why: why, ConfirmedAt: begun, Failing: true}
		case known.Failing, known.ConfirmedAt.After(begun):
			return known
		}
		next := *known
		next.Failing, next.ConfirmedAt = true, known.confirmedAt(last)
		return &next
	})
	if errors.Is(err, storage.ErrConflict) {
		return nil // another node has asked about the owner in the meantime
	}
	return err
}

// forget deletes the documents about owners who have no tokens any longer.
func (k *Keeper) forget(ctx context.Context, people map[string]string, begun time.Time) error {
	documents, _ := k.owners.Documents()
	gone := maps.Clone(documents)
	for id := range people {
		delete(gone, id)
	}
	if len(gone) == 0 {
		return nil
	}
	// Somebody may have got a token in the meantime.
	people, err := k.registry.People(ctx)
	if err != nil {
		return err
	}
	for id, document := range gone {
		if _, ok := people[id]; ok {
			continue
		}
		if document.Err != nil {
			continue // it can be of a later version
		}
		err := k.update(ctx, id, func(known *owner) *owner {
			if known != nil && known.ConfirmedAt.After(begun) {
				return known
			}
			return nil
		})
		if err != nil && !errors.Is(err, storage.ErrConflict) {
			return err
		}
	}
	return nil
}
