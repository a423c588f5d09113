package jira

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// AmbiguousQueryError reports why a query string was rejected. It does not quote
// the query, so it can be logged and shown.
type AmbiguousQueryError struct {
	// Reason says what is wrong.
	Reason string
	// Position is the offset in the query, in bytes.
	Position int
}

// Error implements error.
func (e *AmbiguousQueryError) Error() string {
	return fmt.Sprintf("ambiguous query: %s at byte %d", e.Reason, e.Position)
}

// droppedParameters never reach Jira. Names are compared with their underscores.
// The first four authenticate on Data Center (Seraph), _method turns a POST into
// another method.
var droppedParameters = [...]string{"os_username", "os_password", "os_authtype", "os_cookie", "_method", "session_key"}

// credentialParameters never reach Jira either. Names are compared without their
// underscores. Jira takes some of them for credentials (jwt from Connect apps,
// access_token), other vendors' apps take others. No documented operation of Jira
// has a parameter with one of these names, or one that begins with oauth.
var credentialParameters = map[string]struct{}{
	"jwt": {}, "token": {}, "tokens": {}, "accesstoken": {}, "refreshtoken": {}, "idtoken": {}, "authtoken": {}, "xauthtoken": {}, "apitoken": {}, "usertoken": {},
	"bearertoken": {}, "privatetoken": {}, "personalaccesstoken": {}, "securitytoken": {}, "sessiontoken": {}, "csrftoken": {}, "xsrftoken": {}, "atltoken": {},
	"pat": {}, "bearer": {}, "auth": {}, "authorization": {}, "xauthorization": {}, "proxyauthorization": {}, "authentication": {}, "basic": {}, "basicauth": {},
	"apikey": {}, "xapikey": {}, "apisecret": {}, "accesskey": {}, "secretkey": {}, "privatekey": {}, "consumerkey": {}, "consumersecret": {},
	"secret": {}, "clientsecret": {}, "appsecret": {}, "sharedsecret": {}, "clientassertion": {}, "assertion": {}, "samlresponse": {}, "credential": {}, "credentials": {},
	"password": {}, "passwd": {}, "passphrase": {}, "pass": {}, "pwd": {}, "userpassword": {}, "sessionid": {}, "jsessionid": {}, "cookie": {}, "sudo": {},
	"sig": {}, "signature": {}, "jusername": {},
	// Rights of another user.
	"runas": {}, "runasuser": {}, "actas": {}, "actasuser": {}, "asuser": {}, "onbehalfof": {}, "onbehalfofuser": {}, "switchuser": {},
	// Another method.
	"httpmethod": {}, "httpmethodoverride": {}, "xhttpmethod": {}, "xhttpmethodoverride": {}, "methodoverride": {}, "xmethodoverride": {}, "httpverb": {}, "xhttpverb": {},
}

// credentialPrefixes and credentialSuffixes begin and end the names of credentials.
// A number may follow: webToken, my_token, apiToken2.
var (
	credentialPrefixes = [...]string{"oauth", "impersonat"}
	credentialSuffixes = [...]string{"token", "tokens", "jwt", "apikey", "accesskey", "secretkey", "privatekey", "secret", "password", "passwd", "passphrase", "credential", "credentials"}
)

// pageTokens end like credentials, but mark where the next page begins.
var pageTokens = map[string]struct{}{
	"nextpagetoken": {}, "previouspagetoken": {}, "prevpagetoken": {}, "pagetoken": {}, "nexttoken": {}, "continuationtoken": {}, "cursortoken": {}, "synctoken": {}, "resumetoken": {},
}

// documentedSessionID is a parameter of user/assignable/search, spelled like this.
const documentedSessionID = "sessionId"

// updateHistory=true on an issue adds it to the account's recently viewed issues:
// a write disguised as a GET.
const updateHistoryParameter = "updatehistory"

// longestDroppedParameter is at least twice as long as any of these names.
const longestDroppedParameter = 64

// CleanQuery removes the parameters that must not reach Jira: os_username,
// os_password, os_authType, os_cookie and _method; those that carry credentials by
// another name, such as jwt, access_token, api_key, password, oauth_token or any
// name that ends in token; those that ask for another user's rights or another
// method; and, with readOnly, updateHistory. Names are compared by their letters
// and digits only, decoded as often as possible, ignoring case as Unicode defines
// it. The rest is kept byte for byte and in order; a query from which nothing is
// removed is returned unchanged.
//
// It returns an [AmbiguousQueryError] for anything that could hide such a
// parameter: one after a ";", which some parsers take for "&"; a name that has a
// malformed percent escape, is not UTF-8, or contains a control character; and a
// raw space or control character anywhere.
func CleanQuery(rawQuery string, readOnly bool) (string, error) {
	for i := range len(rawQuery) {
		if c := rawQuery[i]; c <= ' ' || c == 0x7f {
			return "", &AmbiguousQueryError{"space or control character", i}
		}
	}
	var kept []byte // nil until a parameter is removed
	removed := false
	for start := 0; start <= len(rawQuery); {
		end := strings.IndexByte(rawQuery[start:], '&')
		if end < 0 {
			end = len(rawQuery)
		} else {
			end += start
		}
		parameter := rawQuery[start:end]
		drop, err := isDropped(parameter, readOnly)
		if err != nil {
			err.Position += start
			return "", err
		}
		switch {
		case drop && !removed:
			removed = true
			kept = append(make([]byte, 0, len(rawQuery)), rawQuery[:start]...)
		case !drop && removed:
			kept = append(kept, parameter...)
			kept = append(kept, '&')
		}
		start = end + 1
	}
	if !removed {
		return rawQuery, nil
	}
	// The "&" before a removed last parameter may be left.
	return strings.TrimSuffix(string(kept), "&"), nil
}

