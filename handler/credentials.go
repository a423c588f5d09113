package handler

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/jiratokens/caddy-jira-tokens/jira"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// maxCredentials is the maximum size, in bytes, of decoded Basic credentials: an
// owner of 254 four-byte characters, a colon, a token and some room.
const maxCredentials = 1536

// credentials is the step that finds the token that the request presents.
func (h *Handler) credentials(r *http.Request, d *Decision) *denial {
	values := r.Header["Authorization"]
	switch {
	case len(values) > 1:
		return deny(ReasonAmbiguousRequest, "The request has several Authorization headers. Send one.")
	case len(values) == 0 || strings.Trim(values[0], " \t") == "":
		return h.noCredentials(r, d)
	case !isPrintableASCII(values[0]):
		return invalidToken()
	}
	scheme, credentials := splitScheme(values[0])
	if !isToken68(credentials) && (strings.EqualFold(scheme, "Basic") || strings.EqualFold(scheme, "Bearer")) {
		return invalidToken()
	}
	switch {
	case strings.EqualFold(scheme, "Basic"):
		return h.basic(r, d, credentials)
	case strings.EqualFold(scheme, "Bearer"):
		return h.bearer(r, d, credentials)
	}
	return h.otherScheme(r, d, scheme, credentials)
}

// basic reads Basic credentials: owner as user name, token as password.
func (h *Handler) basic(r *http.Request, d *Decision, encoded string) *denial {
	user, password, ok := decodeBasic(encoded)
	if !ok {
		return invalidToken()
	}
	d.owner, d.hasOwner = user, true
	if !claimsToken(password) {
		return h.foreign(r, d, user+":"+password)
	}
	presented, err := token.Parse(password)
	if err != nil {
		return invalidToken()
	}
	d.presented = presented
	return nil
}

func (h *Handler) bearer(r *http.Request, d *Decision, credentials string) *denial {
	if !claimsToken(credentials) {
		return h.foreign(r, d, credentials)
	}
	presented, err := token.Parse(credentials)
	if err != nil {
		return invalidToken()
	}
	d.presented = presented
	return nil
}

// claimsToken reports whether a secret is meant to be one of our tokens, even a
// damaged one: such a secret never reaches Jira.
func claimsToken(secret string) bool { return strings.HasPrefix(secret, tokenPrefix) }

const tokenPrefix = "jt_"

// noCredentials handles requests without Authorization: in front of a whole site,
// these are browser sessions.
func (h *Handler) noCredentials(r *http.Request, d *Decision) *denial {
	if h.Front != frontSite {
		return deny(ReasonNoCredentials, "Authentication required: send an API token as the password of HTTP Basic authentication, with its owner as the user name.")
	}
	return h.pass(r, d)
}

// pass lets a request without a token through to Jira unless it carries a password
// outside of Authorization.
func (h *Handler) pass(r *http.Request, d *Decision) *denial {
	if h.Passwords == passwordsDeny {
		if jira.QueryHasCredentials(r.URL.RawQuery) || jira.LogsIn(r.Method, r.URL.EscapedPath()) {
			return passwordRefused()
		}
		if denied := refuseFormCredentials(r); denied != nil {
			return denied
		}
		if denied := refuseMultipartCredentials(r, d, passwordRefused()); denied != nil {
			return denied
		}
	}
	d.passThrough = true
	return nil
}

// foreign handles Basic and Bearer credentials that are not one of our tokens. If a
// token is in the wrong place, they are invalid rather than foreign.
func (h *Handler) foreign(r *http.Request, d *Decision, credentials string) *denial {
	switch {
	case strings.Contains(credentials, tokenPrefix):
		return invalidToken()
	case h.Front != frontSite:
		return deny(ReasonInvalidToken, "Only this gateway's API tokens work here, not Jira's own passwords and tokens. Send one of the gateway's tokens, which begin with "+tokenPrefix+", with its owner as the user name.")
	case h.Passwords == passwordsDeny:
		return passwordRefused()
	}
	return h.pass(r, d)
}

