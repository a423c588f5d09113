package policy

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Rights are what all rules for an owner allow together. They do not change.
type Rights struct {
	configured bool
	rules      []*rule

	// Each right comes with the rule that it is from, or nil if no rule mentions
	// it.
	scopes        scopes
	scopesFrom    []*rule
	unapproved    scopes // of these, the ones that need no approval
	maxLifetime   Lifetime
	maxLifetimeOf *rule
	lifetime      Lifetime // the default
	lifetimeOf    *rule
	maxTokens     int
	maxTokensOf   *rule
	networks      []netip.Prefix
	networksFrom  []*rule
	accounts      []string
	accountsFrom  []*rule
	writeAccounts []string
	writeFrom     []*rule
	confine       string
	confineOf     *rule
	onBehalf      *rule
	manage        *rule
}

// Rights returns the rights of an owner who is a member of the named groups. Rules
// for groups come before the one for everyone.
func (p *Policy) Rights(groups []string) *Rights {
	r := &Rights{configured: p.configured}
	for _, candidate := range p.groups {
		if slices.Contains(groups, candidate.group) {
			r.rules = append(r.rules, candidate)
		}
	}
	if p.everyone != nil {
		r.rules = append(r.rules, p.everyone)
	}
	r.addScopes()
	for _, rule := range r.rules {
		r.add(rule)
	}
	return r
}

// addScopes adds the scopes of all rules. If no rule mentions scopes, each gives all
// of them.
func (r *Rights) addScopes() {
	stated := slices.ContainsFunc(r.rules, func(rule *rule) bool { return rule.statesScopes })
	for _, rule := range r.rules {
		if stated && !rule.statesScopes {
			continue
		}
		given := rule.scopes
		if !stated {
			given = allScopes
		}
		r.scopesFrom = append(r.scopesFrom, rule)
		for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
			if !given.include(scope) {
				continue
			}
			r.scopes |= 1 << scope
			if !rule.approval.contains(scope) {
				r.unapproved |= 1 << scope
			}
		}
	}
}

const allScopes = scopes(1<<token.ScopeRead | 1<<token.ScopeReadAll | 1<<token.ScopeWrite | 1<<token.ScopeAdmin)

// add adds the rights of a rule, except for scopes.
func (r *Rights) add(rule *rule) {
	if !rule.maxLifetime.IsZero() && (r.maxLifetimeOf == nil || rule.maxLifetime.longer(r.maxLifetime)) {
		r.maxLifetime, r.maxLifetimeOf = rule.maxLifetime, rule
	}
	if !rule.defaultLifetime.IsZero() && (r.lifetimeOf == nil || rule.defaultLifetime.longer(r.lifetime)) {
		r.lifetime, r.lifetimeOf = rule.defaultLifetime, rule
	}
	if rule.maxTokens > r.maxTokens {
		r.maxTokens, r.maxTokensOf = rule.maxTokens, rule
	}
	if rule.networks != nil {
		r.networks, r.networksFrom = append(r.networks, rule.networks...), append(r.networksFrom, rule)
	}
	if rule.accounts != nil {
		r.accounts, r.accountsFrom = append(r.accounts, rule.accounts...), append(r.accountsFrom, rule)
	}
	if rule.writeAccounts != nil {
		r.writeAccounts, r.writeFrom = append(r.writeAccounts, rule.writeAccounts...), append(r.writeFrom, rule)
	}
	if rule.confine != "" && (r.confineOf == nil || rule.confine == ConfineOptional) {
		r.confine, r.confineOf = rule.confine, rule
	}
	if rule.onBehalf && r.onBehalf == nil {
		r.onBehalf = rule
	}
	if rule.manage && r.manage == nil {
		r.manage = rule
	}
}

// Permits reports whether tokens work from addr, which may be invalid.
func (r *Rights) Permits(addr netip.Addr) bool {
	return r.networks == nil || token.Networks{Allow: r.networks}.Permits(addr)
}

// Networks lists the networks that Permits allows. It returns "" if all are allowed.
func (r *Rights) Networks() string {
	return strings.Join(r.networkTexts(), ", ")
}

func (r *Rights) networkTexts() []string {
	texts := make([]string, len(r.networks))
	for i, network := range r.networks {
		texts[i] = network.String()
	}
	return texts
}

// Manage reports whether the owner may see and end everybody's tokens.
func (r *Rights) Manage() bool { return r.manage != nil }

// OnBehalf reports whether the owner may create tokens for others.
func (r *Rights) OnBehalf() bool { return r.onBehalf != nil }

// MaxTokens returns how many tokens the owner may have, and the name of the rule
// that says so, or 0.
func (r *Rights) MaxTokens() (n int, rule string) {
	if r.maxTokensOf == nil {
		return 0, ""
	}
	return r.maxTokens, r.maxTokensOf.String()
}

// MaxLifetime returns how long a token may work after it is created or rotated, and reports
// whether there is such a limit.
func (r *Rights) MaxLifetime() (time.Duration, bool) {
	return r.maxLifetime.span, r.maxLifetimeOf != nil && !r.maxLifetime.never
}

// NeedsApproval returns the names of the rules according to which somebody must
// approve a token with this scope, or "" if nobody need approve it.
func (r *Rights) NeedsApproval(scope token.Scope) (rules string) {
	if !r.scopes.contains(scope) || r.unapproved.contains(scope) {
		return ""
	}
	var asking []*rule
	for _, rule := range r.scopesFrom {
		if rule.approval.contains(scope) {
			asking = append(asking, rule)
		}
	}
	return names(asking)
}

// Rules names the rules for the owner, for administrators.
func (r *Rights) Rules() string { return names(r.rules) }

func names(rules []*rule) string {
	texts := make([]string, len(rules))
	for i, rule := range rules {
		texts[i] = rule.String()
	}
	return strings.Join(texts, " and ")
}
