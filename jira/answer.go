package jira

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// NotJiraError reports that something else answered in Jira's place, such as a
// maintenance page, a proxy or a captive portal.
type NotJiraError struct{ Why string }

func (e NotJiraError) Error() string { return e.Why }

// Question is what a request asked of Jira, and where it may be redirected.
type Question struct {
	// Path is the path of the request, without Jira's context path.
	Path string
	// URL is the request's own URL, against which relative redirects are
	// resolved.
	URL *url.URL
	// Home returns the path, relative to Jira's URL, of a URL that points to
	// this Jira, and whether tokens can reach that path.
	Home func(*url.URL) (path string, isHome, reachable bool)
}

// CheckAnswer returns an error if a response is not Jira's answer to the
// question: a RefusedError for a login page or a redirect to one, and a
// NotJiraError for any other page in place of JSON and for redirects that lead
// away from Jira. A program would store such a page, or follow the redirect, as
// if it were data.
func CheckAnswer(response *http.Response, q Question) error {
	switch status := response.StatusCode; {
	case status == http.StatusProxyAuthRequired || status == http.StatusNetworkAuthenticationRequired:
		return NotJiraError{fmt.Sprintf("a proxy between the gateway and Jira asks for credentials (HTTP %d)", status)}
	case status == http.StatusNotModified, status == http.StatusNoContent, status == http.StatusResetContent:
		return nil
	case status >= 300 && status < 400:
		return checkRedirect(response, q)
	case status < 300:
		return checkPage(response, q)
	}
	return nil
}

// IsPage reports whether a response to this path is an HTML page where Jira's API
// would send JSON.
func IsPage(response *http.Response, path string) bool {
	return isREST(path) && !IsDownload(path) && !rendersHTML(path) && !isAttached(response) && (isHTML(response) || isMarkup(response))
}

func checkPage(response *http.Response, q Question) error {
	switch {
	case IsPage(response, q.Path):
		if bodyHolds(response, loginMarks) {
			return RefusedError{Why: fmt.Sprintf("got a login page instead of JSON (HTTP %d)", response.StatusCode), Page: true}
		}
		return NotJiraError{fmt.Sprintf("got an HTML page instead of JSON (HTTP %d): a maintenance page, or a proxy's?", response.StatusCode)}
	case (IsDownload(q.Path) || rendersHTML(q.Path)) && isHTML(response) && !isAttached(response) && bodyHolds(response, formMarks):
		return RefusedError{Why: fmt.Sprintf("got a login page instead of content (HTTP %d)", response.StatusCode), Page: true}
	}
	return nil
}

func checkRedirect(response *http.Response, q Question) error {
	location := response.Header.Get("Location")
	if location == "" {
		return NotJiraError{fmt.Sprintf("got a redirect without a Location header (HTTP %d)", response.StatusCode)}
	}
	target, err := url.Parse(asBrowsersRead(location))
	if err != nil || target.Opaque != "" {
		return NotJiraError{fmt.Sprintf("got a redirect whose Location is not a URL (HTTP %d)", response.StatusCode)}
	}
	dotted := hasDots(target.EscapedPath())
	target = q.URL.ResolveReference(target)
	path, isHome, reachable := q.Home(target)
	switch {
	case isLogin(target, path, isHome):
		return RefusedError{Why: fmt.Sprintf("got a redirect to a login page (HTTP %d to %s)", response.StatusCode, place(target)), Page: true}
	case target.User != nil:
		return NotJiraError{fmt.Sprintf("got a redirect with a username or password in its URL (HTTP %d to %s)", response.StatusCode, place(target))}
	case dotted: // clients disagree about where it leads
	case isHome && reachable && !isPagePath(path):
		return nil
	case !isHome && IsDownload(q.Path) && target.Host != "" && (target.Scheme == "https" || target.Scheme == q.URL.Scheme):
		return nil // Cloud's media host, or the avatar host
	}
	return NotJiraError{fmt.Sprintf("got a redirect away from Jira's API (HTTP %d to %s): is Jira's URL right?", response.StatusCode, place(target))}
}

