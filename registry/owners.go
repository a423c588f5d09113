package registry

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
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
}

// Owners returns the owners that have tokens, ordered by name, and the number of
// tokens that could not be counted because their records are damaged. It reads all
// records, page by page, and needs memory only for the owners.
func (r *Registry) Owners(ctx context.Context, query OwnerQuery) (owners []OwnerView, damaged int, err error) {
	text := token.Fold(query.Search)
	tallies := make(map[string]*tally)
	err = r.eachRecord(ctx, storage.Query{}, func(record *token.Record) error {
		if name := token.Fold(record.Owner); strings.Contains(name, text) && !r.hasEnded(record) {
			if tallies[name] == nil {
				tallies[name] = &tally{owner: record.Owner, kind: record.Kind, counts: make(map[token.State]int, 1)}
			}
			tallies[name].add(record.Kind, r.State(record))
		}
		return nil
	}, func(storage.DamagedError) { damaged++ })
	if err != nil {
		return nil, 0, err
	}
	for _, name := range slices.Sorted(maps.Keys(tallies)) {
		view := r.viewOwner(tallies[name])
		if (query.State == "" || view.State == query.State) && (query.Group == "" || slices.Contains(view.Groups, query.Group)) {
			owners = append(owners, view)
		}
	}
	return owners, damaged, nil
}

// Owner returns an owner. It returns an error that wraps storage.ErrNotFound if there are no
// tokens of that name, and nothing else is known about it.
func (r *Registry) Owner(ctx context.Context, name string) (OwnerView, error) {
	t := &tally{owner: name, kind: token.KindUser, counts: make(map[token.State]int)}
	found := false
	err := r.eachRecord(ctx, storage.Query{Owner: name}, func(record *token.Record) error {
		if !found {
			t.owner, t.kind, found = record.Owner, record.Kind, true
		}
		t.add(record.Kind, r.State(record))
		return nil
	}, func(storage.DamagedError) { found = true })
	if err != nil {
		return OwnerView{}, err
	}
	if person := r.owners.Person(name); !found && len(person.Groups) == 0 && person.ConfirmedAt.IsZero() {
		return OwnerView{}, noTokensError{name}
	}
	return r.viewOwner(t), nil
}

// tally counts the tokens of one owner.
type tally struct {
	owner  string
	kind   token.Kind
	counts map[token.State]int
}

func (t *tally) add(kind token.Kind, state token.State) {
	t.counts[state]++
	t.kind = min(t.kind, kind) // user before external before service
}

func (r *Registry) viewOwner(t *tally) OwnerView {
	person := r.owners.Person(t.owner)
	state, why := r.ownerState(person, t.kind)
	return OwnerView{
		Owner: t.owner, Kind: t.kind.String(), Groups: append([]string{}, person.Groups...), State: state, StateReason: why,
		Tokens: t.counts, Rules: person.Rights.Rules(), LastConfirmed: person.ConfirmedAt,
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
