// Package post delivers notices: as Caddy events and log lines on the gateway that
// publishes them, and to webhooks, at least once, through an outbox in the store.
package post

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/internal/background"
	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// The kinds of documents.
const (
	// KindReceiver is the kind of the document about a receiver: see state.
	KindReceiver = "notice_receiver"
	// kindOutbox is the kind of a notice that waits for a receiver.
	kindOutbox = "notice_outbox"
	// kindMark is the kind of the mark of a notice that is published once.
	kindMark = "notice_mark"
)

// Results of a delivery, for metrics.
const (
	Delivered = "delivered"
	Failed    = "failed"  // an attempt, which will be repeated
	Dropped   = "dropped" // too old, or the outbox was full
)

// LocalReceiver stands in metrics for Caddy events and the log.
const LocalReceiver = "events"

// Store is what an Office needs of a store.
type Store interface {
	storage.Documents
	ApplyQuietly(ctx context.Context, changes ...storage.DocumentChange) error
}

// Options configure an Office.
type Options struct {
	Store Store
	// Mirror holds the documents of KindReceiver.
	Mirror    *storage.Mirror
	Receivers []*Receiver
	// Source is the source of CloudEvents.
	Source string
	// Local emits a notice on this gateway. It may take its time.
	Local func(notice.Notice)
	// Counted is called with the number of notices with a result.
	Counted func(receiver, result string, n int)
	Logger  *zap.Logger
	Now     func() time.Time
}

// Office publishes notices and delivers them.
type Office struct {
	Options
	node string // identifies this office in the store

	mu      sync.Mutex
	waiting []notice.Notice // of Notify
	full    bool            // whether notices were dropped since waiting was last empty
	poked   chan struct{}   // has room for one signal: that there is something waiting
	local   chan notice.Notice
	stuck   bool // whether Local has not kept up; guarded by mu
}

const (
	// maxWaiting bounds the notices in memory, for each stage.
	maxWaiting = 1000
	// atOnce is how many notices are published in one change of the store.
	atOnce = 40
	// retryAfter is how long to wait when the store cannot be used.
	retryAfter = 2 * time.Second
	// lastWait bounds how long the end of Run waits for the store and for Local.
	lastWait = 2 * time.Second
	// localWait is how long publishing waits for Local to keep up.
	localWait = 10 * time.Second
	// attempts is the maximum number of attempts at a change, after conflicts.
	attempts = 50
)

// New returns an office. It delivers once Run is called.
func New(options Options) *Office {
	o := &Office{Options: options, node: rand.Text(), poked: make(chan struct{}, 1), local: make(chan notice.Notice, maxWaiting)}
	for _, r := range o.Receivers {
		r.poked = make(chan struct{}, 1)
	}
	return o
}

// Notify publishes a notice in the background. If too many wait, for example because the
// store is away, it is dropped, which is logged.
func (o *Office) Notify(n notice.Notice) {
	n = o.completed(n)
	o.mu.Lock()
	dropped, first := len(o.waiting) >= maxWaiting, false
	if dropped {
		first, o.full = !o.full, true
	} else {
		o.waiting = append(o.waiting, n)
	}
	o.mu.Unlock()
	background.Signal(o.poked)
	if dropped {
		o.Counted(LocalReceiver, Dropped, 1)
	}
	if first {
		o.Logger.Error("too many notices wait to be published: dropping new ones", zap.Int("waiting", maxWaiting))
	}
}

// completed sets the ID and the time of a notice.
func (o *Office) completed(n notice.Notice) notice.Notice {
	if n.ID == "" && n.Once != "" {
		n.ID = n.OnceID()
	} else if n.ID == "" {
		n.ID = "msg_" + rand.Text()
	}
	if n.At.IsZero() {
		n.At = o.Now()
	}
	return n
}

// Run publishes and delivers until ctx is done.
func (o *Office) Run(ctx context.Context) {
	var running sync.WaitGroup
	defer running.Wait()
	cancel := o.Mirror.Subscribe(func(storage.Mirrored) { o.pokeAll() })
	defer cancel()
	published := make(chan struct{})
	running.Go(func() { o.emit(ctx, published) })
	for _, r := range o.Receivers {
		running.Go(func() { o.serve(ctx, r) })
	}
	o.publishWaiting(ctx)
	close(published)
}

// emit calls Local until published is closed and nothing is left, or has been left for
// too long.
func (o *Office) emit(ctx context.Context, published <-chan struct{}) {
	for {
		select {
		case n := <-o.local:
			o.emitOne(n)
			continue
		case <-published:
		}
		timeout, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
		defer cancel()
		for timeout.Err() == nil {
			select {
			case n := <-o.local:
				o.emitOne(n)
			default:
				return
			}
		}
		o.Counted(LocalReceiver, Dropped, len(o.local))
		o.Logger.Error("notices were not emitted as events, because handlers of events take too long", zap.Int("dropped", len(o.local)))
		return
	}
}

