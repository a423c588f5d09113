package handler

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Question is a request that somebody wonders about.
type Question struct {
	Record  *token.Record
	Method  string
	URI     string // path and query
	Address netip.Addr
}

// Explanation says what would happen to a request, and why.
type Explanation struct {
	// Front and ContextPath tell which gateway of the configuration it is of.
	Front       string `json:"front"`
	ContextPath string `json:"context_path,omitempty"`
	Allowed     bool   `json:"allowed"`
	Status      int    `json:"status,omitempty"`
	Reason      Reason `json:"reason,omitempty"`
	Steps       []Step `json:"steps"`
}

// Step is what one step of the request's way says.
type Step struct {
	Step   string `json:"step"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// Explain takes a request through the steps, without sending it anywhere. The
// first denial ends it, as it would in earnest.
func (h *Handler) Explain(q Question) (Explanation, error) {
	r, err := newQuestion(q)
	if err != nil {
		return Explanation{}, err
	}
	d := &Decision{Record: q.Record, Address: q.Address}
	e := Explanation{Front: h.Front, ContextPath: h.ContextPath}
	for _, step := range []struct {
		name string
		take func(*http.Request, *Decision) *denial
		pass func() string
	}{
		{"token", func(*http.Request, *Decision) *denial { return notActive(d.Record, h.now()) },
			func() string { return "it is active" }},
		{"networks", h.networksIfKnown, func() string { return h.explainNetworks(d) }},
		{"scope", h.scope, func() string { return h.explainScope(r) + ", which scope " + d.Record.Scope.String() + " may do" }},
		{"account", h.account, func() string { return "it goes to Jira as the account " + d.Record.Account }},
	} {
		why := step.take(r, d)
		if why == nil {
			e.Steps = append(e.Steps, Step{step.name, true, step.pass()})
			continue
		}
		detail := why.message
		if step.name == "scope" && d.classified {
			detail += " " + h.explainScope(r) + "."
		}
		e.Steps = append(e.Steps, Step{step.name, false, detail})
		e.Status, e.Reason = why.reason.status(), why.reason
		return e, nil
	}
	e.Allowed = true
	return e, nil
}

func newQuestion(q Question) (*http.Request, error) {
	if !strings.HasPrefix(q.URI, "/") {
		return nil, fmt.Errorf("%q: want one that begins with /, such as /rest/api/2/search", q.URI)
	}
	u, err := url.ParseRequestURI(q.URI)
	if err != nil {
		return nil, fmt.Errorf("%q: want one such as /rest/api/2/search?jql=project=DEMO", q.URI)
	}
	return &http.Request{Method: q.Method, URL: u, Header: make(http.Header), Body: http.NoBody, Host: "gateway"}, nil
}

// networksIfKnown leaves the networks out when no address was named.
func (h *Handler) networksIfKnown(r *http.Request, d *Decision) *denial {
	if !d.Address.IsValid() {
		return nil
	}
	return h.networks(r, d)
}

func (h *Handler) explainNetworks(d *Decision) string {
	switch {
	case d.Address.IsValid():
		return "it works from " + d.Address.String()
	case d.Record.Networks.IsZero() && h.permitted.IsZero():
		return "it works from everywhere"
	}
	return "it works from some networks only: name an address to know"
}

// explainScope says what the request is to Jira, by which line of the table.
func (h *Handler) explainScope(r *http.Request) string {
	path := h.inContext(r.URL.EscapedPath())
	if h.ScopeBy == scopeByMethod {
		return fmt.Sprintf("%s is %s by its method", r.Method, h.access(r.Method, path))
	}
	access, match := h.operations.Access(r.Method, path)
	return fmt.Sprintf("The request is %s, by %s", access, match)
}
