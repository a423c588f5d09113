package manager

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/approvals"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/registry"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// mayNotDecide says why somebody may not decide about a token, or about its held changes;
// empty if they may.
func (v *visit) mayNotDecide(ctx context.Context, id string) (string, error) {
	err := v.desk.MayDecide(ctx, id)
	if forbidden, ok := errors.AsType[registry.ForbiddenError](err); ok {
		return forbidden.Why, nil
	}
	return "", err
}

// mayDecide reports whether somebody may decide about a token. If that cannot be found out,
// its own page says why.
func (h *Handler) mayDecide(ctx context.Context, v *visit, id string) bool {
	why, err := v.mayNotDecide(ctx, id)
	if err != nil {
		h.logger.Debug("cannot find out who may decide about a token", zap.String("token", id), zap.Error(err))
	}
	return err == nil && why == ""
}

// verdict is what somebody looks at who decides about a token that waits.
func (h *Handler) verdict(r *http.Request, v *visit, t admin.Token) (page.Verdict, error) {
	verdict := page.Verdict{Sentence: t.Sentence(), Facts: []page.Fact{{Name: h.say("column.owner"), Text: t.Owner}}}
	if t.Kind != token.KindUser {
		verdict.Facts[0].Text = h.say("waits.owner.kind", t.Owner, h.say("kind."+t.Kind.String()))
	}
	for _, fact := range []page.Fact{{Name: h.say("field.purpose"), Text: t.Purpose}, {Name: h.say("field.responsible"), Text: t.Responsible}} {
		if fact.Text != "" {
			verdict.Facts = append(verdict.Facts, fact)
		}
	}
	asked, err := h.lastAsked(r, v, t.ID)
	if err != nil {
		return verdict, err
	}
	if asked != nil {
		verdict.Facts = append(verdict.Facts, page.Fact{Name: h.say("waits.asked"), Text: h.say("waits.asked.by", h.actor(asked.Actor)), Moment: h.moment(asked.At)})
	}
	verdict.Facts = append(verdict.Facts, page.Fact{Name: h.say("waits.why"), Text: h.whyPending(t)})
	verdict.MayNot, err = v.mayNotDecide(r.Context(), t.ID)
	return verdict, err
}

// whyPending says why a token waits for approval.
func (h *Handler) whyPending(t admin.Token) string {
	if t.Exempt != "" {
		return h.say("waits.exempt", t.Exempt)
	}
	if rules := h.app.Registry().DeskOf(t.Owner).Rights().NeedsApproval(t.Scope); rules != "" {
		return h.say("waits.policy", h.say("scope."+t.Scope.String()), rules)
	}
	return h.say("waits.changed")
}

// lastAsked returns the last event with which somebody has asked for a token, or for what it
// is now; nil if the trail no longer has it.
func (h *Handler) lastAsked(r *http.Request, v *visit, id string) (*admin.Event, error) {
	var found admin.EventPage
	query := url.Values{"token": {id}, "order": {"newest"}, "limit": {"1"}, "action": {strings.Join(registry.Asking(), ",")}}
	if err := h.as(r, v).call(http.MethodGet, "audit", query, nil, &found); err != nil || len(found.Events) == 0 {
		return nil, err
	}
	return &found.Events[0], nil
}

// heldOf returns the changes of a token that wait, for somebody who manages.
func (h *Handler) heldOf(r *http.Request, v *visit, id string) (rows []page.HeldRow, err error) {
	if !v.desk.Manages() {
		return nil, nil
	}
	var held admin.ApprovalList
	err = h.as(r, v).call(http.MethodGet, "approvals", url.Values{"state": {string(approvals.StatePending)}, "token": {id}}, nil, &held)
	for _, request := range held.Approvals {
		rows = append(rows, h.heldRow(request))
	}
	return rows, err
}
