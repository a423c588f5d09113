package manager

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
)

// mount is where the manager is, as a browser sees it.
type mount struct {
	// base is the path, with a final slash.
	base string
	// origin is the scheme and the host.
	origin string
}

// url returns the absolute URL of a path below the mount.
func (m mount) url(path string) string { return m.origin + m.base + path }

// cookies returns where the session's cookie is valid.
func (m mount) cookies() session.Scope {
	return session.Scope{Path: m.base, Secure: strings.HasPrefix(m.origin, "https:")}
}

// mountOf returns where the manager is: handle_path and the like have removed a prefix of
// the original path.
func (h *Handler) mountOf(r *http.Request) mount {
	if h.public != nil {
		return mount{h.public.Path, h.public.Scheme + "://" + h.public.Host}
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	base := "/"
	if prefix := strings.Trim(removedPrefix(r), "/"); prefix != "" { // "//host" would lead to another site
		base += prefix + "/"
	}
	return mount{base, scheme + "://" + r.Host}
}

// removedPrefix returns what was removed from the beginning of the path.
func removedPrefix(r *http.Request) string {
	original, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request)
	if !ok || original.URL == nil {
		return ""
	}
	prefix, ok := strings.CutSuffix(original.URL.EscapedPath(), strings.TrimSuffix(r.URL.EscapedPath(), "/"))
	if !ok {
		return ""
	}
	return prefix
}

// lastingURL returns the URL of a path below the mount, for a link that others show later;
// empty if only the request says where the page is: its Host can be anything, unless it is
// the gateway's own.
func (h *Handler) lastingURL(r *http.Request, path string) string {
	at := mounted(r)
	if h.public != nil {
		return at.url(path)
	}
	address, err := admin.PublicURL(h.app)
	if err != nil {
		return ""
	}
	gateway, err := url.Parse(address)
	if err != nil || !strings.EqualFold(gateway.Host, r.Host) {
		return ""
	}
	at.origin = gateway.Scheme + "://" + gateway.Host // a proxy may speak HTTPS for Caddy
	return at.url(path)
}

type mountKey struct{}

func withMount(ctx context.Context, m mount) context.Context {
	return context.WithValue(ctx, mountKey{}, m)
}

func mounted(r *http.Request) mount {
	m, _ := r.Context().Value(mountKey{}).(mount)
	return m
}
