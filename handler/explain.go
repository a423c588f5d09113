package handler

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/jira"
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
	// AnyAddress is false when it depends on an address that was not named.
	AnyAddress bool   `json:"any_address"`
	Status     int    `json:"status,omitempty"`
	Reason     Reason `json:"reason,omitempty"`
	Steps      []Step `json:"steps"`
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
	d := &Decision{now: h.now(), Record: q.Record, Address: q.Address}
	e := Explanation{Front: h.Front, ContextPath: h.ContextPath, AnyAddress: true}
	for _, step := range steps {
		if step.name == "networks" && !d.Address.IsValid() {
			e.AnyAddress = d.Record.Networks.IsZero() && h.permitted.IsZero()
			e.Steps = append(e.Steps, Step{step.name, true, h.explainNetworks(d)})
			continue
		}
		if step.name == "limits" { // asking must use up nothing
			e.Steps = append(e.Steps, Step{step.name, true, h.explainLimits(d)})
			continue
		}
		if why := step.take(h, r, d); why != nil {
			e.Steps = append(e.Steps, Step{step.name, false, h.explainDenial(step.name, r, d, why)})
			e.Status, e.Reason = why.reason.status(), why.reason
			return e, nil
		}
		e.Steps = append(e.Steps, Step{step.name, true, h.explainPassed(step.name, r, d)})
	}
	if refused := d.Account.Refusal(); refused != nil {
		e.Steps = append(e.Steps, Step{"jira", false, refused.Error()})
		e.Status, e.Reason = ReasonJiraRejectedAccount.status(), ReasonJiraRejectedAccount
		return e, nil
	}
	e.Allowed = true
	return e, nil
}

func (h *Handler) explainPassed(step string, r *http.Request, d *Decision) string {
	switch step {
	case "token":
		return "it is active"
	case "networks":
		return h.explainNetworks(d)
	case "scope":
		return h.explainScope(r) + ", which scope " + d.Record.Scope.String() + " may do"
	}
	return "it goes to Jira as the account " + d.Record.Account
}

func (h *Handler) explainDenial(step string, r *http.Request, d *Decision, why *denial) string {
	if step != "scope" || !d.classified {
		return why.message
	}
	return why.message + " " + h.explainScope(r) + "."
}

func newQuestion(q Question) (*http.Request, error) {
	if !strings.HasPrefix(q.URI, "/") {
		return nil, fmt.Errorf("%q: want one that begins with /, such as /rest/api/3/search/jql", q.URI)
	}
	u, err := url.ParseRequestURI(q.URI)
	if err != nil {
		return nil, fmt.Errorf("%q: want one such as /rest/api/3/search/jql?jql=project%%3DDEMO", q.URI)
	}
	return &http.Request{Method: q.Method, URL: u, Header: make(http.Header), Body: http.NoBody, Host: "gateway"}, nil
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

// explainLimits says how much the token may ask, not how much is left of that.
func (h *Handler) explainLimits(d *Decision) string {
	var bounds []string
	if limit := h.app.Limits().RateOf(d.Record); limit != (token.Limit{}) {
		bounds = append(bounds, "make "+ratePhrase(limit))
	}
	if most := h.app.Limits().ConcurrencyOf(d.Record); most > 0 {
		bounds = append(bounds, fmt.Sprintf("have %d requests under way", most))
	}
	if len(bounds) == 0 {
		return "it has no limit"
	}
	return "it may " + strings.Join(bounds, " and ")
}

// explainScope says what the request is to Jira, by which line of the table.
func (h *Handler) explainScope(r *http.Request) string {
	path := h.inContext(r.URL.EscapedPath())
	access, match := h.operations.Access(r.Method, path)
	if h.ScopeBy == scopeByMethod && access != jira.AccessNever && match.Source != jira.SourceReads {
		return fmt.Sprintf("%s is %s by its method", r.Method, jira.AccessByMethod(r.Method))
	}
	by := strings.TrimPrefix(match.String(), "by ")
	if access == jira.AccessNever {
		return "The request is for no token, by " + by
	}
	return fmt.Sprintf("The request is %s, by %s", access, by)
}
