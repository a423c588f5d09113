package registry

import (
	"context"
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Query selects tokens for a list.
type Query struct {
	storage.Query
	// Expiring limits the list to tokens that expire within this time, unless it is 0.
	Expiring time.Duration
	// UnusedFor limits the list to tokens that have not been used for this long, unless
	// it is 0. See storage.Query.Unused.
	UnusedFor time.Duration
}

// maxPagesRead is how many pages of the store are read for a page of a list that the
// store cannot filter. A page may therefore have fewer tokens than there are.
const maxPagesRead = 20

// List returns a page of records. Lists of all states leave out tokens that were exchanged
// for JWTs and have ended, and lists of expiring tokens all that were exchanged.
func (r *Registry) List(ctx context.Context, query Query) (storage.Page, error) {
	now := r.now()
	if query.Expiring > 0 {
		query.Expires = []storage.Span{{After: now, Until: now.Add(query.Expiring)}}
	}
	if query.UnusedFor > 0 {
		query.Unused = storage.Span{Until: now.Add(-query.UnusedFor)}
	}
	query.Judge, query.WithoutEnded = r, true
	keep := func(record *token.Record) bool {
		return !r.usedMeanwhile(&query, record.ID) && (query.State == "" || query.State == token.StateDamaged || r.State(record) == query.State)
	}
	size := query.PageSize()
	found, err := r.keptPage(ctx, query.Query, size, keep)
	for range maxPagesRead {
		if err != nil || found.Next == "" || len(found.Records) >= size {
			break
		}
		query.Cursor = found.Next
		// Those that are wanted are rare: with the requested size, many pages would
		// have to be read for one of them.
		query.Limit = storage.MaxPageSize
		var more storage.Page
		more, err = r.keptPage(ctx, query.Query, size-len(found.Records), keep)
		found.Records, found.Damaged, found.Next = append(found.Records, more.Records...), append(found.Damaged, more.Damaged...), more.Next
	}
	if err != nil {
		return storage.Page{}, err
	}
	return found, nil
}

// usedMeanwhile reports whether a token does not belong in the list because of a use on
// this node that may not be in the store yet.
func (r *Registry) usedMeanwhile(query *Query, id string) bool {
	return !query.Unused.IsZero() && r.uses.UsedAfter(id, query.Unused.Until) || query.NeverUsed && r.uses.UsedAfter(id, time.Time{}) ||
		!query.Used.Until.IsZero() && r.uses.UsedAfter(id, query.Used.Until)
}

// Suspended implements storage.Judge.
func (r *Registry) Suspended(record *token.Record) bool {
	return r.owners.Standing(record).Suspension != nil
}

// Edition implements storage.Judge.
func (r *Registry) Edition() any { return r.owners.current.Load() }

// keptPage returns those records of a stored page that are kept, at most as many as
// requested. If there are more, it reads a shorter page, because a list can only be
// continued at the end of a page.
func (r *Registry) keptPage(ctx context.Context, query storage.Query, most int, keep func(*token.Record) bool) (storage.Page, error) {
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return storage.Page{}, err
		}
		var kept []*token.Record
		for i, record := range page.Records {
			if !keep(record) {
				continue
			}
			if kept = append(kept, record); len(kept) == most {
				query.Limit = i + 1
			}
		}
		if len(kept) <= most || query.State == token.StateDamaged || query.Limit >= len(page.Records) {
			page.Records = kept
			return page, nil
		}
	}
}

// storedPage returns a page of records as the store finds them.
func (r *Registry) storedPage(ctx context.Context, query storage.Query) (storage.Page, error) {
	query.Now = r.now()
	list := r.store.List
	if r.finder != nil {
		list = r.finder.Find
	}
	page, err := list(ctx, query)
	if err != nil {
		return storage.Page{}, fmt.Errorf("listing tokens: %w", err)
	}
	return page, nil
}

// State returns a token's state now. Only a token that would be active can be
// suspended.
func (r *Registry) State(record *token.Record) token.State {
	state, _ := r.stateAndReason(record)
	return state
}

// stateAndReason returns a token's state, and why it has it as far as that is known.
func (r *Registry) stateAndReason(record *token.Record) (token.State, string) {
	state := record.State(r.now())
	standing := r.owners.Standing(record)
	switch {
	case state == token.StateActive && standing.Suspension != nil:
		return token.StateSuspended, standing.Suspension.String()
	case state == token.StatePending:
		rule := ""
		if rules := standing.Rights.NeedsApproval(record.Scope); rules != "" {
			rule = "; rule: " + rules
		}
		return state, pendingReason(record, rule)
	case state == token.StateDisabled && record.Unapproved:
		return state, "somebody must approve it once it is enabled, because it was changed"
	case state == token.StateActive && record.StatusReason == "":
		return state, handoverReason(record, r.now())
	}
	return state, record.StatusReason
}

func pendingReason(record *token.Record, rule string) string {
	reason := "somebody must approve it" + rule
	if record.StatusReason != "" {
		reason += "; " + record.StatusReason
	}
	return reason
}

// ReasonForHolder says why a token has its state to somebody who may not know the rules.
func (r *Registry) ReasonForHolder(record *token.Record) string {
	state, reason := r.stateAndReason(record)
	switch state {
	case token.StateSuspended:
		return r.owners.Standing(record).Suspension.Why()
	case token.StatePending:
		return pendingReason(record, "")
	}
	return reason
}
