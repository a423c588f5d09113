package jira

import "fmt"

// Access is what a request needs to be allowed to do in Jira.
type Access uint8

const (
	// AccessRead reads content and changes nothing.
	AccessRead Access = iota
	// AccessReadAll reads administrative data, such as workflows, schemes and
	// roles, and changes nothing.
	AccessReadAll
	// AccessWrite changes content.
	AccessWrite
	// AccessAdmin changes administrative data.
	AccessAdmin
	// AccessNever is closed to tokens: the operation issues or ends credentials,
	// runs code, acts on the account itself, is meant for apps only, or belongs
	// to Jira's private interface.
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

// and returns the access needed by a request that could be either of two
// operations. Scopes that write may not read administrative data, so those two
// together need admin.
func (a Access) and(b Access) Access {
	if min(a, b) == AccessReadAll && max(a, b) == AccessWrite {
		return AccessAdmin
	}
	return max(a, b)
}

// AccessByMethod returns the access of a request of which only the method is
// known: GET, HEAD and OPTIONS read; POST, PUT, PATCH and DELETE write. Any
// other method is [AccessNever], including other spellings of these: methods
// are case-sensitive (RFC 9110, section 9.1), but not every server knows that.
func AccessByMethod(method string) Access {
	switch method {
	case "GET", "HEAD", "OPTIONS":
		return AccessRead
	case "POST", "PUT", "PATCH", "DELETE":
		return AccessWrite
	}
	return AccessNever
}
