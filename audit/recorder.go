// Package audit writes events about requests to the audit trail, off the way of the
// requests.
package audit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const (
	// maxQueued is the maximum number of events that wait to be written: some 10 MB.
	maxQueued = 10_000
	// flushInterval is how often waiting events are written.
	flushInterval = 250 * time.Millisecond
	// writeTimeout is the timeout of one write. Caddy waits for the last one when it
	// exits.
	writeTimeout = 5 * time.Second
)

// Options are what a Recorder needs.
type Options struct {
	// Write writes events to the trail.
	Write func(ctx context.Context, events ...storage.Event) error
	// Away returns why the store is unavailable, or nil if it is not known to be.
	Away func() error
	// Lost is called with the number of events that were lost just now.
	Lost   func(n uint64)
	Logger *zap.Logger
	Now    func() time.Time
}

// Recorder writes events to the audit trail in batches, in the order in which they were
// recorded. If the store does not take them, it keeps some in memory. When it loses
// events, the log says so, and an event once the store takes events again.
type Recorder struct {
	options Options
	// wake makes Run write at once.
	wake chan struct{}

	mu      sync.Mutex // guards what follows
	queue   []*entry
	denials denials
	// lost are the events lost since the trail last told of lost ones.
	lost   loss
	closed bool
	// failing is set while the store does not take events.
	failing bool
}

// entry is an event that is to be written.
type entry struct {
	event storage.Event
	// waiting are told once whether the event has been written.
	waiting []chan<- error
	// once means that the event is dropped if the first attempt to write it fails.
	once bool
}

// loss is a number of events, and when the first and the last of them happened.
type loss struct {
	n           uint64
	from, until time.Time
}

// NewRecorder returns a recorder. It writes nothing until Run.
func NewRecorder(options Options) *Recorder {
	return &Recorder{options: options, wake: make(chan struct{}, 1)}
}

// Add records an event. It does not wait.
func (r *Recorder) Add(event storage.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.enqueue(&entry{event: event})
	if len(r.queue) == storage.MaxEvents {
		r.wakeUp()
	}
}

// Write records an event and waits until it has been written. If it returns an error,
// the event may still be written later.
func (r *Recorder) Write(ctx context.Context, event storage.Event) error {
	if err := r.options.Away(); err != nil {
		r.Add(event)
		return unwritten(err)
	}
	return r.write(ctx, &entry{event: event})
}

// Begin is like Write for an event that must precede what it describes: if it returns
// an error, that must not happen, and the event is dropped if possible.
func (r *Recorder) Begin(ctx context.Context, event storage.Event) error {
	if err := r.options.Away(); err != nil {
		return unwritten(err)
	}
	return r.write(ctx, &entry{event: event, once: true})
}

func (r *Recorder) write(ctx context.Context, e *entry) error {
	done := make(chan error, 1)
	e.waiting = append(e.waiting, done)
	r.mu.Lock()
	r.enqueue(e)
	r.wakeUp()
	r.mu.Unlock()
	return wait(ctx, done)
}

// wait waits until an event has been written.
func wait(ctx context.Context, done <-chan error) error {
	bounded, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	select {
	case err := <-done:
		return unwritten(err)
	case <-bounded.Done():
		return unwritten(bounded.Err())
	}
}

// unwritten returns an outage for the cause, or nil if there is none.
func unwritten(cause error) error {
	switch {
	case cause == nil:
		return nil
	case errors.Is(cause, token.ErrUnavailable):
		return fmt.Errorf("cannot write to the audit trail: %w", cause)
	}
	return fmt.Errorf("%w: cannot write to the audit trail: %w", token.ErrUnavailable, cause)
}

// enqueue adds an entry to the queue, or loses its event. The caller holds the mutex.
func (r *Recorder) enqueue(e *entry) {
	if !r.closed && len(r.queue) < maxQueued {
		r.queue = append(r.queue, e)
		return
	}
	e.tell(errors.New("too many events are waiting to be written"))
	if !e.once {
		r.lose(e.event)
	}
}

