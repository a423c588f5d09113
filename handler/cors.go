package handler

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/jiratokens/caddy-jira-tokens/internal/option"
)

// CORS names the web applications on other origins that may use tokens here
// from a browser: https://fetch.spec.whatwg.org/#http-cors-protocol.
//
// The application itself sends its user's token, as Bearer or Basic. Browsers
// are never allowed to add credentials that they have stored.
type CORS struct {
	// The origins of the applications, exactly as browsers send them:
	// `scheme://host[:port]`, without a path and without the scheme's default
	// port. At least one is required. Patterns are not supported.
	Origins []string `json:"origins,omitempty"`
}

// validate returns an error if an origin is not one that a browser would send.
func (c *CORS) validate() error {
	if c == nil {
		return nil
	}
	if len(c.Origins) == 0 {
		return errors.New("cors: name the web applications that may use tokens here, such as origins https://app.example.com")
	}
	for _, origin := range c.Origins {
		if err := checkOrigin(origin); err != nil {
			return err
		}
	}
	return nil
}

func checkOrigin(origin string) error {
	canonical := canonicalOrigin(origin)
	switch {
	case strings.Contains(origin, "*"):
		return fmt.Errorf("cors: origins %q: patterns are not supported; name each web application, such as https://app.example.com", origin)
	case canonical == "" || strings.ContainsFunc(origin, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("{},;@", r) }):
		return fmt.Errorf("cors: origins %q: expected scheme://host[:port], such as https://app.example.com or http://localhost:5173", origin)
	case canonical != origin:
		return fmt.Errorf("cors: origins %q: browsers send it as %s", origin, canonical)
	}
	return nil
}

// allows reports whether the request comes from a configured origin.
func (c *CORS) allows(r *http.Request) bool {
	origins := r.Header["Origin"]
	return c != nil && len(origins) == 1 && slices.Contains(c.Origins, origins[0])
}

// isPreflight reports whether r is a CORS preflight request, which browsers send
// without credentials.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && len(r.Header["Authorization"]) == 0 && r.Header.Get("Access-Control-Request-Method") != ""
}

// corsHeaders holds the values of the CORS response headers that list headers.
type corsHeaders struct{ allow, expose string }

func (h *Handler) corsHeaders() corsHeaders {
	// Clients written for Jira send X-Atlassian-Token; it is not forwarded.
	allow := slices.Concat([]string{"Authorization", "X-Atlassian-Token"}, requestHeaders, h.Headers)
	allow = slices.DeleteFunc(allow, func(name string) bool { // a page cannot set these
		switch name {
		case "Connection", "Content-Length", "Expect", "TE", "Via", "Accept-Charset", "Accept-Encoding",
			"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto":
			return true
		}
		return false
	})
	expose := slices.Concat([]string{headerReason, headerApproval, headerLimitedBy, headerExpires}, answerHeaders, h.Headers)
	return corsHeaders{strings.Join(allow, ", "), strings.Join(expose, ", ")}
}

// answerPreflight answers a preflight from a configured origin. It says nothing
// about what a token may do: the token only comes with the actual request.
func (h *Handler) answerPreflight(w http.ResponseWriter, r *http.Request) {
	h.letRead(w, r)
	header := w.Header()
	header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
	header.Set("Access-Control-Allow-Headers", h.cors.allow)
	header.Set("Access-Control-Max-Age", "600")
	header.Add("Vary", "Access-Control-Request-Method, Access-Control-Request-Headers")
	w.WriteHeader(http.StatusNoContent)
}

// letRead lets pages of configured origins read the response, denials included.
// Access-Control-Allow-Credentials is never sent.
func (h *Handler) letRead(w http.ResponseWriter, r *http.Request) {
	if h.CORS == nil {
		return
	}
	header := w.Header()
	header.Add("Vary", "Origin")
	if h.CORS.allows(r) {
		header.Set("Access-Control-Allow-Origin", r.Header.Get("Origin"))
		header.Set("Access-Control-Expose-Headers", h.cors.expose)
	}
}

// unmarshalCORS reads the option cors.
func (h *Handler) unmarshalCORS(d *caddyfile.Dispenser) error {
	h.CORS = new(CORS)
	origins := option.Each("origins", func(origin string) error {
		h.CORS.Origins = append(h.CORS.Origins, origin)
		return nil
	})
	if err := (option.Block{origins}).Read(d, "cors"); err != nil {
		return err
	}
	if err := h.CORS.validate(); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
