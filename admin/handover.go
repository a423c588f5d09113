package admin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// handover is a request for a link that shows a token once, instead of the token.
type handover struct {
	lasts time.Duration
	// base is the address of the gateway, with which the link begins.
	base string
}

// newHandover reads the member handover of a request; nil if there is none.
func (c *call) newHandover(text json.RawMessage) (*handover, error) {
	if len(text) == 0 || string(text) == "null" {
		return nil, nil //nolint:nilnil // it was not asked for
	}
	var request struct {
		// For is how long the link can be opened; empty: an hour.
		For string `json:"for"`
	}
	if err := decodeStrictly(text, &request); err != nil {
		return nil, registry.InvalidError{Field: "handover", Err: errors.New(`handover: expected an object such as {"for": "1h"}`)}
	}
	h := &handover{lasts: registry.DefaultHandover}
	var err error
	if request.For != "" {
		if h.lasts, err = token.ParseSpan(request.For); err != nil {
			return nil, registry.InvalidError{Field: "for", Err: err}
		}
	}
	h.base, err = PublicURL(c.app)
	return h, err
}

// viewIssued returns the view of an issued token, with its link if that was asked for.
func (c *call) viewIssued(issued registry.Issued, h *handover) Token {
	view := c.app.Registry().ViewIssued(issued)
	view.GatewayURL, _ = PublicURL(c.app) // "" if it is not known
	if h != nil && view.Handover != nil {
		view.Handover.URL = h.base + registry.HandoverPath + issued.Link.Reveal()
	}
	return view
}

// PublicURL returns the address under which users reach the gateway: the configured one,
// or that of the only gateway if its site names a host.
func PublicURL(app App) (string, error) {
	if url := app.PublicAddress(); url != "" {
		return url, nil
	}
	const missing = "under which address users reach the gateway, so there can be no link: say so in jira_tokens, as in public_url https://jira.example.com"
	why := "the configuration does not say "
	if n := len(app.Gateways()); n != 1 {
		why = fmt.Sprintf("the configuration has %d gateways and does not say ", n)
	} else if url := placesOf(caddy.ActiveContext())[app.Gateways()[0]].url; url != "" {
		return url, nil
	}
	return "", caddy.APIError{HTTPStatus: http.StatusConflict, Err: errors.New(why + missing)}
}

// urlOfSite returns the URL of a site with this host on a server; "" if users cannot
// reach it under one that is known, such as a wildcard.
func urlOfSite(app *caddyhttp.App, server *caddyhttp.Server, host string) string {
	if host == "" || strings.ContainsAny(host, "*{} ,") || len(server.Listen) == 0 {
		return ""
	}
	address, err := caddy.ParseNetworkAddress(server.Listen[0])
	if err != nil || address.IsUnixNetwork() {
		return ""
	}
	port, scheme := strconv.FormatUint(uint64(address.StartPort), 10), "http"
	if len(server.TLSConnPolicies) > 0 {
		scheme = "https"
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil && ip.Is6() {
		host = "[" + ip.String() + "]"
	}
	usual := map[string]int{"http": app.HTTPPort, "https": app.HTTPSPort}[scheme]
	if port == strconv.Itoa(usual) || usual == 0 && port == map[string]string{"http": "80", "https": "443"}[scheme] {
		return scheme + "://" + host // whatever is in front of Caddy has the usual port
	}
	return scheme + "://" + host + ":" + port
}