// lose counts the event as lost. The caller holds the mutex.
func (r *Recorder) lose(event storage.Event) {
	n := max(1, event.Count)
	if r.lost.n == 0 {
		r.options.Logger.Error("losing audit events: the store does not take them, and no more fit into memory", zap.Int("in_memory", len(r.queue)))
		r.lost.from = event.At
	}
	r.lost.n += n
	for _, at := range []time.Time{event.At, event.Until} {
		if r.lost.until.Before(at) {
			r.lost.until = at
		}
	}
	r.options.Lost(n)
}

// tell tells those who wait for the event whether it has been written.
func (e *entry) tell(err error) {
	for _, done := range e.waiting {
		done <- err // there is room: each is told once
	}
	e.waiting = nil
}

func (r *Recorder) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes the recorded events until ctx is done, and then those that are left.
func (r *Recorder) Run(ctx context.Context) {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-r.wake:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), writeTimeout)
			defer cancel()
			r.finish(last)
			return
		}
		r.report(false)
		r.flush(ctx)
	}
}

// report puts denials into the queue whose time has come, or all of them.
func (r *Recorder) report(all bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.denials.due(r.options.Now(), all, maxQueued-len(r.queue)) {
		r.enqueue(e)
	}
}

// finish writes what is left, and loses what it cannot write.
func (r *Recorder) finish(ctx context.Context) {
	r.report(true)
	r.flush(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	for _, e := range r.queue {
		e.tell(context.Canceled)
		if !e.once {
			r.lose(e.event)
		}
	}
	if r.lost.n > 0 {
		r.options.Logger.Error("audit events are lost: the store did not take them before the end", r.lost.fields()...)
	}
	r.queue = nil
}

// flush writes the queue, until that fails.
func (r *Recorder) flush(ctx context.Context) {
	for {
		batch := r.next()
		if len(batch) == 0 {
			return
		}
		err := r.options.Away()
		if err == nil {
			events := make([]storage.Event, len(batch))
			for i, e := range batch {
				events[i] = e.event
			}
			bounded, cancel := context.WithTimeout(ctx, writeTimeout)
			err = r.options.Write(bounded, events...)
			cancel()
		}
		r.wrote(len(batch), err)
		if err != nil {
			return
		}
	}
}

// next returns the first entries of the queue, which remain there.
func (r *Recorder) next() []*entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.queue[:min(len(r.queue), storage.MaxEvents)]
}

// wrote records whether the first n entries of the queue have been written.
func (r *Recorder) wrote(n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch, rest := r.queue[:n], r.queue[n:]
	kept := make([]*entry, 0, len(r.queue))
	for _, e := range batch {
		e.tell(err)
		if err != nil && !e.once {
			kept = append(kept, e)
		}
	}
	r.queue = append(kept, rest...)
	r.reportFailure(err)
	if err == nil && r.lost.n > 0 {
		r.options.Logger.Error("audit events were lost", r.lost.fields()...)
		r.queue = append(r.queue, &entry{event: r.lost.event()})
		r.lost = loss{}
	}
}

// reportFailure logs that the store does not take events, or takes them again.
func (r *Recorder) reportFailure(err error) {
	switch {
	case err == nil && r.failing:
		r.options.Logger.Info("writing audit events again")
	case err != nil && !r.failing && r.options.Away() == nil: // an outage has its own log line
		r.options.Logger.Warn("cannot write audit events: keeping them in memory", zap.Int("at_most", maxQueued), zap.Error(err))
	default:
		return
	}
	r.failing = err != nil
}

func (l loss) fields() []zap.Field {
	return []zap.Field{zap.Uint64("events", l.n), zap.Time("from", l.from), zap.Time("until", l.until)}
}

// event returns the event that tells of the loss.
func (l loss) event() storage.Event {
	return storage.Event{
		At: l.from, Action: storage.ActionEventsLost, Actor: storage.Actor{Kind: storage.ActorSystem},
		Count: l.n, Until: l.until,
	}
}
