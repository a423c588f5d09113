package post

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/notice"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Bounds of the outbox of a receiver.
const (
	// MaxOutbox is the maximum number of notices that wait for one receiver. Beyond that,
	// the oldest are dropped.
	MaxOutbox = 10_000
	// Keep is how long a notice waits before it is dropped.
	Keep = 7 * 24 * time.Hour
)

// mark is the JSON of the mark of a notice that is published once.
type mark struct {
	Type    string    `json:"type"`
	Subject string    `json:"subject"`
	At      time.Time `json:"at"`
	// Until is when the notice can no longer come up again.
	Until time.Time `json:"until,omitzero"`
}

// state is the JSON of the document about a receiver, which all nodes share.
type state struct {
	// Holder delivers to the receiver.
	storage.Holder
	// Waiting is the number of notices in the outbox; Delivered and Dropped count those
	// that have left it.
	Waiting   int    `json:"waiting"`
	Delivered uint64 `json:"delivered"`
	Dropped   uint64 `json:"dropped"`

	LastSuccess  time.Time `json:"last_success,omitzero"`
	LastFailure  time.Time `json:"last_failure,omitzero"`
	FailingSince time.Time `json:"failing_since,omitzero"`
	Error        string    `json:"error,omitempty"`
	// GoneAt is when the receiver at Address, a digest of its URL, said that it wants no
	// more notices.
	GoneAt  time.Time `json:"gone_at,omitzero"`
	Address string    `json:"address,omitempty"`
}

// gone reports whether the receiver wants no more notices at its present URL.
func (s *state) gone(r *Receiver) bool { return !s.GoneAt.IsZero() && s.Address == r.address() }

// entry is the JSON of a notice in an outbox.
type entry struct {
	ID    string          `json:"id"`
	At    time.Time       `json:"at"`
	Event json.RawMessage `json:"event"`
}

// drop says how many notices for a receiver were dropped, and why.
type drop struct {
	receiver string
	n        int
	why      string
}

func (o *Office) reportDrop(lost drop) {
	if lost.n == 0 {
		return
	}
	o.Counted(lost.receiver, Dropped, lost.n)
	o.Logger.Error("notices for a webhook were dropped", zap.String("receiver", lost.receiver), zap.Int("dropped", lost.n), zap.String("reason", lost.why))
}

func stateName(receiver string) storage.DocumentName {
	return storage.DocumentName{Kind: KindReceiver, ID: receiver}
}

// outboxPrefix begins the IDs of the notices that wait for a receiver, oldest first.
// Names of receivers contain no slash.
func outboxPrefix(receiver string) string { return receiver + "/" }

// outboxQuery returns the query for what waits for a receiver, and maybe others after it.
func outboxQuery(receiver string, limit int) storage.DocumentQuery {
	start := storage.DocumentName{Kind: kindOutbox, ID: outboxPrefix(receiver)}
	return storage.DocumentQuery{Kind: kindOutbox, Cursor: start.String(), Limit: limit}
}

// waitsFor reports whether a document of the outbox is for this receiver.
func waitsFor(receiver string, document storage.Document) bool {
	return strings.HasPrefix(document.ID, outboxPrefix(receiver))
}

func entryName(receiver string, n notice.Notice) storage.DocumentName {
	return storage.DocumentName{Kind: kindOutbox, ID: fmt.Sprintf("%s%013d-%s", outboxPrefix(receiver), max(n.At.UnixMilli(), 0), n.ID)}
}

// readState returns the state of a receiver and the document's version, which is 0 if
// there is none yet.
func (o *Office) readState(ctx context.Context, receiver string) (s state, version uint64, err error) {
	document, err := o.Store.Document(ctx, stateName(receiver))
	if errors.Is(err, storage.ErrNotFound) {
		return s, 0, nil
	}
	if err != nil {
		return s, 0, err
	}
	if err := json.Unmarshal(document.Data, &s); err != nil {
		return state{}, document.Version, nil // of a later version: begin again
	}
	return s, document.Version, nil
}

// stateChange returns the change of a receiver's document.
func stateChange(receiver string, version uint64, s state) (storage.DocumentChange, error) {
	data, err := json.Marshal(s)
	return storage.DocumentChange{DocumentName: stateName(receiver), Version: version, Data: data}, err
}

// enqueue returns the changes that put notices into the outbox of a receiver.
func (o *Office) enqueue(ctx context.Context, r *Receiver, notices []notice.Notice) (changes []storage.DocumentChange, lost drop, err error) {
	lost = drop{receiver: r.Name, why: "the outbox is full"}
	s, version, err := o.readState(ctx, r.Name)
	if err != nil {
		return nil, lost, err
	}
	gone := s.gone(r)
	added := 0
	for _, n := range notices {
		switch {
		case !r.wants(n.Type):
			continue
		case gone:
			lost.n, lost.why = lost.n+1, "the receiver has answered 410 Gone: run caddy jira-token notify test once it wants notices again"
			continue
		}
		event, err := cloudEvent(n, o.Source)
		if err != nil {
			return nil, lost, fmt.Errorf("notice %s: %w", n.Type, err)
		}
		data, err := json.Marshal(entry{ID: n.ID, At: n.At, Event: event})
		if err != nil {
			return nil, lost, err
		}
		changes = append(changes, storage.DocumentChange{DocumentName: entryName(r.Name, n), Data: data})
		added++
	}
	if added == 0 && lost.n == 0 {
		return nil, lost, nil
	}
	s.Waiting += added
	if over := s.Waiting - MaxOutbox; over > 0 {
		oldest, err := o.oldest(ctx, r.Name, over)
		if err != nil {
			return nil, lost, err
		}
		for _, document := range oldest {
			changes = append(changes, storage.DocumentChange{DocumentName: document.DocumentName, Version: document.Version})
		}
		lost.n += len(oldest)
		s.Waiting -= len(oldest)
	}
	s.Dropped += uint64(lost.n) //nolint:gosec // G115: not negative
	change, err := stateChange(r.Name, version, s)
	return append(changes, change), lost, err
}

// oldest returns the oldest notices in the outbox of a receiver, at most limit.
func (o *Office) oldest(ctx context.Context, receiver string, limit int) ([]storage.Document, error) {
	page, err := o.Store.Documents(ctx, outboxQuery(receiver, limit))
	if err != nil {
		return nil, err
	}
	others := slices.IndexFunc(page.Documents, func(document storage.Document) bool { return !waitsFor(receiver, document) })
	if others >= 0 {
		return page.Documents[:others], nil
	}
	return page.Documents, nil
}
