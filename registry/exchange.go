package registry

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Origin says which JWT a token is exchanged for.
type Origin struct {
	// Issuer has issued the JWT to Subject.
	Issuer, Subject string
	// Address is the client's IP address, if it is known, and Claim what it calls itself.
	Address, Claim string
	// ID is the token's ID if it follows from the JWT, which can then be exchanged only
	// once. If it is empty, the JWT can be exchanged again.
	ID string
	// Until is when the JWT can no longer be exchanged.
	Until time.Time
	// Lifetime is how long the token is valid.
	Lifetime time.Duration
}

// ErrExchanged is returned by Exchange for a JWT that has been exchanged before.
var ErrExchanged = errors.New("the JWT has been exchanged before")

// keptAfterEnd is how long the record of an exchanged token is kept after it has
// expired, so that its holder learns that it has.
const keptAfterEnd = time.Hour

// keptAfterJWT is how long the record of a token is kept after its JWT has expired, if the
// JWT can be exchanged only once. Without the record, it could be exchanged again by a
// gateway whose clock is that much behind, or was ahead when the record was deleted.
const keptAfterJWT = 7 * 24 * time.Hour

// Exchange issues a short-lived token for a JWT that has been verified, with the fields
// that edit sets, as far as the policy allows them. There are no exemptions, and the
// token cannot wait for somebody's approval. Its record vanishes some time after it has
// expired.
func (r *Registry) Exchange(ctx context.Context, origin Origin, edit token.Edit, vets ...Vet) (Issued, error) {
	edit = maps.Clone(edit)
	delete(edit, "exempt")
	edit["expires_at"] = encode(strconv.Itoa(int(origin.Lifetime/time.Second)) + "s")
	actor := storage.Actor{Kind: storage.ActorWorkload, Name: token.Printable(origin.Subject, maxSubject), Address: origin.Address, Claim: origin.Claim}
	mark := func(_ context.Context, record *token.Record) error {
		record.Issuer, record.ID = origin.Issuer, origin.ID
		record.VanishesAt = record.ExpiresAt.Add(keptAfterEnd)
		if until := origin.Until.UTC().Truncate(time.Second).Add(keptAfterJWT); origin.ID != "" && until.After(record.VanishesAt) {
			record.VanishesAt = until
		}
		if rules := r.owners.Person(record.Owner).Rights.NeedsApproval(record.Scope); rules != "" {
			return PolicyError{Field: "scope", Err: fmt.Errorf("a token of %s with the scope %s must be approved, and one for a JWT cannot wait for that; rule: %s", record.Owner, record.Scope, rules)}
		}
		return nil
	}
	issued, err := r.Create(ctx, actor, edit, append([]Vet{mark}, vets...)...)
	if origin.ID != "" && errors.Is(err, storage.ErrConflict) {
		return Issued{}, fmt.Errorf("%w: token %s", ErrExchanged, origin.ID)
	}
	if refused, ok := errors.AsType[PolicyError](err); ok {
		// There are no exceptions here.
		err = PolicyError{Field: refused.Field, Err: errors.New(strings.TrimSuffix(refused.Error(), ExemptHint)), Why: refused.Why}
	}
	return issued, err
}

// maxSubject is the maximum length of the name of a workload in the audit trail, in
// bytes.
const maxSubject = 300

// checkChangeable returns an error if the token cannot be changed since it was exchanged
// for a JWT.
func (r *Registry) checkChangeable(record *token.Record) error {
	if !record.Exchanged() {
		return nil
	}
	return StateError{record.ID, record.State(r.now()), "it was exchanged for a JWT, so it can only be disabled or revoked; it vanishes by itself on " + token.FormatTime(record.VanishesAt)}
}
