package registry

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

const (
	// newestSpan is how much of the trail is read first, and spanFactor by how much
	// that grows or shrinks. A trail of fifty years has been searched after a few steps.
	newestSpan = time.Hour
	spanFactor = 8
	// maxSpans is how many spans are read for a page, which may therefore have fewer
	// events than there are.
	maxSpans = 100
)

// NewestEvents returns a page of the audit trail, newest events first. The page's Next is
// the ID of an event: the next page has what was recorded before it.
//
// Stores read the trail forwards only. So it is read in spans, from the end: each is made
// shorter until a page of the store holds it.
func (r *Registry) NewestEvents(ctx context.Context, query EventQuery) (EventPage, error) {
	n := newest{r: r, query: query, size: query.PageSize(), first: query.Since, before: storage.EventID{Millis: math.MaxInt64}}
	n.end, n.open = r.now().Truncate(time.Millisecond).Add(time.Millisecond), query.Until.IsZero()
	if !n.open {
		n.end = query.Until
	}
	if query.Cursor != "" {
		cursor, err := storage.ParseEventID(query.Cursor)
		if err != nil {
			return EventPage{}, err
		}
		n.before = cursor
		if end := time.UnixMilli(cursor.Millis + 1); n.open || end.Before(n.end) {
			n.end, n.open = end, false
		}
	}
	if n.first.IsZero() {
		n.first = time.UnixMilli(0)
	}
	// A span with far more events than the page needs is given up early.
	n.query.Cursor, n.query.Limit = "", min(4*n.size, storage.MaxPageSize)
	return n.page(ctx)
}

// newest collects a page of the newest events.
type newest struct {
	r     *Registry
	query EventQuery
	size  int
	// first and end bound what has not been read yet. If open is set, events that were
	// recorded after end, by clocks that are ahead, are wanted too.
	first, end time.Time
	open       bool
	before     storage.EventID
	events     []Event
}

func (n *newest) page(ctx context.Context) (EventPage, error) {
	span := newestSpan
	for range maxSpans {
		if !n.first.Before(n.end) || len(n.events) > n.size {
			break
		}
		start := n.end.Add(-span)
		if start.Before(n.first) {
			start = n.first
		}
		complete, err := n.read(ctx, start, span <= time.Millisecond)
		switch {
		case err != nil:
			return EventPage{}, err
		case complete:
			span *= spanFactor
		default:
			span = max(n.end.Sub(start)/spanFactor, time.Millisecond)
		}
	}
	page := EventPage{Events: n.events, More: n.first.Before(n.end), Next: storage.EventID{Millis: n.end.UnixMilli()}.String()}
	if len(n.events) > n.size {
		page.Events = n.events[:n.size]
		page.More, page.Next = true, page.Events[n.size-1].ID
	}
	return page, nil
}

// read reads the events from start to the end, unless they do not fit in one page of the
// store and all is not set. It reports whether it has.
func (n *newest) read(ctx context.Context, start time.Time, all bool) (bool, error) {
	query := n.query
	query.Since, query.Until = start, n.end
	if n.open {
		query.Until = time.Time{}
	}
	var found []Event
	for {
		page, err := n.r.Events(ctx, query)
		if err != nil || page.More && !all {
			return false, err
		}
		for _, event := range page.Events {
			if id, err := storage.ParseEventID(event.ID); err == nil && id.Before(n.before) {
				found = append(found, event)
			}
		}
		if !page.More {
			break
		}
		query.Cursor = page.Next
	}
	slices.Reverse(found)
	n.events = append(n.events, found...)
	n.end, n.open = start, false
	return true, nil
}

// Event returns the event with this ID.
func (r *Registry) Event(ctx context.Context, text string) (Event, error) {
	id, err := storage.ParseEventID(text)
	if err != nil {
		return Event{}, invalid("event", fmt.Errorf("invalid ID of an event: expected one such as 1795706778275-0"))
	}
	var found *Event
	query := EventQuery{Since: time.UnixMilli(id.Millis), Until: time.UnixMilli(id.Millis + 1)}
	err = r.eachEvent(ctx, query, func(event Event) {
		if event.ID == id.String() {
			found = &event
		}
	})
	switch {
	case err != nil:
		return Event{}, err
	case found == nil:
		return Event{}, fmt.Errorf("the audit trail has no event %s, or no longer: %w", id, storage.ErrNotFound)
	}
	return *found, nil
}
