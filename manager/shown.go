package manager

import (
	"context"
	"net/http"
	"strings"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/samples"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// showSecret shows a token that was just created or rotated. This is the only time.
func (h *Handler) showSecret(w http.ResponseWriter, r *http.Request, v *visit, t admin.Token) {
	h.renderShown(w, r, v, http.StatusCreated, t, page.Tried{})
}

// renderShown shows a token, with the answer if it was tried.
func (h *Handler) renderShown(w http.ResponseWriter, r *http.Request, v *visit, status int, t admin.Token, tried page.Tried) {
	gateway, isHere := h.gatewayURL(r)
	content := page.Shown{
		ID: t.ID, Name: t.Name, Owner: t.Owner, Sentence: t.Sentence(), Ends: h.moment(t.ExpiresAt),
		Token: t.Token, Gateway: gateway, Tried: tried, Samples: h.samples(r.Context(), t, gateway), Rotated: !t.RotatedAt.IsZero(), Pending: t.State == token.StatePending,
	}
	// Whoever makes tokens for others may not see them.
	content.Next = mounted(r).base + "tokens/" + t.ID
	if sees, err := h.sees(r, v, t.ID); err == nil && !sees {
		content.NotTried, content.Next = true, mounted(r).base+"tokens"
	}
	if isHere {
		content.TryURL = gateway + triedPath
	}
	if t.PreviousUntil.After(h.now()) {
		content.OldUntil = h.moment(t.PreviousUntil)
	}
	if t.Handover != nil && t.Token == "" {
		content.HandoverURL, content.HandoverEnds, content.Samples = t.Handover.URL, h.moment(t.Handover.ExpiresAt), nil
	}
	title := "shown.title"
	switch t.State {
	case token.StateActive:
	case token.StatePending, token.StateNotYetValid:
		title += "." + string(t.State)
	default:
		title += "." + string(token.StateSuspended)
	}
	if content.HandoverURL != "" {
		title = "shown.link.title"
	}
	h.render(w, r, status, "shown", v, page.Frame{Title: h.say(title, t.Name), Section: page.SectionMine, Content: content})
}

// samples returns ready lines for clients.
func (h *Handler) samples(ctx context.Context, t admin.Token, gateway string) []page.Sample {
	var shown []page.Sample
	for _, sample := range samples.For(samples.Values{Gateway: gateway, Owner: t.Owner, Token: t.Token, Cloud: h.app.IsCloud(ctx, "")}) {
		shown = append(shown, page.Sample(sample))
	}
	return shown
}

// gatewayURL returns the URL that clients use, and whether it has the page's own origin:
// the page cannot send requests to another.
func (h *Handler) gatewayURL(r *http.Request) (gateway string, isHere bool) {
	origin := mounted(r).origin
	gateway, err := admin.PublicURL(h.app)
	if err != nil {
		return origin, true // the configuration does not say, but this is where somebody came
	}
	return gateway, gateway == origin || strings.HasPrefix(gateway, origin+"/")
}
