package handler

import (
	"net/http"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// userAgent replaces the client's User-Agent: Jira refuses changes that carry a
// browser's ("XSRF check failed").
const userAgent = "caddy-jira-tokens"

// outbound returns the request to forward to Jira. It is a copy: error routes get
// the original and may send it to another backend, so it must carry nothing of
// ours. Neither has the account's credential, which only the transport adds.
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

// publicURL returns the gateway's base URL as the client used it: the origin, the
// prefix that handle_path stripped, and Jira's context path if the client sent it.
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
// believing trusted proxies; "" for HTTP/1.0 without Host.
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

// lastValue returns the last of a header's comma-separated values, the one from the
// nearest proxy.
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
