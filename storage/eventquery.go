package storage

import (
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// EventQuery selects events for a list. A store finds the events of a token, a
// document, a project or an owner through its index, as well as those that are not about
// requests: all, or a token's. Other filters make it read the events in between.
type EventQuery struct {
	// TokenID limits the list to one token's events.
	TokenID string
	// Document limits the list to one document's events, if TokenID is empty.
	Document string
	// Owner limits the list to events about an owner or the owner's tokens, ignoring
	// case.
	Owner string
	// Project limits the list to requests that concern the project with this key.
	Project string
	// Actions limits the list to events with one of these actions.
	Actions []string
	// Actor limits the list to events whose actor has this kind, name or address,
	// ignoring case.
	Actor string
	// Since limits the list to events recorded at this time or later, and Until to
	// those recorded before that time.
	Since, Until time.Time
	// Cursor is the Next of the previous page, or empty for the first page.
	Cursor string
	// Limit is the size of the page, at most MaxPageSize. 0 means DefaultPageSize.
	Limit int
}

// About returns the ID of the token or the name of the document that the list is
// limited to, or "" if it is not limited.
func (q EventQuery) About() string {
	if q.TokenID != "" {
		return q.TokenID
	}
	return q.Document
}

// PageSize returns Limit with its default and maximum applied.
func (q EventQuery) PageSize() int { return pageSize(q.Limit) }

// Match reports whether an event belongs in the list, except for Since and Until. A
// damaged event belongs in every list in which it might belong.
func (q EventQuery) Match(e Event) bool {
	if e.Action == ActionDamaged {
		return true
	}
	switch {
	case q.About() != "" && e.About() != q.About(),
		q.Owner != "" && token.Fold(e.Owner) != token.Fold(q.Owner),
		q.Project != "" && (e.Request == nil || e.Request.Project != q.Project),
		len(q.Actions) > 0 && !slices.Contains(q.Actions, e.Action):
		return false
	}
	return q.Actor == "" || strings.EqualFold(e.Actor.Kind, q.Actor) || e.Actor.Address == q.Actor ||
		token.Fold(e.Actor.Name) == token.Fold(q.Actor)
}

// onlyChanges reports whether no event about a request belongs in the list.
func (q EventQuery) onlyChanges() bool {
	return len(q.Actions) > 0 && !slices.ContainsFunc(q.Actions, aboutRequest)
}

// EventPage is a page of the audit trail.
type EventPage struct {
	Events []Event
	// Next is the cursor to continue from. It is set even on the last page, so that
	// a reader can follow the trail as it grows.
	Next string
	// More reports whether there may be events after this page, which may have fewer
	// events than requested.
	More bool
}

// maxExamined is the maximum number of events that a store reads for a page. A page
// whose filters match few events is short rather than slow.
const maxExamined = 20_000

// EventPager puts a page of the audit trail together for a store.
type EventPager struct {
	query    EventQuery
	page     EventPage
	last     EventID
	examined int
}

// Pager returns a pager for a page that begins after this event.
func (q EventQuery) Pager(after EventID) *EventPager { return &EventPager{query: q, last: after} }

// Add adds the next event to the page, if it belongs there. It reports false, without
// adding the event, if the page is complete. If data is nil, there is no such event.
func (p *EventPager) Add(id EventID, data []byte) (more bool) {
	if len(p.page.Events) == p.query.PageSize() || p.examined == maxExamined {
		p.page.More = true
		return false
	}
	p.examined++
	p.last = id
	if data == nil {
		return true
	}
	if event := DecodeEvent(id.String(), data); p.query.Match(event) {
		p.page.Events = append(p.page.Events, event)
	}
	return true
}

// Page returns the page.
func (p *EventPager) Page() EventPage {
	p.page.Next = p.last.String()
	return p.page
}
