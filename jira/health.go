package jira

import (
	"context"
	"sync"
	"time"
)

// RefusedError reports that Jira refuses the account.
type RefusedError struct {
	Why string
	// FailedLogin says that Jira counts it as a failed log-in. Data Center asks
	// for a CAPTCHA after three of them, so that no further request should go out
	// before `myself` has confirmed it.
	FailedLogin bool
	// Page says that a page or a redirect says so, which anything on the way to
	// Jira can send. Even as the answer to `myself` it is not Jira's own refusal.
	Page bool
}

func (e RefusedError) Error() string { return e.Why }

// health is a circuit breaker for an account at one Jira: after that Jira
// refused the account it rests there, because Jira locks accounts that fail to
// log in again and again. Once an interval one request may ask whether Jira
// accepts it again.
type health struct {
	interval time.Duration
	changed  func(refused error)

	// order is held while a change is made and told, so that changes are told in
	// the order in which they are made.
	order sync.Mutex

	mu         sync.Mutex
	refused    error
	nextProbe  time.Time
	confirming *confirmation // nil if none is pending
}

// maxAttempts is how many requests may be refused, or still be unanswered, while
// one confirmation is pending. Data Center asks for a CAPTCHA after three failed
// log-ins by default (jira.maximum.authentication.attempts.allowed).
const maxAttempts = 2

// confirmation is a question for `myself` that is not answered yet.
type confirmation struct {
	done  chan struct{} // closed at its end
	slots chan struct{} // holds one value for each attempt
}

// attempt waits for a turn to send a request: at once, unless a confirmation is
// pending that has used up its attempts. The caller calls answered with whether
// Jira refused the account; any other answer makes room for another attempt.
func (h *health) attempt(ctx context.Context) (answered func(refused bool), err error) {
	h.mu.Lock()
	c, resting := h.confirming, h.refused != nil
	h.mu.Unlock()
	if c == nil || resting {
		return func(bool) {}, nil
	}
	select {
	case c.slots <- struct{}{}:
		return func(refused bool) {
			if !refused {
				<-c.slots
			}
		}, nil
	case <-c.done:
		return func(bool) {}, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// usable returns nil when the account is not resting. When it is, probe is true
// for the one caller in an interval that is to ask Jira and report.
func (h *health) usable(now time.Time) (probe bool, refused error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused == nil {
		return false, nil
	}
	if now.Before(h.nextProbe) {
		return false, h.refused
	}
	h.nextProbe = now.Add(h.interval)
	return true, h.refused
}

// confirm runs ask in the background unless it is running already. Until it ends,
// the given number of attempts may go out.
func (h *health) confirm(attempts int, ask func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.confirming != nil {
		return
	}
	c := &confirmation{done: make(chan struct{}), slots: make(chan struct{}, attempts)}
	h.confirming = c
	go func() {
		defer func() {
			h.mu.Lock()
			h.confirming = nil
			h.mu.Unlock()
			close(c.done)
		}()
		ask()
	}()
}

// set records whether Jira refuses the account, and tells of it if it is new.
func (h *health) set(refused error, now time.Time) {
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	isNew := (h.refused == nil) != (refused == nil)
	h.refused = refused
	h.nextProbe = now.Add(h.interval)
	h.mu.Unlock()
	if isNew {
		h.changed(refused)
	}
}

func (h *health) refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}
