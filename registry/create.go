package registry

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Vet examines a record that is about to be stored, and may complete it. If it
// returns an error, the record is not stored.
type Vet func(ctx context.Context, record *token.Record) error

// Issued is a token that was just created or rotated.
type Issued struct {
	Record *token.Record
	// Token is the token itself. It is stored nowhere.
	Token token.Token
	// Link is the link that shows the token once, if it is handed over that way. There
	// is no Token then.
	Link token.Link
	// Choices are the fields of a new token that the gateway has chosen.
	Choices []policy.Choice
}

// Create issues a token with the fields that edit sets, as far as the policy allows
// them.
func (r *Registry) Create(ctx context.Context, actor storage.Actor, edit token.Edit, vets ...Vet) (Issued, error) {
	return r.create(ctx, actor, edit, func(*Issued) {}, vets)
}

// create issues a token. finish may change what is stored and returned.
func (r *Registry) create(ctx context.Context, actor storage.Actor, edit token.Edit, finish func(*Issued), vets []Vet) (Issued, error) {
	record := &token.Record{Scope: token.ScopeRead, Status: token.StatusActive, CreatedAt: r.timestamp()}
	if err := edit.Apply(record, r.now()); err != nil {
		return Issued{}, err
	}
	if err := r.confirm(ctx, record); err != nil {
		return Issued{}, err
	}
	choices, err := r.complete(record, edit)
	if err != nil {
		return Issued{}, err
	}
	if err := r.checkAccount(record.Account); err != nil {
		return Issued{}, err
	}
	if err := r.checkResponsible(ctx, record); err != nil {
		return Issued{}, err
	}
	if err := r.checkKind(ctx, record); err != nil {
		return Issued{}, err
	}
	// Checked before the internal comments are hidden: that alone does not confine
	// an external person.
	if err := r.checkNew(record); err != nil {
		return Issued{}, err
	}
	hideFromOutsiders(record, edit)
	if err := vetted(ctx, record, vets); err != nil {
		return Issued{}, err
	}
	r.awaitApproval(record)
	secret := token.New()
	if record.ID != "" { // chosen by a Vet
		if secret, err = r.withID(ctx, record.ID); err != nil {
			return Issued{}, err
		}
	}
	record.ID, record.Digest, record.Version = strings.Clone(secret.ID()), secret.Digest(), 1
	record.UpdatedAt = record.CreatedAt
	issued := Issued{Record: record, Token: secret, Choices: choices}
	finish(&issued)
	release, err := r.reserve(ctx, record)
	if err != nil {
		return Issued{}, err
	}
	defer release()
	action := ActionCreate
	if record.Exchanged() {
		action = ActionExchange
	}
	if err := r.apply(ctx, actor, action, nil, record); err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// withID returns a new token with an ID that was chosen. A token that was deleted does not
// come back under its ID: nobody could tell the two apart in the audit trail, and the JWT or
// the form that the ID follows from makes one token only.
func (r *Registry) withID(ctx context.Context, id string) (token.Token, error) {
	deleted, err := r.Deleted(ctx, id)
	if err != nil {
		return token.Token{}, err
	}
	if deleted {
		return token.Token{}, fmt.Errorf("token %s was deleted, and no other one gets its ID: %w", id, storage.ErrConflict)
	}
	return token.WithID(id)
}

// complete chooses the fields of a new token about which the edit says nothing.
func (r *Registry) complete(record *token.Record, edit token.Edit) ([]policy.Choice, error) {
	choices := r.owners.Person(record.Owner).Rights.Complete(record, edit.Has)
	if record.ExpiresAt.IsZero() || record.ExpiresAt.After(record.NotBefore) {
		return choices, nil
	}
	for _, choice := range choices {
		if choice.Field == "expires_at" { // the edit's own expiry has been checked
			return nil, invalid("expires_at", fmt.Errorf("%s: it would expire before it starts to work: give it an expiry, or an earlier not_before", choice.Because))
		}
	}
	return choices, nil
}

func vetted(ctx context.Context, record *token.Record, vets []Vet) error {
	for _, vet := range vets {
		if err := vet(ctx, record); err != nil {
			return err
		}
	}
	return nil
}

// timestamp returns the time in whole seconds, which every store can hold.
func (r *Registry) timestamp() time.Time { return r.now().UTC().Truncate(time.Second) }
