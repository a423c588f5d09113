package token

import "fmt"

// Scope is what a token may do. Each scope includes the ones before it.
type Scope uint8

const (
	// ScopeRead reads content.
	ScopeRead Scope = iota + 1
	// ScopeWrite also changes content.
	ScopeWrite
	// ScopeAdmin also calls Jira's administration.
	ScopeAdmin
)

var scopeNames = [...]string{ScopeRead: "read", ScopeWrite: "write", ScopeAdmin: "admin"}

// ParseScope reads read, write or admin.
func ParseScope(s string) (Scope, error) {
	for scope := ScopeRead; scope <= ScopeAdmin; scope++ {
		if s == scopeNames[scope] {
			return scope, nil
		}
	}
	return 0, fmt.Errorf("scope %q: want read, write or admin", s)
}

// Includes tells whether a token of scope s may do what needs scope needed.
func (s Scope) Includes(needed Scope) bool { return s >= needed }

func (s Scope) String() string {
	if s < ScopeRead || s > ScopeAdmin {
		return ""
	}
	return scopeNames[s]
}

// MarshalText encodes s as its name.
func (s Scope) MarshalText() ([]byte, error) {
	if s < ScopeRead || s > ScopeAdmin {
		return nil, fmt.Errorf("scope %d is none", s)
	}
	return []byte(scopeNames[s]), nil
}

// UnmarshalText decodes what MarshalText wrote.
func (s *Scope) UnmarshalText(text []byte) (err error) {
	*s, err = ParseScope(string(text))
	return err
}
