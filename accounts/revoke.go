package accounts

import (
	"context"
	"encoding/json"
	"errors"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/storage"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// The actions of the audit trail about the end of a consent at Jira.
const (
	ActionRevoked    = "account_revoked_at_jira"
	ActionNotRevoked = "account_not_revoked_at_jira"
)

// errShared is why a consent is not revoked: Jira Cloud ends all that a user has given to
// an app at once (RFC 7009, section 2.1, "tokens based on the same authorization grant").
var errShared = errors.New("another own account of the owner has the same consent")

// revokeOld ends the consent of an account that was removed or replaced, in the
// background. The audit trail says what came of it.
func (s *Set) revokeOld(ctx context.Context, actor storage.Actor, ref Ref, old *record) {
	if old == nil || old.Kind != KindConsent || old.Grant == nil || !old.Grant.FailingSince.IsZero() {
		return
	}
	app, err := s.app(old.Jira)
	if err == nil && app.ClientID != old.User {
		err = errors.New("it is for another OAuth app than the configuration's")
	}
	if err == nil && s.sharesGrant(ref, old) {
		err = errShared
	}
	var tokens jira.ConsentTokens
	if err == nil {
		tokens, err = s.tokensOf(ref, old)
	}
	if err != nil {
		s.recordRevoked(ctx, actor, ref, old.Jira, err)
		return
	}
	s.revoke(ctx, actor, ref, app, tokens.Refresh)
}

// tokensOf decrypts the tokens of a consent.
func (s *Set) tokensOf(ref Ref, r *record) (tokens jira.ConsentTokens, err error) {
	bound, err := r.bound(ref.document())
	if err != nil {
		return tokens, err
	}
	secret, err := s.options.Keys.open(r.Sealed, bound)
	if err == nil && json.Unmarshal([]byte(secret), &tokens) != nil {
		err = errors.New("its tokens are damaged")
	}
	return tokens, err
}

// sharesGrant reports whether another own account of the same owner has the same consent.
func (s *Set) sharesGrant(ref Ref, old *record) bool {
	if !old.Scoped {
		return false // Data Center ends only the one that it is told to
	}
	for _, other := range s.own.known().byID {
		if other.ref.key() != ref.key() && token.Fold(other.ref.Owner) == token.Fold(ref.Owner) &&
			other.record.Kind == KindConsent && other.record.User == old.User {
			return true
		}
	}
	return false
}

// revoke ends a consent in the background.
func (s *Set) revoke(ctx context.Context, actor storage.Actor, ref Ref, app *jira.ConsentApp, refreshToken string) {
	do := func(ctx context.Context) {
		ctx = context.WithoutCancel(ctx)
		s.recordRevoked(ctx, actor, ref, ref.Jira, app.Revoke(ctx, refreshToken))
	}
	if !s.options.Go(do) {
		do(ctx)
	}
}

// recordRevoked records whether a consent was revoked at Jira.
func (s *Set) recordRevoked(ctx context.Context, actor storage.Actor, ref Ref, url string, failed error) {
	event := storage.Event{
		At: s.options.Now().UTC(), Action: ActionRevoked, Name: ref.Name, Owner: ref.Owner, Actor: actor,
		Changes: []storage.FieldChange{{Field: "jira", New: encode(url)}},
	}
	if failed != nil {
		event.Action = ActionNotRevoked
		event.Changes = append(event.Changes, storage.FieldChange{Field: "reason", New: encode(failed.Error())})
		s.options.Logger.Warn("the consent of an account that was removed or replaced could not be revoked at Jira: its owner can do that in Jira",
			zap.String("account", token.Printable(ref.label(), maxUser)), zap.Error(failed))
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := s.options.Store.AddEvents(bounded, event); err != nil {
		s.options.Logger.Warn("the audit trail does not say that a consent was revoked", zap.Error(err))
	}
}
