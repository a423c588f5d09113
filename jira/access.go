package jira

import "fmt"

// Access is what a request asks of Jira.
type Access uint8

const (
	// AccessRead reads content and changes nothing.
	AccessRead Access = iota
	// AccessReadAll reads administration, such as workflows, schemes and roles,
	// and changes nothing.
	AccessReadAll
	// AccessWrite changes content.
	AccessWrite
	// AccessAdmin changes administration.
	AccessAdmin
	// AccessNever is not for tokens: it mints or ends credentials, runs code,
	// acts on the account itself, is meant for apps only, or is Jira's private
	// interface.
	AccessNever
)

var accessNames = [...]string{"read", "read-all", "write", "admin", "never"}

// String returns read, read-all, write, admin or never.
func (a Access) String() string {
	if int(a) < len(accessNames) {
		return accessNames[a]
	}
	return fmt.Sprintf("Access(%d)", uint8(a))
}

func parseAccess(name string) (Access, error) {
	for i, n := range accessNames {
		if n == name {
			return Access(i), nil
		}
	}
	return AccessNever, fmt.Errorf("access %q: must be read, read-all, write, admin or never", name)
}

// Changes reports whether a request with this access may change something.
func (a Access) Changes() bool { return a >= AccessWrite }

// and returns what a request needs that may be either of two operations. A scope
// that writes need not read administration, so the two together need admin.
func (a Access) and(b Access) Access {
	if min(a, b) == AccessReadAll && max(a, b) == AccessWrite {
		return AccessAdmin
	}
	return max(a, b)
}

// AccessByMethod is what a request asks when nothing but its method is known:
// GET, HEAD and OPTIONS read; POST, PUT, PATCH and DELETE write. Any other
// method is [AccessNever], and so is any other spelling of these: methods are
// case-sensitive (RFC 9110, section 9.1), but not every server knows.
func AccessByMethod(method string) Access {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return AccessRead
	case "POST", "PUT", "PATCH", "DELETE":
		return AccessWrite
	}
	return AccessNever
}
