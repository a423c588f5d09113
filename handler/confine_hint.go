package handler

import (
	"slices"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/token"
)

// explained adds to a denial by the step confine what an administrator needs: the
// rule, what is outside, and the smallest change that would let the request pass.
// Clients never see it.
func (h *Handler) explained(d *Decision, denied *denial) *denial {
	var says []string
	if denied.hint != "" {
		says = append(says, denied.hint)
	}
	rule := d.operation.Confinement
	switch {
	case d.confined == nil:
		says = append(says, h.unconfined(d.Record)...)
	case denied.project != "":
		says = append(says, h.widened(d.Record, denied.project)...)
	}
	if rule != nil {
		says = append(says, "The operation's rule is "+rule.Rule+"."+bodyUnknown(d))
	}
	hinted := *denied
	hinted.hint = strings.Join(says, " ")
	return &hinted
}

// bodyUnknown returns a caveat for rules that read the body: Explain has none.
func bodyUnknown(d *Decision) string {
	if d.confined == nil || !readsBody(d.operation.Confinement) {
		return ""
	}
	return " What the body of such a request names is not known here."
}

// unconfined says what would have to change for a token not to be confined.
func (h *Handler) unconfined(record *token.Record) (changes []string) {
	if !record.Confine.IsZero() {
		changes = append(changes, "The token could use it if it were not confined: caddy jira-token update "+record.ID+" --unconfine.")
	}
	if !h.confinement.IsZero() {
		changes = append(changes, "No token can use it on a gateway with the option confine.")
	}
	return changes
}

// widened says what would have to change for a token to see a project.
func (h *Handler) widened(record *token.Record, project string) (changes []string) {
	for _, place := range []struct {
		confinement  token.Confinement
		add, matches string
	}{
		{record.Confine, "The token would see it with caddy jira-token update " + record.ID + projectFlags(record.Confine, project) + ".", "The token's JQL must match it."},
		{h.confinement, "The gateway's option confine must list " + project + " among its projects.", "The JQL of the gateway's option confine must match it."},
	} {
		listed := func(p token.Project) bool { return strings.EqualFold(p.Key, project) }
		if len(place.confinement.Projects) > 0 && !slices.ContainsFunc(place.confinement.Projects, listed) {
			changes = append(changes, place.add)
		}
		if place.confinement.JQL != "" {
			changes = append(changes, place.matches)
		}
	}
	return changes
}

// projectFlags returns the flags for the projects of a confinement and one more.
func projectFlags(c token.Confinement, project string) string {
	return " --project " + strings.Join(append(c.ProjectKeys(), project), " --project ")
}
