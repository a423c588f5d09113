package token

import "fmt"

// Scope is what a token may do.
type Scope uint8

const (
	// ScopeRead reads content.
	ScopeRead Scope = iota + 1
	// ScopeReadAll reads content and administration, and changes nothing.
	ScopeReadAll
	// ScopeWrite reads and changes content.
	ScopeWrite
	// ScopeAdmin does what all other scopes do, and changes administration.
	ScopeAdmin
)

var scopeNames = [...]string{ScopeRead: "read", ScopeReadAll: "read-all", ScopeWrite: "write", ScopeAdmin: "admin"}

// ParseScope parses read, read-all, write or admin.
func ParseScope(s string) (Scope, error) {
	for scope := ScopeRead; scope <= ScopeAdmin; scope++ {
		if s == scopeNames[scope] {
			return scope, nil
		}
	}
	return 0, fmt.Errorf("invalid scope %q: expected read, read-all, write or admin", s)
}

// Includes reports whether a token with scope s may do what requires the scope
// needed. Each scope includes the ones before it, except that write does not
// include read-all.
func (s Scope) Includes(needed Scope) bool {
	if s == ScopeWrite && needed == ScopeReadAll {
		return false
	}
	return s >= needed
}

// Changes reports whether a token with scope s may change anything in Jira.
func (s Scope) Changes() bool { return s >= ScopeWrite }

func (s Scope) String() string {
	if s < ScopeRead || s > ScopeAdmin {
		return ""
	}
	return scopeNames[s]
}

// MarshalText encodes s as its name.
func (s Scope) MarshalText() ([]byte, error) {
	if s < ScopeRead || s > ScopeAdmin {
		return nil, fmt.Errorf("invalid scope %d", s)
	}
	return []byte(scopeNames[s]), nil
}

// UnmarshalText decodes the name of a scope.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}
