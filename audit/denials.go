package audit

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// Limits on how many events denied requests can cause.
const (
	// denialPeriod is how long denials that are alike are counted together.
	denialPeriod = time.Minute
	// quietAfter is how long none must follow for the first event to be written before
	// the period is over.
	quietAfter = 2 * time.Second
	// The maximum numbers of events in a period, about requests with a token and
	// without one. Denials that exceed them are counted together in one event. It takes
	// only a network to cause the latter, so there are fewer of them.
	maxTokenDenials    = 1000
	maxStrangerDenials = 100
	// othersInterval is how often that event is written at most, if requests wait for
	// it.
	othersInterval = time.Second
)

// Kind identifies denials that are counted together.
type Kind struct {
	Reason string
	// TokenID is empty, and Network the client's, if the request had no valid token.
	TokenID   string
	Network   netip.Prefix
	Operation string
}

// Denied records a denied request. It calls describe for the first of a kind. It does
// not wait.
func (r *Recorder) Denied(kind Kind, at time.Time, describe func() storage.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.denied(kind, at, describe)
}

// WriteDenied is like Denied, but waits until an event that counts the request has been
// written. If it returns an error, the event may still be written later.
func (r *Recorder) WriteDenied(ctx context.Context, kind Kind, at time.Time, describe func() storage.Event) error {
	if err := r.options.Away(); err != nil {
		r.Denied(kind, at, describe)
		return unwritten(err)
	}
	done := make(chan error, 1)
	r.mu.Lock()
	if g := r.denied(kind, at, describe); g != nil {
		g.waiting = append(g.waiting, done)
	} else {
		done <- context.Canceled
	}
	r.wakeUp()
	r.mu.Unlock()
	return wait(ctx, done)
}

func (r *Recorder) denied(kind Kind, at time.Time, describe func() storage.Event) *denialGroup {
	if r.closed {
		r.lose(storage.Event{At: at})
		return nil
	}
	return r.denials.add(kind, at, describe)
}

// denials counts denied requests. The zero value is ready to use.
type denials struct {
	groups map[Kind]*denialGroup
	// others counts those that exceed the limits.
	others denialGroup
	// began is when the current period began, for tokens and strangers.
	began             time.Time
	tokens, strangers denialBudget
}

// denialBudget counts the events of a period.
type denialBudget struct {
	// reported counts those that were written, and open those that will be.
	reported, open int
}

func (b denialBudget) spent() int { return b.reported + b.open }

// denialGroup counts denials that are alike.
type denialGroup struct {
	event storage.Event // of the first one
	// count counts those since the last event, the last one of which was at last.
	count uint64
	last  time.Time
	// began is when the group's period began, and reported when its last event was
	// put into the queue; zero if there was none in this period.
	began, reported time.Time
	waiting         []chan<- error
}

func (d *denials) budget(kind Kind) (budget *denialBudget, most int) {
	if kind.TokenID != "" {
		return &d.tokens, maxTokenDenials
	}
	return &d.strangers, maxStrangerDenials
}

// add counts a denial and returns its group.
func (d *denials) add(kind Kind, at time.Time, describe func() storage.Event) *denialGroup {
	if at.Sub(d.began) >= denialPeriod {
		d.began, d.tokens.reported, d.strangers.reported = at, 0, 0
	}
	g := d.groups[kind]
	if g == nil || g.count == 0 {
		budget, most := d.budget(kind)
		switch {
		case budget.spent() >= most:
			g, describe = &d.others, otherDenials
		case g == nil:
			g = new(denialGroup)
			if d.groups == nil {
				d.groups = make(map[Kind]*denialGroup)
			}
			d.groups[kind] = g
			budget.open++
		default:
			budget.open++
		}
	}
	g.add(at, describe)
	return g
}

// otherDenials describes denials that are not alike.
func otherDenials() storage.Event {
	return storage.Event{Action: storage.ActionDenied, Actor: storage.Actor{Kind: storage.ActorClient}, Request: new(storage.EventRequest)}
}

func (g *denialGroup) add(at time.Time, describe func() storage.Event) {
	if g.began.IsZero() {
		g.began = at
	}
	if g.count == 0 {
		g.event = describe()
		g.event.At, g.last = at, at
	}
	// Requests at the same moment may come in another order.
	if at.Before(g.event.At) {
		g.event.At = at
	}
	if at.After(g.last) {
		g.last = at
	}
	g.count++
}

// due returns the events that are to be written now, or all, but at most the given
// number.
func (d *denials) due(now time.Time, all bool, most int) []*entry {
	var due []*entry
	for kind, g := range d.groups {
		over := now.Sub(g.began) >= denialPeriod
		if g.count > 0 && len(due) < most && (all || over || g.isDue(now)) {
			due = append(due, g.report(now))
			budget, _ := d.budget(kind)
			budget.open, budget.reported = budget.open-1, budget.reported+1
		}
		if over && g.count == 0 {
			delete(d.groups, kind)
		}
	}
	if g := &d.others; g.count > 0 && len(due) < most && (all || now.Sub(g.began) >= denialPeriod || len(g.waiting) > 0 && now.Sub(g.reported) >= othersInterval) {
		due = append(due, g.report(now))
		g.began = time.Time{}
	}
	slices.SortFunc(due, func(a, b *entry) int { return a.event.At.Compare(b.event.At) })
	return due
}

// isDue reports whether the group's event is to be written before its period is over.
func (g *denialGroup) isDue(now time.Time) bool {
	return len(g.waiting) > 0 || g.reported.IsZero() && now.Sub(g.last) >= quietAfter
}

// report returns the group's event and begins to count anew.
func (g *denialGroup) report(now time.Time) *entry {
	e := &entry{event: g.event, waiting: g.waiting}
	if g.count > 1 {
		e.event.Count, e.event.Until = g.count, g.last
	}
	g.event, g.count, g.waiting, g.reported = storage.Event{}, 0, nil, now
	return e
}
