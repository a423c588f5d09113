package policy

import (
	"strings"
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
	for _, limit := range r.Limits(record) {
		choices = append(choices, Choice{limit.Field, limit.String()})
	}
	return choices
}

// Limit is what the policy leaves of a field of a token that complies with it.
type Limit struct {
	// Field is the field's JSON name, and Values what holds for it.
	Field  string   `json:"field"`
	Values []string `json:"values"`
	// Rules names the rules that say so.
	Rules string `json:"rules"`
}

func (l Limit) String() string {
	return "limited to " + strings.Join(l.Values, ", ") + " by " + l.Rules
}

// Limits returns the fields of a token that the policy limits further at every use. A
// token without networks of its own only works from those of the policy. All other
// rights either allow a token as it is or suspend it.
func (r *Rights) Limits(record *token.Record) []Limit {
	if r.networks == nil || len(record.Networks.Allow) > 0 || record.Exempt != "" {
		return nil
	}
	return []Limit{{"allow_ip", r.networkTexts(), names(r.networksFrom)}}
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
