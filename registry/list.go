package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Query selects tokens for a list.
type Query struct {
	storage.Query
	// Kinds limits the list to tokens for these kinds of owners, unless it is empty.
	Kinds []token.Kind
}

// maxPagesRead is how many pages of the store are read for a page of a list that the
// store cannot filter. A page may therefore have fewer tokens than there are.
const maxPagesRead = 20

// List returns a page of records. Whether a token is suspended depends on the policy
// and the owner, which no store knows: such tokens are found by looking at each.
func (r *Registry) List(ctx context.Context, query Query) (storage.Page, error) {
	wanted := query.State
	if wanted == token.StateSuspended {
		query.State = token.StateActive
	}
	keep := func(record *token.Record) bool {
		return (len(query.Kinds) == 0 || slices.Contains(query.Kinds, record.Kind)) && (wanted == "" || wanted == token.StateDamaged || r.State(record) == wanted)
	}
	var found storage.Page
	size := query.PageSize()
	for range maxPagesRead {
		page, err := r.storedPage(ctx, query.Query)
		if err != nil {
			return storage.Page{}, err
		}
		found.Damaged = append(found.Damaged, page.Damaged...)
		for _, record := range page.Records {
			if keep(record) {
				found.Records = append(found.Records, record)
			}
		}
		found.Next, query.Cursor = page.Next, page.Next
		if page.Next == "" || len(found.Records) > 0 && len(found.Records) == len(page.Records) {
			break
		}
		query.Limit = size - len(found.Records)
		if query.Limit <= 0 {
			break
		}
	}
	return found, nil
}

// storedPage returns a page of records as the store finds them.
func (r *Registry) storedPage(ctx context.Context, query storage.Query) (storage.Page, error) {
	query.Now = r.now()
	page, err := r.store.List(ctx, query)
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
		return state, "somebody must approve it; rule: " + standing.Rights.NeedsApproval(record.Scope)
	}
	return state, record.StatusReason
}
