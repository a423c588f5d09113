package policy

import (
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Choice is a field of a new token that the gateway has set, or limits.
type Choice struct {
	// Field is the field's JSON name.
	Field string `json:"field"`
	// Because says why, and names the rule.
	Because string `json:"because"`
}

// Complete chooses the account and the expiry of a new token where given reports that
// nothing was said, and returns what it chose and the networks that limit the token.
func (r *Rights) Complete(record *token.Record, given func(field string) bool) []Choice {
	var choices []Choice
	if !given("account") {
		record.Account = token.DefaultAccount
		because := "no account was named"
		if allowed, from := r.accountsFor(record.Scope); allowed != nil && record.Exempt == "" {
			record.Account, because = allowed[0], "the first of the accounts of "+names(from)
		}
		choices = append(choices, Choice{"account", because})
	}
	if !given("expires_at") {
		choices = append(choices, r.completeExpiry(record))
	}
	if r.networks != nil && len(record.Networks.Allow) == 0 && record.Exempt == "" {
		choices = append(choices, Choice{"allow_ip", "limited to " + r.Networks() + " by " + names(r.networksFrom)})
	}
	return choices
}

func (r *Rights) completeExpiry(record *token.Record) Choice {
	lifetime, because := Never, "no rule limits it"
	switch {
	case record.Exempt != "":
		because = "exempt from the policy"
	case r.lifetimeOf != nil:
		lifetime, because = r.lifetime, "default_lifetime "+r.lifetime.String()+" of "+r.lifetimeOf.String()
		if r.maxLifetimeOf != nil && lifetime.longer(r.maxLifetime) {
			lifetime, because = r.maxLifetime, "max_lifetime "+r.maxLifetime.String()+" of "+r.maxLifetimeOf.String()
		}
	case r.maxLifetimeOf != nil && !r.maxLifetime.never:
		lifetime, because = r.maxLifetime, "max_lifetime "+r.maxLifetime.String()+" of "+r.maxLifetimeOf.String()
	}
	if !lifetime.never {
		record.ExpiresAt = issued(record).Add(lifetime.span).UTC().Truncate(time.Second)
	}
	return Choice{"expires_at", because}
}
