package manager

import (
	"time"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/policy"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// scopes are all scopes, in the order in which they are offered.
var scopes = []token.Scope{token.ScopeRead, token.ScopeWrite, token.ScopeReadAll, token.ScopeAdmin}

// candidate returns a token that an owner could have, for questions to the policy.
func candidate(owner string, scope token.Scope) *token.Record {
	return &token.Record{Owner: owner, Name: "candidate", Scope: scope, Account: token.DefaultAccount}
}

// about reports whether a violation is about one of the fields.
func about(v *policy.Violation, fields ...string) bool {
	for _, field := range fields {
		if v != nil && v.Field == field {
			return true
		}
	}
	return false
}

// offerScopes returns the scopes as choices. What the policy forbids says why.
func (h *Handler) offerScopes(rights *policy.Rights, owner, chosen string) []page.Choice {
	choices := make([]page.Choice, len(scopes))
	for i, scope := range scopes {
		choices[i] = page.Choice{Value: scope.String(), Text: h.say("scope." + scope.String()), Hint: h.say("scope." + scope.String() + ".hint"), Chosen: scope.String() == chosen}
		if v := rights.Violation(candidate(owner, scope)); about(v, "scope", "owner") {
			choices[i].Forbidden = h.say("offer.forbidden", v.String())
		} else if rules := rights.NeedsApproval(scope); rules != "" {
			choices[i].Hint += " " + h.say("offer.approval")
		}
	}
	return choices
}

// offerAccounts returns the accounts that tokens can name as choices.
func (h *Handler) offerAccounts(app admin.App, rights *policy.Rights, owner string, scope token.Scope, chosen string) []page.Choice {
	choices := []page.Choice{{Value: "", Text: h.say("account.default"), Chosen: chosen == ""}}
	for _, name := range app.JiraAccounts().TokenAccounts() {
		choice := page.Choice{Value: name, Text: name, Chosen: name == chosen}
		if name == token.OwnAccount {
			choice.Text = h.say("account.own")
		}
		record := candidate(owner, scope)
		record.Account = name
		if v := rights.Violation(record); about(v, "account") {
			choice.Forbidden = h.say("offer.not")
		}
		choices = append(choices, choice)
	}
	return choices
}

// spans are the lifetimes that are offered, in days; 0 is for ever.
var spans = []struct {
	value string
	days  int
}{{"7d", 7}, {"30d", 30}, {"90d", 90}, {"180d", 180}, {"365d", 365}, {"never", 0}}

// offerExpiries returns lifetimes as choices, and what the policy says about them.
func (h *Handler) offerExpiries(rights *policy.Rights, owner string, scope token.Scope, chosen string) (choices []page.Choice, rule string) {
	now := h.now().UTC().Truncate(time.Second)
	for _, span := range spans {
		choice := page.Choice{Value: span.value, Chosen: span.value == chosen, Text: h.say("expires.never")}
		record := candidate(owner, scope)
		record.CreatedAt = now
		if span.days > 0 {
			choice.Text = h.count("in.days", span.days)
			record.ExpiresAt = now.AddDate(0, 0, span.days)
		}
		rights.Complete(record, func(field string) bool { return field == "expires_at" })
		if v := rights.Violation(record); about(v, "expires_at") {
			choice.Forbidden = h.say("offer.not")
			rule = v.String()
		}
		choices = append(choices, choice)
	}
	return choices, rule
}
