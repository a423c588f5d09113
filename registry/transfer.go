package registry

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// OwnerResult says what became of an owner's tokens.
type OwnerResult struct {
	// Changed counts the tokens that were changed.
	Changed int `json:"changed"`
	// Digest identifies these tokens: that of a preview is another one once the owner has
	// other tokens. Empty if there are none.
	Digest string `json:"digest,omitempty"`
	// LeftOut lists the tokens that should have been changed but were not.
	LeftOut []LeftOut `json:"left_out"`
}

// LeftOut is a token that was not changed, and the reason.
type LeftOut struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
	Why  string `json:"why"`
}

// add counts a token that was changed, or would be.
func (r *OwnerResult) add(record *token.Record) {
	r.Changed++
	sum := sha256.Sum256([]byte(r.Digest + record.ID))
	r.Digest = hex.EncodeToString(sum[:])
}

// maxPasses bounds how often an owner's tokens are listed, since others may be created
// all the time.
const maxPasses = 10

// RevokeOwner revokes all tokens of an owner, including those that are created in the
// meantime. It can be repeated after an error.
func (r *Registry) RevokeOwner(ctx context.Context, actor storage.Actor, owner string) (OwnerResult, error) {
	return r.changeOwner(ctx, owner, func(record *token.Record) (bool, error) {
		_, err := r.Revoke(ctx, actor, record.ID)
		return true, err
	})
}

// Transfer gives the tokens of one owner to another, as far as the other may have them
// by the policy: exemptions are not transferred. The tokens themselves stay the same,
// but clients must send the new owner's name with them. Revoked tokens are not
// transferred. It can be repeated after an error.
func (r *Registry) Transfer(ctx context.Context, actor storage.Actor, from, to string) (OwnerResult, error) {
	if err := checkRecipient(from, to); err != nil {
		return OwnerResult{}, err
	}
	give, err := r.giver(ctx, from, to)
	if err != nil {
		return OwnerResult{}, err
	}
	return r.changeOwner(ctx, from, func(record *token.Record) (bool, error) {
		if err := give(record); err != nil {
			return false, err
		}
		return r.transfer(ctx, actor, record, from, to)
	})
}

// PreviewTransfer says what Transfer would do now, and changes nothing. It does not count
// how many tokens the new owner may have.
func (r *Registry) PreviewTransfer(ctx context.Context, from, to string) (OwnerResult, error) {
	if err := checkRecipient(from, to); err != nil {
		return OwnerResult{}, err
	}
	give, err := r.giver(ctx, from, to)
	if err != nil {
		return OwnerResult{}, err
	}
	var result OwnerResult
	found, err := r.changePass(ctx, from, &result, func(record *token.Record) (bool, error) {
		if err := give(record); err != nil {
			return false, err
		}
		next := *record
		return true, r.hand(&next, from, to)
	})
	if err == nil && !found {
		err = noTokensError{from}
	}
	return result, err
}

// checkRecipient returns an error if tokens cannot be transferred from one name to another.
func checkRecipient(from, to string) error {
	switch err := token.CheckOwner(to); {
	case err != nil:
		return invalid("to", err)
	case token.Fold(from) == token.Fold(to):
		return invalid("to", fmt.Errorf("%q is the same owner", to))
	}
	return nil
}

// giver returns a function that returns an error for tokens of a kind that the new owner
// cannot have.
func (r *Registry) giver(ctx context.Context, from, to string) (func(*token.Record) error, error) {
	external, err := r.isExternal(ctx, to)
	if err != nil {
		return nil, err
	}
	confirm := sync.OnceValue(func() error { return r.confirm(ctx, &token.Record{Owner: to}) })
	return func(record *token.Record) error {
		if record.Kind == token.KindUser {
			if err := confirm(); err != nil {
				return err
			}
		}
		if external && record.Kind != token.KindExternal {
			// The stricter rules for external people would not apply to it.
			return fmt.Errorf("%s is outside the organization, and the token is for a %s: create a new one with --external instead", to, record.Kind)
		}
		return nil
	}, nil
}

