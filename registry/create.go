package registry

import (
	"context"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Vet examines a record that is about to be stored, and may complete it. If it
// returns an error, the record is not stored.
type Vet func(ctx context.Context, record *token.Record) error

// Create issues a token with the fields that edit sets. The token itself is
// returned only here and stored nowhere.
func (r *Registry) Create(ctx context.Context, actor storage.Actor, edit token.Edit, vets ...Vet) (*token.Record, token.Token, error) {
	record := &token.Record{Scope: token.ScopeRead, Status: token.StatusActive}
	if err := edit.Apply(record, r.now()); err != nil {
		return nil, token.Token{}, err
	}
	if record.Account == "" {
		record.Account = token.DefaultAccount
	}
	if err := r.checkAccount(record.Account); err != nil {
		return nil, token.Token{}, err
	}
	if err := vetted(ctx, record, vets); err != nil {
		return nil, token.Token{}, err
	}
	secret := token.New()
	record.ID, record.Digest, record.Version = strings.Clone(secret.ID()), secret.Digest(), 1
	record.CreatedAt = r.timestamp()
	record.UpdatedAt = record.CreatedAt
	if err := r.apply(ctx, actor, ActionCreate, nil, record); err != nil {
		return nil, token.Token{}, err
	}
	return record, secret, nil
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
