package storage

import (
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Sizes of a page.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Query selects records for a list.
type Query struct {
	// Owner limits the list to one owner's tokens, ignoring case.
	Owner string
	// State limits the list to tokens that are in this state at Now. Without one,
	// Expires and Unused list the tokens that work or will work: those that are active
	// or not yet valid. Finding tokens
	// in token.StateDamaged requires reading every record; their pages have
	// MaxPageSize, whatever Limit says. No store knows token.StateSuspended.
	State token.State
	// Account limits the list to tokens that use this account. Finding them requires
	// reading every record.
	Account string
	// Search limits the list to tokens with this text in the name or the owner,
	// ignoring case, or in the id.
	Search string
	// Expires limits the list to tokens that expire within one of these spans. The
	// index answers that without reading records. Tokens that were exchanged for JWTs
	// are left out: all of them expire soon.
	Expires []Span
	// Unused limits the list to tokens whose last use, as far as it has been saved, is
	// within this span. A token that was never used counts from its creation, or from
	// when it became valid if that is later. This requires reading the last uses of all
	// tokens that are old enough, but not their records.
	Unused Span
	// Now is the time that State refers to.
	Now time.Time
	// Cursor is the Next of the previous page, or empty for the first page.
	Cursor string
	// Limit is the size of the page, at most MaxPageSize. 0 means DefaultPageSize.
	Limit int
}

// PageSize returns the size of the page, with defaults and maximum applied.
func (q *Query) PageSize() int {
	if q.State == token.StateDamaged {
		return MaxPageSize
	}
	return pageSize(q.Limit)
}

// Page is a page of a list of records.
type Page struct {
	// Records holds the usable records. There may be fewer than requested even
	// before the last page, since some may change while the page is read.
	Records []*token.Record
	// Damaged describes the damaged records on this page. Whether they match the
	// query is known only as far as the index tells.
	Damaged []DamagedError
	// Next is the cursor of the next page, or empty on the last page.
	Next string
}

// Match reports whether a record, which is not damaged, belongs in the list, as far as
// its last use does not matter.
func (q *Query) Match(r *token.Record) bool {
	if q.Owner != "" && !r.OwnedBy(q.Owner) {
		return false
	}
	if len(q.Expires) > 0 && r.Exchanged() {
		return false
	}
	if !q.inState(r.State(q.Now)) || !q.expiresWithin(r.ExpiresAt) || q.Account != "" && r.Account != q.Account {
		return false
	}
	if q.Search == "" {
		return true
	}
	text := token.Fold(q.Search)
	return strings.Contains(token.Fold(r.Name), text) || strings.Contains(token.Fold(r.Owner), text) ||
		strings.Contains(r.ID, q.Search)
}

// inState reports whether tokens in this state belong in the list.
func (q *Query) inState(state token.State) bool {
	switch {
	case q.State != "":
		return state == q.State
	case len(q.Expires) > 0 || !q.Unused.IsZero():
		return state == token.StateActive || state == token.StateNotYetValid
	}
	return true
}

// expiresWithin reports whether tokens that expire at this time belong in the list.
func (q *Query) expiresWithin(expires time.Time) bool {
	return len(q.Expires) == 0 || !expires.IsZero() &&
		slices.ContainsFunc(q.Expires, func(span Span) bool { return span.Contains(expires) })
}

// Span is a span of time. The zero Span means no restriction in a Query.
type Span struct {
	// After is the last moment before the span, or zero if it has no beginning.
	After time.Time
	// Until is its last moment.
	Until time.Time
}

// IsZero reports whether s is the zero Span.
func (s Span) IsZero() bool { return s == Span{} }

// Contains reports whether t is within the span.
func (s Span) Contains(t time.Time) bool {
	return (s.After.IsZero() || t.After(s.After)) && !t.After(s.Until)
}

func pageSize(limit int) int {
	switch {
	case limit <= 0:
		return DefaultPageSize
	case limit > MaxPageSize:
		return MaxPageSize
	}
	return limit
}
