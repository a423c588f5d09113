package jira

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// AmbiguousQueryError says why a query string was refused. It quotes nothing of
// the query, so it can be logged and shown.
type AmbiguousQueryError struct {
	// Reason is what is wrong.
	Reason string
	// Position is the byte of the query at which it is, counted from 0.
	Position int
}

// Error implements error.
func (e *AmbiguousQueryError) Error() string {
	return fmt.Sprintf("ambiguous query: %s at byte %d", e.Reason, e.Position)
}

// droppedParameters never reach Jira, compared with underscores: the first four
// authenticate on Data Center (Seraph), the last turns a POST into another
// method.
var droppedParameters = [...]string{"os_username", "os_password", "os_authtype", "os_cookie", "_method", "session_key"}

// credentialParameters never reach Jira either, compared without underscores.
// Jira takes some of them for credentials (jwt from Connect apps, access_token),
// apps of other vendors take others. No documented operation of Jira has a
// parameter with one of these names, nor one that begins with oauth.
var credentialParameters = map[string]struct{}{
	"jwt": {}, "token": {}, "tokens": {}, "accesstoken": {}, "refreshtoken": {}, "idtoken": {}, "authtoken": {}, "xauthtoken": {}, "apitoken": {}, "usertoken": {},
	"bearertoken": {}, "privatetoken": {}, "personalaccesstoken": {}, "securitytoken": {}, "sessiontoken": {}, "csrftoken": {}, "xsrftoken": {}, "atltoken": {},
	"pat": {}, "bearer": {}, "auth": {}, "authorization": {}, "xauthorization": {}, "proxyauthorization": {}, "authentication": {}, "basic": {}, "basicauth": {},
	"apikey": {}, "xapikey": {}, "apisecret": {}, "accesskey": {}, "secretkey": {}, "privatekey": {}, "consumerkey": {}, "consumersecret": {},
	"secret": {}, "clientsecret": {}, "appsecret": {}, "sharedsecret": {}, "clientassertion": {}, "assertion": {}, "samlresponse": {}, "credential": {}, "credentials": {},
	"password": {}, "passwd": {}, "passphrase": {}, "pass": {}, "pwd": {}, "userpassword": {}, "sessionid": {}, "jsessionid": {}, "cookie": {}, "sudo": {},
}

// documentedSessionID is a parameter of user/assignable/search, in this spelling.
const documentedSessionID = "sessionId"

// updateHistory=true on an issue puts it on the account's list of recently
// viewed issues: a write in a GET's clothes.
const updateHistoryParameter = "updatehistory"

const (
	oauthPrefix             = "oauth"
	longestDroppedParameter = 24 // more than any of these names has letters
)

// CleanQuery removes the parameters that must not reach Jira: os_username,
// os_password, os_authType, os_cookie and _method; those that carry credentials
// by another name, such as jwt, access_token, api_key, password or oauth_token;
// and with readOnly also updateHistory. Names are compared decoded (as often as
// they can be), without case in Unicode's sense, and by their letters and digits
// only. The rest stays byte for byte, in its order; a query from which nothing
// is removed is returned as it is.
//
// An [AmbiguousQueryError] refuses what could hide such a parameter: one behind
// a ";", which some parsers take for "&"; a name with a malformed percent
// escape, that is not UTF-8, or that holds a control character; a raw space or
// control character anywhere.
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
	// What stayed ends in the "&" that stood before a parameter now gone.
	return strings.TrimSuffix(string(kept), "&"), nil
}

// isDropped reports whether a parameter, name=value, is one to remove.
func isDropped(parameter string, readOnly bool) (bool, *AmbiguousQueryError) {
	name, _, _ := strings.Cut(parameter, "=")
	drop, reason := isDroppedName(name, readOnly)
	if reason != "" {
		return false, &AmbiguousQueryError{reason, 0}
	}
	if drop {
		return true, nil
	}
	// As a parser reads it that splits at ";" too.
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
		// A malformed name hides nothing here that is not found letter by letter:
		// text after a ";" is most often not a name but part of a value.
		if drop, _ := isDroppedName(name, readOnly); drop {
			return false, &AmbiguousQueryError{"credential or method parameter beside a semicolon", start}
		}
		if next < 0 {
			return false, nil
		}
		start += next + 1
	}
}

// isDroppedName reports whether a name, still encoded, is one to remove, or why
// nobody can say.
func isDroppedName(name string, readOnly bool) (drop bool, ambiguous string) {
	if isPlainName(name) {
		return isDroppedText(name, readOnly), ""
	}
	for i := 0; i < len(name); i++ {
		if name[i] == '%' && (i+2 >= len(name) || unhex(name[i+1]) > 15 || unhex(name[i+2]) > 15) {
			ambiguous = "malformed percent escape in a parameter's name"
		}
	}
	for text, rounds := name, 0; ; rounds++ {
		if rounds == 4 {
			return drop, "parameter name that is encoded over and over"
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
			ambiguous = "control character in a parameter's name"
		}
	}
	if !utf8.ValidString(name) {
		ambiguous = "parameter name that is not UTF-8"
	}
	return drop, ambiguous
}

// isPlainName reports whether every parser reads the name as it is written.
func isPlainName(name string) bool {
	for i := range len(name) {
		if c := name[i]; c == '%' || c == ';' || c >= 0x80 {
			return false
		}
	}
	return true
}

// isDroppedText compares a decoded name by what of it folds to a letter, digit
// or underscore, so that junk around and within it ("os_username[]", a
// zero-width space) makes no difference.
func isDroppedText(name string, readOnly bool) bool {
	var spelled, plain [longestDroppedParameter]byte
	n, letters := 0, 0 // with underscores, without
	for _, r := range name {
		c := foldsTo(r)
		if c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			continue
		}
		if n < len(spelled) {
			spelled[n] = c //nolint:gosec // G602: it is checked above
		}
		n++
		if c != '_' {
			if letters < len(plain) {
				plain[letters] = c
			}
			letters++
		}
	}
	if letters >= len(oauthPrefix) && string(plain[:len(oauthPrefix)]) == oauthPrefix {
		return true
	}
	if n <= len(spelled) && isDroppedSpelling(string(spelled[:n]), readOnly) {
		return true
	}
	if letters > len(plain) || name == documentedSessionID {
		return false
	}
	_, credential := credentialParameters[string(plain[:letters])]
	return credential
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
