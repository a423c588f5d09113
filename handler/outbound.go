package handler

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// userAgent replaces the client's: Jira refuses changes that carry a browser's
// ("XSRF check failed").
const userAgent = "caddy-jira-tokens"

// outbound returns the request as it goes on to Jira. It is a copy: what came in
// gets nothing of ours, because error routes get it and may hand it to another
// backend. The account's credential is in neither; the transport adds it to
// what goes to Jira and nowhere else.
func outbound(r *http.Request, d *Decision) *http.Request {
	d.publicURL = publicURL(r)
	out := r.WithContext(withDecision(r.Context(), d))
	u := *r.URL
	u.RawQuery = d.cleanQuery
	u.User = nil
	out.URL = &u
	out.Header = forwardable(r.Header)
	out.Trailer = nil
	return out
}

// forwardable returns the headers that may reach Jira. The values are shared
// with what came in; nothing changes them in place.
func forwardable(in http.Header) http.Header {
	out := make(http.Header, len(in))
	for name, values := range in {
		plain, known := plainHeaders[name]
		if plain || !known && !carriesIdentity(name) {
			out[name] = values
		}
	}
	return out
}

// plainHeaders are common headers that need no closer look, and whether they may
// pass. X-Forwarded-For, -Host and -Proto are the proxy's: it keeps them from
// trusted proxies only.
var plainHeaders = map[string]bool{
	"Authorization": false, "Cookie": false, "User-Agent": false,
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true,
	"Connection": true, "Content-Disposition": true, "Content-Encoding": true, "Content-Length": true,
	"Content-Type": true, "Expect": true, "If-Match": true, "If-Modified-Since": true,
	"If-None-Match": true, "If-Range": true, "If-Unmodified-Since": true, "Pragma": true,
	"Range": true, "Te": true, "Traceparent": true, "Tracestate": true, "X-Request-Id": true,
	"X-Requested-With": true, "X-Experimentalapi": true, "X-Force-Accept-Language": true,
	"X-Forwarded-For": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true,
}

// droppedHeaders never reach Jira from a token request: see "Requests" in
// docs/jira.md for each one's reason.
var droppedHeaders = map[string]bool{
	"user-agent": true, "origin": true, "referer": true, "upgrade": true, "http2-settings": true,
	"forwarded": true, "x-real-ip": true, "true-client-ip": true, "x-atlassian-token": true,
	"x-original-url": true, "x-rewrite-url": true, "x-http-method": true, "x-method": true,
	"method": true, "from": true, "trailer": true, "x-rewrite": true, "x-envoy-original-path": true,
	"eppn": true, "uid": true, "x-uid": true, "mail": true, "x-mail": true, "upn": true, "x-upn": true,
	"netid": true, "persistent-id": true, "x-subject": true, "x-sub": true, "x-actor": true, "x-caller": true,
	"x-su": true, "x-name": true, "x-pat": true, "private-key": true,
}

// droppedPrefixes begin the names of headers that never reach Jira.
var droppedPrefixes = []string{"sec-", "proxy-", "x-forwarded-", "remote-", "x-remote-", "x-client-", "shib-", "ssl-client-"}

// droppedParts are in the names of headers that tell a server behind a single
// sign-on proxy who the user is, or that carry a credential or a session, or
// that change the method. No list of such names is ever whole, so whatever has
// one of these parts is dropped.
var droppedParts = []string{
	"auth", "user", "sudo", "cookie", "session", "token", "jwt", "oidc", "saml", "sso",
	"identity", "principal", "credential", "password", "passwd", "secret", "api-key", "apikey",
	"override", "impersonat", "cert", "seraph", "login", "email", "account", "creds", "group", "-dn",
	"acting-as", "on-behalf", "run-as",
}

// carriesIdentity tells whether a header of this name could say to Jira who is
// asking, or what. Underscores count as hyphens: some servers cannot tell them
// apart.
func carriesIdentity(name string) bool {
	name = strings.ReplaceAll(strings.ToLower(name), "_", "-")
	if droppedHeaders[name] {
		return true
	}
	for _, prefix := range droppedPrefixes {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	for _, part := range droppedParts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// publicURL is the gateway's base URL as the client used it: scheme and host,
// trusted proxies respected, and what handle_path took off the path.
func publicURL(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool); trusted {
		if proto := lastValue(r.Header["X-Forwarded-Proto"]); proto == "http" || proto == "https" {
			scheme = proto
		}
		if forwarded := lastValue(r.Header["X-Forwarded-Host"]); forwarded != "" {
			host = forwarded
		}
	}
	if host == "" {
		return "" // HTTP/1.0 without Host
	}
	public := scheme + "://" + host
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		if prefix, ok := strings.CutSuffix(original.URL.Path, r.URL.Path); ok {
			public += prefix
		}
	}
	return public
}

// lastValue is the last of a header's comma-separated values: the nearest
// proxy's word.
func lastValue(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	list := lines[len(lines)-1]
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		list = list[i+1:]
	}
	return strings.TrimSpace(list)
}