// otherScheme handles schemes other than Basic and Bearer. Those of single sign-on
// and application links carry no password; a server more lenient than this one
// might take an unknown one for Basic.
func (h *Handler) otherScheme(r *http.Request, d *Decision, scheme, credentials string) *denial {
	if h.Front != frontSite {
		return deny(ReasonNoCredentials, "This kind of authentication is not accepted here: send an API token with HTTP Basic or Bearer authentication.")
	}
	if strings.Contains(scheme+credentials, tokenPrefix) {
		return invalidToken()
	}
	if h.Passwords == passwordsDeny {
		switch strings.ToLower(scheme) {
		case "negotiate", "ntlm", "oauth", "jwt":
		default:
			return passwordRefused()
		}
	}
	return h.pass(r, d)
}

// Presented is what the Authorization header of a request presents.
type Presented struct {
	// Owner is the user name of Basic credentials. With Bearer, nobody is named.
	Owner  string
	Bearer bool
	// Secret is the password of Basic credentials, or the Bearer credentials.
	Secret string
}

// ErrSeveralCredentials is returned for a request that different servers could read
// differently.
var ErrSeveralCredentials = errors.New("the request has several Authorization headers: send one")

// PresentedBy returns the Basic or Bearer credentials of a request, read as the gateway reads
// them; ok is false if it has none.
func PresentedBy(r *http.Request) (presented Presented, ok bool, err error) {
	values := r.Header["Authorization"]
	if len(values) > 1 {
		return Presented{}, false, ErrSeveralCredentials
	}
	if len(values) == 0 || !isPrintableASCII(values[0]) {
		return Presented{}, false, nil
	}
	scheme, credentials := splitScheme(values[0])
	switch {
	case !isToken68(credentials):
		return Presented{}, false, nil
	case strings.EqualFold(scheme, "Bearer"):
		return Presented{Bearer: true, Secret: credentials}, true, nil
	case strings.EqualFold(scheme, "Basic"):
		owner, secret, ok := decodeBasic(credentials)
		return Presented{Owner: owner, Secret: secret}, ok, nil
	}
	return Presented{}, false, nil
}

func invalidToken() *denial {
	return deny(ReasonInvalidToken, "The API token is not valid. Check that all of it was copied and that the user name is the token's owner.")
}

func passwordRefused() *denial {
	return deny(ReasonPasswordRefused, "Passwords and Jira's own tokens are not accepted here. Use one of this gateway's API tokens, with its owner as the user name and the token as the password.")
}

// splitScheme cuts an Authorization value at its first space or tab; some servers
// accept a tab.
func splitScheme(value string) (scheme, credentials string) {
	value = strings.Trim(value, " \t")
	i := strings.IndexAny(value, " \t")
	if i < 0 {
		return value, ""
	}
	return value[:i], strings.TrimLeft(value[i:], " \t")
}

// isPrintableASCII reports whether an Authorization value consists of printable
// ASCII characters and tabs. No scheme needs others, and what one server takes for
// a part of the scheme's name, another might take for the space after it.
func isPrintableASCII(value string) bool {
	for i := range len(value) {
		if c := value[i]; c != '\t' && (c < ' ' || c > '~') {
			return false
		}
	}
	return true
}

// isToken68 reports whether credentials have the form of Basic and Bearer
// credentials (RFC 9110, section 11.2), without lists or parameters.
func isToken68(credentials string) bool {
	for i := range len(credentials) {
		switch c := credentials[i]; {
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z':
		case c == '-', c == '.', c == '_', c == '~', c == '+', c == '/', c == '=':
		default:
			return false
		}
	}
	return true
}

// decodeBasic decodes RFC 7617 credentials. It drops a trailing newline, which
// `echo user:token | base64` includes. A user name that is not UTF-8 is read as
// ISO-8859-1, which python-requests and browsers' btoa send.
func decodeBasic(encoded string) (user, password string, ok bool) {
	if len(encoded) > base64.StdEncoding.EncodedLen(maxCredentials) {
		return "", "", false
	}
	var buf [256]byte // enough for most
	decoded, err := strictBase64.AppendDecode(buf[:0], []byte(encoded))
	if err != nil {
		return "", "", false
	}
	text := strings.TrimSuffix(strings.TrimSuffix(string(decoded), "\n"), "\r")
	if user, password, ok = strings.Cut(text, ":"); !utf8.ValidString(user) {
		user = fromLatin1(user)
	}
	return user, password, ok
}

// fromLatin1 decodes ISO-8859-1, whose bytes are the first 256 code points.
func fromLatin1(s string) string {
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}

// strictBase64 rejects input that decoders could read differently.
var strictBase64 = base64.StdEncoding.Strict()
