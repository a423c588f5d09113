package jira

import "strings"

// In APIs that no table describes, the method says whether something is read or
// written, but not whether it is a credential. So there the names count as well.

var private = Match{Source: "name", Reason: "a name in the path says that it is about credentials, sessions or other people's requests; no documented operation"}

// privateNames are looked for anywhere in a segment, without case and
// punctuation, so that userTokens, api-key and personal_access_token are found
// too, and so is an app's own key, such as de.resolution.apitokenauth.
var privateNames = [...]string{
	"token", "apikey", "accesskey", "secretkey", "privatekey", "signingkey", "encryptionkey", "secret", "credential", "passw", "passphrase", "passkey",
	"oauth", "openid", "jwt", "session", "login", "logon", "logout", "logoff", "signin", "signon", "singlesignon",
	"authenticat", "authoriz", "impersonat", "sudo", "runas", "actas", "switchuser", "twofactor", "webauthn",
}

// privateWords must be whole words of a segment: as parts of others they are
// common.
var privateWords = [...]string{"auth", "sso", "saml", "oidc", "mfa", "totp", "otp", "2fa", "creds", "pwd"}

// carriers carry requests of any method and path in their body.
var carriers = [...]string{"batch", "graphql", "gql"}

const longestSegment = 128 // of what is looked at; no endpoint's name is that long

// isPrivate reports whether a segment of a path has one of these names.
func isPrivate(segment string) bool {
	if isIssueKey(segment) {
		return false
	}
	var space [longestSegment]byte
	name := space[:0]
	word := 0 // where in name the current word begins
	for i, camel := 0, false; i < len(segment) && len(name) < cap(name); {
		upper := segment[i] >= 'A' && segment[i] <= 'Z'
		c, n := foldAt(segment[i:])
		i += n
		switch {
		case c >= 'a' && c <= 'z' || c >= '0' && c <= '9':
			if upper && camel {
				if isPrivateWord(name[word:]) {
					return true
				}
				word = len(name)
			}
			camel = !upper
			name = append(name, c)
		default:
			if isPrivateWord(name[word:]) {
				return true
			}
			word, camel = len(name), false
		}
	}
	return isPrivateWord(name[word:]) || holdsAny(name, privateNames[:]) || holdsAny(name, carriers[:])
}

func isPrivateWord(word []byte) bool {
	for _, private := range privateWords {
		if string(word) == private {
			return true
		}
	}
	return false
}

func holdsAny(name []byte, parts []string) bool {
	for _, part := range parts {
		// A plain search: names are short, and this copies nothing.
		for i := 0; i+len(part) <= len(name); i++ {
			if string(name[i:i+len(part)]) == part {
				return true
			}
		}
	}
	return false
}

// isCarrier reports whether a segment names an endpoint that carries other
// requests.
func isCarrier(segment string) bool {
	var space [longestSegment]byte
	name := space[:0]
	for i := 0; i < len(segment) && len(name) < cap(name); {
		c, n := foldAt(segment[i:])
		i += n
		if c >= 'a' && c <= 'z' {
			name = append(name, c)
		}
	}
	return holdsAny(name, carriers[:])
}

// isIssueKey reports whether a segment is the key of an issue, such as LOGIN-12:
// a value, not an endpoint's name.
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

// namesPrivate reports whether a segment of path is private, from the given one
// on (the first is 0). Those whose bit is set in spelled were spelled out by
// whoever configured the operation, so that only carriers count there.
func namesPrivate(path string, from int, spelled uint32) bool {
	for i := 0; path != ""; i++ {
		var segment string
		segment, path = nextSegment(path)
		switch {
		case i < from:
		case i < maxTemplateSegments && spelled>>i&1 == 1:
			if isCarrier(segment) {
				return true
			}
		case isPrivate(segment):
			return true
		}
	}
	return false
}

// nextSegment takes the first segment off a path.
func nextSegment(path string) (segment, rest string) {
	path = strings.TrimPrefix(path, "/")
	i := strings.IndexByte(path, '/')
	if i < 0 {
		return path, ""
	}
	return path[:i], path[i:]
}
