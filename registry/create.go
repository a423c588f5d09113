package registry

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Spec is what a new token is to be.
type Spec struct {
	Owner string
	Name  string
	// Scope is read if left out.
	Scope    token.Scope
	Networks token.Networks
	// Account is the default account if left out.
	Account string
	// NotBefore and ExpiresAt bound the validity; zero: no bound.
	NotBefore, ExpiresAt time.Time
	// Limit and MaxConcurrent bound the use; zero: as the configuration does.
	Limit         token.Limit
	MaxConcurrent int
}

// Create issues a token. The token itself is in this answer and nowhere else.
func (r *Registry) Create(ctx context.Context, actor storage.Actor, spec Spec) (*token.Record, token.Token, error) {
	if spec.Scope == 0 {
		spec.Scope = token.ScopeRead
	}
	if spec.Account == "" {
		spec.Account = DefaultAccount
	}
	if err := r.checkSpec(spec); err != nil {
		return nil, token.Token{}, err
	}
	secret := token.New()
	now := r.timestamp()
	record := &token.Record{
		ID: strings.Clone(secret.ID()), Owner: spec.Owner, Name: spec.Name, Scope: spec.Scope,
		Networks: spec.Networks, Account: spec.Account, Status: token.StatusActive,
		CreatedAt: now, UpdatedAt: now, NotBefore: spec.NotBefore, ExpiresAt: spec.ExpiresAt,
		Limit: spec.Limit, MaxConcurrent: spec.MaxConcurrent,
		Digest: secret.Digest(), Version: 1,
	}
	if err := r.apply(ctx, actor, ActionCreate, nil, record); err != nil {
		return nil, token.Token{}, err
	}
	return record, secret, nil
}

func (r *Registry) checkSpec(spec Spec) error {
	if err := invalid("owner", token.CheckOwner(spec.Owner)); err != nil {
		return err
	}
	if err := invalid("name", token.CheckName(spec.Name)); err != nil {
		return err
	}
	if err := r.checkValidity(spec.NotBefore, spec.ExpiresAt); err != nil {
		return err
	}
	if err := invalid("max_concurrent", token.CheckMaxConcurrent(spec.MaxConcurrent)); err != nil {
		return err
	}
	return r.checkAccount(spec.Account)
}

// latest bounds times so that every store can hold them.
var latest = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

func (r *Registry) checkValidity(notBefore, expiresAt time.Time) error {
	switch {
	case expiresAt.IsZero() && notBefore.IsZero():
		return nil
	case notBefore.After(latest):
		return invalid("not_before", fmt.Errorf("time after %d: want an earlier one", latest.Year()))
	case expiresAt.After(latest):
		return invalid("expires_at", fmt.Errorf("time after %d: leave the expiry out for a token that never expires", latest.Year()))
	case expiresAt.IsZero():
		return nil
	case !expiresAt.After(r.now()):
		return invalid("expires_at", fmt.Errorf("expiry %s: is past: want a time in the future", expiresAt.Format(time.RFC3339)))
	case !expiresAt.After(notBefore):
		return invalid("expires_at", errors.New("expiry: must be after not-before"))
	}
	return nil
}

// timestamp is now to the second: what people read and every store can hold.
func (r *Registry) timestamp() time.Time { return r.now().UTC().Truncate(time.Second) }
