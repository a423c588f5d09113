package handler

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// Question describes a request for Explain.
type Question struct {
	Record  *token.Record
	Method  string
	URI     string // path and query
	Address netip.Addr
	// Jira is the URL of the Jira that the gateway forwards to, if known.
	Jira string
	// Transport reaches that Jira, to ask what is inside a token's confinement. If
	// it is nil, nothing is asked.
	Transport http.RoundTripper
	// ForHolder leaves out what is for administrators only: what would let the request
	// pass, and the rules of the policy.
	ForHolder bool
}

// Explanation says what the gateway would do with a request, and why.
type Explanation struct {
	// Site and Jira identify the gateway: the hosts or addresses that it serves,
	// and the URL that it forwards to.
	Site string `json:"site,omitempty"`
	Jira string `json:"jira,omitempty"`
	// Front and ContextPath are the gateway's settings.
	Front       string `json:"front"`
	ContextPath string `json:"context_path,omitempty"`
	Allowed     bool   `json:"allowed"`
	// Endpoint is the gateway's own endpoint that answers the request, such as
	// "GET /rest/jira-tokens/1/self"; empty if the request is for Jira.
	Endpoint string `json:"endpoint,omitempty"`
	// AnyAddress is false if the result depends on the client's address and the
	// question gave none.
	AnyAddress bool   `json:"any_address"`
	Status     int    `json:"status,omitempty"`
	Reason     Reason `json:"reason,omitempty"`
	Steps      []Step `json:"steps"`

	forHolder bool
}

// Step is the result of one step.
type Step struct {
	Step   string `json:"step"`
	Passed bool   `json:"passed"`
	Detail string `json:"detail"`
}

// Explain takes a request through the steps without forwarding it. The first
// denial ends it, as for a real request.
func (h *Handler) Explain(ctx context.Context, q Question) (Explanation, error) {
	r, err := newQuestion(q)
	if err != nil {
		return Explanation{}, err
	}
	d := &Decision{now: h.now(), Record: q.Record, Address: q.Address}
	e := Explanation{Front: h.Front, ContextPath: h.ContextPath, forHolder: q.ForHolder}
	e.AnyAddress = d.Address.IsValid() || !h.restricts(d.Record)
	if denied := leakedToken(r); denied != nil {
		e.denied("query", d, denied)
		return e, nil
	}
	if h.isForGateway(r) {
		h.explainEndpoint(r, d, &e)
		return e, nil
	}
	if !h.explainSteps(r, d, steps[:], &e) {
		return e, nil
	}
	if denied := h.forJira(ctx, d, q.Jira); denied != nil {
		e.Steps = slices.DeleteFunc(e.Steps, func(s Step) bool { return s.Step == "account" || s.Step == "confine" })
		e.denied("account", d, denied)
		return e, nil
	}
	out := h.outbound(r, d).WithContext(ctx)
	// The last step says so if Jira refuses the account.
	if d.confined != nil && q.Transport != nil && d.Account.RefusalAt(q.Jira) == nil {
		if denied := d.askConfined(out, q); denied != nil {
			e.Steps = e.Steps[:len(e.Steps)-1] // the step had passed only because it does not ask Jira
			e.denied("confine", d, h.explained(d, denied))
			return e, nil
		}
	}
	e.passed("outbound", "Jira gets "+r.Method+" "+out.URL.RequestURI()+", without the client's credentials")
	refused := d.Account.Refusal()
	if q.Jira != "" {
		refused = d.Account.RefusalAt(q.Jira) // another Jira's refusal does not matter here
	}
	if refused != nil {
		e.denied("jira", d, &denial{reason: ReasonJiraRejectedAccount, message: refused.Error()})
		return e, nil
	}
	if d.held != nil {
		e.Steps = slices.DeleteFunc(e.Steps, func(s Step) bool { return s.Step == "hold" })
		e.denied("hold", d, wouldBeHeld())
		return e, nil
	}
	e.Allowed = true
	return e, nil
}

// Untaken returns the names of the steps that a request would have taken after those of an
// explanation that ends with a denial.
func Untaken(taken []Step) (names []string) {
	isTaken := func(name string) bool {
		return slices.ContainsFunc(taken, func(s Step) bool { return s.Step == name })
	}
	if len(taken) == 0 || taken[len(taken)-1].Passed || isTaken("endpoint") {
		return nil
	}
	for _, step := range steps {
		if !isTaken(step.name) {
			names = append(names, step.name)
		}
	}
	for _, name := range []string{"outbound", "jira"} {
		if !isTaken(name) {
			names = append(names, name)
		}
	}
	return names
}

// StepNames returns the names that steps of explanations can have.
func StepNames() []string {
	names := []string{"outbound", "jira", "endpoint"}
	for _, step := range steps {
		names = append(names, step.name)
	}
	return names
}

// explainSteps takes steps and explains them. It reports whether all of them passed.
func (h *Handler) explainSteps(r *http.Request, d *Decision, taken []step, e *Explanation) bool {
	for _, step := range taken {
		if step.unasked != nil {
			if says := step.unasked(h, d); says != "" {
				e.passed(step.name, says)
				continue
			}
		}
		if denied := step.take(h, r, d); denied != nil {
			if step.name == "confine" {
				denied = h.explained(d, denied)
			}
			e.denied(step.name, d, denied)
			return false
		}
		if e.forHolder && step.name == "policy" {
			e.passed(step.name, "it complies with the policy")
			continue
		}
		e.passed(step.name, step.found(h, r, d))
	}
	return true
}

// forJira returns why the token's account cannot be used with a Jira, as far as that is
// known.
func (h *Handler) forJira(ctx context.Context, d *Decision, url string) *denial {
	if d.Account == nil {
		return ownAccount(ctx, h.app, d, url)
	}
	if url != "" && !d.Account.IsFor(url) {
		return otherJira()
	}
	return nil
}

func (e *Explanation) passed(step, detail string) {
	e.Steps = append(e.Steps, Step{step, true, detail})
}

func (e *Explanation) denied(step string, d *Decision, denied *denial) {
	detail := denied.message
	if denied.hint != "" && !e.forHolder {
		detail += " " + denied.hint
	}
	if step == "scope" && d.classified {
		detail += " Rule: " + d.rule() + "."
	}
	e.Steps = append(e.Steps, Step{step, false, detail})
	e.Status, e.Reason = denied.reason.status(), denied.reason
}

func newQuestion(q Question) (*http.Request, error) {
	if !strings.HasPrefix(q.URI, "/") {
		return nil, fmt.Errorf("%q: expected a path such as /rest/api/3/search/jql", q.URI)
	}
	u, err := url.ParseRequestURI(q.URI)
	if err != nil {
		return nil, fmt.Errorf("%q: expected a path and query such as /rest/api/3/search/jql?jql=project%%3DDEMO", q.URI)
	}
	return &http.Request{Method: q.Method, URL: u, Header: make(http.Header), Body: http.NoBody, Host: "gateway"}, nil
}
