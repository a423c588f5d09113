package post

import (
	"context"
	"encoding/json"
	"errors"
	mathrand "math/rand/v2"
	"slices"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// lookEvery is how often a node looks whether it should take over a receiver.
	lookEvery = 10 * time.Second
	// pageSize is how many notices are read at once.
	pageSize = 100
	// The time between two attempts after a failure, doubled each time.
	firstBackoff = time.Second
	lastBackoff  = 10 * time.Minute
)

// errLost reports that another node delivers to the receiver.
var errLost = errors.New("another node delivers to the receiver")

// errGone reports that the receiver wants no more notices.
var errGone = errors.New("the receiver wants no more notices")

// serve delivers the notices for a receiver until ctx is done.
func (o *Office) serve(ctx context.Context, r *Receiver) {
	d := &delivery{Office: o, r: r, tries: make(map[string]try), lost: make(map[string]int)}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.poked:
		case <-timer.C:
		}
		if err := d.turn(ctx); err != nil && ctx.Err() == nil {
			o.Logger.Debug("cannot deliver notices now", zap.String("receiver", r.Name), zap.Error(err)) // an outage has its own line
			background.Pause(ctx, retryAfter)
		}
		timer.Reset(lookEvery)
	}
}

// delivery delivers to one receiver.
type delivery struct {
	*Office
	r     *Receiver
	claim storage.Claim
	// inARow counts failures since the last success.
	inARow int
	// tries holds the attempts at notices that failed, by the IDs of their documents.
	tries map[string]try
	// lost counts notices that were dropped and not reported yet, by the reason.
	lost map[string]int
}

// try says how often a notice failed, and when it can be tried again.
type try struct {
	n    int
	next time.Time
}

// turn delivers what is in the outbox, if no other node does.
func (d *delivery) turn(ctx context.Context) error {
	s, version, err := d.readState(ctx, d.r.Name)
	if err != nil {
		return err
	}
	if !d.claim.MayTake(s.Holder, d.node) || s.gone(d.r) || s.Waiting == 0 {
		return nil
	}
	s.Node, s.Beat = d.node, s.Beat+1
	change, err := stateChange(d.r.Name, version, s)
	if err != nil {
		return err
	}
	if err := d.Store.ApplyQuietly(ctx, change); errors.Is(err, storage.ErrConflict) {
		background.Signal(d.r.poked) // try again
		return nil
	} else if err != nil {
		return err
	}
	err = d.deliverAll(ctx)
	if errors.Is(err, errLost) {
		return nil
	}
	// Let another node continue at once, also when this one ends.
	release, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
	defer cancel()
	releaseErr := d.update(release, func(s *state) { s.Node = "" })
	return errors.Join(err, releaseErr)
}

// deliverAll delivers until the outbox is empty.
func (d *delivery) deliverAll(ctx context.Context) error {
	for {
		again, wait, err := d.pass(ctx)
		for why, n := range d.lost {
			d.reportDrop(drop{d.r.Name, n, why})
		}
		clear(d.lost)
		if errors.Is(err, errGone) {
			return nil
		}
		if err != nil {
			return err
		}
		if !again {
			clear(d.tries)
			return nil
		}
		if wait > 0 {
			if err := d.wait(ctx, wait); err != nil {
				return err
			}
		}
	}
}

// pass goes through the outbox until a notice fails. It reports whether there are notices
// left, and how long to wait for them.
func (d *delivery) pass(ctx context.Context) (again bool, wait time.Duration, err error) {
	query := outboxQuery(d.r.Name, pageSize)
	for {
		page, err := d.Store.Documents(ctx, query)
		if err != nil {
			return false, 0, err
		}
		for _, document := range page.Documents {
			if !waitsFor(d.r.Name, document) {
				return again, wait, nil
			}
			again = true
			if left := time.Until(d.tries[document.ID].next); left > 0 {
				if wait == 0 || left < wait {
					wait = left
				}
				continue
			}
			pause, err := d.deliver(ctx, document)
			if err != nil || pause > 0 {
				return true, pause, err
			}
		}
		if page.Next == "" {
			return again, wait, nil
		}
		query.Cursor = page.Next
	}
}

