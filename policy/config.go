// Package policy holds the rules for who may have which tokens. It decides from the
// configured rules, an owner's groups and a token's record alone.
package policy

import (
	"fmt"
	"time"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Config is a policy: rules for everyone, and for the members of groups. If several
// rules for an owner say something about the same right, the most generous one
// applies. A right that none of them mentions is not limited. An owner for whom
// there is no rule can have no tokens.
type Config struct {
	// The rule for everyone. Default: none, so that only members of the groups
	// below can have tokens
	Everyone *Rule `json:"everyone,omitempty"`

	// The rules for the members of groups. Default: none
	Groups []Rule `json:"groups,omitempty"`

	// Loads the policy even if all groups that could manage tokens are empty, so
	// that nobody can. Everything can still be managed through the admin endpoint.
	// Default: false
	AllowNoManagers bool `json:"allow_no_managers,omitempty"`
}

// Rule says which tokens an owner may have, and what an owner may do with other
// people's tokens.
type Rule struct {
	// The group that the rule is for. It is not set in the rule for everyone.
	Group string `json:"group,omitempty"`

	// The scopes that a token may have: `read`, `read-all`, `write` and `admin`.
	// A scope also allows those that it includes. `none`: no tokens. Default: any
	// scope
	Scopes []string `json:"scopes,omitempty"`

	// How long a token may be valid, counted from when it was created or last
	// rotated, such as `90d`. `never`: it need not expire. Default: it need not
	// expire
	MaxLifetime Lifetime `json:"max_lifetime,omitzero"`

	// How long a token is valid if nothing is said when it is created. Default:
	// max_lifetime
	DefaultLifetime Lifetime `json:"default_lifetime,omitzero"`

	// How many tokens an owner may have that are neither expired nor revoked. It
	// is checked when a token is created, or counts again after a change. Default,
	// and 0: any number
	MaxTokens int `json:"max_tokens,omitempty"`

	// The CIDR ranges from which tokens work. A token's own ranges must be inside
	// these. Default: all
	Networks []string `json:"networks,omitempty"`

	// The accounts that a token may have. A token for which no account is named
	// gets the first. Default: any, and the account `default`
	Accounts []string `json:"accounts,omitempty"`

	// The accounts that a token with the scope `write` or `admin` may have, if
	// they differ from accounts. Default: accounts
	WriteAccounts []string `json:"write_accounts,omitempty"`

	// `required`: a token must be confined to projects or a JQL condition, or have
	// hidden fields. `optional`: it need not be. Default: `optional`, but
	// `required` for external people
	Confine string `json:"confine,omitempty"`

	// Whether members may create tokens for other owners and for services.
	// Default: false
	OnBehalf bool `json:"on_behalf,omitempty"`

	// Whether members may see and end everybody's tokens, and approve or reject
	// pending ones. Default: false
	Manage bool `json:"manage,omitempty"`

	// The scopes with which a token is pending until somebody approves it. Scopes
	// that include one of these need approval too. Default: none
	Approval []string `json:"approval,omitempty"`

	// Where the rule is written, such as `Caddyfile:12`, for messages. The
	// Caddyfile adapter sets it. Default: unknown
	Place string `json:"place,omitempty"`
}

// Group is a group of owners.
type Group struct {
	// The owners in the group. Their names are compared without case. Default:
	// none
	Members []string `json:"members,omitempty"`
}

// The values of Rule.Confine.
const (
	ConfineRequired = "required"
	ConfineOptional = "optional"
)

// Everyone is the name of the rule for everyone, in a Caddyfile and in messages.
const Everyone = "everyone"

// noScopes is the value of Rule.Scopes for no tokens at all.
const noScopes = "none"

// Lifetime is a length of time, or never for tokens without an expiry. Its zero
// value says nothing.
type Lifetime struct {
	span  time.Duration
	never bool
}

// Never is the lifetime of a token that does not expire.
var Never = Lifetime{never: true}

// Span returns a lifetime of length d.
func Span(d time.Duration) Lifetime { return Lifetime{span: d} }

// IsZero reports whether l says nothing.
func (l Lifetime) IsZero() bool { return l == Lifetime{} }

// maxLifetime is the longest lifetime, so that every store can hold the expiry of a
// token.
const maxLifetime = 36500 * 24 * time.Hour

// UnmarshalText implements encoding.TextUnmarshaler. It accepts never, or a length
// of time such as 90d or 12h, from one second to 36500 days.
func (l *Lifetime) UnmarshalText(text []byte) error {
	if string(text) == "never" {
		*l = Never
		return nil
	}
	d, err := token.ParseSpan(string(text))
	if err != nil || d < time.Second || d > maxLifetime {
		return fmt.Errorf("invalid lifetime %q: expected one such as 90d or 12h, at most %s, or never", text, Span(maxLifetime))
	}
	*l = Span(d)
	return nil
}

// MarshalText implements encoding.TextMarshaler.
func (l Lifetime) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// String returns the lifetime as UnmarshalText accepts it.
func (l Lifetime) String() string {
	if l.never {
		return "never"
	}
	return token.FormatSpan(l.span)
}

// longer reports whether l allows more than other. Both must say something.
func (l Lifetime) longer(other Lifetime) bool {
	return !other.never && (l.never || l.span > other.span)
}
