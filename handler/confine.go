package handler

import (
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/confine"
	"github.com/jiratokens/caddy-jira-tokens/jira"
)

// maxConfinedBody is the maximum size, in bytes, of a body that is checked: far
// more than the fields of an issue take.
const maxConfinedBody = 2 << 20

// confine denies a confined token the operations that cannot be confined. What the
// request names is checked later, when it is forwarded, because that takes
// questions to Jira.
func (h *Handler) confine(r *http.Request, d *Decision) *denial {
	if h.confinement.IsZero() && d.Record.Confine.IsZero() {
		return nil
	}
	view, err := confine.NewView(h.confinement, d.Record.Confine)
	if err != nil {
		return &denial{
			reason: ReasonNotConfinable, message: "This API token's confinement cannot be read. Tell an administrator.", cause: err,
		}
	}
	rule := d.operation.Confinement
	switch {
	case rule == nil || d.operation.SeveralReadings:
		return deny(ReasonNotConfinable, "This API token sees only a part of Jira, and this operation cannot be confined to it.")
	case rule.Rule == jira.RuleNone:
		return deny(ReasonNotConfinable, "This API token sees only a part of Jira, and this operation cannot be confined to it: "+rule.Note+".")
	}
	d.confined = &confined{guard: h.guard, view: view, operation: d.operation, changes: d.changes}
	if readsBody(rule) {
		return d.confined.readBody(r)
	}
	return nil
}

func foundConfine(_ *Handler, _ *http.Request, d *Decision) string {
	if d.confined == nil {
		return "the token sees all that its account sees"
	}
	return "the request is confined by rule " + d.operation.Confinement.Rule + ", to " + d.confined.view.String() + "." + bodyUnknown(d)
}

// readsBody reports whether a rule reads the request's body.
func readsBody(rule *jira.Confinement) bool {
	return slices.ContainsFunc(rule.Parameters, func(p jira.Parameter) bool { return p.In == "body" })
}

// readBody reads the body of a request before it is checked. It accepts only JSON
// that says it is JSON, so that Jira cannot read the body as anything else.
func (c *confined) readBody(r *http.Request) *denial {
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	mediaType, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	charset := params["charset"]
	if err != nil || mediaType != "application/json" || charset != "" && !strings.EqualFold(charset, "UTF-8") || r.Header.Get("Content-Encoding") != "" {
		return deny(ReasonAmbiguousRequest, "This API token sees only a part of Jira, so the body must be JSON in UTF-8, with Content-Type: application/json and without Content-Encoding.")
	}
	if c.body, err = io.ReadAll(io.LimitReader(r.Body, maxConfinedBody+1)); err != nil {
		return &denial{reason: ReasonAmbiguousRequest, message: "The request's body could not be read to its end.", cause: err}
	}
	if len(c.body) > maxConfinedBody {
		return deny(ReasonAmbiguousRequest, "The request's body is larger than 2 MiB. This API token sees only a part of Jira, so the gateway reads the body first.")
	}
	return nil
}