// isDropped reports whether a parameter, name=value, must be removed.
func isDropped(parameter string, readOnly bool) (bool, *AmbiguousQueryError) {
	name, _, _ := strings.Cut(parameter, "=")
	drop, reason := isDroppedName(name, readOnly)
	if reason != "" {
		return false, &AmbiguousQueryError{reason, 0}
	}
	if drop {
		return true, nil
	}
	// Read it as a parser that splits at ";" would.
	for start := 0; ; {
		next := strings.IndexByte(parameter[start:], ';')
		if next < 0 && start == 0 {
			return false, nil
		}
		piece := parameter[start:]
		if next >= 0 {
			piece = piece[:next]
		}
		name, _, _ := strings.Cut(piece, "=")
		// Only a match letter by letter counts here, not a malformed name: what
		// follows a ";" is usually part of a value, not a name.
		if drop, _ := isDroppedName(name, readOnly); drop {
			return false, &AmbiguousQueryError{"credential or method parameter next to a semicolon", start}
		}
		if next < 0 {
			return false, nil
		}
		start += next + 1
	}
}

// isDroppedName reports whether a name, still encoded, must be removed, or why that
// cannot be decided.
func isDroppedName(name string, readOnly bool) (drop bool, ambiguous string) {
	if isPlainName(name) {
		return isDroppedText(name, readOnly), ""
	}
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && (i+2 >= len(name) || unhex(name[i+1]) > 15 || unhex(name[i+2]) > 15) {
			ambiguous = "malformed percent escape in a parameter name"
		}
	}
	for text, rounds := name, 0; ; rounds++ {
		if rounds == 4 {
			return drop, "parameter name encoded too many times"
		}
		if isDroppedText(text, readOnly) {
			drop = true
		}
		decoded := unescapeLeniently(text)
		if decoded == text {
			break
		}
		text = decoded
		switch {
		case !utf8.ValidString(text):
			ambiguous = "parameter name that is not UTF-8"
		case strings.ContainsFunc(text, isControl):
			ambiguous = "control character in a parameter name"
		}
	}
	if !utf8.ValidString(name) {
		ambiguous = "parameter name that is not UTF-8"
	}
	return drop, ambiguous
}

// isPlainName reports whether every parser reads the name exactly as written.
func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '%' || c == ';' || c >= 0x80 {
			return false
		}
	}
	return true
}

// isDroppedText compares only those characters of a decoded name that fold to a
// letter, digit or underscore, so that junk around and within it ("os_username[]",
// a zero-width space) makes no difference.
func isDroppedText(name string, readOnly bool) bool {
	var spelled, plain droppedName // with underscores, without
	for _, r := range name {
		c := foldsTo(r)
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			continue
		}
		spelled.add(c)
		if c != '_' {
			plain.add(c)
		}
	}
	if !spelled.cut && isDroppedSpelling(string(spelled.letters()), readOnly) {
		return true
	}
	return name != documentedSessionID && plain.isCredential()
}

// droppedName is a parameter name, or the end of a long one.
type droppedName struct {
	space  [longestDroppedParameter]byte
	length int
	// cut means that letters are missing at the beginning, prefixed that those
	// began like a credential.
	cut, prefixed bool
}

func (n *droppedName) letters() []byte { return n.space[:n.length] }

func (n *droppedName) add(c byte) {
	if n.length == len(n.space) {
		n.prefixed = n.hasPrefix()
		n.length = copy(n.space[:], n.space[n.length/2:])
		n.cut = true
	}
	n.space[n.length] = c
	n.length++
}

func (n *droppedName) hasPrefix() bool {
	for _, prefix := range credentialPrefixes {
		if !n.cut && n.length >= len(prefix) && string(n.space[:len(prefix)]) == prefix {
			return true
		}
	}
	return n.prefixed
}

// isCredential reports whether the name is that of a credential, of another user's
// rights, or of another method.
func (n *droppedName) isCredential() bool {
	if n.hasPrefix() {
		return true
	}
	name := n.letters() // without a number
	for len(name) > 0 && isDigit(name[len(name)-1]) {
		name = name[:len(name)-1]
	}
	if !n.cut {
		if _, is := credentialParameters[string(name)]; is {
			return true
		}
		if _, is := pageTokens[string(name)]; is {
			return false
		}
	}
	for _, suffix := range credentialSuffixes {
		if i := len(name) - len(suffix); i >= 0 && string(name[i:]) == suffix {
			return true
		}
	}
	return false
}

func isDroppedSpelling(name string, readOnly bool) bool {
	for _, dropped := range droppedParameters {
		if name == dropped {
			return true
		}
	}
	return readOnly && name == updateHistoryParameter
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }
