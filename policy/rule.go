package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// rule is a Rule that has been checked.
type rule struct {
	name            string // everyone, or group and its name
	place           string // where it is written, or ""
	group           string
	scopes          scopes
	statesScopes    bool
	approval        scopes
	maxLifetime     Lifetime
	defaultLifetime Lifetime
	maxTokens       int
	networks        []netip.Prefix
	accounts        []string
	writeAccounts   []string
	confine         string
	onBehalf        bool
	manage          bool
}

// scopes is a set of scopes, with a bit for each.
type scopes uint8

func (s scopes) contains(scope token.Scope) bool { return s&(1<<scope) != 0 }

// include reports whether one of the scopes includes scope.
func (s scopes) include(scope token.Scope) bool {
	for given := token.ScopeRead; given <= token.ScopeAdmin; given++ {
		if s.contains(given) && given.Includes(scope) {
			return true
		}
	}
	return false
}

// andWider adds the scopes that include one of s.
func (s scopes) andWider() (all scopes) {
	for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
		for part := token.ScopeRead; part <= scope; part++ {
			if s.contains(part) && scope.Includes(part) {
				all |= 1 << scope
			}
		}
	}
	return all
}

func (s scopes) String() string {
	var names []string
	for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
		if s.contains(scope) {
			names = append(names, scope.String())
		}
	}
	if names == nil {
		return noScopes
	}
	return strings.Join(names, ", ")
}

func parseScopes(names []string) (set scopes, err error) {
	if len(names) == 1 && names[0] == noScopes {
		return 0, nil
	}
	for _, name := range names {
		scope, err := token.ParseScope(name)
		if err != nil {
			if name == noScopes {
				err = errors.New("none excludes all other scopes: give it alone")
			}
			return 0, err
		}
		set |= 1 << scope
	}
	return set, nil
}

// newRule checks a rule. known reports whether an account exists.
func newRule(from Rule, known func(account string) bool) (*rule, error) {
	r := &rule{
		name: Everyone, place: from.Place, group: from.Group, statesScopes: from.Scopes != nil,
		maxLifetime: from.MaxLifetime, defaultLifetime: from.DefaultLifetime, maxTokens: from.MaxTokens,
		accounts: from.Accounts, writeAccounts: from.WriteAccounts, confine: from.Confine, onBehalf: from.OnBehalf, manage: from.Manage,
	}
	if from.Group != "" {
		r.name = "group " + from.Group
	}
	if err := r.parse(from); err != nil {
		return nil, fmt.Errorf("policy: %s: %w", r, err)
	}
	if err := r.check(known); err != nil {
		return nil, fmt.Errorf("policy: %s: %w", r, err)
	}
	return r, nil
}

// String names the rule for administrators.
func (r *rule) String() string {
	if r.place == "" {
		return r.name
	}
	return r.name + " (" + r.place + ")"
}

// checkLists refuses empty lists, which could mean everything or nothing.
func checkLists(from Rule) error {
	for _, list := range []struct {
		name   string
		values []string
	}{
		{"scopes", from.Scopes},
		{"networks", from.Networks},
		{"accounts", from.Accounts},
		{"write_accounts", from.WriteAccounts},
		{"approval", from.Approval},
	} {
		if list.values != nil && len(list.values) == 0 {
			return fmt.Errorf("%s: the list is empty: list some, or leave it out", list.name)
		}
	}
	return nil
}

func (r *rule) parse(from Rule) (err error) {
	if err := checkLists(from); err != nil {
		return err
	}
	if r.scopes, err = parseScopes(from.Scopes); err != nil {
		return fmt.Errorf("scopes: %w", err)
	}
	if r.approval, err = parseScopes(from.Approval); err != nil {
		return fmt.Errorf("approval: %w", err)
	}
	for scope := token.ScopeRead; scope <= token.ScopeAdmin; scope++ {
		if r.statesScopes && r.approval.contains(scope) && !r.scopes.include(scope) {
			return fmt.Errorf("approval %s: the rule does not give this scope: add it to scopes", scope)
		}
	}
	r.approval = r.approval.andWider()
	if r.networks, err = token.ParseNetworks(from.Networks); err != nil {
		return fmt.Errorf("networks: %w", err)
	}
	return nil
}

// check returns an error if the rule contradicts itself or names what does not
// exist.
func (r *rule) check(known func(account string) bool) error {
	if !r.maxLifetime.IsZero() && !r.defaultLifetime.IsZero() && r.defaultLifetime.longer(r.maxLifetime) {
		return fmt.Errorf("default_lifetime %s exceeds max_lifetime %s", r.defaultLifetime, r.maxLifetime)
	}
	if r.maxTokens < 0 {
		return fmt.Errorf("invalid max_tokens %d: expected a number of at least 1; for no tokens, write scopes none", r.maxTokens)
	}
	if r.confine != "" && r.confine != ConfineRequired && r.confine != ConfineOptional {
		return fmt.Errorf("invalid confine %q: expected required or optional", r.confine)
	}
	if len(r.writeAccounts) > 0 && r.statesScopes && !r.scopes.include(token.ScopeWrite) {
		return errors.New("write_accounts: the rule does not give the scope write: add it to scopes")
	}
	for _, account := range slices.Concat(r.accounts, r.writeAccounts) {
		if account != token.OwnAccount && !known(account) {
			return fmt.Errorf("account %q is not configured: add `account %s { … }` to jira_tokens, or correct the name", account, account)
		}
	}
	return nil
}
