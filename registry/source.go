package registry

import (
	"context"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Source is another directory that knows owners, such as Jira, and makes the registry's
// directory learn what it says.
type Source interface {
	// Confirm asks the source about an owner now, and makes the directory learn the
	// answer. It fails if the source does not answer and nothing is known.
	Confirm(ctx context.Context, owner string) error
	// Expect asks in the background about an owner of whom nothing is known.
	Expect(owner string)
}

// Follow makes the registry ask a source about the owners of new tokens. It must be
// called before the registry is used.
func (r *Registry) Follow(source Source) { r.source = source }

// confirm asks the source about the owner of a token that is about to be stored, if the
// policy depends on the answer.
func (r *Registry) confirm(ctx context.Context, record *token.Record) error {
	if r.source == nil || record.Exempt != "" || record.Kind != token.KindUser || len(r.owners.policy.Groups()) == 0 {
		return nil
	}
	if err := r.source.Confirm(ctx, record.Owner); err != nil {
		return unconfirmedError{record.Owner, err}
	}
	return nil
}

// unconfirmedError reports that the groups of an owner cannot be found out.
type unconfirmedError struct {
	owner string
	err   error
}

func (e unconfirmedError) Error() string {
	return fmt.Sprintf("the policy depends on the groups of %s, but they are not known: %s; try again later%s", e.owner, e.err, ExemptHint)
}

// Unwrap makes the error temporary.
func (e unconfirmedError) Unwrap() []error { return []error{e.err, storage.ErrUnavailable} }

// expect asks the source about the people whom a token newly concerns.
func (r *Registry) expect(old, new *token.Record) {
	if r.source == nil || new == nil {
		return
	}
	if old == nil {
		old = &token.Record{Kind: new.Kind}
	}
	if new.Kind == token.KindUser && !old.OwnedBy(new.Owner) {
		r.source.Expect(new.Owner)
	}
	if new.Responsible != "" && old.Responsible != new.Responsible {
		r.source.Expect(new.Responsible)
	}
}

// People returns the names of everybody whom a source must be asked about, by their
// folded names: owners of tokens for users, and those who are responsible for tokens.
// Tokens that are expired or revoked do not count.
func (r *Registry) People(ctx context.Context) (map[string]string, error) {
	people := make(map[string]string)
	err := r.eachRecord(ctx, storage.Query{Alive: true}, func(record *token.Record) error {
		if !r.isAlive(record) {
			return nil
		}
		if record.Kind == token.KindUser {
			people[token.Fold(record.Owner)] = record.Owner
		}
		if record.Responsible != "" {
			people[token.Fold(record.Responsible)] = record.Responsible
		}
		return nil
	}, func(storage.DamagedError) {})
	return people, err
}
