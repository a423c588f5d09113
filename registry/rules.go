package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// PolicyError reports that the policy does not allow something.
type PolicyError struct {
	// Field is the JSON name of the field that the policy does not allow.
	Field string
	Err   error
}

func (e PolicyError) Error() string { return e.Err.Error() }

func (e PolicyError) Unwrap() error { return e.Err }

// exemptHint says how to take a token out of the rules.
const exemptHint = `; to make an exception, give a reason with --exempt ("exempt" in JSON)`

func forbidden(violation *policy.Violation) error {
	if violation == nil {
		return nil
	}
	return PolicyError{violation.Field, errors.New(violation.String() + exemptHint)}
}

// checkNew returns an error if the policy does not allow a new token.
func (r *Registry) checkNew(record *token.Record) error {
	suspension := r.owners.Standing(record).Suspension
	switch {
	case suspension == nil:
		return nil
	case suspension.Violation != nil:
		return forbidden(suspension.Violation)
	}
	why := suspension.Owner
	if record.Kind == token.KindUser {
		why += "; if it is no user, but a service or an external person, use --service or --external"
	}
	return PolicyError{"owner", errors.New(why)}
}

// hideFromOutsiders hides internal comments from an external person's new token,
// unless the edit says what to hide.
func hideFromOutsiders(record *token.Record, edit token.Edit) {
	var confine struct {
		Hide json.RawMessage `json:"hide"`
	}
	if record.Kind != token.KindExternal || json.Unmarshal(edit["confine"], &confine) == nil && confine.Hide != nil {
		return
	}
	record.Confine.Hide = []string{token.HideInternalComments}
}

// ruledFields are the fields that the policy is about. A change to one of them must
// comply, and must be approved if the token had to be.
var ruledFields = []string{"scope", "account", "confine", "allow_ip", "deny_ip", "expires_at", "responsible", "exempt"}

func touchesRules(edit token.Edit) bool {
	return slices.ContainsFunc(ruledFields, edit.Has)
}

// awaitApproval makes a token pending if the policy requires its approval.
func (r *Registry) awaitApproval(record *token.Record) {
	if record.Exempt == "" && r.owners.Person(record.Owner).Rights.NeedsApproval(record.Scope) != "" {
		record.Status, record.StatusReason = token.StatusPending, ""
	}
}

// reserve returns an error if the owner has as many tokens as the policy allows. If
// there is a limit, nobody else can create a token until the caller calls release.
func (r *Registry) reserve(ctx context.Context, record *token.Record) (release func(), err error) {
	limit, rule := r.owners.Person(record.Owner).Rights.MaxTokens()
	if limit == 0 || record.Exempt != "" {
		return func() {}, nil
	}
	r.creating.Lock()
	alive, err := r.countAlive(ctx, record.Owner, limit)
	if err == nil && alive >= limit {
		err = PolicyError{"owner", fmt.Errorf("%s has %d tokens that are neither expired nor revoked, and may have %d; rule: %s; revoke one that is no longer needed%s",
			record.Owner, alive, limit, rule, exemptHint)}
	}
	if err != nil {
		r.creating.Unlock()
		return nil, err
	}
	return r.creating.Unlock, nil
}

// countAlive counts an owner's tokens that are neither expired nor revoked, up to
// about enough.
func (r *Registry) countAlive(ctx context.Context, owner string, enough int) (alive int, err error) {
	query := storage.Query{Owner: owner, Limit: storage.MaxPageSize}
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return 0, err
		}
		for _, record := range page.Records {
			if state := record.State(r.now()); state != token.StateExpired && state != token.StateRevoked {
				alive++
			}
		}
		if page.Next == "" || alive >= enough {
			return alive, nil
		}
		query.Cursor = page.Next
	}
}
