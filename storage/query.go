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
	// State limits the list to tokens that are in this state at Now.
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
func (q Query) PageSize() int { return pageSize(q.Limit) }

// Page is a part of a list.
type Page struct {
	Records []*token.Record
	// Next is the cursor of the next page; empty on the last.
	Next string
}

// Match tells whether a record with this row belongs into the list.
func (q *Query) Match(row *Row) bool {
	if q.Owner != "" && !strings.EqualFold(q.Owner, row.Owner) {
		return false
	}
	if q.State != "" && token.StateAt(row.Status, row.NotBefore, row.ExpiresAt, q.Now) != q.State {
		return false
	}
	if q.Search == "" {
		return true
	}
	text := strings.ToLower(q.Search)
	return strings.Contains(strings.ToLower(row.Name), text) ||
		strings.Contains(strings.ToLower(row.Owner), text) ||
		strings.Contains(row.ID, q.Search)
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
