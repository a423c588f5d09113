package registry

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// OwnerState says whether an owner is still there.
type OwnerState string

// The states of owners.
const (
	// OwnerActive owners may use their tokens, as far as anybody knows.
	OwnerActive OwnerState = "active"
	// OwnerInactive owners have left, or do not exist. Their tokens are suspended.
	OwnerInactive OwnerState = "inactive"
	// OwnerUnknown owners have not been confirmed for too long, or never. Their
	// tokens work, but without the rights of the groups that are not confirmed.
	OwnerUnknown OwnerState = "unknown"
)

// OwnerStates returns all states of owners.
func OwnerStates() []OwnerState { return []OwnerState{OwnerActive, OwnerInactive, OwnerUnknown} }

// OwnerView is the JSON for an owner that has tokens.
type OwnerView struct {
	// Owner is the owner's name as the newest token spells it.
	Owner string `json:"owner"`
	// Kind is the kind of owner: user if any of the tokens is for a user.
	Kind   string     `json:"kind"`
	Groups []string   `json:"groups"`
	State  OwnerState `json:"state"`
	// StateReason says why the owner has this state, if there is anything to say.
	StateReason string `json:"state_reason,omitempty"`
	// Tokens counts the owner's tokens by state.
	Tokens map[token.State]int `json:"tokens"`
	// Rules names the rules of the policy for the owner.
	Rules string `json:"rules"`
	// LastConfirmed is when the groups and the state were last confirmed. It is
	// zero if nobody confirms them.
	LastConfirmed time.Time `json:"last_confirmed,omitzero"`
}

// OwnerQuery selects owners for a list.
type OwnerQuery struct {
	// State limits the list to owners in this state.
	State OwnerState
	// Group limits the list to the members of this group.
	Group string
	// Search limits the list to owners with this text in their name, ignoring case.
	Search string
	// Limit is the maximum number of owners to return. 0 means no limit.
	Limit int
}

// OwnerPage is a list of owners.
type OwnerPage struct {
	// Owners are the owners, in the order of their names, and Total is their number, if
	// there are more.
	Owners []OwnerView
	Total  int
	// Damaged is the number of tokens that could not be counted because their records are
	// damaged.
	Damaged int
}

// Owners returns the owners that have tokens.
func (r *Registry) Owners(ctx context.Context, query OwnerQuery) (page OwnerPage, err error) {
	if r.finder == nil {
		return page, errNoFinder
	}
	wanted := storage.OwnersQuery{Now: r.now(), Judge: r, Text: query.Search, Limit: query.Limit}
	if query.State != "" || query.Group != "" {
		wanted.Match = func(owner string, kind token.Kind) bool { return r.matchOwner(owner, kind, &query) }
	}
	found, err := r.finder.Owners(ctx, wanted)
	if err != nil {
		return page, fmt.Errorf("listing owners: %w", err)
	}
	page.Damaged = found.Damaged
	if found.Total > len(found.Tallies) {
		page.Total = found.Total
	}
	spelled, err := r.spellings(ctx, found.Tallies)
	if err != nil {
		return page, err
	}
	for i := range found.Tallies {
		t := &found.Tallies[i]
		page.Owners = append(page.Owners, r.viewOwner(cmp.Or(spelled[t.Newest], t.Owner), t))
	}
	return page, nil
}

// matchOwner reports whether an owner is in the state and the group that query asks for.
func (r *Registry) matchOwner(owner string, kind token.Kind, query *OwnerQuery) bool {
	person := r.owners.Person(owner)
	state, _ := r.ownerState(person, kind)
	return (query.State == "" || state == query.State) && (query.Group == "" || slices.Contains(person.Groups, query.Group))
}

// spellings returns the names of those owners that are not spelled as in their tallies, by
// the IDs of their newest tokens.
func (r *Registry) spellings(ctx context.Context, tallies []storage.OwnerTally) (map[string]string, error) {
	var ids []string
	for _, t := range tallies {
		if t.Respelled {
			ids = append(ids, t.Newest)
		}
	}
	names := make(map[string]string, len(ids))
	for some := range slices.Chunk(ids, storage.MaxPageSize) {
		found, err := r.store.Records(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("listing owners: %w", err)
		}
		for _, record := range found.Records {
			names[record.ID] = record.Owner
		}
	}
	return names, nil
}

// Owner returns an owner. It returns an error that wraps storage.ErrNotFound if there are no
// tokens of that name, and nothing else is known about it.
func (r *Registry) Owner(ctx context.Context, name string) (OwnerView, error) {
	t, found := new(storage.OwnerTally), false
	err := r.eachRecord(ctx, storage.Query{Owner: name}, func(record *token.Record) error {
		if !found {
			name, t.Kind, found = record.Owner, record.Kind, true
		}
		t.Add(r.State(record), 1)
		t.Kind = min(t.Kind, record.Kind) // user before external before service
		return nil
	}, func(storage.DamagedError) { found = true })
	if err != nil {
		return OwnerView{}, err
	}
	if person := r.owners.Person(name); !found && len(person.Groups) == 0 && person.ConfirmedAt.IsZero() {
		return OwnerView{}, noTokensError{name}
	}
	return r.viewOwner(name, t), nil
}

func (r *Registry) viewOwner(name string, t *storage.OwnerTally) OwnerView {
	person := r.owners.Person(name)
	state, why := r.ownerState(person, t.Kind)
	return OwnerView{
		Owner: name, Kind: t.Kind.String(), Groups: append([]string{}, person.Groups...), State: state, StateReason: why,
		Tokens: t.States(), Rules: person.Rights.Rules(), LastConfirmed: person.ConfirmedAt,
	}
}

// ownerState returns the state of an owner of this kind, and why the owner has it.
func (r *Registry) ownerState(person Person, kind token.Kind) (OwnerState, string) {
	switch asked := r.source != nil && kind == token.KindUser; {
	case person.Inactive:
		return OwnerInactive, person.Name + " " + person.why()
	case person.Unknown:
		return OwnerUnknown, person.Name + " " + person.Why
	case asked && person.ConfirmedAt.IsZero():
		return OwnerUnknown, "nobody has been asked about " + person.Name + " yet"
	}
	return OwnerActive, ""
}

// eachRecord calls visit for all records that match the query, until it returns an
// error, and broken for those that are damaged. It reads them page by page.
func (r *Registry) eachRecord(ctx context.Context, query storage.Query, visit func(*token.Record) error, broken func(storage.DamagedError)) error {
	query.Limit = storage.MaxPageSize
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return err
		}
		for _, record := range page.Records {
			if err := visit(record); err != nil {
				return err
			}
		}
		for _, damaged := range page.Damaged {
			broken(damaged)
		}
		if page.Next == "" {
			return nil
		}
		query.Cursor = page.Next
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("listing tokens: %w", err)
		}
	}
}
