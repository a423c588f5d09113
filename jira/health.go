package jira

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// RefusedError reports that Jira refuses the account.
type RefusedError struct {
	Why string
	// FailedLogin means that Jira counts this as a failed login. Data Center
	// requires a CAPTCHA after three of those, so no further request should go
	// out until `myself` has confirmed the refusal.
	FailedLogin bool
	// Page means that the refusal is a page or a redirect, which anything on the
	// way to Jira can send. Even in answer to `myself` it does not prove that Jira
	// itself refuses the account.
	Page bool
}

func (e RefusedError) Error() string { return e.Why }

// health is a circuit breaker for an account at one Jira. After Jira refuses the
// account, the account is paused there, because Jira locks accounts that keep
// failing to log in. Once per interval, one request may ask whether Jira accepts
// the account again.
type health struct {
	interval time.Duration
	changed  func(refused error)
	// works is set while Jira's last word about the account was not a refusal.
	works atomic.Bool

	// order is held while a change is made and reported, so that changes are
	// reported in the order in which they are made.
	order sync.Mutex

	mu         sync.Mutex
	refused    error
	since      time.Time // when the pause began
	nextProbe  time.Time
	confirming *confirmation // nil if none is pending
}

// maxAttempts is how many requests may be refused or unanswered while a
// confirmation is pending. By default Data Center requires a CAPTCHA after three
// failed logins (jira.maximum.authentication.attempts.allowed).
const maxAttempts = 2

// confirmation is a call of `myself` in flight.
type confirmation struct {
	done  chan struct{} // closed when it ends
	slots chan struct{} // holds a value per attempt
}

// attempt waits for its turn to send a request: it returns at once unless a
// confirmation is pending whose attempts are used up. The caller calls answered
// with whether Jira refused the account; if not, another attempt may follow.
func (h *health) attempt(ctx context.Context) (answered func(refused bool), err error) {
	h.mu.Lock()
	c, paused := h.confirming, h.refused != nil
	h.mu.Unlock()
	if c == nil || paused {
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

// usable returns nil unless the account is paused. While it is, probe is true once
// per interval, for the caller that should ask Jira and report back.
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

// confirm runs ask in the background unless it is already running, or the account is
// already paused: a request that was sent before the pause may be refused after it.
// Until ask ends, the given number of attempts may go out.
func (h *health) confirm(attempts int, ask func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.confirming != nil || h.refused != nil {
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

// set records whether Jira refuses the account, and reports it if that is new.
func (h *health) set(refused error, now time.Time) {
	h.order.Lock()
	defer h.order.Unlock()
	h.mu.Lock()
	isNew := (h.refused == nil) != (refused == nil)
	if isNew {
		h.since = now
	}
	h.refused = refused
	h.nextProbe = now.Add(h.interval)
	h.mu.Unlock()
	h.works.Store(refused == nil)
	if isNew {
		h.changed(refused)
	}
}

// answered records that Jira has answered and not refused the account.
func (h *health) answered() {
	if !h.works.Load() && h.refusal() == nil {
		h.works.Store(true)
	}
}

func (h *health) refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

// refusedSince returns when the pause began, or the zero time if there is none.
func (h *health) refusedSince() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refused == nil {
		return time.Time{}
	}
	return h.since
}
