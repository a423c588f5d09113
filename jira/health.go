package jira

import (
	"sync"
	"time"
)

// RefusedError says that Jira does not take the account.
type RefusedError struct {
	Why string
	// Doubtful says that it may be about one resource only, or a text that the
	// caller had sent.
	Doubtful bool
}

func (e RefusedError) Error() string { return e.Why }

// health is a circuit breaker: after Jira refused an account it rests, because
// Jira locks accounts that fail to log in again and again. Once an interval
// one request may ask whether Jira takes it again.
type health struct {
	interval time.Duration
	changed  func(refused error)

	mu         sync.Mutex
	refused    error
	nextProbe  time.Time
	confirming bool
}

// Usable returns nil when the account is not resting. When it is, probe tells
// the one caller in an interval that is to ask Jira and report.
func (h *health) Usable(now time.Time) (probe bool, refused error) {
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

// Confirm runs ask, which finds out whether Jira refuses the account as such,
// unless another request is asking already. One 401 alone does not say so: it
// may be about one resource, and must not stop everybody else.
func (h *health) Confirm(ask func()) {
	h.mu.Lock()
	busy := h.confirming
	h.confirming = true
	h.mu.Unlock()
	if busy {
		return
	}
	defer func() {
		h.mu.Lock()
		h.confirming = false
		h.mu.Unlock()
	}()
	ask()
}

// Refused makes the account rest.
func (h *health) Refused(why error, now time.Time) {
	h.mu.Lock()
	first := h.refused == nil
	h.refused = why
	h.nextProbe = now.Add(h.interval)
	h.mu.Unlock()
	if first {
		h.changed(why)
	}
}

// Accepted ends the account's rest.
func (h *health) Accepted() {
	h.mu.Lock()
	rested := h.refused != nil
	h.refused = nil
	h.mu.Unlock()
	if rested {
		h.changed(nil)
	}
}

// Refusal returns why the account rests; nil when it does not.
func (h *health) Refusal() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.refused
}

// Interval is how long the account rests between two questions.
func (h *health) Interval() time.Duration { return h.interval }
