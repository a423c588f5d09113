package jira

import "fmt"

// Access is what a request asks of Jira. Values are ordered by strictness, so
// that the stricter of two is max(a, b).
type Access uint8

const (
	// AccessRead changes nothing.
	AccessRead Access = iota
	// AccessWrite changes content.
	AccessWrite
	// AccessAdmin needs Jira administration, whatever its method.
	AccessAdmin
	// AccessNever is for no token: it mints or ends credentials, is meant for
	// apps only, or is Jira's private interface.
	AccessNever
)

var accessNames = [...]string{"read", "write", "admin", "never"}

// String returns read, write, admin or never.
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
	return AccessNever, fmt.Errorf("access %q: must be read, write, admin or never", name)
}

// AccessByMethod is what a request asks when nothing but its method is known:
// GET, HEAD and OPTIONS read; POST, PUT, PATCH and DELETE write. Any other
// method, and any other spelling of these (methods are case-sensitive, RFC 9110
// section 9.1, but not every server knows), is [AccessNever].
func AccessByMethod(method string) Access {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return AccessRead
	case "POST", "PUT", "PATCH", "DELETE":
		return AccessWrite
	}
	return AccessNever
}
