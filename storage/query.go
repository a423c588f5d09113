package storage

import (
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
	// State limits the list to tokens that are in this state at Now. Finding tokens
	// in token.StateDamaged requires reading every record; their pages have
	// MaxPageSize, whatever Limit says. No store knows token.StateSuspended.
	State token.State
	// Account limits the list to tokens that use this account. Finding them requires
	// reading every record.
	Account string
	// Search limits the list to tokens with this text in the name or the owner,
	// ignoring case, or in the id.
	Search string
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

// Match reports whether a record, which is not damaged, belongs in the list.
func (q *Query) Match(r *token.Record) bool {
	if q.Owner != "" && !r.OwnedBy(q.Owner) {
		return false
	}
	if q.State != "" && r.State(q.Now) != q.State || q.Account != "" && r.Account != q.Account {
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
