package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Desk is the registry as one person may use it, by the policy: people see and change
// their own tokens, those with on_behalf also create others', and those with manage see
// and end everybody's. What a person may not see does not exist at the person's desk.
type Desk struct {
	registry *Registry
	person   string
	// via names the identity provider that has vouched for the person; empty if that does
	// not matter.
	via string
}

// DeskOf returns the registry as a person may use it.
func (r *Registry) DeskOf(person string) *Desk { return &Desk{registry: r, person: person} }

// DeskVia returns the registry as a person may use it for whom an identity provider has
// vouched. Groups that other providers have told about somebody of that name give no
// rights.
func (r *Registry) DeskVia(person, via string) *Desk { return &Desk{r, person, via} }

// ForbiddenError reports something that the policy does not let a person do.
type ForbiddenError struct{ Why string }

func (e ForbiddenError) Error() string { return e.Why }

// Person returns the name of the person.
func (d *Desk) Person() string { return d.person }

// Rights returns what the policy allows the person now.
func (d *Desk) Rights() *policy.Rights {
	return d.registry.owners.PersonVia(d.person, d.via).Rights
}

// Manages reports whether the person may see and end everybody's tokens.
func (d *Desk) Manages() bool { return d.Left() == "" && d.Rights().Manage() }

// Left says why the person can no longer use the registry, or "" if the person can.
func (d *Desk) Left() string {
	person := d.registry.owners.Person(d.person)
	if !person.Inactive {
		return ""
	}
	return d.person + " " + person.why()
}

// ReturnedAt returns when the person could use the registry again after having left; zero if
// the person has never left.
func (d *Desk) ReturnedAt() time.Time { return d.registry.owners.Person(d.person).ReturnedAt }

// owns reports whether a token is the person's own.
func (d *Desk) owns(record *token.Record) bool {
	return record.Kind == token.KindUser && record.OwnedBy(d.person)
}

// mayChange reports whether the person may change or end a token.
func (d *Desk) mayChange(record *token.Record) bool { return d.owns(record) || d.Manages() }

// List returns a page of the tokens that the person may see. Without manage, these are
// the person's own.
func (d *Desk) List(ctx context.Context, query Query) (storage.Page, error) {
	if why := d.Left(); why != "" {
		return storage.Page{}, ForbiddenError{why}
	}
	if !d.Manages() {
		others := query.Owner != "" && token.Fold(query.Owner) != token.Fold(d.person)
		if others || len(query.Kinds) > 0 && !slices.Contains(query.Kinds, token.KindUser) {
			return storage.Page{}, nil // what a person may not see does not exist here
		}
		query = d.Own(query)
	}
	return d.registry.List(ctx, query)
}

// Own returns the query for the person's own tokens, among those that query selects.
func (d *Desk) Own(query Query) Query {
	query.Owner, query.Kinds = d.person, []token.Kind{token.KindUser}
	return query
}

// Show returns a token that the person may see.
func (d *Desk) Show(ctx context.Context, id string) (*token.Record, error) {
	if why := d.Left(); why != "" {
		return nil, ForbiddenError{why}
	}
	record, err := d.registry.Show(ctx, id)
	if err != nil {
		if d.Manages() {
			return nil, err
		}
		return nil, hidden(id, err)
	}
	if !d.mayChange(record) {
		return nil, hidden(id, storage.ErrNotFound)
	}
	return record, nil
}

// hidden returns the error for a token that a person may not see. Whether it exists makes
// no difference, unless the store is away.
func hidden(id string, err error) error {
	if token.ValidID(id) && !errors.Is(err, storage.ErrUnavailable) {
		return fmt.Errorf("token %s: %w", id, storage.ErrNotFound)
	}
	return err
}

// Create issues a token. A token for anybody but the person needs on_behalf, and an
// exemption from the policy needs manage.
func (d *Desk) Create(ctx context.Context, actor Actor, edit token.Edit, vets ...Vet) (Issued, error) {
	if why := d.Left(); why != "" {
		return Issued{}, ForbiddenError{why}
	}
	return d.registry.Create(ctx, actor, edit, d.vetsOfNew(vets)...)
}

// CreateHandedOver issues a token as Create does, and returns a link to it.
func (d *Desk) CreateHandedOver(ctx context.Context, actor Actor, edit token.Edit, lasts time.Duration, vets ...Vet) (Issued, error) {
	if why := d.Left(); why != "" {
		return Issued{}, ForbiddenError{why}
	}
	return d.registry.CreateHandedOver(ctx, actor, edit, lasts, d.vetsOfNew(vets)...)
}

// vetsOfNew returns what examines a new token: what the person may create, and vets.
func (d *Desk) vetsOfNew(vets []Vet) []Vet {
	return append([]Vet{func(_ context.Context, record *token.Record) error {
		if !d.owns(record) && !d.Rights().OnBehalf() {
			return ForbiddenError{"creating tokens for others, services or external people needs a rule with on_behalf; no rule for " + d.person + " has it"}
		}
		if err := d.checkOwnAccount(record); err != nil {
			return err
		}
		if err := d.checkRights(record); err != nil {
			return err
		}
		return d.checkExempt(new(token.Record), record)
	}}, vets...)
}

// MayHaveMore returns an error if the person has as many tokens as the policy allows.
func (d *Desk) MayHaveMore(ctx context.Context) error {
	return d.registry.checkNumber(ctx, &token.Record{Owner: d.person, Kind: token.KindUser})
}

