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
func (h *Handler) outbound(r *http.Request, d *Decision) *http.Request {
	d.publicURL = h.publicURL(r)
	d.headers = h.headers
	out := r.WithContext(withDecision(r.Context(), d))
	u := *r.URL
	u.RawQuery = d.cleanQuery
	u.User = nil
	out.URL = &u
	out.Header = passing(r.Header, h.headers.toJira)
	h.keepAffinity(out.Header, r)
	out.Trailer = nil
	return out
}

// publicURL returns the gateway's base URL as the client used it: its origin,
// what handle_path took off the path, and the path that Jira is installed at if
// the client sent it.
func (h *Handler) publicURL(r *http.Request) string {
	public := publicOrigin(r)
	if public == "" {
		return ""
	}
	if original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok && original.URL != nil {
		if prefix, ok := strings.CutSuffix(original.URL.Path, r.URL.Path); ok {
			public += prefix
		}
	}
	if h.inContext(r.URL.Path) != r.URL.Path {
		public += h.ContextPath
	}
	return public
}

// publicOrigin returns the gateway's scheme and host as the client used them,
// trusted proxies respected; "" for HTTP/1.0 without Host.
func publicOrigin(r *http.Request) string {
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
		return ""
	}
	return scheme + "://" + host
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
