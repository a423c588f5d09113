package manager

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"go.uber.org/zap"

	"github.com/jiratokens/caddy-jira-tokens/admin"
	"github.com/jiratokens/caddy-jira-tokens/handler"
	"github.com/jiratokens/caddy-jira-tokens/manager/page"
	"github.com/jiratokens/caddy-jira-tokens/token"
)

// templates are the kinds of tokens to start from, and what they choose.
var templates = []struct {
	name  string
	chose url.Values
	// wantsProjects means that what it may see must be said.
	wantsProjects bool
}{
	{"bi", url.Values{"scope": {"read"}, "expires": {"90d"}, "hide_comments": {"true"}}, true},
	{"script", url.Values{"scope": {"write"}, "expires": {"90d"}}, true},
	{"service", url.Values{"scope": {"write"}, "expires": {"90d"}, "kind": {"service"}}, false},
	{"agent", url.Values{
		"scope": {"write"}, "expires": {"30d"}, "hide_comments": {"true"}, "hold_writes": {"true"}, "limit": {"60/m"}, "limit_writes": {"20/d"},
	}, true},
}

// handoverSpans are how long a hand-over link can be opened.
var handoverSpans = []string{"1h", "24h", "7d"}

// form returns the form with what was typed, for a new token or for changing one.
func (h *Handler) form(r *http.Request, v *visit, typed typed, before *admin.Token) page.TokenForm {
	o := h.offerFor(v, typed, before)
	number := typed.Get("number")
	if !formNumber.MatchString(number) {
		number = rand.Text()
	}
	form := page.TokenForm{
		Number:   number, // a form that is shown again is the same: it may have made its token after all
		OnBehalf: v.desk.Rights().OnBehalf() && before == nil, Manage: v.desk.Manages(), Template: typed.text("template"), WantsProjects: typed.wantsProjects(), Everything: typed.ticked("everything"), External: typed.text("kind") == token.KindExternal.String(),
		Fields: make(map[string]page.Field), HideComments: typed.ticked("hide_comments"), HoldWrites: typed.ticked("hold_writes"), Handover: typed.ticked("handover"),
		Scopes: o.scopes(typed.text("scope")), Accounts: o.accounts(typed.text("account")), WithoutAsking: typed.ticked("without_asking"),
		ConfineRequired: o.confineRule(), NetworksRule: o.networksRule(), Networks: o.networks(), Sentence: h.draftOf(typed, v.person(), before).sentence(o),
	}
	form.Expiries, form.ExpiryRule = o.expiries(typed.text("expires"))
	for _, name := range formFields {
		form.Fields[name] = page.Field{Value: typed.Get(name)}
	}
	if typed.Has("project") {
		form.Fields["projects"] = page.Field{Value: strings.Join(typed.projects(), " ")}
	}
	for _, kind := range []token.Kind{token.KindUser, token.KindService, token.KindExternal} {
		form.Kinds = append(form.Kinds, page.Choice{Value: kind.String(), Text: h.say("kind." + kind.String()), Hint: h.say("kind." + kind.String() + ".hint"), Chosen: kind.String() == typed.text("kind")})
	}
	for _, span := range handoverSpans {
		form.HandoverSpans = append(form.HandoverSpans, page.Choice{Value: span, Text: h.say("handover.for." + span), Chosen: span == typed.text("handover_for")})
	}
	if address, ok := handler.ClientAddress(r); ok {
		form.Address = address.String()
	}
	if before == nil {
		form.Templates = h.templates(r, v)
		var err error
		if form.MayNot, err = h.mayNotCreate(r.Context(), v); err != nil { // creating it would say so
			h.logger.Debug("cannot find out whether somebody can have another token", zap.Error(err))
		}
		if _, err := admin.PublicURL(h.app); err != nil {
			form.NoHandover = h.say("offer.forbidden", err.Error())
		}
		return form
	}
	form.ID, form.Name, form.Version = before.ID, before.Name, before.Version
	if before.HoldWrites && (!v.desk.Manages() || before.OwnedBy(v.person())) {
		form.MustHold = h.say("form.must_hold")
	}
	return form
}

// formFields are the inputs of the form that hold a text or one of several values, in the
// order in which they are shown.
var formFields = []string{
	"name", "kind", "owner", "responsible", "purpose", "scope", "hold_writes", "account", "projects", "jql", "hide", "expires", "expires_on", "allow_ip", "deny_ip",
	"not_before", "limit", "limit_writes", "max_concurrent", "exempt", "handover", "handover_for",
}

func (h *Handler) templates(r *http.Request, v *visit) []page.Template {
	shown := make([]page.Template, len(templates))
	for i, template := range templates {
		shown[i] = page.Template{
			Name: template.name, Title: h.say("template." + template.name), Text: h.say("template." + template.name + ".text"),
			URL: mounted(r).base + "tokens/new?template=" + template.name,
		}
		shown[i].Forbidden = h.templateForbidden(v, template.chose)
		if template.name == "service" && h.app.Trusted() != nil {
			shown[i].Text = h.say("template.service.text.trust")
		}
	}
	return shown
}

// templateForbidden says why somebody cannot have a token as a template chooses it; empty if
// they can.
func (h *Handler) templateForbidden(v *visit, chose url.Values) string {
	switch rights := v.desk.Rights(); {
	case chose.Has("kind") && !rights.OnBehalf():
		return h.say("template.forbidden")
	case chose.Has("kind"): // whose rules hold for it is not said yet
		return ""
	case h.forbidsScope(v, chose.Get("scope")):
		return h.say("template.forbidden.scope", h.say("scope."+chose.Get("scope")))
	}
	return ""
}

// forbidsScope reports whether the policy forbids tokens of somebody's own with this scope.
func (h *Handler) forbidsScope(v *visit, text string) bool {
	scope, err := token.ParseScope(text)
	return err == nil && about(v.desk.Rights().Violation(candidate(v.person(), scope)), "scope", "owner")
}

func (h *Handler) renderForm(w http.ResponseWriter, r *http.Request, v *visit, status int, form page.TokenForm, notice *page.Notice) {
	frame := page.Frame{Title: h.say("new.title"), Section: page.SectionMine, Notice: notice, Content: form}
	if form.ID != "" {
		frame.Title = h.say("edit.title", form.Name)
	}
	h.render(w, r, status, "new", v, frame)
}

// inputAbout returns the name of the input that an error is about, such as
// "expires_at: it is in the past", and what is wrong.
func inputAbout(message string) (name, text string) {
	name, text, _ = strings.Cut(message, ": ")
	if name == "confine" {
		part, about, ok := strings.Cut(text, ": ")
		if ok && (part == "projects" || part == "jql" || part == "hide") {
			return part, about
		}
		return "projects", text
	}
	if other, ok := inputOf[name]; ok {
		name = other
	}
	return name, text
}
