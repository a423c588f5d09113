package admin

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddytls"

	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

const linkStart = "https://jira.example.com/rest/jira-tokens/1/handover/"

// TestCreateWithHandover: the answer has a link in place of the token.
func TestCreateWithHandover(t *testing.T) {
	a, _ := newApp(t)
	view, err := a.call((*call).create, "", `{"owner":"eve","name":"n","handover":{"for":"2h"}}`)
	if err != nil {
		t.Fatal(err)
	}
	if view.Token != "" || view.Handover == nil || !strings.HasPrefix(view.Handover.URL, linkStart+view.ID+"-") || !strings.HasPrefix(view.StateReason, "waiting to be handed over") {
		t.Fatalf("%+v %+v", view, view.Handover)
	}
	if lasts := time.Until(view.Handover.ExpiresAt); lasts < 119*time.Minute || lasts > 2*time.Hour {
		t.Errorf("it can be opened for %s", lasts)
	}
	shown, err := a.call((*call).show, view.ID, "")
	if err != nil || shown.Handover == nil || shown.Handover.URL != "" || shown.Handover.State != registry.HandoverWaiting {
		t.Errorf("show: %+v, %v", shown.Handover, err)
	}
	link, err := token.ParseLink(strings.TrimPrefix(view.Handover.URL, linkStart))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := a.registry.OpenHandover(t.Context(), registry.Actor{Kind: registry.ActorLink}, link)
	if err != nil {
		t.Fatal(err)
	}

	rotated, err := a.call((*call).rotate, view.ID, `{"overlap":"1h","handover":{}}`)
	if err != nil || rotated.Token != "" || !strings.HasPrefix(rotated.Handover.URL, linkStart) || rotated.StateReason != "" {
		t.Errorf("rotate: %+v %+v, %v", rotated, rotated.Handover, err)
	}
	if _, err := a.registry.Lookup(t.Context(), opened.Token); err != nil {
		t.Errorf("the token stops before the link is opened: %v", err)
	}
	if plain, err := a.call((*call).create, "", `{"owner":"eve","name":"n","handover":null}`); err != nil || plain.Token == "" || plain.Handover != nil {
		t.Errorf("without a hand-over: %+v, %v", plain.Handover, err)
	}
	for body, field := range map[string]string{`true`: "handover", `{"fur":"1h"}`: "handover", `{"for":"soon"}`: "for", `{"for":"1s"}`: "for", `{"for":"8d"}`: "for"} {
		for name, serve := range map[string]func() (Token, error){
			"create": func() (Token, error) {
				return a.call((*call).create, "", `{"owner":"eve","name":"n","handover":`+body+`}`)
			},
			"rotate": func() (Token, error) { return a.call((*call).rotate, view.ID, `{"handover":`+body+`}`) },
		} {
			_, err := serve()
			if invalid, ok := errors.AsType[registry.InvalidError](err); !ok || invalid.Field != field {
				t.Errorf("%s with %s: %v", name, body, err)
			}
		}
	}
}

// unnamed is an app without public_url.
type unnamed struct {
	*app
	gateways []*handler.Handler
}

func (unnamed) PublicAddress() string          { return "" }
func (u unnamed) Gateways() []*handler.Handler { return u.gateways }

// TestPublicURLIsMissing: without an address there is no link, and no token is made.
func TestPublicURLIsMissing(t *testing.T) {
	a, _ := newApp(t)
	for _, gateways := range [][]*handler.Handler{nil, {{}}, {{}, {}}} {
		c := &call{app: unnamed{a, gateways}}
		_, err := c.newHandover([]byte(`{}`))
		if failed, ok := errors.AsType[caddy.APIError](err); !ok || failed.HTTPStatus != http.StatusConflict || !strings.Contains(err.Error(), "public_url https://jira.example.com") {
			t.Errorf("%d gateways: %v", len(gateways), err)
		}
	}
}

// TestURLOfSite: a site's address is known if it names a host, and serves all paths.
func TestURLOfSite(t *testing.T) {
	for _, c := range []struct {
		listen, host string
		tls          bool
		want         string
	}{
		{":443", "jira.example.com", true, "https://jira.example.com"},
		{":80", "jira.example.com", false, "http://jira.example.com"},
		{":8443", "jira.example.com", true, "https://jira.example.com:8443"},
		{"127.0.0.1:8080", "127.0.0.1", false, "http://127.0.0.1:8080"},
		{":8080", "::1", false, "http://[::1]:8080"},
		{":443", "*.example.com", true, ""},
		{":443", "{env.HOST}", true, ""},
		{"unix//run/caddy.sock", "jira.example.com", false, ""},
	} {
		server := &caddyhttp.Server{Listen: []string{c.listen}}
		if c.tls {
			server.TLSConnPolicies = caddytls.ConnectionPolicies{new(caddytls.ConnectionPolicy)}
		}
		if got := urlOfSite(new(caddyhttp.App), server, c.host); got != c.want {
			t.Errorf("%s on %s: %q, want %q", c.host, c.listen, got, c.want)
		}
	}

	host, path := caddyhttp.MatchHost{"jira.example.com", "localhost"}, caddyhttp.MatchPath{"/jira/*"}
	whole, part, anywhere := new(handler.Handler), new(handler.Handler), new(handler.Handler)
	site := func(h *handler.Handler, matchers ...caddyhttp.RequestMatcherWithError) caddyhttp.Route {
		set := make(caddyhttp.MatcherSet, len(matchers))
		for i, matcher := range matchers {
			set[i] = matcher
		}
		return caddyhttp.Route{MatcherSets: caddyhttp.MatcherSets{set}, Handlers: []caddyhttp.MiddlewareHandler{h}}
	}
	w := walk{places: make(map[*handler.Handler]place), app: new(caddyhttp.App), server: &caddyhttp.Server{Listen: []string{":8080"}}}
	w.routes(caddyhttp.RouteList{site(whole, &host), site(part, &host, &path), site(anywhere)}, place{site: ":8080"})
	if got := w.places[whole]; got.site != "jira.example.com, localhost" || got.url != "http://jira.example.com:8080" {
		t.Errorf("a site: %+v", got)
	}
	if got := w.places[part]; got.site != "jira.example.com, localhost" || got.url != "" {
		t.Errorf("a path of a site: %+v", got)
	}
	if got := w.places[anywhere]; got.site != ":8080" || got.url != "" {
		t.Errorf("any host: %+v", got)
	}
}
