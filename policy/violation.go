package policy

import (
	"iter"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Violation says how a token breaks the rules.
type Violation struct {
	// Field is the JSON name of the field that breaks them.
	Field string
	// Why is a sentence without a full stop, which the holder of the token may
	// read.
	Why string

	// allowed is what would comply. It is for administrators only: it can name
	// accounts and networks that the holder should not know.
	allowed string
	rules   []*rule
}

// String says what would comply, names the rules and says where they are written, for
// administrators.
func (v *Violation) String() string {
	text := v.Why
	if v.allowed != "" {
		text += ": expected " + v.allowed
	}
	if len(v.rules) > 0 {
		text += "; rule: " + names(v.rules)
	}
	return text
}

// ruled are the questions to the rules about a token, in their order. Some only matter if
// there is a policy.
var ruled = [...]struct {
	violation    func(*Rights, *token.Record) *Violation
	ifConfigured bool
}{
	{(*Rights).scopeViolation, true},
	{(*Rights).networksViolation, true},
	{(*Rights).accountViolation, true},
	{(*Rights).lifetimeViolation, false},
	{(*Rights).confineViolation, false},
}

// Violation returns how a token breaks the rules, or nil if it complies or is exempt.
func (r *Rights) Violation(record *token.Record) *Violation {
	for violation := range r.Violations(record) {
		return violation
	}
	return nil
}

// Violations returns all ways in which a token breaks the rules, at most one for each field.
func (r *Rights) Violations(record *token.Record) iter.Seq[*Violation] {
	return func(yield func(*Violation) bool) {
		if record.Exempt != "" {
			return
		}
		for i := range ruled {
			if ruled[i].ifConfigured && !r.configured {
				continue
			}
			if violation := ruled[i].violation(r, record); violation != nil && !yield(violation) {
				return
			}
		}
	}
}

func (r *Rights) scopeViolation(record *token.Record) *Violation {
	switch {
	case r.scopes.contains(record.Scope):
		return nil
	case len(r.rules) == 0:
		return &Violation{Field: "owner", Why: "no rule of the policy is for " + record.Owner + ", who can therefore have no tokens"}
	case r.scopes == 0:
		return &Violation{Field: "scope", Why: record.Owner + " can have no tokens", rules: r.scopesFrom}
	}
	return &Violation{Field: "scope", Why: "the scope " + record.Scope.String() + " is not allowed for " + record.Owner + ": expected " + r.scopes.String(), rules: r.scopesFrom}
}

func (r *Rights) lifetimeViolation(record *token.Record) *Violation {
	max := r.maxLifetime
	if r.maxLifetimeOf == nil {
		if record.Kind == token.KindExternal && record.ExpiresAt.IsZero() {
			return &Violation{Field: "expires_at", Why: "a token for an external person must expire, unless a rule with max_lifetime says otherwise"}
		}
		return nil
	}
	switch since := issued(record); {
	case max.never:
		return nil
	case record.ExpiresAt.IsZero():
		return &Violation{Field: "expires_at", Why: "a token of " + record.Owner + " must expire within " + max.String(), rules: []*rule{r.maxLifetimeOf}}
	case record.ExpiresAt.Sub(since) > max.span+time.Minute:
		return &Violation{
			Field: "expires_at", rules: []*rule{r.maxLifetimeOf},
			Why: "a token of " + record.Owner + " must expire within " + max.String() + " of being created or rotated, on " + token.FormatTime(since.Add(max.span)) + " at the latest",
		}
	}
	return nil
}

// issued returns when the token's secret was made.
func issued(record *token.Record) time.Time {
	if record.RotatedAt.After(record.CreatedAt) {
		return record.RotatedAt
	}
	return record.CreatedAt
}

func (r *Rights) networksViolation(record *token.Record) *Violation {
	if r.networks == nil {
		return nil
	}
	for _, network := range record.Networks.Allow {
		if !covered(network, r.networks) {
			return &Violation{Field: "allow_ip", Why: "the network " + network.String() + " is not inside those that are allowed for " + record.Owner, allowed: r.Networks(), rules: r.networksFrom}
		}
	}
	return nil
}

// covered reports whether network is inside one of the others.
func covered(network netip.Prefix, others []netip.Prefix) bool {
	for _, other := range others {
		if other.Bits() <= network.Bits() && other.Contains(network.Addr()) {
			return true
		}
	}
	return false
}

func (r *Rights) accountViolation(record *token.Record) *Violation {
	allowed, from := r.accountsFor(record.Scope)
	if allowed == nil || slices.Contains(allowed, record.Account) {
		return nil
	}
	return &Violation{Field: "account", Why: "the account " + record.Account + " is not allowed for " + record.Owner, allowed: strings.Join(allowed, ", "), rules: from}
}

// accountsFor returns the accounts that a token with this scope may have, or nil for
// any.
func (r *Rights) accountsFor(scope token.Scope) ([]string, []*rule) {
	if scope.Changes() && r.writeAccounts != nil {
		return r.writeAccounts, r.writeFrom
	}
	return r.accounts, r.accountsFrom
}

func (r *Rights) confineViolation(record *token.Record) *Violation {
	switch {
	case r.confine == ConfineOptional:
		return nil
	case record.Kind == token.KindExternal && len(record.Confine.Projects) == 0 && record.Confine.JQL == "":
		return &Violation{Field: "confine", Why: "a token for an external person must be confined to projects or a JQL condition, unless a rule with `confine optional` says otherwise"}
	case r.confine == ConfineRequired && record.Confine.IsZero():
		return &Violation{Field: "confine", Why: "a token of " + record.Owner + " must be confined: name projects, a JQL condition or hidden fields", rules: []*rule{r.confineOf}}
	}
	return nil
}