// deliver delivers one notice, or drops it if it is too old. After a failure it returns
// how long to wait before the receiver is tried again.
func (d *delivery) deliver(ctx context.Context, document storage.Document) (wait time.Duration, err error) {
	var e entry
	if err := json.Unmarshal(document.Data, &e); err != nil {
		return 0, d.remove(ctx, document, "it cannot be read", nil)
	}
	if d.Now().Sub(e.At) > Keep {
		return 0, d.remove(ctx, document, tooOld, nil)
	}
	answer := d.r.send(ctx, e.ID, e.Event, d.Now())
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	now := d.Now().UTC().Truncate(time.Second)
	if answer.ok() {
		if d.inARow > 0 {
			d.Logger.Info("the webhook accepts notices again", zap.String("receiver", d.r.Name))
		}
		d.inARow = 0
		err := d.remove(ctx, document, "", func(s *state) {
			s.LastSuccess, s.FailingSince, s.Error = now, time.Time{}, ""
		})
		if err == nil {
			d.Counted(d.r.Name, Delivered, 1)
		}
		return 0, err
	}
	d.Counted(d.r.Name, Failed, 1)
	failed := func(s *state) {
		s.LastFailure, s.Error = now, answer.String()
		if s.FailingSince.IsZero() {
			s.FailingSince = now
		}
	}
	if answer.gone() {
		return 0, errors.Join(d.giveUp(ctx, now, failed), errGone)
	}
	if d.inARow == 0 {
		d.Logger.Warn("the webhook does not accept a notice: trying again", zap.String("receiver", d.r.Name), zap.String("answer", answer.String()))
	}
	d.inARow++
	t := d.tries[document.ID]
	t.n++
	t.next = time.Now().Add(backoff(t.n))
	d.tries[document.ID] = t
	return max(backoff(d.inARow), answer.retryAfter), d.update(ctx, failed)
}

// backoff returns how long to wait after n failures in a row, give or take a quarter.
func backoff(n int) time.Duration {
	wait := min(lastBackoff, firstBackoff<<min(n-1, 20))
	return wait*3/4 + mathrand.N(wait/2) //nolint:gosec // G404: jitter is not secret
}

// giveUp drops everything that waits for a receiver that wants no more notices.
func (d *delivery) giveUp(ctx context.Context, now time.Time, failed func(*state)) error {
	d.Logger.Error("the webhook has answered 410 Gone: no more notices are sent to it until caddy jira-token notify test succeeds or its URL changes", zap.String("receiver", d.r.Name))
	err := d.update(ctx, func(s *state) {
		failed(s)
		s.GoneAt, s.Address = now, d.r.address()
	})
	for err == nil {
		var some []storage.Document
		if some, err = d.oldest(ctx, d.r.Name, pageSize); len(some) == 0 {
			break
		}
		for _, document := range some {
			if err == nil {
				err = d.remove(ctx, document, "the receiver has answered 410 Gone", nil)
			}
		}
	}
	return err
}

// remove removes a notice from the outbox: as delivered, or as dropped if there is a
// reason.
func (d *delivery) remove(ctx context.Context, document storage.Document, why string, edit func(*state)) error {
	delete(d.tries, document.ID)
	removal := storage.DocumentChange{DocumentName: document.DocumentName, Version: document.Version}
	err := d.updateWith(ctx, func(s *state) {
		s.Waiting = max(s.Waiting-1, 0)
		if why == "" {
			s.Delivered++
		} else {
			s.Dropped++
		}
		if edit != nil {
			edit(s)
		}
	}, removal)
	if err == nil && why != "" {
		d.lost[why]++
	}
	return err
}

// update changes the state of the receiver, as long as this node delivers to it.
func (d *delivery) update(ctx context.Context, edit func(*state)) error {
	return d.updateWith(ctx, edit)
}

// updateWith changes the state together with other documents. It does nothing if these
// are no longer there.
func (d *delivery) updateWith(ctx context.Context, edit func(*state), others ...storage.DocumentChange) error {
	for range attempts {
		s, version, err := d.readState(ctx, d.r.Name)
		if err != nil {
			return err
		}
		if s.Node != d.node {
			return errLost
		}
		edit(&s)
		s.Beat++
		change, err := stateChange(d.r.Name, version, s)
		if err != nil {
			return err
		}
		err = d.Store.ApplyQuietly(ctx, append(slices.Clip(others), change)...)
		if !errors.Is(err, storage.ErrConflict) {
			return err
		}
		for _, other := range others {
			if _, err := d.Store.Document(ctx, other.DocumentName); errors.Is(err, storage.ErrNotFound) {
				return nil // dropped, because the outbox was full
			}
		}
	}
	return storage.ErrConflict
}

// wait waits, and gives signs of life meanwhile.
func (d *delivery) wait(ctx context.Context, wait time.Duration) error {
	for end := time.Now().Add(wait); time.Until(end) > 0; {
		background.Pause(ctx, min(storage.BeatEvery, time.Until(end)))
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if time.Until(end) > 0 {
			if err := d.update(ctx, func(*state) {}); err != nil {
				return err
			}
		}
	}
	return nil
}

// printable returns a short text without control characters.
func printable(text string) string { return token.Printable(text, 200) }
