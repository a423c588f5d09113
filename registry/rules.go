package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// PolicyError reports that the policy does not allow something.
type PolicyError struct {
	// Field is the JSON name of the field that the policy does not allow.
	Field string
	Err   error
	// Why says the same to somebody who may not know the rules: what they allow, and where
	// they are written. If it is empty, Err does.
	Why string
}

func (e PolicyError) Error() string { return e.Err.Error() }

func (e PolicyError) Unwrap() error { return e.Err }

// ExemptHint ends errors of the policy: it says how to make an exception with the command.
const ExemptHint = `; to make an exception, give a reason with --exempt ("exempt" in JSON)`

func forbidden(violation *policy.Violation) error {
	if violation == nil {
		return nil
	}
	return refusedBy(violation)
}

func refusedBy(violation *policy.Violation) PolicyError {
	return PolicyError{Field: violation.Field, Err: errors.New(violation.String() + ExemptHint), Why: violation.Why}
}

// Violations returns all that the policy does not allow of a token of the person's own, at most
// one error for each field: of a new one for which given reports what was said, or of one that
// was old before. Creating or changing it would be refused with the first of them. Nobody is
// asked, nothing is changed and there is no trace of it. What others may have is only found
// out when their tokens are made, so nothing is said about those.
func (d *Desk) Violations(old, record *token.Record, given func(field string) bool) (found []PolicyError) {
	if !d.owns(record) {
		return nil
	}
	all, here := d.registry.owners.Person(record.Owner).Rights, d.Rights()
	completed := *record
	if old == nil {
		all.Complete(&completed, given)
	} else if touched, err := touchesRules(old, record); err != nil || !touched {
		return nil
	}
	known := make(map[string]bool)
	for _, rights := range []*policy.Rights{all, here} { // in the order in which they are asked
		for violation := range rights.Violations(&completed) {
			if !known[violation.Field] {
				known[violation.Field] = true
				found = append(found, refusedBy(violation))
			}
		}
	}
	return found
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
	why := suspension.String()
	hint := ""
	if record.Kind == token.KindUser && suspension.Responsible == "" {
		hint = "; if it is a service or an external person rather than a user, use --service or --external"
	}
	return PolicyError{Field: "owner", Err: errors.New(why + hint), Why: suspension.Why() + hint}
}

// checkResponsible returns an error if the person who is named as responsible for a
// token cannot be.
func (r *Registry) checkResponsible(ctx context.Context, record *token.Record) error {
	if record.Responsible == "" {
		return nil
	}
	if person := r.owners.Person(record.Responsible); person.Inactive {
		return PolicyError{Field: "responsible", Err: fmt.Errorf("%s %s: name somebody who is active", record.Responsible, person.why())}
	}
	external, err := r.isExternal(ctx, record.Responsible)
	if external {
		err = PolicyError{Field: "responsible", Err: fmt.Errorf("%s is outside the organization: name somebody inside", record.Responsible)}
	}
	return err
}

// hideFromOutsiders hides internal comments from an external person's new token,
// unless the edit says what to hide.
func hideFromOutsiders(record *token.Record, edit token.Edit) {
	var confine struct {
		Hide json.RawMessage `json:"hide"`
	}
	if record.Kind != token.KindExternal || json.Unmarshal(edit["confine"], &confine) == nil && confine.Hide != nil && string(confine.Hide) != "null" {
		return
	}
	record.Confine.Hide = []string{token.HideInternalComments}
}

// touchesRules reports whether a change is about what the policy rules. It must then
// comply, and must be approved if the token had to be. Sending the same values again is
// no change.
func touchesRules(old, changed *token.Record) (bool, error) {
	// What is not listed here is ruled.
	unruled := *changed
	unruled.Name, unruled.Purpose, unruled.NotBefore = old.Name, old.Purpose, old.NotBefore
	unruled.Limit, unruled.LimitWrites, unruled.MaxConcurrent = old.Limit, old.LimitWrites, old.MaxConcurrent
	same, err := sameJSON(old, &unruled)
	return !same, err
}

// awaitApproval makes a token pending if the policy requires its approval. A disabled
// token stays disabled, and becomes pending when it is enabled.
func (r *Registry) awaitApproval(record *token.Record) {
	if r.needsApproval(record) {
		makePending(record)
	}
}

// needsApproval reports whether the policy requires the approval of a token.
func (r *Registry) needsApproval(record *token.Record) bool {
	return record.Exempt == "" && r.owners.Person(record.Owner).Rights.NeedsApproval(record.Scope) != ""
}

// makePending makes a token pending.
func makePending(record *token.Record) {
	switch record.Status {
	case token.StatusPending: // keeps its reason
	case token.StatusDisabled:
		record.Unapproved = true
	default:
		record.Status, record.StatusReason = token.StatusPending, ""
	}
}

// counts reports whether a token counts towards max_tokens.
func (r *Registry) counts(record *token.Record) bool {
	return record.Exempt == "" && r.isAlive(record)
}

// reserve returns an error if the owner has as many other tokens as the policy allows.
// If there is a limit, nobody else can create a token until the caller calls release.
func (r *Registry) reserve(ctx context.Context, record *token.Record) (release func(), err error) {
	if limit, _ := r.owners.Person(record.Owner).Rights.MaxTokens(); limit == 0 || record.Exempt != "" {
		return func() {}, nil
	}
	r.creating.Lock()
	if err := r.checkNumber(ctx, record); err != nil {
		r.creating.Unlock()
		return func() {}, err
	}
	return r.creating.Unlock, nil
}

// checkNumber returns an error if the owner has as many other tokens as the policy allows.
func (r *Registry) checkNumber(ctx context.Context, record *token.Record) error {
	limit, rule := r.owners.Person(record.Owner).Rights.MaxTokens()
	if limit == 0 || record.Exempt != "" {
		return nil
	}
	alive, err := r.countAlive(ctx, record, limit)
	if err != nil || alive < limit {
		return err
	}
	has := fmt.Sprintf("%s has %d tokens that are neither expired nor revoked, and may have %d", record.Owner, alive, limit)
	if alive == 1 {
		has = fmt.Sprintf("%s has 1 token that is neither expired nor revoked, and may have %d", record.Owner, limit)
	}
	return PolicyError{
		Field: "owner",
		Err:   fmt.Errorf("%s; rule: %s; revoke one that is no longer needed%s", has, rule, ExemptHint),
		Why:   has + "; revoke one that is no longer needed",
	}
}

// countAlive counts the owner's other tokens that are neither expired nor revoked, up
// to about enough.
func (r *Registry) countAlive(ctx context.Context, except *token.Record, enough int) (alive int, err error) {
	query := storage.Query{Owner: except.Owner, Alive: true, Limit: storage.MaxPageSize}
	for {
		page, err := r.storedPage(ctx, query)
		if err != nil {
			return 0, err
		}
		for _, record := range page.Records {
			if r.isAlive(record) && record.ID != except.ID {
				alive++
			}
		}
		if page.Next == "" || alive >= enough {
			return alive, nil
		}
		query.Cursor = page.Next
	}
}