func (o *Office) emitOne(n notice.Notice) {
	o.Local(n)
	o.Counted(LocalReceiver, Delivered, 1)
}

// publishWaiting publishes what Notify was given. Once ctx is done, it tries once more.
func (o *Office) publishWaiting(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-o.poked:
		}
		for o.publishSome(ctx) && ctx.Err() == nil {
			continue
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWait)
	defer cancel()
	for o.publishSome(last) && last.Err() == nil {
		continue
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.waiting); n > 0 {
		o.Counted(LocalReceiver, Dropped, n)
		o.Logger.Error("notices were not published, because the store cannot be reached", zap.Int("dropped", n))
	}
}

// publishSome publishes some waiting notices, and reports whether there were any.
func (o *Office) publishSome(ctx context.Context) bool {
	o.mu.Lock()
	some := slices.Clone(o.waiting[:min(len(o.waiting), atOnce)])
	if len(some) == 0 {
		o.full = false
	}
	o.mu.Unlock()
	if len(some) == 0 {
		return false
	}
	if _, err := o.Publish(ctx, some...); err != nil {
		background.Pause(ctx, retryAfter)
		return true
	}
	o.mu.Lock()
	o.waiting = slices.Delete(o.waiting, 0, len(some))
	o.mu.Unlock()
	return true
}

// pokeAll makes each delivery look at its outbox.
func (o *Office) pokeAll() {
	for _, r := range o.Receivers {
		background.Signal(r.poked)
	}
}

// Publish publishes notices: when it returns, they are in the outbox of every receiver,
// and on their way to Local. Those with a Once that have been published are left out. It
// returns the number of those that were not.
func (o *Office) Publish(ctx context.Context, notices ...notice.Notice) (published int, err error) {
	for some := range slices.Chunk(notices, atOnce) {
		n, err := o.publish(ctx, some)
		published += n
		if err != nil {
			return published, err
		}
	}
	return published, nil
}

func (o *Office) publish(ctx context.Context, notices []notice.Notice) (int, error) {
	for attempt := range attempts {
		if attempt > 0 {
			background.Pause(ctx, time.Duration(mathrand.Int64N(int64(time.Duration(attempt)*5*time.Millisecond)))) //nolint:gosec // G404: jitter is not secret
		}
		changes, fresh, err := o.marks(ctx, notices)
		if err != nil || len(fresh) == 0 {
			return 0, err
		}
		var dropped []drop
		for _, r := range o.Receivers {
			enqueued, lost, err := o.enqueue(ctx, r, fresh)
			if err != nil {
				return 0, err
			}
			changes, dropped = append(changes, enqueued...), append(dropped, lost)
		}
		if len(changes) > 0 {
			if err = o.Store.ApplyQuietly(ctx, changes...); errors.Is(err, storage.ErrConflict) {
				continue
			} else if err != nil {
				return 0, err
			}
		}
		for _, lost := range dropped {
			o.reportDrop(lost)
		}
		o.pokeAll()
		for _, n := range fresh {
			o.tell(ctx, n)
		}
		return len(fresh), nil
	}
	return 0, fmt.Errorf("publishing notices: %w", storage.ErrConflict)
}

// marks returns the notices that have not been published, and the changes that mark them.
func (o *Office) marks(ctx context.Context, notices []notice.Notice) (changes []storage.DocumentChange, fresh []notice.Notice, err error) {
	seen := make(map[string]bool)
	for _, n := range notices {
		n = o.completed(n)
		if n.Once != "" {
			name := storage.DocumentName{Kind: kindMark, ID: n.OnceID()}
			_, err := o.Store.Document(ctx, name)
			if err == nil || seen[name.ID] || errors.Is(err, storage.ErrDamaged) {
				continue
			}
			if !errors.Is(err, storage.ErrNotFound) {
				return nil, nil, err
			}
			seen[name.ID] = true
			data, err := json.Marshal(mark{Type: n.Type, Subject: n.Subject, At: n.At, Until: n.Until})
			if err != nil {
				return nil, nil, err
			}
			changes = append(changes, storage.DocumentChange{DocumentName: name, Data: data})
		}
		fresh = append(fresh, n)
	}
	return changes, fresh, nil
}

// tell passes a notice to Local, unless that has not kept up for too long.
func (o *Office) tell(ctx context.Context, n notice.Notice) {
	select {
	case o.local <- n:
		o.setStuck(false)
		return
	default:
	}
	if !o.isStuck() {
		timer := time.NewTimer(localWait)
		defer timer.Stop()
		select {
		case o.local <- n:
			return
		case <-ctx.Done():
		case <-timer.C:
		}
	}
	if !o.setStuck(true) {
		o.Logger.Error("handlers of events take too long: dropping events, which webhooks still get", zap.Int("waiting", maxWaiting))
	}
	o.Counted(LocalReceiver, Dropped, 1)
}

func (o *Office) isStuck() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.stuck
}

func (o *Office) setStuck(stuck bool) (was bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was, o.stuck = o.stuck, stuck
	return was
}