// Update changes a token.
func (d *Desk) Update(ctx context.Context, actor Actor, id string, edit token.Edit, vets ...Vet) (*token.Record, error) {
	if _, err := d.Show(ctx, id); err != nil {
		return nil, err
	}
	allowed := func(before, record *token.Record) error {
		if !d.mayChange(record) { // after a transfer in the meantime
			return hidden(id, storage.ErrNotFound)
		}
		// What Jira says about a confinement is what the owner sees there.
		if before.Account != record.Account || edit.Has("confine") {
			if err := d.checkOwnAccount(record); err != nil {
				return err
			}
		}
		if err := d.checkHold(ctx, before, record); err != nil {
			return err
		}
		if touched, err := touchesRules(before, record); err != nil {
			return err
		} else if touched {
			if err := d.checkRights(record); err != nil {
				return err
			}
		}
		return d.checkExempt(before, record)
	}
	return d.registry.update(ctx, actor, id, edit, allowed, vets...)
}

// Rotate gives a token a new secret.
func (d *Desk) Rotate(ctx context.Context, actor Actor, id string, overlap time.Duration, vets ...Vet) (Issued, error) {
	if _, err := d.Show(ctx, id); err != nil {
		return Issued{}, err
	}
	return d.registry.Rotate(ctx, actor, id, overlap, append([]Vet{d.mayRotate}, vets...)...)
}

// HandOver makes a link to a token, which rotates it once it is opened.
func (d *Desk) HandOver(ctx context.Context, actor Actor, id string, overlap, lasts time.Duration, vets ...Vet) (Issued, error) {
	if _, err := d.Show(ctx, id); err != nil {
		return Issued{}, err
	}
	return d.registry.HandOver(ctx, actor, id, overlap, lasts, append([]Vet{d.mayRotate}, vets...)...)
}

// May returns an error if the person may not take an action on a token, which the person may
// see, as it is now: the error with which ActionEnable, ActionRotate or ActionUpdate would
// fail, whatever is changed. The person may take all other actions on such a token.
func (d *Desk) May(ctx context.Context, action string, record *token.Record) error {
	switch action {
	case ActionEnable:
		return d.mayEnable(ctx, record)
	case ActionRotate:
		return cmp.Or(d.registry.checkChangeable(record), d.mayRotate(ctx, record))
	case ActionUpdate:
		return d.registry.checkChangeable(record)
	}
	return nil
}

// mayRotate returns an error if the person may not rotate a token.
func (d *Desk) mayRotate(_ context.Context, record *token.Record) error {
	switch {
	case !d.mayChange(record): // after a transfer in the meantime
		return hidden(record.ID, storage.ErrNotFound)
	case !d.owns(record) && !d.Rights().OnBehalf():
		// The secret of a token is as good as a new token.
		return ForbiddenError{"rotating tokens of others needs a rule with on_behalf; no rule for " + d.person + " has it"}
	}
	return d.checkOwnAccount(record)
}

// Disable stops a token from working until it is enabled again.
func (d *Desk) Disable(ctx context.Context, actor Actor, id string) (*token.Record, error) {
	return d.change(ctx, actor, id, d.registry.Disable)
}

// Enable makes a disabled token work again. What an administrator has disabled, only
// somebody with manage enables.
func (d *Desk) Enable(ctx context.Context, actor Actor, id string) (*token.Record, error) {
	if _, err := d.Show(ctx, id); err != nil {
		return nil, err
	}
	return d.registry.setStatus(ctx, actor, ActionEnable, id, token.StatusActive, d.needsApproval, d.mayEnable)
}

// Revoke ends a token permanently.
func (d *Desk) Revoke(ctx context.Context, actor Actor, id string) (*token.Record, error) {
	return d.change(ctx, actor, id, d.registry.Revoke)
}

func (d *Desk) change(ctx context.Context, actor Actor, id string, change func(context.Context, Actor, string) (*token.Record, error)) (*token.Record, error) {
	if _, err := d.Show(ctx, id); err != nil {
		return nil, err
	}
	return change(ctx, actor, id)
}

// making are the actions with which a token begins.
var making = []string{ActionCreate, ActionImport, ActionExchange}

// Events returns a page of the audit trail: of everything for those with manage, and of
// a token that the person may see for others.
func (d *Desk) Events(ctx context.Context, query EventQuery) (storage.EventPage, error) {
	if err := d.mayRead(ctx, query); err != nil {
		return storage.EventPage{}, err
	}
	return d.registry.Events(ctx, query)
}

// NewestEvents returns a page of the audit trail as Events does, newest events first.
func (d *Desk) NewestEvents(ctx context.Context, query EventQuery) (storage.EventPage, error) {
	if err := d.mayRead(ctx, query); err != nil {
		return storage.EventPage{}, err
	}
	return d.registry.NewestEvents(ctx, query)
}

// mayRead returns an error unless the person may read these events.
func (d *Desk) mayRead(ctx context.Context, query EventQuery) error {
	if d.Manages() {
		return nil
	}
	if query.TokenID == "" {
		return d.mustManage("see the whole audit trail")
	}
	_, err := d.Show(ctx, query.TokenID)
	return err
}

func (d *Desk) mustManage(what string) error {
	if why := d.Left(); why != "" {
		return ForbiddenError{why}
	}
	if d.Manages() {
		return nil
	}
	return ForbiddenError{"a rule with manage is needed to " + what + "; no rule for " + d.person + " has it"}
}
