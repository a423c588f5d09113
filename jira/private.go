package jira

import "strings"

// In APIs that no table describes, the method shows whether something is read or
// written, but not whether it is a credential. So names count there as well.

var private = Match{Source: "name", Reason: "not a documented operation, and a name in the path suggests credentials, sessions or requests within the request"}

// privateNames match anywhere in a segment, ignoring case and punctuation. That
// finds userTokens, api-key and personal_access_token too, and an app's own key,
// such as de.resolution.apitokenauth.
var privateNames = [...]string{
	"token", "apikey", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey", "sshkey", "keystore", "secret", "credential",
	"passw", "passphrase", "passkey", "passcode", "resetpw", "personalaccess", "magiclink",
	"oauth", "openid", "jwt", "session", "login", "logon", "logout", "logoff", "signin", "signon", "singlesignon", "saml", "ssoconfig", "miniorange",
	"authenticat", "authoriz", "authoris", "impersonat", "onbehalfof", "sudo", "runas", "actas", "switchuser", "twofactor", "webauthn",
}

// privateWords must match one or more whole words of a segment: as parts of other
// words they are common. A number or version may follow (auth2, authv2).
var privateWords = [...]string{
	"auth", "authn", "authz", "userauth", "basicauth", "sso", "oidc", "mfa", "totp", "otp", "2fa", "creds", "pwd", "pat", "pats",
	"certificate", "certificates", "cookie", "cookies", "asuser",
	"rpc", "composite", "script", "scripts", "proxy", // other requests, or code
}

// privateSegments must match a whole segment: multiSelect, pinBoard and
// executeSearch are common.
var privateSegments = [...]string{"pin", "multi", "exec", "execute", "eval"}

// carriers name endpoints whose body carries requests of any method and path.
var carriers = [...]string{"batch", "graphql", "gql", "jsonrpc", "subrequest"}

const longestSegment = 128 // the rest is ignored; no endpoint has a name that long

// segmentName is a segment without case and punctuation.
type segmentName struct {
	space  [longestSegment]byte
	length int
	// starts has a bit for each place where a word may begin: after punctuation,
	// and where case suggests it, as in userPAT, SSOConfig and user2FA.
	starts [longestSegment/64 + 1]uint64
}

func (n *segmentName) letters() []byte { return n.space[:n.length] }

func (n *segmentName) read(segment string) {
	n.length, n.starts = 0, [len(n.starts)]uint64{}
	boundary, before := true, byte(0) // before is the previous byte, as sent
	for i := 0; i < len(segment) && n.length < len(n.space); {
		at := segment[i]
		c, size := foldAt(segment[i:])
		i += size
		var after byte
		if i < len(segment) {
			after = segment[i]
		}
		if (c < 'a' || c > 'z') && !isDigit(c) {
			boundary, before = true, 0
			continue
		}
		if boundary || beginsWord(before, at, after) {
			n.starts[n.length/64] |= 1 << (n.length % 64)
		}
		boundary, before = false, at
		n.space[n.length] = c
		n.length++
	}
}

// beginsWord reports whether case suggests that a word begins at the character
// between two others.
func beginsWord(before, at, after byte) bool {
	switch {
	case isUpper(at) && !isUpper(before), isUpper(at) && isLower(after):
		return true
	}
	return isDigit(at) && isLower(before) && isUpper(after)
}

func isUpper(c byte) bool { return c >= 'A' && c <= 'Z' }
func isLower(c byte) bool { return c >= 'a' && c <= 'z' }
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (n *segmentName) startsAt(i int) bool {
	return i == n.length || n.starts[i/64]>>(i%64)&1 == 1
}

// endsAt reports whether a word ends before i, or is followed by only a version.
func (n *segmentName) endsAt(i int) bool {
	if n.startsAt(i) {
		return true
	}
	if n.space[i] == 'v' {
		i++
	}
	digits := 0
	for ; i < n.length && isDigit(n.space[i]); i++ {
		digits++
	}
	return digits > 0 && n.startsAt(i)
}

func (n *segmentName) hasWord(word string) bool {
	for i := 0; i+len(word) <= n.length; i++ {
		if !n.startsAt(i) || string(n.space[i:i+len(word)]) != word {
			continue
		}
		// A leading digit may start a hexadecimal number, such as 2fa0.
		if end := i + len(word); n.startsAt(end) || !isDigit(word[0]) && n.endsAt(end) {
			return true
		}
	}
	return false
}

// isPrivate reports whether the segment contains a private name.
func (n *segmentName) isPrivate() bool {
	for _, word := range privateWords {
		if n.hasWord(word) {
			return true
		}
	}
	for _, whole := range privateSegments {
		if string(n.letters()) == whole {
			return true
		}
	}
	return holdsAny(n.letters(), privateNames[:]) || n.isCarrier()
}

// isCarrier reports whether the segment names an endpoint that carries other
// requests.
func (n *segmentName) isCarrier() bool { return holdsAny(n.letters(), carriers[:]) }

// isPrivateTogether reports whether two adjacent segments form a private name, as
// api/keys does.
func isPrivateTogether(first, second *segmentName) bool {
	start, end := first.letters(), second.letters()
	if len(start) == 0 {
		return false
	}
	for _, name := range privateNames {
		if len(name) <= len(start) || name[:len(start)] != string(start) {
			continue
		}
		rest := name[len(start):]
		if string(end) == rest || len(end) == len(rest)+1 && string(end[:len(rest)]) == rest && end[len(rest)] == 's' {
			return true
		}
	}
	return false
}

func holdsAny(name []byte, parts []string) bool {
	for _, part := range parts {
		// A plain search: names are short, and it does not allocate.
		for i := 0; i+len(part) <= len(name); i++ {
			if string(name[i:i+len(part)]) == part {
				return true
			}
		}
	}
	return false
}

// isIssueKey reports whether a segment is an issue key, such as LOGIN-12: a value,
// not the name of an endpoint.
func isIssueKey(segment string) bool {
	project, number, ok := strings.Cut(segment, "-")
	if !ok || !isNumber(number) || project == "" {
		return false
	}
	for i := range len(project) {
		if c := project[i]; (c < 'A' || c > 'Z') && (i == 0 || c != '_' && (c < '0' || c > '9')) {
			return false
		}
	}
	return true
}

// namesPrivate reports whether any segment of path, starting at index from, is
// private. Segments whose bit is set in spelled were written out in the
// configuration, so only carriers count there.
func namesPrivate(path string, from int, spelled uint32) bool {
	var names [2]segmentName
	before := &segmentName{} // empty: matches nothing
	none := before
	for i := 0; path != ""; i++ {
		var segment string
		segment, path = nextSegment(path)
		if i < from {
			continue
		}
		name := &names[i%2]
		name.read(segment)
		switch {
		case i < maxTemplateSegments && spelled>>i&1 == 1:
			if name.isCarrier() {
				return true
			}
			name = none
		case isIssueKey(segment):
			name = none
		case name.isPrivate() || isPrivateTogether(before, name):
			return true
		}
		before = name
	}
	return false
}

// nextSegment splits off the first segment of a path.
func nextSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	i := strings.IndexByte(path, '/')
	if i < 0 {
		return path, ""
	}
	return path[:i], path[i:]
}
