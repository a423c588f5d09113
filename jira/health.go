package jira

import (
	"sync"
	"time"
)

// RefusedError reports that Jira refuses the account.
type RefusedError struct {
	Why string
	// Doubtful says that it may be about one resource only, or a text that the
	// caller had sent.
	Doubtful bool
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
	confirming bool
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

// confirm runs ask in the background unless it is running already.
func (h *health) confirm(ask func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.confirming {
		return
	}
	h.confirming = true
	go func() {
		defer func() {
			h.mu.Lock()
			h.confirming = false
			h.mu.Unlock()
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
