package storage

import (
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Limits of a page.
const (
	DefaultPageSize = 100
	MaxPageSize     = 1000
)

// Query says which records a list is of.
type Query struct {
	// Owner limits the list to one owner's tokens, compared without case.
	Owner string
	// State limits the list to tokens that are in this state at Now. To find those
	// that are token.StateDamaged every record is read; their pages have
	// MaxPageSize, whatever Limit says.
	State token.State
	// Search limits the list to tokens with this text in the name, the owner
	// or the id, compared without case (the id with case).
	Search string
	// Now is the moment for State.
	Now time.Time
	// Cursor is the Next of the page before; empty for the first.
	Cursor string
	// Limit is the size of the page; 0 is DefaultPageSize, MaxPageSize at most.
	Limit int
}

// PageSize returns Limit with its default and bound applied.
func (q *Query) PageSize() int {
	if q.State == token.StateDamaged {
		return MaxPageSize
	}
	return pageSize(q.Limit)
}

// Page is a part of a list.
type Page struct {
	// Records are the tokens. There can be fewer than asked for, also before
	// the last page: some may have been changed while the page was read.
	Records []*token.Record
	// Damaged are the records of this part of the list that cannot be used: those
	// that the index lists, as far as it can tell.
	Damaged []DamagedError
	// Next is the cursor of the next page; empty on the last.
	Next string
}

// Match reports whether a record belongs in the list. One that can be matched is
// not damaged.
func (q *Query) Match(r *token.Record) bool {
	if q.Owner != "" && !r.OwnedBy(q.Owner) {
		return false
	}
	if q.State != "" && r.State(q.Now) != q.State {
		return false
	}
	if q.Search == "" {
		return true
	}
	text := token.Fold(q.Search)
	return strings.Contains(token.Fold(r.Name), text) || strings.Contains(token.Fold(r.Owner), text) ||
		strings.Contains(r.ID, q.Search)
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
