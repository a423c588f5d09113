package storage

import (
	"errors"
	"fmt"
	"net/netip"
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

// MaxLooked is the maximum number of records or last uses that a store reads for a page,
// except for a list of damaged records.
const MaxLooked = 20_000

// Query selects records for a list.
type Query struct {
	// Owner limits the list to one owner's tokens, ignoring case.
	Owner string
	// State limits the list to tokens that are in this state at Now. Without one,
	// Expires, Unused and NeverUsed list the tokens that work or will work: those that
	// are active or not yet valid. Finding tokens in token.StateDamaged requires reading
	// every record; their pages have MaxPageSize, whatever Limit says.
	// token.StateSuspended needs a Judge.
	State token.State
	// Account limits the list to tokens that use this account. Finding them requires
	// reading every record.
	Account string
	// Search limits the list to tokens with this text in the name or the owner,
	// ignoring case, or in the id.
	Search string
	// Expires limits the list to tokens that expire within one of these spans. The
	// index answers that without reading records. Tokens that were exchanged for JWTs
	// are left out of this list and of the next: all of them expire soon.
	Expires []Span
	// Unused limits the list to tokens whose last use, as far as it has been saved, is
	// within this span. A token that was never used counts from its creation, or from
	// when it became valid if that is later. This requires reading the last uses of all
	// tokens that are old enough, but not their records.
	Unused Span
	// NeverUsed limits the list to tokens that were never used, as far as has been saved,
	// and Used to those whose last use is within this span. Both require reading last
	// uses.
	NeverUsed bool
	Used      Span
	// Created limits the list to tokens that were created within this span.
	Created Span
	// The following limit the list to tokens with one of these scopes and kinds of owners,
	// to those that are confined to this project, given by its key, and to those that
	// allow addresses in this network and not all others. A store reads records to find
	// them, so a page may be short: see Page.Next.
	Scopes  []token.Scope
	Kinds   []token.Kind
	Project string
	Network netip.Prefix
	// Exchanged limits the list to tokens that were exchanged for JWTs, or to all others,
	// unless it is nil. WithoutEnded leaves out those that were and have ended.
	Exchanged    *bool
	WithoutEnded bool
	// Alive leaves out all tokens that are expired or revoked. The index answers that
	// without reading records.
	Alive bool
	// Judge knows which tokens are suspended. With one, State can be
	// token.StateSuspended, and the list of active tokens has no suspended ones.
	Judge Judge
	// Sort is the order; empty means newest first. Stores know no other order: see Finder.
	Sort Sort
	// Now is the time that State refers to.
	Now time.Time
	// Cursor is the Next of the previous page, or empty for the first page.
	Cursor string
	// Limit is the size of the page, at most MaxPageSize. 0 means DefaultPageSize.
	Limit int
}

// Judge knows which tokens that would be active are suspended.
type Judge interface {
	// Suspended reports whether a token is suspended now. It does not depend on the
	// record's ID, name or digests.
	Suspended(record *token.Record) bool
	// Edition is a comparable value that changes when the answers may have changed.
	Edition() any
}

// Sort is an order of a list. A minus sign before it reverses it.
type Sort string

// The orders. Tokens that come to the same place are listed newest first, and those that
// were created in the same second by their IDs. Those that never expire and those that were
// never used come last, unless the order is reversed.
const (
	SortCreated Sort = "created"   // newest first
	SortExpires Sort = "expires"   // the next one to expire first
	SortUsed    Sort = "last_used" // the one used last first
	SortOwner   Sort = "owner"     // by owner, then by name
	SortName    Sort = "name"      // by name, then by owner
)

// ParseSort parses the name of an order.
func ParseSort(text string) (Sort, error) {
	switch Sort(strings.TrimPrefix(text, "-")) {
	case "":
		if text == "" {
			return "", nil
		}
	case SortCreated, SortExpires, SortUsed, SortOwner, SortName:
		return Sort(text), nil
	}
	return "", fmt.Errorf("invalid sort %q: expected created, expires, last_used, owner or name, or one of them with a minus sign before it", text)
}

// IsDefault reports whether the order is the one of the index.
func (s Sort) IsDefault() bool { return s == "" || s == SortCreated }

// ErrUnsorted reports that a list cannot be sorted at the moment.
var ErrUnsorted = errors.New("the list cannot be sorted in this order at the moment: try again in a few seconds")

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
	// Next is the cursor of the next page, or empty on the last page. A page may have
	// fewer records than requested, or none, and still have a next one: a page with rare
	// records would otherwise take long.
	Next string
}

