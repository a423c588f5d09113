// Package manager serves the token manager: a web page on which people handle tokens, and
// the JSON API below it. It decides nothing: it calls the endpoints of package admin as the
// person who has signed in, and they ask the registry.
package manager

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/encode"
	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/identity"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/manager/session"
	"github.com/jiratokens/caddy-jira-tokens/registry/facts"
	"github.com/jiratokens/caddy-jira-tokens/storage"
)

func init() {
	caddy.RegisterModule(Handler{})
}

// Handler serves a web page on which people create, change and end API tokens, and a JSON
// API. People see their own tokens; those whom the policy lets manage see everybody's.
type Handler struct {
	// How to find out who somebody is, in the order in which they are tried. Required.
	IdentitiesRaw []json.RawMessage `json:"identities,omitempty" caddy:"namespace=jira_tokens.identities inline_key=identity"`

	// The URL under which people open the page, such as https://jira.example.com/tokens.
	// Default: the URL of each request
	PublicURL string `json:"public_url,omitempty"`

	app         App
	identities  []identity.Identity
	sessions    *session.Sessions
	pages       *page.Pages
	public      *url.URL
	routes      http.Handler
	mux         *http.ServeMux // of routes
	compression *encode.Encode
	endpoints   http.Handler // of the JSON API: see callerIn
	// checked are the Jira users of configured accounts, as of the last checks here.
	checked *sync.Map
	now     func() time.Time
	logger  *zap.Logger
}

// App is what the manager needs of the jira_tokens app.
type App interface {
	admin.App
	identity.App
	// Documents returns the store's documents, and Mirror a mirror of those of a kind.
	Documents() storage.Documents
	Mirror(kind string) *storage.Mirror
	// IsCloud reports whether the Jira with this base URL is Jira Cloud or, if url is empty,
	// whether all to which gateways forward are.
	IsCloud(ctx context.Context, url string) bool
	// SignIns returns what keeps the groups that identities tell; nil if they give no
	// rights.
	SignIns() *facts.SignIns
}

// CaddyModule returns the Caddy module information.
func (Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{
		ID:  "http.handlers.jira_token_manager",
		New: func() caddy.Module { return new(Handler) },
	}
}

// Provision sets up the handler.
func (h *Handler) Provision(ctx caddy.Context) error {
	h.logger, h.now = ctx.Logger(), time.Now
	value, err := ctx.App("jira_tokens")
	if err != nil {
		return fmt.Errorf("loading the jira_tokens app: %w", err)
	}
	app, ok := value.(App)
	if !ok {
		return fmt.Errorf("the jira_tokens app is a %T", value)
	}
	h.app = app
	if err := h.loadIdentities(ctx); err != nil {
		return err
	}
	if err := h.setPublicURL(); err != nil {
		return err
	}
	if h.pages, err = newPages(); err != nil {
		return err
	}
	if h.compression, err = newCompression(ctx); err != nil {
		return err
	}
	h.sessions = session.New(app.Documents(), app.Mirror, app.JiraAccounts().Keys())
	h.routes, err = h.newRoutes()
	return err
}

func (h *Handler) loadIdentities(ctx caddy.Context) error {
	if len(h.IdentitiesRaw) == 0 {
		return errors.New("jira_token_manager: missing identity: say how to find out who somebody is, such as `identity oidc https://acme.okta.com { … }`, or `identity token`")
	}
	loaded, err := ctx.LoadModule(h, "IdentitiesRaw")
	if err != nil {
		return fmt.Errorf("jira_token_manager: identity: %w", err)
	}
	for _, module := range loaded.([]any) {
		found, ok := module.(identity.Identity)
		if !ok {
			return fmt.Errorf("module %T is not an identity", module)
		}
		if user, ok := module.(identity.UsesApp); ok {
			user.Use(h.app)
		}
		if grouper, ok := module.(identity.Grouper); ok && grouper.TellsGroups() && h.app.SignIns() == nil {
			return errors.New("jira_token_manager: an identity tells groups, but jira_tokens does not say that they give rights: add `groups_from sign_in` there")
		}
		h.identities = append(h.identities, found)
	}
	return nil
}

func (h *Handler) setPublicURL() error {
	if h.PublicURL == "" {
		return nil
	}
	public, err := url.Parse(h.PublicURL)
	if err != nil || public.Scheme != "https" && public.Scheme != "http" || public.Host == "" || public.RawQuery != "" || public.Fragment != "" {
		return fmt.Errorf("jira_token_manager: public_url %q: expected a URL such as https://jira.example.com/tokens", h.PublicURL)
	}
	public.Path = strings.TrimSuffix(public.Path, "/") + "/"
	h.public = public
	return nil
}

// ServeHTTP serves the page.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	secureHeaders(w.Header())
	return h.compression.ServeHTTP(w, r, caddyhttp.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		h.routes.ServeHTTP(w, r)
		return nil
	}))
}

// secureHeaders sets the headers of every response. Scripts, styles and requests are only
// allowed from the page's own origin, and no other site can frame it.
func secureHeaders(header http.Header) {
	header.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Frame-Options", "DENY")
	header.Set("Referrer-Policy", "same-origin")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
}

// Interface guards
var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
