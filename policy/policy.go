package policy

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Policy is a set of rules that has been checked. The zero value has no rules, and
// allows every owner everything.
type Policy struct {
	configured bool
	everyone   *rule
	groups     []*rule
}

// Surroundings is what a policy refers to.
type Surroundings struct {
	// Groups holds the configured groups by name.
	Groups map[string]Group
	// OtherGroups is set if groups can also come from elsewhere, such as Jira.
	OtherGroups bool
	// Account reports whether there is an account with this name.
	Account func(name string) bool
}

// New checks a policy and the configured groups. If config is nil, the policy allows
// everything.
func New(config *Config, around Surroundings) (*Policy, error) {
	if err := checkMembers(around.Groups); err != nil {
		return nil, err
	}
	if config == nil {
		return new(Policy), nil
	}
	p := &Policy{configured: true}
	if config.Everyone != nil {
		if config.Everyone.Group != "" {
			return nil, fmt.Errorf("policy: the rule for everyone names the group %q: put it among the groups", config.Everyone.Group)
		}
		var err error
		if p.everyone, err = newRule(*config.Everyone, around.Account); err != nil {
			return nil, err
		}
	}
	for _, from := range config.Groups {
		r, err := newRule(from, around.Account)
		if err != nil {
			return nil, err
		}
		if err := p.addGroup(r, around); err != nil {
			return nil, fmt.Errorf("policy: %s: %w", r, err)
		}
	}
	if p.everyone == nil && len(p.groups) == 0 {
		return nil, errors.New("policy: no rules, so nobody could have tokens: add `everyone { … }` or `group NAME { … }`")
	}
	if config.AllowNoManagers {
		return p, nil
	}
	return p, p.checkManagers(around)
}

// checkMembers refuses members that no owner can be: they are mistakes.
func checkMembers(groups map[string]Group) error {
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		for _, member := range groups[name].Members {
			if err := token.CheckOwner(member); err != nil {
				return fmt.Errorf("group %s: member %q: %w", name, member, err)
			}
		}
	}
	return nil
}

func (p *Policy) addGroup(r *rule, around Surroundings) error {
	_, configured := around.Groups[r.group]
	switch {
	case r.group == "":
		return errors.New("the rule names no group")
	case !configured && !around.OtherGroups:
		return fmt.Errorf("there is no group %q: add `group %s { members … }` to jira_tokens, or take groups from elsewhere with groups_from", r.group, r.group)
	case slices.ContainsFunc(p.groups, func(other *rule) bool { return other.group == r.group }):
		return errors.New("there are two rules for this group: write one")
	}
	p.groups = append(p.groups, r)
	return nil
}

// checkManagers returns an error if nobody can have the right to manage although a
// rule gives it: an empty group locks out everybody.
func (p *Policy) checkManagers(around Surroundings) error {
	var empty []string
	for _, r := range p.groups {
		group, configured := around.Groups[r.group]
		if r.manage && (!configured || len(group.Members) > 0) {
			return nil
		}
		if r.manage {
			empty = append(empty, r.String())
		}
	}
	if empty == nil || p.everyone != nil && p.everyone.manage || around.OtherGroups {
		return nil
	}
	verb := " has"
	if len(empty) > 1 {
		verb = " have"
	}
	return fmt.Errorf("policy: nobody could manage tokens: %s%s no members: add `members …`, or write allow_no_managers in the policy if that is what you want", strings.Join(empty, " and "), verb)
}

// Configured reports whether there are any rules.
func (p *Policy) Configured() bool { return p.configured }

// HasManagers reports whether a rule gives the right to manage.
func (p *Policy) HasManagers() bool {
	return p.everyone != nil && p.everyone.manage || slices.ContainsFunc(p.groups, func(r *rule) bool { return r.manage })
}

// Accounts returns the names of the accounts that the rules mention.
func (p *Policy) Accounts() []string {
	rules := p.groups
	if p.everyone != nil {
		rules = append(slices.Clip(rules), p.everyone)
	}
	var names []string
	for _, r := range rules {
		names = append(append(names, r.accounts...), r.writeAccounts...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Groups returns the names of the groups that have rules.
func (p *Policy) Groups() []string {
	names := make([]string, len(p.groups))
	for i, r := range p.groups {
		names[i] = r.group
	}
	return names
}