// isExternal reports whether an owner has tokens, all of them for an external person.
func (r *Registry) isExternal(ctx context.Context, owner string) (bool, error) {
	var all, external int
	err := r.eachRecord(ctx, storage.Query{Owner: owner}, func(record *token.Record) error {
		if all++; record.Kind == token.KindExternal {
			external++
		}
		return nil
	}, func(storage.DamagedError) {})
	return all > 0 && all == external, err
}

// transfer gives one token to another owner. It reports whether it has changed it.
func (r *Registry) transfer(ctx context.Context, actor storage.Actor, record *token.Record, from, to string) (bool, error) {
	next := *record
	next.Owner, next.Exempt = to, ""
	if next.State(r.now()) != token.StateExpired {
		release, err := r.reserve(ctx, &next)
		if err != nil {
			return false, err
		}
		defer release()
	}
	changed, err := r.change(ctx, actor, ActionTransfer, record.ID, 0, func(record *token.Record) error { return r.hand(record, from, to) })
	return err == nil && changed.OwnedBy(to), err
}

// hand makes a token another owner's, if the other may have it.
func (r *Registry) hand(record *token.Record, from, to string) error {
	switch {
	case !record.OwnedBy(from), record.Status == token.StatusRevoked:
		return errUnchanged // in the meantime
	case record.Exchanged():
		return r.checkChangeable(record)
	case record.Account == token.OwnAccount:
		return fmt.Errorf("it uses the Jira credential of %s, which is not for anybody else: create a new token for %s instead", from, to)
	case token.Fold(record.Responsible) == token.Fold(to):
		return fmt.Errorf("%s is responsible for it: name somebody else first, with caddy jira-token update %s --responsible", to, record.ID)
	}
	record.Owner, record.Exempt = to, ""
	record.Handover = record.Handover.EndedAt(r.timestamp()) // it was for somebody else
	if suspension := r.owners.Standing(record).Suspension; suspension != nil {
		return errors.New(suspension.String())
	}
	r.awaitApproval(record)
	return nil
}

// changeOwner calls change for each token of an owner that is not revoked. If a token
// cannot be changed, the others still are. It lists the tokens again until there are
// none left to change.
func (r *Registry) changeOwner(ctx context.Context, owner string, change func(*token.Record) (bool, error)) (OwnerResult, error) {
	var result OwnerResult
	for pass := range maxPasses {
		before := result.Changed
		found, err := r.changePass(ctx, owner, &result, change)
		switch {
		case err != nil:
			return result, fmt.Errorf("%w; tokens changed before that: %d. Repeat this for the others", err, result.Changed)
		case pass == 0 && !found:
			return result, noTokensError{owner}
		case result.Changed == before:
			return result, nil
		}
	}
	return result, nil
}

// noTokensError reports that an owner has no tokens.
type noTokensError struct{ owner string }

func (e noTokensError) Error() string { return fmt.Sprintf("there are no tokens of %q", e.owner) }

func (noTokensError) Unwrap() error { return storage.ErrNotFound }

// changePass calls change once for each token that is not revoked. It reports whether
// the owner has any tokens, even revoked ones.
func (r *Registry) changePass(ctx context.Context, owner string, result *OwnerResult, change func(*token.Record) (bool, error)) (found bool, err error) {
	result.LeftOut = []LeftOut{}
	leaveOut := func(id, name, why string) {
		result.LeftOut = append(result.LeftOut, LeftOut{id, name, token.Printable(why, maxDamageText)})
	}
	err = r.eachRecord(ctx, storage.Query{Owner: owner}, func(record *token.Record) error {
		found = true
		if record.Status == token.StatusRevoked {
			return nil
		}
		changed, err := change(record)
		switch {
		case errors.Is(err, storage.ErrUnavailable), ctx.Err() != nil:
			return err
		case errors.Is(err, storage.ErrNotFound): // deleted in the meantime
		case err != nil:
			leaveOut(record.ID, record.Name, err.Error())
		case changed:
			result.add(record)
		}
		return nil
	}, func(damaged storage.DamagedError) {
		found = true
		leaveOut(damaged.ID, "", "its record is damaged: it can only be deleted")
	})
	return found, err
}