// Match reports whether a record, which is not damaged, belongs in the list, as far as
// its last use does not matter.
func (q *Query) Match(r *token.Record) bool {
	return (q.Owner == "" || r.OwnedBy(q.Owner)) && q.matchTimes(r.State(q.Now), r.CreatedAt, r.ExpiresAt) &&
		q.MatchKind(r) && q.matchText(r) && q.matchJudge(r)
}

// matchTimes reports whether a token that is in this state belongs in the list, as far as
// this matters and when it was created and expires.
func (q *Query) matchTimes(state token.State, created, expires time.Time) bool {
	return q.InState(state) && q.expiresWithin(expires) && (q.Created.IsZero() || q.Created.Contains(created))
}

// MatchKind reports whether a record belongs in the list as far as its state, owner and
// name do not matter. It looks at nothing that is particular to the record: its ID and
// times.
func (q *Query) MatchKind(r *token.Record) bool {
	switch {
	case (len(q.Expires) > 0 || !q.Unused.IsZero()) && r.Exchanged(),
		q.Exchanged != nil && *q.Exchanged != r.Exchanged(),
		q.Account != "" && r.Account != q.Account,
		len(q.Scopes) > 0 && !slices.Contains(q.Scopes, r.Scope),
		len(q.Kinds) > 0 && !slices.Contains(q.Kinds, r.Kind):
		return false
	}
	return (q.Project == "" || slices.ContainsFunc(r.Confine.Projects, func(p token.Project) bool { return strings.EqualFold(p.Key, q.Project) })) &&
		(!q.Network.IsValid() || slices.ContainsFunc(r.Networks.Allow, q.Network.Overlaps))
}

func (q *Query) matchText(r *token.Record) bool {
	if q.Search == "" {
		return true
	}
	text := token.Fold(q.Search)
	return strings.Contains(token.Fold(r.Name), text) || strings.Contains(token.Fold(r.Owner), text) ||
		strings.Contains(r.ID, q.Search)
}

// matchJudge reports whether a record that is in the state otherwise belongs in the list
// as far as suspension and the end of exchanged tokens matter.
func (q *Query) matchJudge(r *token.Record) bool {
	if q.WithoutEnded && q.State == "" && r.Exchanged() && !q.Now.Before(r.ExpiresAt) {
		return false
	}
	if q.Judge == nil || q.State != token.StateActive && q.State != token.StateSuspended {
		return true
	}
	return q.Judge.Suspended(r) == (q.State == token.StateSuspended)
}

// InState reports whether tokens that are in this state as far as their records tell may
// belong in the list: there, suspended tokens are active.
func (q *Query) InState(state token.State) bool {
	switch {
	case q.Alive && (state == token.StateExpired || state == token.StateRevoked):
		return false
	case q.State == token.StateSuspended:
		return q.Judge != nil && state == token.StateActive
	case q.State != "":
		return state == q.State
	case len(q.Expires) > 0 || !q.Unused.IsZero() || q.NeverUsed:
		return state == token.StateActive || state == token.StateNotYetValid
	}
	return true
}

// ReadsUses reports whether the list depends on last uses.
func (q *Query) ReadsUses() bool { return !q.Unused.IsZero() || q.NeverUsed || !q.Used.IsZero() }

// MatchUse reports whether a token that was created and became valid at these times, and
// was last used at lastUse, or never if that is zero, belongs in the list.
func (q *Query) MatchUse(created, notBefore, lastUse time.Time) bool {
	if q.NeverUsed && !lastUse.IsZero() || !q.Used.IsZero() && (lastUse.IsZero() || !q.Used.Contains(lastUse)) {
		return false
	}
	return q.Unused.IsZero() || q.Unused.Contains(later(later(created, notBefore), lastUse))
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
	// Until is its last moment, or zero if it has no end.
	Until time.Time
}

// IsZero reports whether s is the zero Span.
func (s Span) IsZero() bool { return s == Span{} }

// Contains reports whether t is within the span.
func (s Span) Contains(t time.Time) bool {
	return (s.After.IsZero() || t.After(s.After)) && (s.Until.IsZero() || !t.After(s.Until))
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
