package accounts

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

// State is the state of an account.
type State string

// The states.
const (
	// StateValid means that Jira accepts the account, as far as this node knows.
	StateValid State = "valid"
	// StateFailing means that Jira has refused the account.
	StateFailing State = "failing"
	// StateExpiring means that its credential expires within 30 days, or has expired.
	StateExpiring State = "expiring"
	// StateUnreadable means that its credential cannot be decrypted.
	StateUnreadable State = "unreadable"
)

// expiresSoon is how long before its expiry a credential is reported as expiring.
const expiresSoon = 30 * 24 * time.Hour

// The sources of accounts.
const (
	SourceConfiguration = "configuration"
	SourceStore         = "store"
)

// View is the JSON for an account. It never holds a credential, encrypted or not. Of
// configured accounts, it has only the name and the state.
type View struct {
	Name string `json:"name"`
	// Owner is the owner whose own account this is; its Name is then own.
	Owner string `json:"owner,omitempty"`
	// Source is where the account is kept: configuration or store.
	Source string `json:"source"`
	State  State  `json:"state"`
	// Unproven is set while nobody knows whether Jira accepts an account that is in the
	// configuration: this node has not used it yet.
	Unproven bool `json:"unproven,omitempty"`
	// FailingSince is when Jira began to refuse the account.
	FailingSince time.Time `json:"failing_since,omitzero"`
	// Error says what is wrong.
	Error string `json:"error,omitempty"`
	// Hidden is set for a stored account that is not used, because the configuration
	// has an account with its name.
	Hidden bool `json:"hidden,omitempty"`

	Jira      string     `json:"jira,omitempty"`
	Kind      Kind       `json:"kind,omitempty"`
	User      string     `json:"user,omitempty"`
	Scoped    bool       `json:"scoped,omitempty"`
	APIURL    string     `json:"api_url,omitempty"`
	TokenURL  string     `json:"token_url,omitempty"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`

	AddedBy    *storage.Actor `json:"added_by,omitempty"`
	AddedAt    time.Time      `json:"added_at,omitzero"`
	ReplacedBy *storage.Actor `json:"replaced_by,omitempty"`
	ReplacedAt time.Time      `json:"replaced_at,omitzero"`
	// Revision identifies the credential that was added or replaced last.
	Revision string `json:"revision,omitempty"`
	// ValidatedAt is when Jira said, before the last change, that the account is
	// ValidatedAs.
	ValidatedAt time.Time `json:"validated_at,omitzero"`
	ValidatedAs string    `json:"validated_as,omitempty"`
	// Key is the ID of the encryption key.
	Key string `json:"encryption_key,omitempty"`
}

// List returns all accounts, the configured ones first. It reads the store.
func (s *Set) List(ctx context.Context) ([]View, error) {
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	return s.Known(), nil
}

// Views returns all accounts but owners' own ones as this node knows them, the
// configured ones first.
func (s *Set) Views() []View {
	var views []View
	for _, name := range slices.Sorted(maps.Keys(s.configured)) {
		views = append(views, s.viewConfigured(name))
	}
	for _, account := range inOrder(s.named) {
		views = append(views, s.view(account))
	}
	return views
}

// Known returns all accounts as this node knows them, without reading the store.
func (s *Set) Known() []View {
	views := s.Views()
	for _, account := range inOrder(s.own) {
		views = append(views, s.view(account))
	}
	return views
}

// storedInOrder returns all stored accounts, those of owners last.
func (s *Set) storedInOrder() []*stored { return append(inOrder(s.named), inOrder(s.own)...) }

// inOrder returns the accounts of a shelf by owner and name.
func inOrder(f *shelf) []*stored {
	return slices.SortedFunc(maps.Values(f.known().byID), func(a, b *stored) int {
		return cmp.Or(cmp.Compare(a.ref.Owner, b.ref.Owner), cmp.Compare(a.document.ID, b.document.ID))
	})
}

// Show returns an account, as List does.
func (s *Set) Show(ctx context.Context, ref Ref) (View, error) {
	if s.hides(ref) {
		return s.viewConfigured(ref.Name), nil
	}
	if err := s.load(ctx); err != nil {
		return View{}, err
	}
	if known, ok := s.shelfOf(ref).known().byID[ref.document().ID]; ok {
		return s.view(known), nil
	}
	return View{}, unknown(ref)
}

func (s *Set) viewConfigured(name string) View {
	v := View{Name: name, Source: SourceConfiguration, State: StateValid}
	account := s.configured[name]
	v.failing(account)
	v.Unproven = v.State == StateValid && (account == nil || !account.Proven())
	return v
}

func (s *Set) view(known *stored) View {
	r := &known.record
	v := View{
		Name: known.ref.Name, Owner: known.ref.Owner, Source: SourceStore, State: StateValid, Hidden: s.hides(known.ref),
		Jira: r.Jira, Kind: r.Kind, User: r.User, Scoped: r.Scoped, APIURL: r.APIURL, TokenURL: r.TokenURL,
		AddedBy: actorOrNil(r.AddedBy), AddedAt: r.AddedAt, ReplacedBy: actorOrNil(r.ReplacedBy), ReplacedAt: r.ReplacedAt, Revision: r.revision(),
		ValidatedAt: r.ValidatedAt, ValidatedAs: r.ValidatedAs, Key: r.Sealed.Key,
	}
	if !r.ExpiresAt.IsZero() {
		v.ExpiresAt = &r.ExpiresAt
	}
	if r.expiring(s.options.Now()) {
		v.State = StateExpiring
	}
	if known.err != nil {
		v.State, v.Error = StateUnreadable, known.err.Error()
		return v
	}
	v.failing(known.account)
	if r.Grant != nil && !r.Grant.FailingSince.IsZero() {
		v.State, v.Error, v.FailingSince = StateFailing, r.failure(known.ref), r.Grant.FailingSince
	}
	return v
}

// saved returns the view of an account that has just been saved.
func (s *Set) saved(ref Ref, r *record) View { return s.view(&stored{ref: ref, record: *r}) }

// failing records it in the view if Jira refuses the account.
func (v *View) failing(account *jira.Account) {
	if account == nil {
		return
	}
	if refused := account.Refusal(); refused != nil {
		v.State, v.Error, v.FailingSince = StateFailing, refused.Error(), account.RefusedSince()
	}
}

// expiring reports whether the credential expires soon or has expired.
func (r *record) expiring(now time.Time) bool {
	return !r.ExpiresAt.IsZero() && now.After(r.ExpiresAt.Add(-expiresSoon))
}

func actorOrNil(actor storage.Actor) *storage.Actor {
	if actor == (storage.Actor{}) {
		return nil
	}
	return &actor
}