// asBrowsersRead returns a Location as browsers read it: a backslash is a slash,
// and a host follows any number of leading slashes.
// https://url.spec.whatwg.org/#relative-slash-state
func asBrowsersRead(location string) string {
	path, query, found := strings.Cut(location, "?")
	path = strings.ReplaceAll(path, `\`, "/")
	if strings.HasPrefix(path, "//") {
		path = "//" + strings.TrimLeft(path, "/")
	}
	if found {
		path += "?" + query
	}
	return path
}

// hasDots reports whether a path has a "." or ".." segment, escaped or not.
func hasDots(path string) bool {
	for segment := range strings.SplitSeq(strings.ReplaceAll(strings.ToLower(path), "%2e", "."), "/") {
		if segment == "." || segment == ".." {
			return true
		}
	}
	return false
}

// isPagePath reports whether a path below /rest is one of Jira's pages: a relative
// redirect to login.jsp produces one.
func isPagePath(path string) bool {
	path = lenientPath(path)
	return isREST(path) && (strings.HasSuffix(path, ".jsp") || strings.HasSuffix(path, ".jspa"))
}

// place returns a URL for the log: without its query and any session in its path.
func place(u *url.URL) string { return WithoutSecrets(u.Scheme + "://" + u.Host + u.EscapedPath()) }

// loginParameters are query parameters of login pages: Jira's own
// (os_destination, permissionViolation), and those of SAML and OAuth.
var loginParameters = []string{
	"os_destination", "permissionviolation", "user_role", "samlrequest", "relaystate", "wtrealm", "redirect_uri", "openid.mode",
}

// loginWords appear in the host names and paths of login pages. They must match
// whole words: a file may well be named "login.png".
var loginWords = []string{
	"login", "log-in", "logon", "signin", "sign-in", "sso", "saml", "saml2", "samlsso", "oauth", "oauth2", "oidc", "openid",
	"openid-connect", "authorize", "authenticate", "auth", "adfs", "idp", "id", "identity", "accounts", "account", "cas",
	"okta", "auth0", "onelogin", "microsoftonline", "pingidentity", "keycloak", "realms", "login.jsp", "samlrequest", "federation",
}

// isLogin reports whether a redirect leads to a login page.
func isLogin(target *url.URL, path string, isHome bool) bool {
	for name := range target.Query() {
		if slices.Contains(loginParameters, strings.ToLower(name)) {
			return true
		}
	}
	if isHome {
		return isOwnLogin(path)
	}
	return hasLoginWord(target.Hostname(), ".") || hasLoginWord(target.Path, "/") || holdsLoginWord(target)
}

// loginParts appear within words in the host names and paths of login pages.
var loginParts = []string{
	"login", "logon", "signon", "sign-on", "signin", "sso", "saml", "auth", "idp", "adfs", "nidp", "pingfederate",
}

// fileHosts serve the bytes of Jira's attachments and avatars; their paths may
// contain any letters.
var fileHosts = []string{".atlassian.com", ".atl-paas.net", ".gravatar.com", ".wp.com", ".amazonaws.com", ".cloudfront.net"}

// holdsLoginWord reports whether the host or path of a URL outside Jira contains
// one of loginParts. The last segment may name an image, such as login.png.
func holdsLoginWord(target *url.URL) bool {
	host, path := strings.ToLower(target.Hostname()), strings.ToLower(target.Path)
	if slices.ContainsFunc(fileHosts, func(suffix string) bool { return strings.HasSuffix(host, suffix) }) {
		return false
	}
	if isImage(path) {
		path = path[:strings.LastIndexByte(path, '/')+1]
	}
	return slices.ContainsFunc(loginParts, func(part string) bool {
		return strings.Contains(host, part) || strings.Contains(path, part)
	})
}

func isImage(path string) bool {
	return slices.ContainsFunc([]string{".png", ".jpg", ".jpeg", ".gif", ".svg", ".webp"}, func(suffix string) bool {
		return strings.HasSuffix(path, suffix)
	})
}

// isOwnLogin reports whether a path relative to Jira's URL is a login page.
func isOwnLogin(path string) bool {
	path = lenientPath(path)
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	switch {
	case first == "rest":
		return isPagePath(path) && strings.Contains(path, "login")
	case IsDownload(path):
		return false
	case strings.HasPrefix(first, "login"), strings.HasPrefix(path, "/secure/login"):
		return true
	case strings.Contains(path, "saml"), strings.Contains(path, "external-login"):
		return true
	}
	return hasLoginWord(path, "/")
}

func hasLoginWord(text, separator string) bool {
	for word := range strings.SplitSeq(strings.ToLower(text), separator) {
		word, _, _ = strings.Cut(word, ";")
		if slices.Contains(loginWords, word) {
			return true
		}
	}
	return false
}

// isREST reports whether a path belongs to Jira's REST API.
func isREST(path string) bool { return strings.HasPrefix(path, "/rest/") }

// IsDownload reports whether a path serves a file or an image: Jira may redirect
// to the host that has the bytes, and the content can be of any type.
func IsDownload(path string) bool {
	switch {
	case isREST(path):
		return strings.Contains(path, "/attachment/content/") || strings.Contains(path, "/attachment/thumbnail/") ||
			strings.Contains(path, "/universal_avatar/view/") ||
			strings.HasPrefix(path, "/rest/servicedeskapi/request/") && strings.Contains(path, "/attachment/")
	case strings.HasPrefix(path, "/secure/"):
		return DefaultPaths().Match(path)
	}
	return false
}

// rendersHTML reports whether a REST operation legitimately returns HTML: Data
// Center's wiki renderer, and ScriptRunner endpoints, which sites write
// themselves.
func rendersHTML(path string) bool {
	return strings.HasPrefix(path, "/rest/api/1.0/render") || strings.HasPrefix(path, "/rest/scriptrunner/")
}

// isAttached reports whether a response is a file to be saved.
func isAttached(response *http.Response) bool {
	disposition, _, _ := strings.Cut(response.Header.Get("Content-Disposition"), ";")
	return strings.EqualFold(strings.TrimSpace(disposition), "attachment")
}

// isHTML reports whether a response is an HTML page. Without a type, or with
// text/plain, the beginning of the body decides.
func isHTML(response *http.Response) bool {
	switch mediaType := mediaType(response); {
	case strings.Contains(mediaType, "html"):
		return true
	case mediaType == "" || mediaType == "text/plain":
		return rootOf(bodyStart(response)) == "html"
	}
	return false
}

// isMarkup reports whether a body in place of JSON begins with markup, whatever
// its type says. XML that is declared as such passes, unless it is a page.
func isMarkup(response *http.Response) bool {
	start := bodyStart(response)
	if len(start) == 0 || start[0] != '<' {
		return false
	}
	switch mediaType := mediaType(response); {
	case mediaType == "application/xml", mediaType == "text/xml", strings.HasSuffix(mediaType, "+xml"):
		switch rootOf(start) {
		case "html", "head", "body", "script":
			return true
		}
		return false
	}
	return true
}

func mediaType(response *http.Response) string {
	mediaType, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(mediaType))
}

// loginMarks appear in login pages: fields of Jira's own form and of single
// sign-on forms, and pages that post to an identity provider immediately.
var loginMarks = []string{
	"os_username", "os_destination", "login.jsp", "id.atlassian.com", "j_username", "samlrequest", "samlresponse",
	`type="password"`, `type='password'`, "type=password", `name="password"`, "<title>log in", "<title>login", "<title>sign in", "wsfed",
}

// formMarks appear in login forms but rarely in a page that a user attached, where
// any password field may be legitimate.
var formMarks = []string{`name="os_username"`, `name='os_username'`, `name="j_username"`, `name="samlrequest"`, `name='samlrequest'`}
