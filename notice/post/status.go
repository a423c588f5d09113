package post

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/notice"
)

// Status is the JSON for a receiver.
type Status struct {
	Name string `json:"name"`
	// State is ok, failing or gone.
	State string `json:"state"`
	// Events are the types of notices that it gets; empty: all.
	Events []string `json:"events,omitempty"`
	Signed bool     `json:"signed"`
	// Waiting is the number of notices that wait for it; Delivered and Dropped count the
	// others.
	Waiting      int       `json:"waiting"`
	Delivered    uint64    `json:"delivered"`
	Dropped      uint64    `json:"dropped"`
	LastSuccess  time.Time `json:"last_success,omitzero"`
	LastFailure  time.Time `json:"last_failure,omitzero"`
	FailingSince time.Time `json:"failing_since,omitzero"`
	Error        string    `json:"error,omitempty"`
}

// The states of a receiver.
const (
	StateOK      = "ok"
	StateFailing = "failing"
	StateGone    = "gone"
)

// Statuses returns the status of each configured receiver.
func (o *Office) Statuses(ctx context.Context) ([]Status, error) {
	statuses := make([]Status, 0, len(o.Receivers))
	for _, r := range o.Receivers {
		s, _, err := o.readState(ctx, r.Name)
		if err != nil {
			return nil, err
		}
		status := Status{
			Name: r.Name, State: StateOK, Events: r.events, Signed: len(r.secrets) > 0,
			Waiting: s.Waiting, Delivered: s.Delivered, Dropped: s.Dropped,
			LastSuccess: s.LastSuccess, LastFailure: s.LastFailure, FailingSince: s.FailingSince, Error: s.Error,
		}
		switch {
		case s.gone(r):
			status.State = StateGone
		case !s.FailingSince.IsZero():
			status.State = StateFailing
		}
		statuses = append(statuses, status)
	}
	return statuses, nil
}

// Tested is the JSON for what came of a test notice.
type Tested struct {
	Name string `json:"name"`
	OK   bool   `json:"ok"`
	// Answer is the status of the response, or why there was none.
	Answer string `json:"answer"`
	// Took is how long it took, in milliseconds.
	Took int64 `json:"took_ms"`
}

// ErrNoReceiver reports that there is no such receiver.
var ErrNoReceiver = errors.New("no webhook is configured under this URL or name")

// Test sends a notice to the receiver with this URL or name, or to all if it is empty, and
// emits it on this gateway. The notice does not go through the outbox.
func (o *Office) Test(ctx context.Context, receiver string) ([]Tested, error) {
	n := o.completed(notice.Notice{
		Type: notice.Test, Subject: "test", Sentence: "This is a test: notices of the gateway arrive.",
		Data: map[string]any{},
	})
	event, err := cloudEvent(n, o.Source)
	if err != nil {
		return nil, err
	}
	var chosen []*Receiver
	for _, r := range o.Receivers {
		if receiver == "" || receiver == r.Name || receiver == r.url {
			chosen = append(chosen, r)
		}
	}
	if receiver != "" && len(chosen) == 0 {
		return nil, ErrNoReceiver
	}
	o.tell(ctx, n)
	results := make([]Tested, len(chosen))
	var running sync.WaitGroup
	for i, r := range chosen {
		running.Go(func() {
			began := time.Now()
			answer := r.send(ctx, n.ID, event, o.Now())
			results[i] = Tested{r.Name, answer.ok(), answer.String(), time.Since(began).Milliseconds()}
			if answer.ok() {
				o.back(ctx, r)
			}
		})
	}
	running.Wait()
	return results, nil
}

// back lets a receiver that was gone have notices again.
func (o *Office) back(ctx context.Context, r *Receiver) {
	s, version, err := o.readState(ctx, r.Name)
	if err != nil || s.GoneAt.IsZero() {
		return
	}
	s.GoneAt, s.FailingSince, s.Error = time.Time{}, time.Time{}, ""
	if change, err := stateChange(r.Name, version, s); err == nil {
		_ = o.Store.ApplyQuietly(ctx, change) // on a conflict, the next test does it
	}
}
